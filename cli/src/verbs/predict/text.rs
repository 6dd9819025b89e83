//! What a text means, by what the model was trained for.

use std::path::Path;

use anyhow::{bail, ensure};
use tinderbox_data::text::encoder::sequence_classification::{Columns, read_table};
use tinderbox_model_transformer::Head;
use tinderbox_train::kinds::encoder::EncoderDataRecipe;
use tinderbox_train::run::RunDir;

use super::{Args, answer, classes, tags};
use crate::{Done, encoder};

/// Endings of tables, which have their texts in columns.
const TABLES: [&str; 4] = ["tsv", "csv", "jsonl", "ndjson"];

/// A text to be judged.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) pair: Option<String>,
}

pub(super) fn run(args: &Args) -> Done {
    let device = args.device.open()?;
    let loaded = encoder::open(&args.run, &args.weights, &device)?;
    let head = loaded.config.head();
    let name = args.run.display();
    ensure!(
        args.question.is_none() || head == Head::QuestionAnswering,
        "--question is for models that answer questions, and {name} is none"
    );
    ensure!(
        args.pair.is_empty() || head == Head::SequenceClassification,
        "--pair is for models that put texts into classes, and {name} is none"
    );
    ensure!(
        args.pair_column.is_none() || head == Head::SequenceClassification,
        "--pair-column is for models that put texts into classes, and {name} is none"
    );
    ensure!(
        args.text_column.is_none() || head != Head::QuestionAnswering,
        "--text-column is for tables, and {name} answers a question about a single text"
    );
    match head {
        Head::SequenceClassification => classes::run(args, &loaded, &texts(args)?, &device),
        Head::TokenClassification => tags::run(args, &loaded, &texts(args)?, &device),
        Head::QuestionAnswering => answer::run(args, &loaded, &device),
        Head::MaskedLm => bail!(
            "{name} guesses masked words: `tinderbox fill-mask {name} \"a text with a [MASK] in it\"`, or `tinderbox embed {name}`"
        ),
        Head::None => bail!(
            "{name} is an encoder without a head: `tinderbox embed {name}` gives its vectors, and training on labels gives it \
             a head"
        ),
    }
}

/// What the run's recipe says about data; a folder without one says nothing.
pub(super) fn data_recipe(run: &Path) -> anyhow::Result<EncoderDataRecipe> {
    if !run.join("recipe.toml").is_file() {
        return Ok(EncoderDataRecipe::default());
    }
    Ok(RunDir::open(run)?.recipe(&[])?.sequences()?.clone())
}

fn texts(args: &Args) -> anyhow::Result<Vec<Text>> {
    if let Some(path) = &args.texts.file
        && is_table(path)
    {
        return table(path, args);
    }
    ensure!(
        args.text_column.is_none() && args.pair_column.is_none(),
        "--text-column and --pair-column are for tables, whose names end in .tsv, .csv or .jsonl"
    );
    ensure!(
        !args.pair.is_empty() || data_recipe(&args.run)?.columns.pair.is_none(),
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
    let text = |text| Text {
        text,
        pair: pairs.next(),
    };
    Ok(texts.into_iter().map(text).collect())
}

fn is_table(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    TABLES.contains(&ending.to_lowercase().as_str())
}

fn table(path: &Path, args: &Args) -> anyhow::Result<Vec<Text>> {
    let mut columns: Columns = data_recipe(&args.run)?.columns;
    if let Some(name) = &args.text_column {
        columns.text = vec![name.clone()];
    }
    if let Some(name) = &args.pair_column {
        columns.pair = Some(name.clone());
    }
    let rows = read_table(path, &columns, None)?;
    let text = |row: tinderbox_data::text::encoder::sequence_classification::TableRow| Text {
        text: row.text,
        pair: row.pair,
    };
    Ok(rows.into_iter().map(text).collect())
}
