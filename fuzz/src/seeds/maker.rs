//! Models and files that several kinds share, made once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::FuzzError;
use crate::execute::Program;

/// Options that make a training run as small as it can be.
const IMAGES: &str = "--set data.train_size=40 --set data.val_size=20 --set model.channels=[2,4] --set model.hidden=8 \
                      --set train.batch_size=8 --set train.epochs=2";
const TEXT: &str = "--set data.train_size=3000 --set data.val_size=200 --set data.sequence_length=12 \
                    --set train.batch_size=8 --set train.max_steps=6 --set train.checkpoint_every=3";
const RNN: &str = "--set model.embedding_size=12 --set model.hidden_size=12";
const GPT: &str = "--set model.n_layer=1 --set model.n_head=2 --set model.n_embd=12";
const LLAMA: &str = "--set model.name=llama_mini --set model.hidden_size=16 --set model.intermediate_size=24 \
                     --set model.num_hidden_layers=1 --set model.num_attention_heads=2 \
                     --set model.num_key_value_heads=1";
const BERT: &str = "--set model.hidden_size=16 --set model.num_hidden_layers=2 --set model.num_attention_heads=2 \
                    --set model.intermediate_size=32 --set train.batch_size=8 --set train.max_steps=6 \
                    --set train.checkpoint_every=3 --set data.max_length=24";
const SENTIMENT: &str = "--set data.train_size=120 --set data.val_size=20";

/// Makes what several kinds share, in one folder.
pub(crate) struct Maker<'a> {
    program: &'a Program,
    folder: &'a Path,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(program: &'a Program, folder: &'a Path) -> Result<Self, FuzzError> {
        fs::create_dir_all(folder).map_err(FuzzError::io(folder))?;
        Ok(Self { program, folder })
    }

    /// Runs the command on `words`, in which `~` stands for a space, in the folder of the seeds.
    pub(crate) fn call(&self, words: &str) -> Result<(), FuzzError> {
        let args: Vec<String> = words
            .split_whitespace()
            .map(|word| word.replace('~', " "))
            .collect();
        let outcome = self.program.call(&args, self.folder)?;
        if outcome.status.success() {
            return Ok(());
        }
        let message = outcome.stderr.lines().next_back().unwrap_or_default();
        Err(FuzzError::Seed {
            command: words.into(),
            message: message.into(),
        })
    }

    /// The path `name`, made by `make` unless it exists.
    pub(crate) fn once(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), FuzzError>,
    ) -> Result<PathBuf, FuzzError> {
        let path = self.folder.join(name);
        if !path.exists() {
            make(&path)?;
        }
        Ok(path)
    }

    /// Writes a file that several kinds read.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf, FuzzError> {
        self.once(name, |path| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(FuzzError::io(parent))?;
            }
            fs::write(path, bytes).map_err(FuzzError::io(path))
        })
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, FuzzError> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(FuzzError::io(&path))
    }

    fn train(&self, name: &str, words: &str) -> Result<PathBuf, FuzzError> {
        self.once(name, |path| {
            self.call(&format!(
                "train {words} --ui quiet --run-dir {}",
                path.display()
            ))
        })
    }

    pub(crate) fn cnn(&self) -> Result<PathBuf, FuzzError> {
        self.train("cnn", &format!("cnn {IMAGES}"))
    }

    /// A run on the class folder `data`.
    pub(crate) fn image_folder(&self, data: &Path) -> Result<PathBuf, FuzzError> {
        let recipe = self.image_recipe()?;
        let words = format!("{} --data {}", recipe.display(), data.display());
        self.train("image-folder", &words)
    }

    pub(crate) fn rnn(&self) -> Result<PathBuf, FuzzError> {
        self.train("rnn", &format!("rnn {TEXT} {RNN}"))
    }

    /// A GPT with a byte-level BPE tokenizer, which a Hugging Face folder can hold.
    pub(crate) fn gpt_bpe(&self) -> Result<PathBuf, FuzzError> {
        let (text, tokenizer) = (self.text()?, self.bpe()?);
        let data = on_text(&text, &tokenizer);
        self.train("gpt-bpe", &format!("transformer {TEXT} {GPT} {data}"))
    }

    pub(crate) fn llama(&self) -> Result<PathBuf, FuzzError> {
        let (text, tokenizer) = (self.text()?, self.bpe()?);
        let data = on_text(&text, &tokenizer);
        // The other options of the recipe are a GPT's.
        let recipe = self.file("llama.toml", LLAMA_RECIPE)?;
        self.train(
            "llama",
            &format!("{} {TEXT} {LLAMA} {data}", recipe.display()),
        )
    }

    pub(crate) fn bert(&self) -> Result<PathBuf, FuzzError> {
        self.train("bert", &format!("bert {BERT} {SENTIMENT}"))
    }

    pub(crate) fn lora(&self) -> Result<PathBuf, FuzzError> {
        self.train(
            "lora",
            &format!("bert {BERT} {SENTIMENT} --set model.lora.rank=2"),
        )
    }

    /// A run on tagged words or questions, at `data`.
    pub(crate) fn encoder_on(&self, source: &str, data: &Path) -> Result<PathBuf, FuzzError> {
        let words = format!(
            "bert {BERT} --set data.source={source} --set data.stride=8 --data {}",
            data.display()
        );
        self.train(source, &words)
    }

    pub(crate) fn masked_lm(&self) -> Result<PathBuf, FuzzError> {
        let text = self.text()?;
        let words = format!(
            "mlm {BERT} --set model.name=bert_nano --data {}",
            text.display()
        );
        self.train("mlm", &words)
    }

    /// A recipe for small images of any source.
    pub(crate) fn image_recipe(&self) -> Result<PathBuf, FuzzError> {
        self.file("image.toml", IMAGE_RECIPE)
    }

    /// A plain text of a few kilobytes.
    pub(crate) fn text(&self) -> Result<PathBuf, FuzzError> {
        self.file("text.txt", text(200))
    }

    pub(crate) fn bpe(&self) -> Result<PathBuf, FuzzError> {
        self.tokenizer("bpe", 320)
    }

    pub(crate) fn tokenizer(&self, kind: &str, size: usize) -> Result<PathBuf, FuzzError> {
        let text = self.text()?;
        self.once(&format!("{kind}.json"), |path| {
            self.call(&format!(
                "data tokenizer {} --kind {kind} --vocab-size {size} --output {}",
                text.display(),
                path.display()
            ))
        })
    }
}

