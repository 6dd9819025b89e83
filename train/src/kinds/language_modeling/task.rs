//! The task of language modelling: predict the next token.

use burn::tensor::{Device, Int, Tensor};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::LmBatch;
use tinderbox_kernels::loss::cross_entropy;
use tinderbox_model_rnn::{RnnState, regularization};

use super::model::LanguageModel;
use super::recipe::LanguageRecipe;
use super::token_source::TokenSource;
use crate::TrainError;
use crate::metrics::{MetricInfo, Tally, Values};
use crate::task::{HiddenState, Task};

/// Cross-entropy of the next token in nats, averaged over tokens; its exponential, the perplexity;
/// and bits per character for tokens that are characters.
///
/// A recurrent model's hidden state is carried from batch to batch, detached from the graph. Its
/// loss may have two more terms (activation regularisation, Merity et al. 2017,
/// <https://arxiv.org/abs/1708.02182>, section 4.6), which are not reported.
pub struct LanguageModelingTask {
    metrics: Vec<MetricInfo>,
    label_smoothing: f64,
    ar_alpha: f64,
    tar_beta: f64,
    /// With varying lengths, the one that the learning rate is meant for.
    usual_length: Option<usize>,
    is_by_character: bool,
}

/// Loss of a training batch, not yet read from the device.
pub struct LanguageModelingOutput {
    loss: Tensor<1>,
    tokens: usize,
}

impl LanguageModelingTask {
    /// The task of `recipe`, with the tokenizer of its text.
    pub fn new(recipe: &LanguageRecipe, tokenizer: &Tokenizer) -> Self {
        let data = &recipe.data;
        let is_by_character = tokenizer.is_by_character();
        let mut metrics = vec![MetricInfo::lower("loss"), MetricInfo::lower("perplexity")];
        if is_by_character {
            metrics.push(MetricInfo::lower(BITS));
        }
        Self {
            metrics,
            label_smoothing: recipe.train.label_smoothing,
            ar_alpha: recipe.train.ar_alpha,
            tar_beta: recipe.train.tar_beta,
            usual_length: data.vary_length.then_some(data.sequence_length),
            is_by_character,
        }
    }

    fn regularisation(&self, activations: &tinderbox_model_rnn::Activations) -> Option<Tensor<1>> {
        let (alpha, beta) = (self.ar_alpha, self.tar_beta);
        let mut terms = Vec::new();
        if alpha > 0.0 {
            terms.push(regularization::activation(activations, alpha));
        }
        if beta > 0.0 {
            terms.push(regularization::temporal_activation(activations, beta));
        }
        terms.into_iter().reduce(|sum, term| sum + term)
    }
}

const BITS: &str = "bits_per_character";

/// Logits of a batch, `[batch * time, vocab]`. A recurrent model's state is read from and written
/// to `hidden_state`.
fn logits(
    model: &LanguageModel,
    batch: &LmBatch,
    hidden_state: &mut HiddenState,
    device: &Device,
) -> Result<(Tensor<2>, Option<tinderbox_model_rnn::Activations>), TrainError> {
    let inputs = batch.inputs(device);
    let (logits, activations) = match model {
        LanguageModel::Attention(model) => (model.forward(inputs), None),
        LanguageModel::Recurrent(model) => {
            let state = RnnState::from_named(std::mem::take(hidden_state))
                .map_err(|e| TrainError::Mismatch(e.to_string()))?;
            let output = model.forward(inputs, state);
            *hidden_state = output.state.detach().into_named();
            (output.logits, Some(output.activations))
        }
    };
    let [batch, time, vocab] = logits.dims();
    Ok((logits.reshape([batch * time, vocab]), activations))
}

fn flat_targets(batch: &LmBatch, device: &Device) -> Tensor<1, Int> {
    let [rows, time] = batch.shape;
    batch.targets(device).reshape([rows * time])
}

