//! The texts of a recipe, opened, and an encoder fitted to them.

use std::sync::Arc;

use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::labelled::{self, LabelledSplits, LabelledText};
use tinderbox_data::text::sentiment;
use tinderbox_data::text::squad::metrics::Version;
use tinderbox_data::text::squad::{self, SquadEvaluation, SquadTraining};
use tinderbox_data::text::tagged::{TaggedSplits, open_tagged};
use tinderbox_data::text::{
    MaskOptions, MaskedSource, SequenceSource, TaggedSource, TextLines, Truncated,
};
use tinderbox_model_transformer::Head;

use super::Task;
pub use super::encoder_fit::known_tokenizer;
use super::encoder_fit::{fit, sequences};
use super::masked::MaskedTask;
use super::sequence::SequenceTask;
use super::span::{Answering, SpanSource, SpanTask};
use super::tagged::TaggedTask;
use crate::TrainError;
use crate::encoder::EncoderModel;
use crate::recipe::{Recipe, SequenceDataRecipe, SequenceDataSource};

/// Everything that a run of an encoder needs, opened and checked against each other.
pub struct EncoderRun<T: Task> {
    /// The model, its tokenizer and its labels.
    pub encoder: EncoderModel,
    /// The work.
    pub task: T,
    /// Training batches.
    pub train: Loader<T::Source>,
    /// Validation batches in order.
    pub validation: Loader<T::Source>,
    /// What a person should know about the data.
    pub notes: Vec<String>,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is learnt from.
    Train,
    /// What is measured with while learning.
    Validation,
    /// What is measured with at the end.
    Test,
}

/// What `part` of the data has.
fn pick<T>(part: Part, train: T, validation: T, test: Option<T>) -> Result<T, TrainError> {
    match part {
        Part::Train => Ok(train),
        Part::Validation => Ok(validation),
        Part::Test => test
            .ok_or_else(|| TrainError::Mismatch("these data have no test part with labels".into())),
    }
}

/// A run that puts texts into classes. What a run that goes on has recorded is `known`.
///
/// # Errors
/// Texts that are not there or not what they should be, a model that does not fit them.
pub fn classified(
    recipe: &Recipe,
    known: Option<EncoderModel>,
) -> Result<EncoderRun<SequenceTask>, TrainError> {
    let data = recipe.sequences()?;
    let LabelledSplits {
        labels,
        mut train,
        validation,
        ..
    } = open_classified(recipe)?;
    train = part_of(train, data.fraction);
    let encoder = match known {
        Some(known) => known.with_same_labels(&labels)?,
        None => {
            let texts = train.iter().flat_map(|text| {
                let pair = text.pair.as_deref();
                std::iter::once(text.text.as_str()).chain(pair)
            });
            fit(recipe, Head::SequenceClassification, labels, texts)?
        }
    };
    let sequences = sequences(data, &encoder)?;
    let train = SequenceSource::training(&train, &sequences, recipe.train.batch_size)?;
    Ok(EncoderRun {
        task: SequenceTask::new(encoder.config.clone(), recipe.train.label_smoothing),
        notes: truncated(train.truncated(), data).into_iter().collect(),
        train: training(recipe, train)?,
        validation: classified_loader(recipe, &encoder, &validation)?,
        encoder,
    })
}

/// The task of a run that puts texts into classes, and a part of its data.
///
/// # Errors
/// As [`classified`].
pub fn evaluate_classified(
    recipe: &Recipe,
    known: EncoderModel,
    part: Part,
) -> Result<(SequenceTask, Loader<SequenceSource>), TrainError> {
    let splits = open_classified(recipe)?;
    let known = known.with_same_labels(&splits.labels)?;
    let texts = pick(part, splits.train, splits.validation, splits.test)?;
    let loader = classified_loader(recipe, &known, &texts)?;
    Ok((SequenceTask::new(known.config, 0.0), loader))
}

fn classified_loader(
    recipe: &Recipe,
    encoder: &EncoderModel,
    texts: &[LabelledText],
) -> Result<Loader<SequenceSource>, TrainError> {
    let sequences = sequences(recipe.sequences()?, encoder)?;
    evaluation(recipe, SequenceSource::evaluation(texts, &sequences)?)
}

/// The texts of a recipe for classes.
///
/// # Errors
/// As [`classified`].
pub fn open_classified(recipe: &Recipe) -> Result<LabelledSplits, TrainError> {
    let data = recipe.sequences()?;
    let fraction = data.validation_fraction;
    Ok(match data.source {
        SequenceDataSource::Sentiment => LabelledSplits {
            labels: sentiment::LABELS.map(String::from).to_vec(),
            train: sentiment::texts(recipe.seed, "train", data.train_size),
            validation: sentiment::texts(recipe.seed, "validation", data.val_size),
            test: Some(sentiment::texts(recipe.seed, "test", data.val_size)),
        },
        SequenceDataSource::TextFolder => labelled::open_folders(data.given_path()?, fraction)?,
        _ => labelled::open_table(data.given_path()?, &data.columns, fraction)?,
    })
}

