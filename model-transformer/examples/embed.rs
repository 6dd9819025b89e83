//! Writes a tiny random BERT to a Hugging Face model folder, opens it as a sentence encoder, and
//! compares three sentences by the cosine similarity of their embeddings. Tokens are made from
//! words by hand; with a pretrained folder, use its `tokenizer.json`.
//!
//! ```sh
//! cargo run -p tinderbox-model-transformer --example embed
//! ```
#![allow(clippy::print_stdout)]

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use tinderbox_model_transformer::sentence::l2_normalize;
use tinderbox_model_transformer::{
    BertConfig, EncoderInput, SentenceEncoder, TextEncoderConfig, huggingface,
};

const SENTENCES: [&str; 3] = [
    "the cat sleeps",
    "the cat sleeps now",
    "rain falls on a hill",
];
const CLS: i32 = 1;
const SEP: i32 = 2;
const PAD: i32 = 0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(1);
    let folder = tempfile::tempdir()?;

    let config = TextEncoderConfig::Bert(BertConfig::nano());
    let model = config.init(&device)?;
    huggingface::save_encoder(&model, &config, &[], PAD as u32, folder.path())?;

    let encoder = SentenceEncoder::open(folder.path(), &device)?;
    let vectors = l2_normalize(encoder.embed(&batch(&SENTENCES, &device))); // [3, 64]
    let similarities = vectors.clone().matmul(vectors.transpose()); // [3, 3]
    let similarities = similarities.try_into_vec_as::<f32>()?;
    for (sentence, row) in SENTENCES.iter().zip(similarities.chunks(SENTENCES.len())) {
        println!("{sentence:22} {row:.3?}");
    }
    Ok(())
}

/// Pads sentences to the longest: `[CLS] words [SEP] [PAD] ..`.
fn batch(sentences: &[&str], device: &Device) -> EncoderInput {
    let rows: Vec<Vec<i32>> = sentences.iter().map(|sentence| tokens(sentence)).collect();
    let time = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for row in &rows {
        ids.extend((0..time).map(|t| row.get(t).copied().unwrap_or(PAD)));
        mask.extend((0..time).map(|t| t < row.len()));
    }
    let shape = [rows.len(), time];
    let mask = Tensor::<2, Bool>::from_data(TensorData::new(mask, shape), device);
    EncoderInput {
        attention_mask: Some(mask),
        ..EncoderInput::new(Tensor::<2, Int>::from_data(
            TensorData::new(ids, shape),
            device,
        ))
    }
}

/// One token per word, by a hash into the vocabulary of 512.
fn tokens(sentence: &str) -> Vec<i32> {
    let hash = |word: &str| word.bytes().fold(7, |h, b| (h * 31 + i32::from(b)) % 509) + 3;
    let words = sentence.split(' ').map(hash);
    [CLS].into_iter().chain(words).chain([SEP]).collect()
}
