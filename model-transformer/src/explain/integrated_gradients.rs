//! Integrated gradients: Sundararajan, Taly and Yan 2017, <https://arxiv.org/abs/1703.01365>.
//!
//! With the word embeddings `x` of the text, those `x'` of an uninformative baseline, and the
//! output `F`, token `t` gets
//!
//! ```text
//! sum_d (x_td - x'_td) * ∫₀¹ ∂F(x' + α (x - x')) / ∂x_td dα
//! ```
//!
//! The scores sum to `F(x) - F(x')` (the paper's completeness axiom); the gap of a numerical
//! integral tells if it took enough steps. The midpoint rule is used, whose error falls with the
//! square of the number of steps.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use derive_setters::Setters;

use super::ExplainError;
use crate::encoder::MissingHead;
use crate::{EncoderInput, TextEncoder};

/// Settings of the numerical integration.
#[derive(Clone, Debug, PartialEq, Eq, Setters)]
#[setters(prefix = "with_")]
#[non_exhaustive]
pub struct IntegratedGradients {
    /// Number of gradients between baseline and text.
    pub steps: usize,
    /// Number of steps per forward pass.
    pub batch_size: usize,
}

impl Default for IntegratedGradients {
    /// 50 steps; the paper finds 20 to 300 sufficient.
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
    /// If `steps` or `batch_size` is 0.
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

/// Contribution of each token to an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Score of each token, positive where it raises the output. Tokens shared with the baseline
    /// get 0.
    pub scores: Vec<f32>,
    /// Output for the text, `F(x)`.
    pub output: f32,
    /// Output for the baseline, `F(x')`.
    pub baseline: f32,
}

impl Attribution {
    /// Sum of the scores minus `output - baseline`: the error of the integral, near zero with
    /// enough steps.
    pub fn gap(&self) -> f32 {
        self.scores.iter().sum::<f32>() - (self.output - self.baseline)
    }
}

/// Attributes the logit of `class` to the tokens of the one text in `input`. (A probability would
/// also move with the other classes' logits, and hardly at all where the model is certain.)
///
/// `baseline` `[1, time]` is an uninformative text: `[PAD]` in place of every token but the special
/// ones, which have to be where the model expects them. Only word embeddings are replaced;
/// positions and padding stay.
///
/// # Errors
/// More than one text, a class out of range, invalid settings, a model without a sequence
/// classification head, or a failure of the device.
pub fn explain_class(
    model: &TextEncoder,
    input: &EncoderInput,
    baseline: &Tensor<2, Int>,
    class: usize,
    settings: &IntegratedGradients,
) -> Result<Attribution, ExplainError> {
    let model = model.valid();
    let [text, baseline] = embeddings(&model, input, baseline)?;
    let classes = model.forward_sequence_classification(input)?.dims()[1];
    ExplainError::require_within("class", class, classes)?;
    integrate(text, baseline, settings, |embeddings| {
        let input = repeated(input, embeddings.dims()[0]);
        let logits = model.forward_sequence_classification_from(embeddings, &input)?;
        Ok(logits.narrow(1, class, 1).squeeze_dim(1))
    })
}

/// As [`explain_class`], for an answer from position `start` to `end`: the sum of their logits.
///
/// # Errors
/// As [`explain_class`]; the model needs a question answering head, and positions must be within
/// the text.
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
    integrate(text, baseline, settings, |embeddings| {
        let input = repeated(input, embeddings.dims()[0]);
        let [starts, ends] = model.forward_question_answering_from(embeddings, &input)?;
        Ok((starts.narrow(1, start, 1) + ends.narrow(1, end, 1)).squeeze_dim(1))
    })
}

/// Integrated gradients of any function of embeddings: `text` and `baseline` are `[1, time,
/// hidden]`, and `output` maps `[count, time, hidden]` to `[count]`, row by row.
///
/// # Errors
/// Shapes that differ, more than one text, invalid settings, or a failure of the device.
pub fn integrated_gradients(
    text: Tensor<3>,
    baseline: Tensor<3>,
    settings: &IntegratedGradients,
    output: impl Fn(Tensor<3>) -> Tensor<1>,
) -> Result<Attribution, ExplainError> {
    integrate(text, baseline, settings, |embeddings| {
        Ok(output(embeddings))
    })
}

fn integrate(
    text: Tensor<3>,
    baseline: Tensor<3>,
    settings: &IntegratedGradients,
    output: impl Fn(Tensor<3>) -> Result<Tensor<1>, MissingHead>,
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
        gradient = gradient + gradient_of(&output, points)?.sum_dim(0);
    }
    let scores: Tensor<3> = (path * gradient / settings.steps as f64).sum_dim(2);
    let ends = output(Tensor::cat(vec![text, baseline], 0))?;
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

/// Gradient of each row's output with respect to the row, by one backward pass over the sum.
fn gradient_of(
    output: &impl Fn(Tensor<3>) -> Result<Tensor<1>, MissingHead>,
    points: Tensor<3>,
) -> Result<Tensor<3>, MissingHead> {
    let leaf = points.autodiff().require_grad();
    let gradients = output(leaf.clone())?.sum().backward();
    // No gradient if no output depends on the embeddings.
    let gradient = leaf.grad(&gradients);
    Ok(gradient.unwrap_or_else(|| leaf.inner().zeros_like()))
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

/// The text of `input`, repeated `count` times.
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