/// A run that gives every word a tag; see [`classified`].
///
/// # Errors
/// As [`classified`].
pub fn tagged(
    recipe: &Recipe,
    known: Option<EncoderModel>,
) -> Result<EncoderRun<TaggedTask>, TrainError> {
    let data = recipe.sequences()?;
    let splits = open_words(data)?;
    let train = part_of(splits.train, data.fraction);
    let encoder = match known {
        Some(known) => known.with_same_labels(&splits.labels)?,
        None => {
            let words = train.iter().flat_map(|sentence| &sentence.words);
            fit(
                recipe,
                Head::TokenClassification,
                splits.labels,
                words.map(String::as_str),
            )?
        }
    };
    let sequences = sequences(data, &encoder)?;
    let train = TaggedSource::training(&train, &sequences, recipe.train.batch_size)?;
    let validation = TaggedSource::evaluation(&splits.validation, &sequences)?;
    Ok(EncoderRun {
        task: TaggedTask::new(
            encoder.config.clone(),
            encoder.labels.clone(),
            recipe.train.label_smoothing,
        ),
        notes: truncated(train.truncated(), data).into_iter().collect(),
        train: training(recipe, train)?,
        validation: evaluation(recipe, validation)?,
        encoder,
    })
}

/// As [`evaluate_classified`], of tagged words.
///
/// # Errors
/// As [`classified`].
pub fn evaluate_tagged(
    recipe: &Recipe,
    known: EncoderModel,
    part: Part,
) -> Result<(TaggedTask, Loader<TaggedSource>), TrainError> {
    let data = recipe.sequences()?;
    let splits = open_words(data)?;
    let known = known.with_same_labels(&splits.labels)?;
    let sentences = pick(part, splits.train, splits.validation, splits.test)?;
    let source = TaggedSource::evaluation(&sentences, &sequences(data, &known)?)?;
    let task = TaggedTask::new(known.config, known.labels, 0.0);
    Ok((task, evaluation(recipe, source)?))
}

/// The words of a recipe for tags.
///
/// # Errors
/// As [`classified`].
pub fn open_words(data: &SequenceDataRecipe) -> Result<TaggedSplits, TrainError> {
    let fraction = data.validation_fraction;
    Ok(open_tagged(
        data.given_path()?,
        &data.tag_columns,
        fraction,
    )?)
}

/// A run that answers questions; see [`classified`].
///
/// # Errors
/// As [`classified`].
pub fn squad(
    recipe: &Recipe,
    known: Option<EncoderModel>,
) -> Result<EncoderRun<SpanTask>, TrainError> {
    let data = recipe.sequences()?;
    let splits = squad::open(data.given_path()?, data.validation_fraction)?;
    let has_impossible = splits.has_impossible();
    let reports = [&splits.train_report, &splits.validation_report];
    let mut notes: Vec<String> = reports.iter().filter_map(|r| r.warning()).collect();
    let train = part_of(splits.train, data.fraction);
    let encoder = match known {
        Some(known) => known,
        None => {
            let texts = train
                .iter()
                .flat_map(|question| [question.question.as_str(), &question.context]);
            EncoderModel {
                can_be_impossible: has_impossible,
                ..fit(recipe, Head::QuestionAnswering, Vec::new(), texts)?
            }
        }
    };
    let sequences = sequences(data, &encoder)?;
    let train = SquadTraining::new(&train, &sequences, data.stride, recipe.train.batch_size)?;
    let validation = SquadEvaluation::new(splits.validation, &sequences, data.stride)?;
    notes.push(format!(
        "{} windows to learn from, {} of them with the answer",
        train.len(),
        train.answered()
    ));
    Ok(EncoderRun {
        task: span_task(data, &encoder, has_impossible),
        train: training(recipe, SpanSource::Training(train))?,
        validation: evaluation(recipe, SpanSource::Evaluation(validation))?,
        notes,
        encoder,
    })
}