impl Task for LanguageModelingTask {
    type Model = LanguageModel;
    type Source = TokenSource;
    type Output = LanguageModelingOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "tokens"
    }

    fn size(&self, source: &TokenSource) -> usize {
        source.tokens()
    }

    fn values(&self, tally: &Tally) -> Values {
        let mut values = tally.means();
        if let Some(&loss) = values.get("loss") {
            values.insert("perplexity".into(), loss.exp());
            if self.is_by_character {
                values.insert(BITS.into(), loss / std::f64::consts::LN_2);
            }
        }
        values
    }

    fn rate_factor(&self, batch: &LmBatch) -> f64 {
        match self.usual_length {
            Some(usual) => batch.shape[1] as f64 / usual as f64,
            None => 1.0,
        }
    }

    fn forward(
        &self,
        model: &LanguageModel,
        batch: LmBatch,
        hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, LanguageModelingOutput), TrainError> {
        let (logits, activations) = logits(model, &batch, hidden_state, device)?;
        let targets = flat_targets(&batch, device);
        let losses = cross_entropy(logits, targets, self.label_smoothing);
        let tokens = batch.tokens();
        // All targets of a training batch count.
        let mut loss = losses.mean();
        let output = LanguageModelingOutput {
            loss: loss.clone().inner(),
            tokens,
        };
        if let Some(penalty) = activations.and_then(|a| self.regularisation(&a)) {
            loss = loss + penalty;
        }
        Ok((loss, output))
    }

    fn tally(&self, output: LanguageModelingOutput) -> Result<Tally, TrainError> {
        let loss = output
            .loss
            .try_into_scalar::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        let sum = f64::from(loss) * output.tokens as f64;
        Ok(Tally::new(output.tokens, [("loss", sum)]))
    }

    fn evaluate(
        &self,
        model: &LanguageModel,
        batch: LmBatch,
        hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let (logits, _) = logits(model, &batch, hidden_state, device)?;
        let losses = cross_entropy(logits, flat_targets(&batch, device), 0.0);
        let losses = losses
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        let counted = losses.iter().zip(&batch.counted).filter(|(_, c)| **c);
        let sum: f64 = counted.map(|(loss, _)| f64::from(*loss)).sum();
        Ok(Tally::new(batch.tokens(), [("loss", sum)]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    /// `F.cross_entropy(logits, torch.tensor([1, 0]), reduction="none", label_smoothing=s)` of
    /// PyTorch 2.15.
    #[test]
    fn the_losses_are_pytorchs() {
        let device = Device::flex();
        for (smoothing, expected) in PYTORCHS {
            let logits = Tensor::from_floats([[0.0, 2.0, 1.0], [3.0, 3.0, 0.0]], &device);
            let targets = Tensor::from_ints([1, 0], &device);
            let losses = cross_entropy(logits, targets, smoothing);
            for (got, expected) in losses
                .try_into_vec_as::<f32>()
                .unwrap()
                .iter()
                .zip(expected)
            {
                assert!((got - expected).abs() < 1e-6, "{smoothing}: {got}");
            }
        }
    }
    const PYTORCHS: [(f64, [f32; 2]); 2] = [
        (0.0, [0.407_606, 0.717_735_9]),
        (0.1, [0.507_606, 0.817_735_9]),
    ];

    #[test]
    fn large_logits_stay_finite() {
        let device = Device::flex();
        let logits = Tensor::from_floats([[1e30, -1e30]], &device);
        let losses = cross_entropy(logits, Tensor::from_ints([0], &device), 0.0);
        assert_eq!(losses.try_into_vec_as::<f32>().unwrap(), [0.0]);
    }

    fn task(set: &str) -> LanguageModelingTask {
        let recipe = Recipe::load("transformer", &[set.into()]).unwrap();
        let recipe: LanguageRecipe = recipe.typed().unwrap();
        let letters = ["a", "b"].map(String::from).to_vec();
        let tokenizer = Tokenizer::from_characters(letters).unwrap();
        LanguageModelingTask::new(&recipe, &tokenizer)
    }

    #[test]
    fn perplexity_follows_from_the_mean_over_tokens() {
        let mut tally = Tally::new(3, [("loss", 3.0)]);
        tally.add(&Tally::new(1, [("loss", 5.0)]));
        let values = task("seed=1").values(&tally);
        assert_eq!(values["perplexity"], 2.0_f64.exp());
        assert_eq!(values[BITS], 2.0 / std::f64::consts::LN_2);
        assert!(task("seed=1").values(&Tally::default()).is_empty());
    }

    #[test]
    fn the_rate_follows_a_length_that_varies() {
        let batch = LmBatch {
            shape: [1, 16],
            inputs: vec![0; 16],
            targets: vec![0; 16],
            counted: vec![true; 16],
        };
        assert_eq!(task("data.vary_length=false").rate_factor(&batch), 1.0);
        assert_eq!(task("data.vary_length=true").rate_factor(&batch), 0.25);
    }
}
