//! `tinderbox data info` of data sets for text encoders.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{bail, ensure};
use serde::Serialize;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::masked_lm::TextLines;
use tinderbox_data::text::encoder::question_answering::{self, Question, SquadReport};
use tinderbox_data::text::encoder::sequence_classification::{
    LabelledSplits, LabelledText, NumberedText,
};
use tinderbox_data::text::encoder::token_classification::TaggedSentence;
use tinderbox_model_transformer::ProblemType;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::Kind;
use tinderbox_train::kinds::encoder::{EncoderDataRecipe, EncoderDataSource, EncoderRecipe};
use tinderbox_train::kinds::encoder::{
    given_tokenizer, numbers, resolved, sequence_classification, token_classification,
};
use tinderbox_train::recipe::Recipe;
use tinderbox_train::report::plain::thousands;

use crate::exit::CliResult;
use crate::table::table;

/// Counts per split.
#[derive(Serialize)]
struct Counts {
    /// Names of the counts: each label, then totals and lengths.
    rows: Vec<String>,
    train: Vec<usize>,
    validation: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Vec<usize>>,
}

/// Refuses data sets for text encoders, which `tinderbox data` can only count; `purpose` is what
/// was asked for.
pub(super) fn refuse(recipe: &Recipe, purpose: &str) -> anyhow::Result<()> {
    if Kind::of(recipe)? == Kind::Encoder {
        bail!(
            "{purpose}, and {} is a data set for text encoders: `tinderbox data info` counts it",
            recipe.name
        );
    }
    Ok(())
}

