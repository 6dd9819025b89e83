//! Integrated gradients: Sundararajan, Taly and Yan 2017, <https://arxiv.org/abs/1703.01365>.
//!
//! With the word embeddings `x` of the text, those `x'` of a baseline that says nothing, and the output `F`, token `t` gets
//!
//! ```text
//! sum_d (x_td - x'_td) * ∫₀¹ ∂F(x' + α (x - x')) / ∂x_td dα
//! ```
//!
//! All tokens together get `F(x) - F(x')`, the paper's completeness; how far a numerical integral is from it says whether
//! it took enough steps. The integral is taken by the midpoint rule, whose error falls with the square of the steps.

use burn::module::Module;
use burn::tensor::{Int, Tensor};

use super::ExplainError;
use crate::{EncoderInput, TextEncoder};

/// How the integral is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegratedGradients {
    /// At how many places between baseline and text the gradient is taken.
    pub steps: usize,
    /// How many of them go through the network at once.
    pub batch_size: usize,
}

impl Default for IntegratedGradients {
    /// The paper finds 20 to 300 steps to be enough.
    fn default() -> Self {
        Self {
            steps: 50,
            batch_size: 10,
        }
    }
}

impl IntegratedGradients {
    /// Checks the settings.
    ///
    /// # Errors
    /// If there are no steps, or none at once.
    pub fn validate(&self) -> Result<(), ExplainError> {
        for (setting, value) in [("steps", self.steps), ("batch_size", self.batch_size)] {
            if value == 0 {
                let reason = "must be at least 1, got 0".into();
                return Err(ExplainError::Setting { setting, reason });
            }
        }
        Ok(())
    }
}

/// How much each token adds to an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Of each token: positive where it raises the output. Tokens that the baseline has too get 0.
    pub scores: Vec<f32>,
    /// The output for the text, `F(x)`.
    pub output: f32,
    /// The output for the baseline, `F(x')`.
    pub baseline: f32,
}

impl Attribution {
    /// What the scores explain too much (or, negative, too little) of `output - baseline`: the error of the integral, zero
    /// with enough steps.
    pub fn gap(&self) -> f32 {
        self.scores.iter().sum::<f32>() - (self.output - self.baseline)
    }
}

/// What speaks for `class` in the one text of `input`, by its logit. (The probability would also move with the logits of the
/// other classes, and hardly moves at all where the model is certain.)
///
/// `baseline` `[1, time]` are the tokens of a text that says nothing: `[PAD]` in place of everything but the special tokens,
/// which have to stand where the model expects them. Only the word embeddings are replaced; positions and padding stay.
///
/// # Errors
/// More than one text, no such class, settings that make no sense, or the device failed.
///
/// # Panics
/// If the model has no head for classes.
pub fn explain_class(
    model: &TextEncoder,
    input: &EncoderInput,
    baseline: &Tensor<2, Int>,
    class: usize,
    settings: &IntegratedGradients,
) -> Result<Attribution, ExplainError> {
    let model = model.valid();
    let [text, baseline] = embeddings(&model, input, baseline)?;
    let classes = model.forward_sequence_classification(input).dims()[1];
    ExplainError::require_within("class", class, classes)?;
    integrated_gradients(text, baseline, settings, |embeddings| {
        let input = repeated(input, embeddings.dims()[0]);
        let logits = model.forward_sequence_classification_from(embeddings, &input);
        logits.narrow(1, class, 1).squeeze_dim(1)
    })
}

/// As [`explain_class`], for the answer between the positions `[start, end]`: the sum of the two logits.
///
/// # Errors
/// As [`explain_class`], and for positions beyond the text.
///
/// # Panics
/// If the model has no head for spans.
pub fn explain_answer(
    model: &TextEncoder,
    input: &EncoderInput,
    baseline: &Tensor<2, Int>,
    [start, end]: [usize; 2],
    settings: &IntegratedGradients,
) -> Result<Attribution, ExplainError> {
    let model = model.valid();
    let [text, baseline] = embeddings(&model, input, baseline)?;
    let time = text.dims()[1];
    ExplainError::require_within("position", start, time)?;
    ExplainError::require_within("position", end, time)?;
    integrated_gradients(text, baseline, settings, |embeddings| {
        let input = repeated(input, embeddings.dims()[0]);
        let [starts, ends] = model.forward_question_answering_from(embeddings, &input);
        (starts.narrow(1, start, 1) + ends.narrow(1, end, 1)).squeeze_dim(1)
    })
}

