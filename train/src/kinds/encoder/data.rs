//! The texts of a recipe, opened, and an encoder fitted to them.

use std::sync::Arc;

use tinderbox_data::Split;
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::encoder::Truncated;
use tinderbox_data::text::encoder::masked_lm::{MaskedLmSource, MaskingOptions, TextLines};
use tinderbox_data::text::encoder::question_answering::metrics::Version;
use tinderbox_data::text::encoder::question_answering::{
    self, QaEvaluationSource, QaTrainingSource,
};
use tinderbox_data::text::encoder::sequence_classification::LabelledSource;
use tinderbox_data::text::encoder::sequence_classification::{self, LabelledSplits, LabelledText};
use tinderbox_data::text::encoder::token_classification;
use tinderbox_data::text::encoder::token_classification::TaggedSplits;
use tinderbox_data::text::encoder::token_classification::TokenClassificationSource;
use tinderbox_data::text::generated::sentiment;
use tinderbox_model_transformer::Head;

use super::EncoderBundle;
pub use super::fit::known_tokenizer;
use super::fit::{fit, sequences};
use super::masked_lm::MaskedLmTask;
use super::question_answering::{Answering, QuestionAnsweringTask, SpanSource};
use super::sequence_classification::SequenceClassificationTask;
use super::token_classification::TokenClassificationTask;
use super::{EncoderDataRecipe, EncoderDataSource};
use crate::TrainError;
use crate::recipe::Recipe;
use crate::task::Task;

/// Everything that a run of an encoder needs, opened and checked against each other.
pub struct EncoderRun<T: Task> {
    /// The model, its tokenizer and its labels.
    pub encoder: EncoderBundle,
    /// The work.
    pub task: T,
    /// Training batches.
    pub train: Loader<T::Source>,
    /// Validation batches in order.
    pub validation: Loader<T::Source>,
    /// What a person should know about the data.
    pub notes: Vec<String>,
}

/// Returns the data of `split`.
fn pick<T>(split: Split, train: T, validation: T, test: Option<T>) -> Result<T, TrainError> {
    match split {
        Split::Train => Ok(train),
        Split::Validation => Ok(validation),
        Split::Test => test
            .ok_or_else(|| TrainError::Mismatch("these data have no test part with labels".into())),
    }
}

/// A run that puts texts into classes. What a run that goes on has recorded is `known`.
///
/// # Errors
/// Texts that are not there or not what they should be, a model that does not fit them.
pub fn classified(
    recipe: &Recipe,
    known: Option<EncoderBundle>,
) -> Result<EncoderRun<SequenceClassificationTask>, TrainError> {
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
    let train = LabelledSource::training(&train, &sequences, recipe.train.batch_size)?;
    Ok(EncoderRun {
        task: SequenceClassificationTask::new(encoder.config.clone(), recipe.train.label_smoothing),
        notes: truncated(train.truncated(), data).into_iter().collect(),
        train: training(recipe, train)?,
        validation: classified_loader(recipe, &encoder, &validation)?,
        encoder,
    })
}

/// The task of a run that puts texts into classes, and a split of its data.
///
/// # Errors
/// As [`classified`].
pub fn evaluate_classified(
    recipe: &Recipe,
    known: EncoderBundle,
    split: Split,
) -> Result<(SequenceClassificationTask, Loader<LabelledSource>), TrainError> {
    let splits = open_classified(recipe)?;
    let known = known.with_same_labels(&splits.labels)?;
    let texts = pick(split, splits.train, splits.validation, splits.test)?;
    let loader = classified_loader(recipe, &known, &texts)?;
    Ok((SequenceClassificationTask::new(known.config, 0.0), loader))
}

fn classified_loader(
    recipe: &Recipe,
    encoder: &EncoderBundle,
    texts: &[LabelledText],
) -> Result<Loader<LabelledSource>, TrainError> {
    let sequences = sequences(recipe.sequences()?, encoder)?;
    evaluation(recipe, LabelledSource::evaluation(texts, &sequences)?)
}

/// The texts of a recipe for classes.
///
/// # Errors
/// As [`classified`].
pub fn open_classified(recipe: &Recipe) -> Result<LabelledSplits, TrainError> {
    let data = recipe.sequences()?;
    let fraction = data.validation_fraction;
    Ok(match data.source {
        EncoderDataSource::Sentiment => LabelledSplits {
            labels: sentiment::LABELS.map(String::from).to_vec(),
            train: sentiment::texts(recipe.seed, "train", data.train_size),
            validation: sentiment::texts(recipe.seed, "validation", data.val_size),
            test: Some(sentiment::texts(recipe.seed, "test", data.val_size)),
        },
        EncoderDataSource::TextFolder => {
            sequence_classification::open_folders(data.given_path()?, fraction)?
        }
        _ => sequence_classification::open_table(data.given_path()?, &data.columns, fraction)?,
    })
}

