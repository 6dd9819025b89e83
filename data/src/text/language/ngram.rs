//! Perplexities of n-gram models. They are exact functions of the data, so they show whether two
//! programs agree on every token, and they are a baseline that every trained model has to beat.
//!
//! With `c(w)` the occurrences of token `w` in the training split, `n` their sum, `c(v, w)` those
//! of `w` directly after `v`, and `c(v)` the number of tokens that follow a `v`, the probability of
//! `w` after `v` is
//!
//! ```text
//! unigram       p(w)     = c(w) / n
//! interpolated  p(w | v) = 0.7 c(v, w) / c(v) + 0.3 c(w) / n
//! ```
//!
//! The first term is 0 if nothing followed `v` in training; the second is then still 0.3 times the
//! unigram. An unseen token has probability 0, and a split that contains one has infinite
//! perplexity. The perplexity of a split is the exponential of the mean of `-ln p` over its tokens,
//! `<eos>` included.

use super::Tokens;
use crate::error::DataError;
use std::collections::HashMap;

/// Weight of the bigram term.
const BIGRAM_WEIGHT: f64 = 0.7;
/// Tokens read at a time.
const CHUNK: usize = 1 << 16;

/// Token counts of a training split.
#[derive(Clone, Debug)]
pub struct NgramStats {
    start: Option<u32>,
    /// Count of each token.
    unigrams: Vec<u64>,
    /// Sum of the unigram counts.
    total: u64,
    /// Number of tokens that follow each token.
    contexts: Vec<u64>,
    bigrams: HashMap<(u32, u32), u64>,
}

/// Perplexities of a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NgramScore {
    /// Predicted tokens.
    pub tokens: u64,
    /// Unigram perplexity; infinite if a token was not seen in training.
    pub unigram: f64,
    /// Perplexity of 0.7 times the bigram plus 0.3 times the unigram probability; infinite as
    /// above.
    pub interpolated: f64,
    /// Tokens that were not seen in training.
    pub unseen: u64,
}

impl NgramStats {
    /// Counts `train`, whose ids are below `vocab_size`. `start`, the end-of-text token, precedes
    /// the first token; without it the first token counts only as a unigram.
    ///
    /// # Errors
    /// If there are no tokens, an id is outside the vocabulary, or a shard cannot be read.
    pub fn count(train: &Tokens, vocab_size: usize, start: Option<u32>) -> Result<Self, DataError> {
        check(start.as_slice(), vocab_size)?;
        let mut unigrams = vec![0; vocab_size];
        let mut contexts = vec![0; vocab_size];
        let mut bigrams = HashMap::new();
        let total = each(train, vocab_size, start, |previous, token| {
            unigrams[token as usize] += 1;
            if let Some(previous) = previous {
                contexts[previous as usize] += 1;
                *bigrams.entry((previous, token)).or_default() += 1;
            }
        })?;
        Ok(Self {
            start,
            unigrams,
            total,
            contexts,
            bigrams,
        })
    }

    /// Returns the perplexities of `tokens`. The first token is predicted as in training: after
    /// `start`, or, without it, by the unigram alone (`p(w)` in both).
    ///
    /// # Errors
    /// If there are no tokens, an id is outside the vocabulary, or a shard cannot be read.
    pub fn score(&self, tokens: &Tokens) -> Result<NgramScore, DataError> {
        let (mut unigram, mut interpolated, mut unseen) = (0.0, 0.0, 0);
        let count = each(
            tokens,
            self.unigrams.len(),
            self.start,
            |previous, token| {
                let alone = self.unigrams[token as usize] as f64 / self.total as f64;
                let both = match previous {
                    Some(previous) => {
                        BIGRAM_WEIGHT * self.after(previous, token) + (1.0 - BIGRAM_WEIGHT) * alone
                    }
                    None => alone,
                };
                unigram -= alone.ln();
                interpolated -= both.ln();
                unseen += u64::from(alone == 0.0);
            },
        )?;
        Ok(NgramScore {
            tokens: count,
            unigram: (unigram / count as f64).exp(),
            interpolated: (interpolated / count as f64).exp(),
            unseen,
        })
    }

    /// `c(v, w) / c(v)`, or 0.
    fn after(&self, previous: u32, token: u32) -> f64 {
        match self.bigrams.get(&(previous, token)) {
            Some(&count) => count as f64 / self.contexts[previous as usize] as f64,
            None => 0.0,
        }
    }
}