/// Integrated gradients of any function of embeddings: `text` and `baseline` are `[1, time, width]`, and `output` maps
/// `[count, time, width]` to `[count]`, each number from its own row alone.
///
/// # Errors
/// Shapes that differ, more than one text, settings that make no sense, or the device failed.
pub fn integrated_gradients(
    text: Tensor<3>,
    baseline: Tensor<3>,
    settings: &IntegratedGradients,
    output: impl Fn(Tensor<3>) -> Tensor<1>,
) -> Result<Attribution, ExplainError> {
    settings.validate()?;
    let (text, baseline) = (text.inner(), baseline.inner());
    require_one(text.dims().to_vec(), baseline.dims().to_vec())?;
    let path = text.clone() - baseline.clone();
    let mut gradient = path.zeros_like();
    for first in (0..settings.steps).step_by(settings.batch_size) {
        let count = settings.batch_size.min(settings.steps - first);
        let middles =
            Tensor::<1, Int>::arange(first as i64..(first + count) as i64, &path.device());
        let along = (middles.float() + 0.5) / settings.steps as f64;
        let points = baseline.clone() + path.clone() * along.reshape([count, 1, 1]);
        gradient = gradient + gradient_of(&output, points).sum_dim(0);
    }
    let scores: Tensor<3> = (path * gradient / settings.steps as f64).sum_dim(2);
    let ends = output(Tensor::cat(vec![text, baseline], 0));
    let ends = read(ends.inner())?;
    let [output, baseline] = ends.as_slice() else {
        let reason = format!("{} outputs for two texts", ends.len());
        return Err(ExplainError::Device(reason));
    };
    Ok(Attribution {
        scores: read(scores.reshape([-1]))?,
        output: *output,
        baseline: *baseline,
    })
}

/// Of each row's output with respect to the row. One backward pass over their sum gives all of them.
fn gradient_of(output: &impl Fn(Tensor<3>) -> Tensor<1>, points: Tensor<3>) -> Tensor<3> {
    let leaf = points.autodiff().require_grad();
    let gradients = output(leaf.clone()).sum().backward();
    // What no output depends on has no gradient.
    leaf.grad(&gradients)
        .unwrap_or_else(|| leaf.inner().zeros_like())
}

/// Word embeddings of the text and of the baseline.
fn embeddings(
    model: &TextEncoder,
    input: &EncoderInput,
    baseline: &Tensor<2, Int>,
) -> Result<[Tensor<3>; 2], ExplainError> {
    require_one(input.tokens.dims().to_vec(), baseline.dims().to_vec())?;
    let embed = |tokens: &Tensor<2, Int>| model.word_embeddings(tokens.clone());
    Ok([embed(&input.tokens), embed(baseline)])
}

fn require_one(text: Vec<usize>, baseline: Vec<usize>) -> Result<(), ExplainError> {
    if text != baseline {
        return Err(ExplainError::Baseline { text, baseline });
    }
    match text.first() {
        Some(1) => Ok(()),
        rows => Err(ExplainError::NotOneText(rows.copied().unwrap_or(0))),
    }
}

/// The one text of `input`, `count` times.
fn repeated(input: &EncoderInput, count: usize) -> EncoderInput {
    EncoderInput {
        tokens: input.tokens.clone().repeat_dim(0, count),
        token_type_ids: input.token_type_ids.clone().map(|x| x.repeat_dim(0, count)),
        attention_mask: input.attention_mask.clone().map(|x| x.repeat_dim(0, count)),
    }
}

fn read(values: Tensor<1>) -> Result<Vec<f32>, ExplainError> {
    values
        .try_into_vec_as::<f32>()
        .map_err(|e| ExplainError::Device(e.to_string()))
}
