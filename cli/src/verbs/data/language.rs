//! `tinderbox data info` and `stats` of data sets for language models.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tinderbox_data::text::generated::grammar::Grammar;
use tinderbox_data::text::language::{Corpus, NgramStats, TokenShards, Tokens};
use tinderbox_train::TrainError;
use tinderbox_train::kinds::language_modeling::data::open_corpus;
use tinderbox_train::kinds::language_modeling::{
    LanguageDataRecipe, LanguageDataSource, LanguageRecipe,
};
use tinderbox_train::report::plain::thousands;

use super::encoder;
use crate::args::RecipeArgs;
use crate::exit::CliResult;
use crate::table::table;

/// Splits by name, each with its number of characters (0 if unknown).
fn splits(corpus: &Corpus) -> Vec<(&'static str, &Tokens, u64)> {
    let [train, validation, test] = corpus.characters;
    let mut splits = vec![
        ("train", &corpus.train, train),
        ("validation", &corpus.validation, validation),
    ];
    splits.extend(corpus.test.iter().map(|tokens| ("test", tokens, test)));
    splits
}

/// Counts tokens and characters.
pub(super) fn info(recipe: &LanguageRecipe, as_json: bool, verify: bool) -> CliResult {
    if verify {
        verify_shards(&recipe.data)?;
    }
    let corpus = open_corpus(&recipe.data, recipe.seed)?;
    let vocab_size = corpus.tokenizer.vocab_size();
    if as_json {
        let counts: Vec<_> = splits(&corpus)
            .into_iter()
            .map(|(name, tokens, characters)| {
                json!({"name": name, "tokens": tokens.len(), "characters": characters})
            })
            .collect();
        let value = json!({
            "vocab_size": vocab_size, "tokenizer": corpus.tokenizer.hash(), "splits": counts,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["split", "tokens", "characters"], &[1, 2]);
    for (name, tokens, characters) in splits(&corpus) {
        let characters = match characters {
            0 => "unknown".to_string(),
            count => thousands(count),
        };
        let tokens = thousands(tokens.len() as u64);
        table.add_row([name.to_string(), tokens, characters]);
    }
    println!("{table}\n{} different tokens", thousands(vocab_size as u64));
    Ok(ExitCode::SUCCESS)
}

/// Compares every byte of token shards with the checksums.
fn verify_shards(data: &LanguageDataRecipe) -> anyhow::Result<()> {
    let path = data.path.as_deref();
    let path = path.filter(|_| data.source == LanguageDataSource::Tokens);
    let path = path.context("--verify is for shards: data.source must be \"tokens\"")?;
    TokenShards::verify_folder(path).map_err(TrainError::from)?;
    println!("all checksums match");
    Ok(())
}

/// Prints n-gram perplexities, a ceiling that a model must beat, and the grammar's own, which none can.
pub(super) fn stats(source: &RecipeArgs, as_json: bool) -> CliResult {
    let recipe = source.load()?;
    encoder::refuse(&recipe, "stats is for language models")?;
    let recipe: LanguageRecipe = recipe.typed()?;
    let data = &recipe.data;
    let corpus = open_corpus(data, recipe.seed)?;
    let vocab_size = corpus.tokenizer.vocab_size();
    let start = corpus.tokenizer.end_of_text();
    let counts = NgramStats::count(&corpus.train, vocab_size, start).map_err(TrainError::from)?;
    let floor = match data.source {
        LanguageDataSource::Grammar => {
            let grammar = Grammar::english().map_err(TrainError::from)?;
            Some(grammar.perplexity())
        }
        _ => None,
    };
    let mut rows = Vec::new();
    for (name, tokens, _) in splits(&corpus) {
        rows.push((name, counts.score(tokens).map_err(TrainError::from)?));
    }
    if as_json {
        let splits: Vec<_> = rows
            .iter()
            .map(|(name, score)| {
                json!({
                    "name": name, "tokens": score.tokens, "unseen": score.unseen,
                    // JSON has no infinity: null.
                    "unigram_perplexity": score.unigram, "interpolated_perplexity": score.interpolated,
                })
            })
            .collect();
        let value = json!({"vocab_size": vocab_size, "true_perplexity": floor, "splits": splits});
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "split",
        "tokens",
        "never seen in training",
        "unigram",
        "0.7 bigram + 0.3 unigram",
    ];
    let mut table = table(header, &[1, 2, 3, 4]);
    for (name, score) in rows {
        table.add_row([
            name.to_string(),
            thousands(score.tokens),
            thousands(score.unseen),
            format!("{:.4}", score.unigram),
            format!("{:.4}", score.interpolated),
        ]);
    }
    println!(
        "n-gram perplexities, {} different tokens\n\n{table}",
        thousands(vocab_size as u64)
    );
    if let Some(floor) = floor {
        println!("\nno model can be better than {floor:.4}, the perplexity of the grammar itself");
    }
    Ok(ExitCode::SUCCESS)
}