/// Calls `visit` with every token and its predecessor (`start` for the first); returns the number
/// of tokens.
fn each(
    tokens: &Tokens,
    vocab_size: usize,
    start: Option<u32>,
    mut visit: impl FnMut(Option<u32>, u32),
) -> Result<u64, DataError> {
    if tokens.is_empty() {
        return Err(DataError::config("corpus", "it has no tokens"));
    }
    let mut previous = start;
    for begin in (0..tokens.len()).step_by(CHUNK) {
        let ids = tokens.read(begin..tokens.len().min(begin + CHUNK))?;
        check(&ids, vocab_size)?;
        for token in ids {
            visit(previous, token);
            previous = Some(token);
        }
    }
    Ok(tokens.len() as u64)
}

fn check(ids: &[u32], vocab_size: usize) -> Result<(), DataError> {
    match ids.iter().find(|&&id| id as usize >= vocab_size) {
        None => Ok(()),
        Some(id) => {
            let reason = format!("token {id} is outside the vocabulary of {vocab_size} tokens");
            Err(DataError::config("corpus", reason))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `a b a c` preceded by 0, by hand: c(a) = 2, c(b) = c(c) = 1, of 4.
    #[test]
    fn a_small_corpus_by_hand() {
        let train = Tokens::from(vec![1, 2, 1, 3]);
        let stats = NgramStats::count(&train, 5, Some(0)).unwrap();
        assert_eq!(
            (&stats.unigrams[..], stats.total),
            (&[0, 2, 1, 1, 0][..], 4)
        );
        let score = stats.score(&train).unwrap();
        let unigram = (0.5_f64 * 0.25 * 0.5 * 0.25).powf(-0.25);
        // a always follows 0 and b; after a, b and c are equally frequent.
        let interpolated = [
            0.7 + 0.3 * 0.5,
            0.35 + 0.3 * 0.25,
            0.7 + 0.3 * 0.5,
            0.35 + 0.3 * 0.25,
        ];
        let interpolated = interpolated.iter().product::<f64>().powf(-0.25);
        assert_eq!((score.tokens, score.unseen), (4, 0));
        assert!((score.unigram - unigram).abs() < 1e-12, "{score:?}");
        assert!(
            (score.interpolated - interpolated).abs() < 1e-12,
            "{score:?}"
        );
        // Nothing followed c, so only the unigram term is left. b never followed b, but b was seen.
        let score = stats.score(&Tokens::from(vec![3, 2, 2])).unwrap();
        let interpolated = (0.3 * 0.25_f64).powi(3).powf(-1.0 / 3.0);
        assert!(
            (score.interpolated - interpolated).abs() < 1e-9,
            "{score:?}"
        );
    }

    #[test]
    fn without_a_start_the_first_token_is_a_unigram() {
        let train = Tokens::from(vec![1, 2]);
        let stats = NgramStats::count(&train, 3, None).unwrap();
        let score = stats.score(&train).unwrap();
        let expected = (0.5 * (0.7 + 0.3 * 0.5_f64)).powf(-0.5);
        assert!((score.interpolated - expected).abs() < 1e-12, "{score:?}");
    }

    #[test]
    fn unseen_tokens_are_counted_and_make_perplexities_infinite() {
        let stats = NgramStats::count(&Tokens::from(vec![1, 2, 1]), 5, None).unwrap();
        let score = stats.score(&Tokens::from(vec![1, 3, 4, 2])).unwrap();
        assert_eq!((score.tokens, score.unseen), (4, 2));
        assert!(score.unigram.is_infinite() && score.interpolated.is_infinite());
    }

    /// Counts do not depend on the size of a read.
    #[test]
    fn a_corpus_longer_than_one_read() {
        let ids: Vec<u32> = (0..CHUNK as u32 + 1000).map(|i| i % 7).collect();
        let stats = NgramStats::count(&Tokens::from(ids), 7, Some(6)).unwrap();
        assert_eq!(stats.contexts.iter().sum::<u64>(), CHUNK as u64 + 1000);
        assert_eq!(stats.bigrams.len(), 7);
    }

    #[test]
    fn errors_name_the_fault() {
        let message = |ids: Vec<u32>, start| {
            let stats = NgramStats::count(&Tokens::from(ids), 3, start);
            stats.unwrap_err().to_string()
        };
        assert!(message(vec![], None).contains("no tokens"));
        assert!(message(vec![0, 3], None).contains("token 3 is outside the vocabulary of 3"));
        assert!(message(vec![0], Some(7)).contains("token 7 is outside"));
    }
}
