//! Training of a text encoder. The source of its data decides the task.

use tinderbox_model_transformer::TextEncoder;

use super::bundle::EncoderBundle;
use super::data::EncoderRun;
use super::fit::{check_named_tokenizer, length_note};
use super::problem::resolved;
use super::recipe::{EncoderDataRecipe, EncoderDataSource, EncoderRecipe};
use super::{
    masked_lm, numbers, pretrained, question_answering, sequence_classification,
    token_classification,
};
use crate::TrainError;
use crate::params::{adaptation, init_model};
use crate::session::prepared::Prepared;
use crate::session::{SessionContext, StartMode, Work, begins_anew, recorded};
use crate::task::Task;
use crate::trainer::{Loaders, Outcome};

/// Text encoders: sequence and token classification, question answering, masked language modelling.
pub struct Encoder;

impl Work for Encoder {
    type Data = EncoderDataRecipe;

    fn train(
        recipe: &EncoderRecipe,
        start: &StartMode,
        context: SessionContext,
    ) -> Result<Outcome, TrainError> {
        let recipe = &match start {
            StartMode::Resume { .. } => recipe.clone(),
            StartMode::New { .. } | StartMode::DryRun => resolved(recipe)?,
        };
        let source = recipe.data.source;
        let has_numbers = recipe.data.has_numbers();
        let recorded: Option<EncoderBundle> = recorded(start)?;
        if let Some(recorded) = &recorded {
            check_named_tokenizer(recipe, recorded)?;
        }
        match source {
            EncoderDataSource::Labelled if has_numbers => {
                let opened = numbers::prepare(recipe, recorded)?;
                run_encoder(recipe, start, context, opened)
            }
            EncoderDataSource::Sentiment
            | EncoderDataSource::Labelled
            | EncoderDataSource::TextFolder => {
                let opened = sequence_classification::prepare(recipe, recorded)?;
                run_encoder(recipe, start, context, opened)
            }
            EncoderDataSource::Tagged => {
                let opened = token_classification::prepare(recipe, recorded)?;
                run_encoder(recipe, start, context, opened)
            }
            EncoderDataSource::Squad => {
                let opened = question_answering::prepare(recipe, recorded)?;
                run_encoder(recipe, start, context, opened)
            }
            EncoderDataSource::Masked => {
                let opened = masked_lm::prepare(recipe, recorded)?;
                run_encoder(recipe, start, context, opened)
            }
        }
    }
}

fn run_encoder<T: Task<Model = TextEncoder>>(
    recipe: &EncoderRecipe,
    start: &StartMode,
    mut context: SessionContext,
    opened: EncoderRun<T>,
) -> Result<Outcome, TrainError> {
    let device = context.device.clone().autodiff();
    let EncoderRun {
        encoder,
        task,
        train,
        validation,
        output_rows,
        notes,
    } = opened;
    let cut = length_note(&recipe.data, &encoder.tokenizer);
    for note in cut.iter().chain(&notes) {
        context.note(note);
    }
    let config = &encoder.config;
    let mut model = init_model(recipe.seed, &device, || Ok(config.init(&device)?))?;
    if begins_anew(start)? {
        let rows = output_rows.as_deref();
        model = pretrained::load(model, &recipe.model, rows, &mut |note| context.note(note))?;
    }
    let model = adaptation::adapt(model, &recipe.model, recipe.seed, &device)?;
    let prepared = Prepared {
        task,
        rate_scales: adaptation::rate_scales(&model, recipe.optimizer.layer_decay),
        model,
        loaders: Loaders { train, validation },
        bundle: encoder,
    };
    prepared.run(recipe, start, context)
}