fn on_text(text: &Path, tokenizer: &Path) -> String {
    format!(
        "--set data.source=text --set data.unit=tokenizer --set data.tokenizer={} --data {}",
        tokenizer.display(),
        text.display()
    )
}

/// Sentences of a few words, `lines` of them.
pub(crate) fn text(lines: usize) -> String {
    let subject = ["the old man", "a child", "Ada", "the Größte", "my sister"];
    let verb = ["sees", "reads", "likes", "did not see"];
    let object = [
        "the sea.",
        "a book, twice.",
        "42 ships!",
        "\"naïve\" people.",
    ];
    let line = |number: usize| {
        let part = |list: &[&str], step: usize| list[number / step % list.len()].to_string();
        [part(&subject, 1), part(&verb, 3), part(&object, 2)].join(" ")
    };
    (0..lines).map(line).collect::<Vec<_>>().join("\n") + "\n"
}

pub(crate) const IMAGE_RECIPE: &str = r#"name = "image"

[model]
name = "simple_cnn"
channels = [2, 4]
hidden = 8
image_size = 8

[data]
source = "folder"
train_transforms = [{ resize = { size = 10 } }, { random_crop = { size = 8 } }, { random_horizontal_flip = {} }]
val_transforms = [{ resize = { size = 8 } }, { center_crop = { size = 8 } }]

[train]
epochs = 2
batch_size = 2
"#;

const LLAMA_RECIPE: &str = r#"name = "llama"

[model]
name = "llama_mini"

[data]
source = "text"
path = "text.txt"

[optimizer]
name = "adamw"
learning_rate = 0.002
"#;
