//! The generation loop: read tokens, predict logits, sample a token, repeat.

use crate::{Choice, NextToken, Sampler, SamplingError};

/// Why generation stopped with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError<E: std::error::Error + 'static> {
    /// The prompt is empty; a model predicts from at least one token.
    #[error("the prompt has no tokens; start with the token that begins or ends a text")]
    EmptyPrompt,
    /// The model failed.
    #[error(transparent)]
    Model(E),
    /// No token can be sampled from the logits.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// Iterator over the tokens that follow a prompt. It ends only after an error: `take` as many
/// tokens as needed, and stop at the end-of-text token.
pub struct Generation<M> {
    model: M,
    sampler: Sampler,
    /// The prompt and the generated tokens.
    tokens: Vec<u32>,
    /// Number of tokens that the model has read.
    read: usize,
    prompt_len: usize,
    failed: bool,
}

/// Continues `prompt` with tokens that `sampler` draws from the predictions of `model`.
pub fn generate<M: NextToken>(model: M, prompt: &[u32], sampler: Sampler) -> Generation<M> {
    Generation {
        model,
        sampler,
        tokens: prompt.to_vec(),
        read: 0,
        prompt_len: prompt.len(),
        failed: false,
    }
}

impl<M> Generation<M> {
    /// The prompt and the tokens generated so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}

impl<M: NextToken> Generation<M> {
    fn choose(&mut self) -> Result<Choice, GenerateError<M::Error>> {
        if self.tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        let unread = &self.tokens[self.read..];
        let logits = self
            .model
            .next_logits(unread)
            .map_err(GenerateError::Model)?;
        self.read = self.tokens.len();
        let position = (self.tokens.len() - self.prompt_len) as u64;
        let choice = self.sampler.choose(&logits, &self.tokens, position)?;
        self.tokens.push(choice.token);
        Ok(choice)
    }
}

impl<M: NextToken> Iterator for Generation<M> {
    type Item = Result<Choice, GenerateError<M::Error>>;

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
        Sampler::new(Sampling::greedy(), 0).unwrap()
    }

    #[test]
    fn the_model_reads_each_token_once() {
        let mut read = Vec::new();
        let model = |new: &[u32]| -> Result<Vec<f32>, Broken> {
            read.push(new.to_vec());
            Ok(vec![0.0, 1.0, 0.0])
        };
        let chosen = generate(model, &[2, 0], greedy()).take(3).count();
        assert_eq!(chosen, 3);
        assert_eq!(read, [vec![2, 0], vec![1], vec![1]]);
    }

    #[test]
    fn an_error_is_returned_once_and_ends_generation() {
        let model = |_: &[u32]| -> Result<Vec<f32>, Broken> { Err(Broken) };
        let all: Vec<_> = generate(model, &[0], greedy()).collect();
        assert_eq!(all, [Err(GenerateError::Model(Broken))]);
        let model = |_: &[u32]| -> Result<Vec<f32>, Broken> { Ok(vec![0.0]) };
        let all: Vec<_> = generate(model, &[], greedy()).collect();
        assert_eq!(all, [Err(GenerateError::EmptyPrompt)]);
    }
}
