/// A language model seen from outside: it reads tokens and returns the logits of the next one.
///
/// The model keeps what it has read (a KV cache, a hidden state), so every token is passed once.
/// Closures `FnMut(&[u32]) -> Result<Vec<f32>, E>` are such models, too.
pub trait NextToken {
    /// Error of a failed prediction.
    type Error: std::error::Error + 'static;

    /// Reads `tokens`, at least one, which follow those read before, and returns the logits of the
    /// token after them: one per entry of the vocabulary.
    ///
    /// # Errors
    /// The model cannot read `tokens`, or failed.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Self::Error>;
}

impl<F, E> NextToken for F
where
    F: FnMut(&[u32]) -> Result<Vec<f32>, E>,
    E: std::error::Error + 'static,
{
    type Error = E;

    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, E> {
        self(tokens)
    }
}

/// Why a model cannot predict the next token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// An empty slice of tokens.
    #[error("there are no tokens")]
    NoTokens,
    /// A token id outside the vocabulary.
    #[error("token {token} is outside the model's vocabulary of {vocab_size}")]
    UnknownToken {
        /// Token id.
        token: u32,
        /// Vocabulary size.
        vocab_size: usize,
    },
    /// More tokens at once than the context length.
    #[error(
        "{tokens} tokens exceed the model's context length of {context_length}; shorten the text"
    )]
    ContextLength {
        /// Number of tokens.
        tokens: usize,
        /// Context length of the model.
        context_length: usize,
    },
    /// The backend failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl PredictError {
    /// Checks that `tokens` is not empty and within the vocabulary.
    ///
    /// # Errors
    /// [`PredictError::NoTokens`] or [`PredictError::UnknownToken`].
    pub fn check_tokens(tokens: &[u32], vocab_size: usize) -> Result<(), Self> {
        if tokens.is_empty() {
            return Err(Self::NoTokens);
        }
        match tokens.iter().find(|token| **token as usize >= vocab_size) {
            Some(&token) => Err(Self::UnknownToken { token, vocab_size }),
            None => Ok(()),
        }
    }

    /// Checks that `tokens` fit in the context of a model.
    ///
    /// # Errors
    /// [`PredictError::ContextLength`].
    pub fn check_length(tokens: &[u32], context_length: usize) -> Result<(), Self> {
        if tokens.len() > context_length {
            return Err(Self::ContextLength {
                tokens: tokens.len(),
                context_length,
            });
        }
        Ok(())
    }
}