/// Counts texts per label, and their lengths.
pub(super) fn info(recipe: &EncoderRecipe, as_json: bool, verify: bool) -> CliResult {
    ensure!(
        !verify,
        "--verify is for shards, and {} has none",
        recipe.name
    );
    let data = &recipe.data;
    // Texts can be counted without the pretrained weights.
    let weights = recipe
        .model
        .weights
        .as_ref()
        .filter(|_| data.tokenizer.is_none());
    let absent = weights.filter(|weights| !Path::new(weights).is_dir());
    let tokenizer = match absent {
        Some(_) => None,
        None => given_tokenizer(recipe)?,
    };
    let counts = match data.source {
        EncoderDataSource::Labelled if problem(recipe)? != ProblemType::SingleLabel => {
            numbers(&resolved(recipe)?, tokenizer.as_ref())?
        }
        EncoderDataSource::Sentiment
        | EncoderDataSource::Labelled
        | EncoderDataSource::TextFolder => classes(recipe, tokenizer.as_ref())?,
        EncoderDataSource::Tagged => tags(data, tokenizer.as_ref())?,
        EncoderDataSource::Squad => questions(data, tokenizer.as_ref())?,
        EncoderDataSource::Masked => lines(data, tokenizer.as_ref())?,
    };
    if as_json {
        println!("{}", serde_json::to_string_pretty(&counts)?);
        return Ok(ExitCode::SUCCESS);
    }
    print(&counts);
    match (tokenizer, absent) {
        (Some(tokenizer), _) => println!(
            "the tokenizer has {} tokens; the model reads {} at once, special tokens included",
            thousands(tokenizer.vocab_size() as u64),
            data.max_length
        ),
        (None, Some(folder)) => println!(
            "lengths are unknown: the tokenizer is that of model.weights, and there is no folder {folder}"
        ),
        (None, None) => println!(
            "lengths are unknown: the tokenizer is trained when training starts; data.tokenizer can name one"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn problem(recipe: &EncoderRecipe) -> anyhow::Result<ProblemType> {
    Ok(resolved(recipe)?.data.problem_type.unwrap_or_default())
}

fn print(counts: &Counts) {
    let header = ["", "training", "validation", "test"];
    let mut table = table(header, &[1, 2, 3]);
    for (row, name) in counts.rows.iter().enumerate() {
        let number = |part: &Vec<usize>| part.get(row).map(|count| thousands(*count as u64));
        table.add_row([
            name.clone(),
            number(&counts.train).unwrap_or_default(),
            number(&counts.validation).unwrap_or_default(),
            counts.test.as_ref().and_then(number).unwrap_or_default(),
        ]);
    }
    println!("{table}");
}

fn classes(recipe: &EncoderRecipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let LabelledSplits {
        labels,
        train,
        validation,
        test,
    } = sequence_classification::open(recipe)?;
    let count = |texts: &Vec<LabelledText>| -> Result<Vec<usize>, TrainError> {
        let mut counts = per_label(texts.iter().map(|text| text.label), labels.len());
        counts.push(texts.len());
        let whole = texts.iter().map(|text| {
            let pair = text.pair.as_deref();
            std::iter::once(text.text.as_str()).chain(pair)
        });
        counts.extend(longest(whole, tokenizer)?);
        Ok(counts)
    };
    Ok(Counts {
        train: count(&train)?,
        validation: count(&validation)?,
        test: test.as_ref().map(count).transpose()?,
        rows: rows(labels, &["texts"], "text", tokenizer),
    })
}

/// Counts texts with a number each, or the texts that have each label of a set.
fn numbers(recipe: &EncoderRecipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let splits = numbers::open(recipe)?;
    let labels = match recipe.data.problem_type {
        Some(ProblemType::Regression) => Vec::new(),
        _ => splits.labels,
    };
    let count = |texts: &Vec<NumberedText>| -> Result<Vec<usize>, TrainError> {
        let has = |label: usize| texts.iter().filter(move |text| text.values[label] > 0.5);
        let mut counts: Vec<usize> = (0..labels.len()).map(|label| has(label).count()).collect();
        counts.push(texts.len());
        let whole = texts.iter().map(|text| {
            let pair = text.pair.as_deref();
            std::iter::once(text.text.as_str()).chain(pair)
        });
        counts.extend(longest(whole, tokenizer)?);
        Ok(counts)
    };
    Ok(Counts {
        train: count(&splits.train)?,
        validation: count(&splits.validation)?,
        test: splits.test.as_ref().map(count).transpose()?,
        rows: rows(labels.clone(), &["texts"], "text", tokenizer),
    })
}

fn tags(data: &EncoderDataRecipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let splits = token_classification::open(data)?;
    let labels = splits.labels;
    let count = |sentences: &Vec<TaggedSentence>| -> Result<Vec<usize>, TrainError> {
        let tags = sentences
            .iter()
            .flat_map(|sentence| sentence.tags.iter().copied());
        let mut counts = per_label(tags, labels.len());
        counts.push(counts.iter().sum());
        counts.push(sentences.len());
        let whole = sentences.iter().map(|s| s.words.iter().map(String::as_str));
        counts.extend(longest(whole, tokenizer)?);
        Ok(counts)
    };
    Ok(Counts {
        train: count(&splits.train)?,
        validation: count(&splits.validation)?,
        test: splits.test.as_ref().map(count).transpose()?,
        rows: rows(labels, &["words", "sentences"], "sentence", tokenizer),
    })
}

fn questions(
    data: &EncoderDataRecipe,
    tokenizer: Option<&Tokenizer>,
) -> Result<Counts, TrainError> {
    let splits = question_answering::open(data.given_path()?, data.validation_fraction)?;
    let count = |questions: &[Arc<Question>], report: &SquadReport| {
        let SquadReport {
            questions: total,
            unanswerable,
            answers,
            misaligned,
            ..
        } = *report;
        let mut counts = vec![total, unanswerable, answers, misaligned];
        // Questions about the same text are adjacent and share it.
        let mut contexts: Vec<&Arc<str>> = questions.iter().map(|q| &q.context).collect();
        contexts.dedup_by(|a, b| Arc::ptr_eq(a, b));
        counts.push(contexts.len());
        let whole = contexts.iter().map(|context| std::iter::once(&***context));
        counts.extend(longest(whole, tokenizer)?);
        Ok::<_, TrainError>(counts)
    };
    let counted = [
        "questions",
        "of them without an answer",
        "answers",
        "of them not where the file says",
        "texts",
    ];
    Ok(Counts {
        train: count(&splits.train, &splits.train_report)?,
        validation: count(&splits.validation, &splits.validation_report)?,
        test: None,
        rows: rows(Vec::new(), &counted, "text", tokenizer),
    })
}

fn lines(data: &EncoderDataRecipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let splits = TextLines::open(data.given_path()?, data.validation_fraction)?;
    let count = |lines: &Vec<String>| -> Result<Vec<usize>, TrainError> {
        let characters = lines.iter().map(|line| line.chars().count());
        let mut counts = vec![lines.len(), characters.sum()];
        let whole = lines.iter().map(|line| std::iter::once(line.as_str()));
        counts.extend(longest(whole, tokenizer)?);
        Ok(counts)
    };
    Ok(Counts {
        train: count(&splits.train)?,
        validation: count(&splits.validation)?,
        test: splits.test.as_ref().map(count).transpose()?,
        rows: rows(Vec::new(), &["lines", "characters"], "line", tokenizer),
    })
}

/// Names of the counts: the labels, the `counted` and, with a tokenizer, the longest length.
fn rows(
    labels: Vec<String>,
    counted: &[&str],
    text: &str,
    tokenizer: Option<&Tokenizer>,
) -> Vec<String> {
    let lengths = tokenizer.map(|_| format!("longest {text}, in tokens"));
    let counted = counted.iter().map(ToString::to_string);
    labels.into_iter().chain(counted).chain(lengths).collect()
}

fn per_label(numbers: impl Iterator<Item = u32>, labels: usize) -> Vec<usize> {
    let mut counts = vec![0; labels];
    for number in numbers {
        if let Some(count) = counts.get_mut(number as usize) {
            *count += 1;
        }
    }
    counts
}

/// Length in tokens of the longest text, without special tokens; a text may come in several parts.
fn longest<'a, I: Iterator<Item = &'a str>>(
    texts: impl Iterator<Item = I>,
    tokenizer: Option<&Tokenizer>,
) -> Result<Option<usize>, TrainError> {
    let Some(tokenizer) = tokenizer else {
        return Ok(None);
    };
    let mut most = 0;
    for text in texts {
        let mut tokens = 0;
        for part in text {
            tokens += tokenizer.pieces(part)?.len();
        }
        most = most.max(tokens);
    }
    Ok(Some(most))
}
