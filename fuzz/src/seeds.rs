//! Valid files of every kind, and the commands that read them.

mod encoders;
mod images;
mod language;
mod maker;
mod runs;
mod tables;
mod tokenizers;
mod weights;

use std::fs;
use std::path::Path;

pub(crate) use maker::Maker;

use crate::error::FuzzError;

/// A kind of input.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&Maker<'_>) -> Result<Seed, FuzzError>,
}

/// Valid files, those of them that are damaged, and commands that read them.
#[derive(Default)]
pub(crate) struct Seed {
    /// Paths below the folder of the case, with contents.
    files: Vec<(String, Vec<u8>)>,
    pub(crate) targets: Vec<String>,
    /// Arguments, with placeholders: see `Campaign::call`.
    pub(crate) commands: Vec<Vec<String>>,
}

macro_rules! kinds {
    ($($name:literal => $make:path,)*) => {
        /// All kinds. The number of a run decides which it is, so the order matters.
        pub(crate) const KINDS: &[Kind] = &[$(Kind { name: $name, make: $make },)*];
    };
}

kinds! {
    "image-bmp" => images::bmp,
    "image-gif" => images::gif,
    "image-jpeg" => images::jpeg,
    "image-png" => images::png,
    "image-png-palette" => images::png_palette,
    "image-ppm" => images::ppm,
    "image-tiff" => images::tiff,
    "image-webp" => images::webp,
    "data-cifar" => images::cifar,
    "data-idx" => images::idx,
    "data-idx-gz" => images::idx_gz,
    "data-imagenet" => images::imagenet,
    "data-shards" => images::shards,
    "data-webdataset" => images::webdataset,
    "table-csv" => tables::csv,
    "table-tsv" => tables::tsv,
    "table-jsonl" => tables::jsonl,
    "table-conll" => tables::conll,
    "table-squad" => tables::squad,
    "table-folders" => tables::folders,
    "text-lines" => language::masked,
    "text-plain" => language::plain,
    "text-ptb" => language::penn_treebank,
    "text-treebank" => language::treebank,
    "text-tokens" => language::tokens,
    "text-prompts" => language::prompts,
    "tokenizer-bpe" => tokenizers::bpe,
    "tokenizer-wordpiece" => tokenizers::wordpiece,
    "tokenizer-words" => tokenizers::words,
    "tokenizer-gpt2" => tokenizers::gpt2,
    "tokenizer-bert" => tokenizers::bert,
    "tokenizer-llama2c" => tokenizers::llama2c,
    "folder-gpt2" => language::gpt2_folder,
    "folder-llama" => language::llama_folder,
    "folder-bert" => encoders::classifier_folder,
    "folder-mlm" => encoders::masked_lm_folder,
    "folder-sentence" => encoders::sentence_folder,
    "weights-pytorch" => weights::pytorch,
    "weights-safetensors" => weights::safetensors,
    "weights-llama2c" => weights::llama2c,
    "run-cnn" => runs::cnn,
    "run-folder" => runs::image_folder,
    "run-rnn" => runs::rnn,
    "run-gpt" => runs::gpt,
    "run-bert" => runs::classifier,
    "run-lora" => runs::lora,
    "run-tagger" => runs::tagger,
    "run-squad" => runs::squad,
    "run-mlm" => runs::masked_lm,
    "recipe-image" => runs::image_recipe,
    "recipe-language" => runs::language_recipe,
    "recipe-encoder" => runs::encoder_recipe,
}

impl Seed {
    /// Adds a file that is damaged.
    pub(crate) fn target(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.targets.push(name.into());
        self.beside(name, bytes)
    }

    /// Adds a file that stays as it is.
    pub(crate) fn beside(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.into(), bytes.into()));
        self
    }

    /// Adds all files of a folder, to be damaged.
    pub(crate) fn folder(mut self, folder: &Path, prefix: &str) -> Result<Self, FuzzError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(FuzzError::io(folder))? {
            entries.push(entry.map_err(FuzzError::io(folder))?.path());
        }
        entries.sort();
        for path in entries {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self = self.folder(&path, &format!("{name}/"))?;
            } else {
                let bytes = fs::read(&path).map_err(FuzzError::io(&path))?;
                self = self.target(&name, bytes);
            }
        }
        Ok(self)
    }

    /// Keeps only those targets for which `keep` holds.
    pub(crate) fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.targets.retain(|name| keep(name));
        self
    }

    /// Adds a command: words separated by spaces, in which `~` stands for a space.
    pub(crate) fn command(mut self, words: &str) -> Self {
        let words = words.split_whitespace().map(|word| word.replace('~', " "));
        self.commands.push(words.collect());
        self
    }

    /// Writes the files into `folder/case`, and removes what else is in `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), FuzzError> {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(FuzzError::io(folder))?;
        }
        let case = folder.join("case");
        fs::create_dir_all(&case).map_err(FuzzError::io(&case))?;
        for (name, bytes) in &self.files {
            let path = case.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(FuzzError::io(parent))?;
            }
            fs::write(&path, bytes).map_err(FuzzError::io(&path))?;
        }
        Ok(())
    }

    /// Names of the files, one of which the error about damage to `target` must contain.
    pub(crate) fn names(&self, folder: &Path, target: &str) -> Vec<String> {
        let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_string();
        let mut names: Vec<String> = self.files.iter().map(|(name, _)| base(name)).collect();
        names.push(base(target));
        names.push(folder.join("case").display().to_string());
        names
    }
}
