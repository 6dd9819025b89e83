//! `tinderbox data info` of texts to understand.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{bail, ensure};
use serde::Serialize;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::masked_lm::TextLines;
use tinderbox_data::text::encoder::question_answering::{self, Question, SquadReport};
use tinderbox_data::text::encoder::sequence_classification::{LabelledSplits, LabelledText};
use tinderbox_data::text::encoder::token_classification::TaggedSentence;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::data::{known_tokenizer, open_classified, open_words};
use tinderbox_train::kinds::encoder::{EncoderDataRecipe, EncoderDataSource};
use tinderbox_train::recipe::{DataRecipe, Recipe};
use tinderbox_train::report::plain::thousands;

use crate::Done;
use crate::shared::table;

/// What is counted, and how much of it each part has.
#[derive(Serialize)]
struct Counts {
    /// What the numbers of each part are of: every label, and what else there is to say.
    rows: Vec<String>,
    train: Vec<usize>,
    validation: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Vec<usize>>,
}

/// Such data have no other use in `tinderbox data` than to be counted; `purpose` says what was asked for.
pub(super) fn refuse(recipe: &Recipe, purpose: &str) -> anyhow::Result<()> {
    if let DataRecipe::Sequence(_) = recipe.data {
        bail!(
            "{purpose}, and {} is for text to understand: `tinderbox data info` counts it",
            recipe.name
        );
    }
    Ok(())
}

/// How many texts there are, of which labels, and how long they are.
pub(super) fn info(recipe: &Recipe, as_json: bool, verify: bool) -> Done {
    ensure!(
        !verify,
        "--verify is for shards, and {} has none",
        recipe.name
    );
    let data = recipe.sequences()?;
    // Texts can be counted without the weights that training will begin with.
    let weights = recipe
        .model
        .weights
        .as_ref()
        .filter(|_| data.tokenizer.is_none());
    let absent = weights.filter(|weights| !Path::new(weights).is_dir());
    let tokenizer = match absent {
        Some(_) => None,
        None => known_tokenizer(recipe)?,
    };
    let counts = match data.source {
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
            "the tokenizer has {} tokens; the model sees {} at once, special ones included",
            thousands(tokenizer.vocab_size() as u64),
            data.max_length
        ),
        (None, Some(folder)) => println!(
            "lengths are not known, since the tokenizer is that of model.weights, and there is no folder {folder}"
        ),
        (None, None) => println!(
            "lengths are not known, since the tokenizer is made when training begins; data.tokenizer can name one"
        ),
    }
    Ok(ExitCode::SUCCESS)
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

fn classes(recipe: &Recipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let LabelledSplits {
        labels,
        train,
        validation,
        test,
    } = open_classified(recipe)?;
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

fn tags(data: &EncoderDataRecipe, tokenizer: Option<&Tokenizer>) -> Result<Counts, TrainError> {
    let splits = open_words(data)?;
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
        // Questions about the same text stand together, and share it.
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

/// What the numbers are of: the labels, what else is `counted` and, where they can be told, the lengths.
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

/// How many tokens the longest of the texts has, special ones not counted; each may come in several parts.
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
