//! `tinderbox predict` of texts: classes, tags or answers, by the model's head.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use comfy_table::Table;
use serde::Serialize;
use tinderbox_data::text::encoder::sequence_classification::{Columns, TableRow, read_table};
use tinderbox_model_transformer::Head;
use tinderbox_train::kinds::ClassProbability;
use tinderbox_train::kinds::encoder::{LoadedEncoder, TaggedText, TextInput};

use super::Args;
use crate::args::text::{warn_of_long_question, warn_of_truncation};
use crate::exit::CliResult;
use crate::shell;
use crate::table::{add_classes, add_scores, percent, table};

/// Extensions of tables, which have their texts in columns.
const TABLES: [&str; 5] = ["tsv", "csv", "json", "jsonl", "ndjson"];

/// Characters of a text in a table.
const SHOWN: usize = 60;

#[derive(Serialize)]
struct Classes<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    classes: Vec<ClassProbability>,
    /// Tokens cut off at the end.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

#[derive(Serialize)]
struct Tags<'a> {
    text: &'a str,
    #[serde(flatten)]
    tagged: &'a TaggedText,
}

#[derive(Serialize)]
struct Answer<'a> {
    question: &'a str,
    /// Empty if there is none.
    answer: &'a str,
    score: f32,
    probability: f32,
    bytes: &'a Range<usize>,
    characters: &'a Range<usize>,
    null_score: f32,
}

// Serde wants a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(super) fn run(args: &Args) -> CliResult {
    let device = args.device.open()?;
    let model = args.checkpoint.encoder().open(&args.run, &device)?;
    let head = model.config.head();
    let (name, run) = (args.run.display(), shell::path(&args.run));
    ensure!(
        args.question.is_none() || head == Head::QuestionAnswering,
        "--question is for models that answer questions, which {name} does not"
    );
    for (option, is_given) in [
        ("pair", !args.pair.is_empty()),
        ("pair-column", args.pair_column.is_some()),
    ] {
        ensure!(
            !is_given || head == Head::SequenceClassification,
            "--{option} is for models that classify texts, which {name} does not"
        );
    }
    ensure!(
        !args.pre_split || head == Head::TokenClassification,
        "--pre-split is for models that tag words, which {name} does not"
    );
    ensure!(
        args.text_column.is_none() || head != Head::QuestionAnswering,
        "--text-column is for tables, and {name} answers a question about a single text"
    );
    match head {
        Head::SequenceClassification => classify(args, &model),
        Head::TokenClassification => tag(args, &model),
        Head::QuestionAnswering => answer(args, &model),
        Head::MaskedLm => bail!(
            "{name} predicts masked tokens: `tinderbox fill-mask {run} \"a text with a [MASK] in it\"`, or `tinderbox \
             embed {run}`"
        ),
        Head::None => bail!(
            "{name} is an encoder without a head: `tinderbox embed {run}` gives its vectors, and training on labels \
             adds a head"
        ),
    }
}

fn classify(args: &Args, model: &LoadedEncoder) -> CliResult {
    let texts = texts(args, model)?;
    let predictions = model.classify(&texts)?;
    let truncated: Vec<usize> = predictions.iter().map(|p| p.truncated).collect();
    warn_of_truncation(&truncated, model.inputs.max_length());
    let (add, score): (fn(&mut Table, &str, &[ClassProbability]), _) =
        if model.gives_probabilities() {
            (add_classes, "probability")
        } else {
            (add_scores, "score")
        };
    let mut table = table(["text", "class", score], &[2]);
    for (text, mut prediction) in texts.iter().zip(predictions) {
        prediction.classes.truncate(args.top_k);
        if args.json {
            let classes = Classes {
                text: &text.text,
                pair: text.pair.as_deref(),
                classes: prediction.classes,
                left_out: prediction.truncated,
            };
            println!("{}", serde_json::to_string(&classes)?);
        } else {
            add(&mut table, &shown(text), &prediction.classes);
        }
    }
    if !args.json {
        println!("{table}");
    }
    Ok(ExitCode::SUCCESS)
}

