//! Time to sample one token from GPT-2's vocabulary.
//!
//! ```sh
//! cargo bench -p tinderbox-generate
//! ```

use divan::{Bencher, black_box};
use tinderbox_generate::{Sampler, Sampling};

const VOCABULARY: usize = 50257;
const CONTEXT: usize = 1024;

fn main() {
    divan::main();
}

/// Logits within -5 to 5, without a pattern that would help sorting.
fn logits() -> Vec<f32> {
    let hash = |id: usize| (id.wrapping_mul(2_654_435_761) >> 7) % 10_000;
    (0..VOCABULARY)
        .map(|id| hash(id) as f32 / 1000.0 - 5.0)
        .collect()
}

fn bench(bencher: Bencher, sampling: Sampling) {
    let Ok(sampler) = Sampler::new(sampling, 42) else {
        return;
    };
    let logits = logits();
    let previous: Vec<u32> = (0..CONTEXT as u32).collect();
    let mut position = 0;
    bencher.bench_local(|| {
        position += 1;
        sampler.choose(black_box(&logits), black_box(&previous), position)
    });
}

#[divan::bench]
fn greedy(bencher: Bencher) {
    bench(bencher, Sampling::greedy());
}

#[divan::bench]
fn full_distribution(bencher: Bencher) {
    bench(bencher, Sampling::default());
}

#[divan::bench]
fn top_k_40(bencher: Bencher) {
    bench(bencher, Sampling::default().with_top_k(Some(40)));
}

#[divan::bench]
fn top_p_0_9(bencher: Bencher) {
    bench(bencher, Sampling::default().with_top_p(Some(0.9)));
}

#[divan::bench]
fn repetition_penalty(bencher: Bencher) {
    bench(bencher, Sampling::default().with_repetition_penalty(1.2));
}