/// A run that gives every word a tag; see [`classified`].
///
/// # Errors
/// As [`classified`].
pub fn tagged(
    recipe: &Recipe,
    known: Option<EncoderBundle>,
) -> Result<EncoderRun<TokenClassificationTask>, TrainError> {
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
    let train = TokenClassificationSource::training(&train, &sequences, recipe.train.batch_size)?;
    let validation = TokenClassificationSource::evaluation(&splits.validation, &sequences)?;
    Ok(EncoderRun {
        task: TokenClassificationTask::new(
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
    known: EncoderBundle,
    split: Split,
) -> Result<(TokenClassificationTask, Loader<TokenClassificationSource>), TrainError> {
    let data = recipe.sequences()?;
    let splits = open_words(data)?;
    let known = known.with_same_labels(&splits.labels)?;
    let sentences = pick(split, splits.train, splits.validation, splits.test)?;
    let source = TokenClassificationSource::evaluation(&sentences, &sequences(data, &known)?)?;
    let task = TokenClassificationTask::new(known.config, known.labels, 0.0);
    Ok((task, evaluation(recipe, source)?))
}

/// The words of a recipe for tags.
///
/// # Errors
/// As [`classified`].
pub fn open_words(data: &EncoderDataRecipe) -> Result<TaggedSplits, TrainError> {
    let fraction = data.validation_fraction;
    Ok(token_classification::open(
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
    known: Option<EncoderBundle>,
) -> Result<EncoderRun<QuestionAnsweringTask>, TrainError> {
    let data = recipe.sequences()?;
    let splits = question_answering::open(data.given_path()?, data.validation_fraction)?;
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
            EncoderBundle {
                can_be_impossible: has_impossible,
                ..fit(recipe, Head::QuestionAnswering, Vec::new(), texts)?
            }
        }
    };
    let sequences = sequences(data, &encoder)?;
    let train = QaTrainingSource::new(&train, &sequences, data.stride, recipe.train.batch_size)?;
    let validation = QaEvaluationSource::new(splits.validation, &sequences, data.stride)?;
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
    known: &EncoderBundle,
    split: Split,
) -> Result<(QuestionAnsweringTask, Loader<SpanSource>), TrainError> {
    let data = recipe.sequences()?;
    let splits = question_answering::open(data.given_path()?, data.validation_fraction)?;
    let task = span_task(data, known, splits.has_impossible());
    let questions = pick(split, splits.train, splits.validation, None)?;
    let source = QaEvaluationSource::new(questions, &sequences(data, known)?, data.stride)?;
    Ok((task, evaluation(recipe, SpanSource::Evaluation(source))?))
}

/// Questions without an answer are measured by the rules for them, even those of a model that has never seen one.
fn span_task(
    data: &EncoderDataRecipe,
    encoder: &EncoderBundle,
    has_impossible: bool,
) -> QuestionAnsweringTask {
    let can_be_impossible = encoder.can_be_impossible;
    let version = match can_be_impossible || has_impossible {
        true => Version::V2,
        false => Version::V1,
    };
    let answering = Answering::new(data, can_be_impossible);
    QuestionAnsweringTask::new(encoder.config.clone(), answering, version)
}

/// A run that finds hidden words; see [`classified`].
///
/// # Errors
/// As [`classified`].
pub fn masked(
    recipe: &Recipe,
    known: Option<EncoderBundle>,
) -> Result<EncoderRun<MaskedLmTask>, TrainError> {
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
    let train = MaskedLmSource::training(&train, &sequences, &options, recipe.seed, batch_size)?;
    let validation =
        MaskedLmSource::evaluation(&lines.validation, &sequences, &options, recipe.seed)?;
    Ok(EncoderRun {
        task: MaskedLmTask::new(encoder.config.clone(), recipe.train.label_smoothing),
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
    known: EncoderBundle,
    split: Split,
) -> Result<(MaskedLmTask, Loader<MaskedLmSource>), TrainError> {
    let data = recipe.sequences()?;
    let lines = TextLines::open(data.given_path()?, data.validation_fraction)?;
    let lines = pick(split, lines.train, lines.validation, lines.test)?;
    let (sequences, options) = (sequences(data, &known)?, mask_options(data));
    let source = MaskedLmSource::evaluation(&lines, &sequences, &options, recipe.seed)?;
    Ok((
        MaskedLmTask::new(known.config, 0.0),
        evaluation(recipe, source)?,
    ))
}

fn mask_options(data: &EncoderDataRecipe) -> MaskingOptions {
    MaskingOptions {
        probability: data.mask_probability,
        whole_word: data.whole_word,
        ..MaskingOptions::default()
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
fn truncated(truncated: Truncated, data: &EncoderDataRecipe) -> Option<String> {
    let Truncated { texts, tokens } = truncated;
    (texts > 0).then(|| {
        format!(
            "{texts} training texts have more than data.max_length = {} tokens; the {tokens} tokens beyond it are left out",
            data.max_length
        )
    })
}

fn training<S: Source>(recipe: &Recipe, source: S) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig::new(recipe.train.batch_size)
        .with_workers(recipe.train.workers)
        .with_shuffle(recipe.seed)
        .with_drop_last(recipe.train.drop_last);
    Ok(Loader::new(Arc::new(source), config)?)
}

fn evaluation<S: Source>(recipe: &Recipe, source: S) -> Result<Loader<S>, TrainError> {
    let config = LoaderConfig::new(recipe.train.batch_size).with_workers(recipe.train.workers);
    Ok(Loader::new(Arc::new(source), config)?)
}
