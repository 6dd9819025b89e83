//! Counts the character bigrams of a sentence, and samples texts from them at several temperatures.
//!
//! ```sh
//! cargo run -p tinderbox-generate --example bigram
//! ```
#![allow(clippy::print_stdout)]

use std::convert::Infallible;

use tinderbox_generate::{NextToken, Sampler, Sampling, generate};

const TEXT: &str = "how much wood would a woodchuck chuck if a woodchuck could chuck wood";
const VOCABULARY: usize = 128;

/// Predicts the next byte from the last one.
struct Bigrams {
    counts: Vec<[f32; VOCABULARY]>,
}

impl Bigrams {
    fn new(text: &str) -> Self {
        let mut counts = vec![[0.0; VOCABULARY]; VOCABULARY];
        for pair in text.as_bytes().windows(2) {
            counts[usize::from(pair[0])][usize::from(pair[1])] += 1.0;
        }
        Self { counts }
    }
}

impl NextToken for &Bigrams {
    type Error = Infallible;

    /// Logarithms of the counts: unseen bytes get minus infinity.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Infallible> {
        let last = tokens.last().map_or(0, |&token| token as usize);
        Ok(self.counts[last].iter().map(|count| count.ln()).collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Bigrams::new(TEXT);
    for temperature in [0.0, 0.5, 1.0, 2.0] {
        let sampling = Sampling::default().with_temperature(temperature);
        let sampler = Sampler::new(sampling, 42)?;
        let mut text = String::from("w");
        for next in generate(&model, &[u32::from(b'w')], sampler).take(50) {
            text.push(char::from(next?.token as u8));
        }
        println!("temperature {temperature}: {text}");
    }
    Ok(())
}