/// As [`evaluate_classified`], of questions.
///
/// # Errors
/// As [`classified`].
pub fn evaluate_squad(
    recipe: &Recipe,
    known: &EncoderModel,
    part: Part,
) -> Result<(SpanTask, Loader<SpanSource>), TrainError> {
    let data = recipe.sequences()?;
    let splits = squad::open(data.given_path()?, data.validation_fraction)?;
    let task = span_task(data, known, splits.has_impossible());
    let questions = pick(part, splits.train, splits.validation, None)?;
    let source = SquadEvaluation::new(questions, &sequences(data, known)?, data.stride)?;
    Ok((task, evaluation(recipe, SpanSource::Evaluation(source))?))
}

/// Questions without an answer are measured by the rules for them, even those of a model that has never seen one.
fn span_task(data: &SequenceDataRecipe, encoder: &EncoderModel, has_impossible: bool) -> SpanTask {
    let can_be_impossible = encoder.can_be_impossible;
    let version = match can_be_impossible || has_impossible {
        true => Version::V2,
        false => Version::V1,
    };
    let answering = Answering::new(data, can_be_impossible);
    SpanTask::new(encoder.config.clone(), answering, version)
}

/// A run that finds hidden words; see [`classified`].
///
/// # Errors
/// As [`classified`].
pub fn masked(
    recipe: &Recipe,
    known: Option<EncoderModel>,
) -> Result<EncoderRun<MaskedTask>, TrainError> {
    let data = recipe.sequences()?;
    let lines = TextLines::open(data.given_path()?, data.validation_fraction)?;
    let train = part_of(lines.train, data.fraction);
    let encoder = match known {
        Some(known) => known,
        None => {
            let texts = train.iter().map(String::as_str);
            fit(recipe, Head::MaskedLm, Vec::new(), texts)?
        }
    };
    let sequences = sequences(data, &encoder)?;
    let (options, batch_size) = (mask_options(data), recipe.train.batch_size);
    let train = MaskedSource::training(&train, &sequences, &options, recipe.seed, batch_size)?;
    let validation =
        MaskedSource::evaluation(&lines.validation, &sequences, &options, recipe.seed)?;
    Ok(EncoderRun {
        task: MaskedTask::new(encoder.config.clone(), recipe.train.label_smoothing),
        train: training(recipe, train)?,
        validation: evaluation(recipe, validation)?,
        notes: Vec::new(),
        encoder,
    })
}

/// As [`evaluate_classified`], of hidden words.
///
/// # Errors
/// As [`classified`].
pub fn evaluate_masked(
    recipe: &Recipe,
    known: EncoderModel,
    part: Part,
) -> Result<(MaskedTask, Loader<MaskedSource>), TrainError> {
    let data = recipe.sequences()?;
    let lines = TextLines::open(data.given_path()?, data.validation_fraction)?;
    let lines = pick(part, lines.train, lines.validation, lines.test)?;
    let (sequences, options) = (sequences(data, &known)?, mask_options(data));
    let source = MaskedSource::evaluation(&lines, &sequences, &options, recipe.seed)?;
    Ok((
        MaskedTask::new(known.config, 0.0),
        evaluation(recipe, source)?,
    ))
}

fn mask_options(data: &SequenceDataRecipe) -> MaskOptions {
    MaskOptions {
        probability: data.mask_probability,
        whole_word: data.whole_word,
        ..MaskOptions::default()
    }
}

/// The share `fraction` of the items, evenly from all over them: always the same ones.
fn part_of<T>(items: Vec<T>, fraction: Option<f64>) -> Vec<T> {
    let Some(fraction) = fraction else {
        return items;
    };
    let before = |count: usize| (count as f64 * fraction).ceil() as usize;
    let chosen = |(place, item)| (before(place + 1) > before(place)).then_some(item);
    items.into_iter().enumerate().filter_map(chosen).collect()
}

/// What is said about texts that are longer than the model may see.
fn truncated(truncated: Truncated, data: &SequenceDataRecipe) -> Option<String> {
    let Truncated { texts, tokens } = truncated;
    (texts > 0).then(|| {
        format!(
            "{texts} training texts have more than data.max_length = {} tokens; the {tokens} tokens beyond it are left out",
            data.max_length
        )
    })
}

fn training<S: Source>(recipe: &Recipe, source: S) -> Result<Loader<S>, TrainError> {
    loader(recipe, source, true, recipe.train.drop_last)
}

fn evaluation<S: Source>(recipe: &Recipe, source: S) -> Result<Loader<S>, TrainError> {
    loader(recipe, source, false, false)
}

fn loader<S: Source>(
    recipe: &Recipe,
    source: S,
    shuffle: bool,
    drop_last: bool,
) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig {
        batch_size: recipe.train.batch_size,
        workers: recipe.train.workers,
        shuffle,
        drop_last,
        seed: recipe.seed,
        skip_bad: 0,
    };
    Ok(Loader::new(Arc::new(source), config)?)
}