fn tag(args: &Args, model: &LoadedEncoder) -> CliResult {
    for TextInput { text, .. } in texts(args, model)? {
        let (text, tagged) = &if args.pre_split {
            model.tag_words(&split_words(&text))?
        } else {
            let tagged = model.tag(&text)?;
            (text, tagged)
        };
        if args.json {
            println!("{}", serde_json::to_string(&Tags { text, tagged })?);
            continue;
        }
        let mut words = table(["word", "tag", "probability"], &[2]);
        for word in &tagged.words {
            words.add_row([&word.word, &word.tag, &percent(word.probability)]);
        }
        println!("{words}\n");
        for entity in &tagged.entities {
            println!("{}: {}", entity.kind, entity.text);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Words of a text that is already cut: a JSON list of them, or separated by white space.
fn split_words(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(words) => words,
        Err(_) => text.split_ascii_whitespace().map(str::to_owned).collect(),
    }
}

fn answer(args: &Args, model: &LoadedEncoder) -> CliResult {
    let question = args.question.as_ref();
    let question = question.context("this model answers questions: ask one with --question")?;
    let answer = model.answer(question, &args.texts.read_whole()?, args.null_threshold)?;
    warn_of_long_question(answer.truncated);
    if args.json {
        let object = Answer {
            question,
            answer: &answer.text,
            score: answer.score,
            probability: answer.probability,
            bytes: &answer.bytes,
            characters: &answer.characters,
            null_score: answer.null_score,
        };
        println!("{}", serde_json::to_string(&object)?);
    } else if answer.text.is_empty() {
        println!("(no answer) score {:.3}", answer.score);
    } else {
        println!(
            "{}\n\nscore {:.3}, probability {:.2} %, characters {} to {} of the text",
            answer.text,
            answer.score,
            answer.probability * 100.0,
            answer.characters.start,
            answer.characters.end
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn texts(args: &Args, model: &LoadedEncoder) -> anyhow::Result<Vec<TextInput>> {
    if let Some(path) = &args.texts.file
        && is_table(path)
    {
        return read(path, args, model);
    }
    ensure!(
        args.text_column.is_none() && args.pair_column.is_none(),
        "--text-column and --pair-column are for tables, whose names end in .tsv, .csv, .json or .jsonl"
    );
    ensure!(
        !args.pair.is_empty() || model.data.columns.pair.is_none(),
        "{} was trained on pairs of texts: give the second one with --pair, or a table with --file",
        args.run.display()
    );
    let texts = args.texts.read()?;
    ensure!(
        args.pair.is_empty() || args.pair.len() == texts.len(),
        "{} texts have {} --pair; give one for each",
        texts.len(),
        args.pair.len()
    );
    let mut pairs = args.pair.iter().cloned();
    let text = |text| TextInput {
        text,
        pair: pairs.next(),
    };
    Ok(texts.into_iter().map(text).collect())
}

fn is_table(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    TABLES.contains(&extension.to_lowercase().as_str())
}

fn read(path: &Path, args: &Args, model: &LoadedEncoder) -> anyhow::Result<Vec<TextInput>> {
    let mut columns: Columns = model.data.columns.clone();
    if let Some(name) = &args.text_column {
        columns.text = vec![name.clone()];
        // A name is that of a header, even if the training data had none.
        columns.header |= name.parse::<usize>().is_err();
    }
    if let Some(name) = &args.pair_column {
        columns.pair = Some(name.clone());
    }
    let text = |row: TableRow| TextInput {
        text: row.text,
        pair: row.pair,
    };
    let rows = read_table(path, &columns, None)?;
    Ok(rows.into_iter().map(text).collect())
}

/// The beginning of a text, on one line.
fn shown(text: &TextInput) -> String {
    let mut whole = text.text.clone();
    if let Some(pair) = &text.pair {
        whole = format!("{whole} | {pair}");
    }
    let line: String = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
