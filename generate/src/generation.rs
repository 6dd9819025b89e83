//! The loop: logits, a token, logits, a token.

use crate::{Choice, Sampler, SamplingError};

/// Why there is no next token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError<E: std::error::Error + 'static> {
    /// The prompt is empty: a model predicts from at least one token.
    #[error("the prompt has no tokens; begin with the token that begins or ends a text")]
    EmptyPrompt,
    /// The model failed.
    #[error(transparent)]
    Model(E),
    /// The logits allow no choice.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// The tokens that follow a prompt. It never ends by itself, except after an error: `take` as many as are wanted, and
/// stop at the token that ends a text.
pub struct Generation<F> {
    next_logits: F,
    sampler: Sampler,
    /// The prompt and what followed.
    tokens: Vec<u32>,
    /// How many of them the model has seen.
    seen: usize,
    prompt_len: usize,
    failed: bool,
}

/// Continues `prompt`. `next_logits` is told the tokens that it has not seen yet, at least one, and returns the logits of
/// the next, one for each token of the vocabulary.
pub fn generate<F, E>(next_logits: F, prompt: &[u32], sampler: Sampler) -> Generation<F>
where
    F: FnMut(&[u32]) -> Result<Vec<f32>, E>,
    E: std::error::Error + 'static,
{
    Generation {
        next_logits,
        sampler,
        tokens: prompt.to_vec(),
        seen: 0,
        prompt_len: prompt.len(),
        failed: false,
    }
}

impl<F> Generation<F> {
    /// The prompt and what has followed so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn choose<E>(&mut self) -> Result<Choice, GenerateError<E>>
    where
        F: FnMut(&[u32]) -> Result<Vec<f32>, E>,
        E: std::error::Error + 'static,
    {
        if self.tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        let logits = (self.next_logits)(&self.tokens[self.seen..]).map_err(GenerateError::Model)?;
        self.seen = self.tokens.len();
        let position = (self.tokens.len() - self.prompt_len) as u64;
        let choice = self.sampler.choose(&logits, &self.tokens, position)?;
        self.tokens.push(choice.token);
        Ok(choice)
    }
}

impl<F, E> Iterator for Generation<F>
where
    F: FnMut(&[u32]) -> Result<Vec<f32>, E>,
    E: std::error::Error + 'static,
{
    type Item = Result<Choice, GenerateError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let choice = self.choose();
        self.failed = choice.is_err();
        Some(choice)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Sampling;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
    #[error("out of order")]
    struct Broken;

    fn greedy() -> Sampler {
        let sampling = Sampling {
            temperature: 0.0,
            ..Sampling::default()
        };
        Sampler::new(sampling, 0).unwrap()
    }

    #[test]
    fn the_model_is_told_each_token_once() {
        let mut told = Vec::new();
        let model = |new: &[u32]| -> Result<Vec<f32>, Broken> {
            told.push(new.to_vec());
            Ok(vec![0.0, 1.0, 0.0])
        };
        let chosen = generate(model, &[2, 0], greedy()).take(3).count();
        assert_eq!(chosen, 3);
        assert_eq!(told, [vec![2, 0], vec![1], vec![1]]);
    }

    #[test]
    fn an_error_is_told_once_and_ends_it() {
        let model = |_: &[u32]| -> Result<Vec<f32>, Broken> { Err(Broken) };
        let all: Vec<_> = generate(model, &[0], greedy()).collect();
        assert_eq!(all, [Err(GenerateError::Model(Broken))]);
        let model = |_: &[u32]| -> Result<Vec<f32>, Broken> { Ok(vec![0.0]) };
        let all: Vec<_> = generate(model, &[], greedy()).collect();
        assert_eq!(all, [Err(GenerateError::EmptyPrompt)]);
    }
}
