//! The task of image classification.

use burn::tensor::{Device, Int, Tensor, Transaction};
use tinderbox_data::image::{ImageBatch, ImageSource};
use tinderbox_kernels::loss::{cross_entropy, log_softmax};
use tinderbox_model_cnn::ImageClassifier;

use crate::TrainError;
use crate::kinds::read_logits;
use crate::metrics::{MetricInfo, Tally};
use crate::task::{HiddenState, Task};

/// Cross-entropy on class labels; accuracy, and top-5 accuracy for more than five classes.
///
/// If images of a training batch are mixed, so are their labels in the loss; training accuracy then
/// counts the label with the larger weight.
pub struct ImageClassificationTask {
    metrics: Vec<MetricInfo>,
    label_smoothing: f64,
    num_classes: usize,
    /// A weight for each class, or none.
    class_weights: Option<Vec<f32>>,
}

/// Loss, logits and labels of a training batch, not yet read from the device.
pub struct ImageClassificationOutput {
    loss: Tensor<1>,
    logits: Tensor<2>,
    labels: Vec<usize>,
}

impl ImageClassificationTask {
    /// `label_smoothing` is the share of each target that is spread over all classes (Szegedy et
    /// al. 2016, <https://arxiv.org/abs/1512.00567>), in training only.
    pub fn new(num_classes: usize, label_smoothing: f64) -> Self {
        let mut metrics = vec![MetricInfo::lower("loss"), MetricInfo::fraction("accuracy")];
        if num_classes > 5 {
            metrics.push(MetricInfo::fraction("top5_accuracy"));
        }
        Self {
            metrics,
            label_smoothing,
            num_classes,
            class_weights: None,
        }
    }

    /// Weights the classes in the training loss, as PyTorch's `CrossEntropyLoss(weight=..)`: one
    /// number for each of `num_classes`.
    #[must_use]
    pub fn with_class_weights(mut self, weights: Option<Vec<f32>>) -> Self {
        self.class_weights = weights;
        self
    }

    /// Mean loss, `[1]`, of logits and soft targets, `[batch, num_classes]` each, with rows of
    /// targets that sum to 1: PyTorch's `CrossEntropyLoss(weight=.., label_smoothing=..)` with
    /// probabilities as targets, whose mean does not divide by the weights.
    pub fn soft_loss(&self, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        let [_, classes] = targets.dims();
        let smoothing = self.label_smoothing;
        let targets = targets * (1.0 - smoothing) + smoothing / classes as f64;
        let targets = match self.weights(&targets.device()) {
            Some(weights) => targets * weights.unsqueeze(),
            None => targets,
        };
        -(targets * log_softmax(logits)).sum_dim(1).mean()
    }

    /// Mean loss, `[1]`, of logits `[batch, num_classes]`: weighted by the class of each image, if
    /// classes have weights.
    pub fn loss(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        match self.weights(&logits.device()) {
            Some(weights) => self.weighted_loss(logits, targets, weights),
            None => cross_entropy(logits, targets, self.label_smoothing).mean(),
        }
    }

    /// PyTorch's weighted mean: losses and smoothing terms are weighted by class, and their sums
    /// divided by the sum of the targets' weights.
    fn weighted_loss(
        &self,
        logits: Tensor<2>,
        targets: Tensor<1, Int>,
        weights: Tensor<1>,
    ) -> Tensor<1> {
        let [count, classes] = logits.dims();
        let smoothing = self.label_smoothing;
        let weighted = log_softmax(logits) * weights.clone().unsqueeze();
        let total = weights.select(0, targets.clone()).sum();
        let of_targets = weighted
            .clone()
            .gather(1, targets.reshape([count, 1]))
            .sum();
        let sum = of_targets * (1.0 - smoothing) + weighted.sum() * (smoothing / classes as f64);
        -sum / total
    }

    fn weights(&self, device: &Device) -> Option<Tensor<1>> {
        let weights = self.class_weights.as_deref()?;
        Some(Tensor::from_floats(weights, device))
    }
}

impl Task for ImageClassificationTask {
    type Model = ImageClassifier;
    type Source = ImageSource;
    type Output = ImageClassificationOutput;

    fn metrics(&self) -> &[MetricInfo] {
        &self.metrics
    }

    fn items(&self) -> &'static str {
        "images"
    }

    fn forward(
        &self,
        model: &ImageClassifier,
        batch: ImageBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<(Tensor<1>, ImageClassificationOutput), TrainError> {
        let labels = batch.main_labels().to_vec();
        let soft_targets = batch.soft_targets(self.num_classes, device);
        let (images, targets) = batch.into_tensors(device);
        let logits = model.forward(images);
        let loss = match soft_targets {
            Some(targets) => self.soft_loss(logits.clone(), targets),
            None => self.loss(logits.clone(), targets),
        };
        let output = ImageClassificationOutput {
            loss: loss.clone().inner(),
            logits: logits.inner(),
            labels,
        };
        Ok((loss, output))
    }

    fn tally(&self, output: ImageClassificationOutput) -> Result<Tally, TrainError> {
        // One read for both, since every read waits for the device.
        let read = Transaction::default()
            .register(output.loss)
            .register(output.logits)
            .try_execute()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        let [loss, logits] = <[_; 2]>::try_from(read)
            .map_err(|_| TrainError::Execution("the device returned too few tensors".into()))?;
        let loss = f64::from(loss.iter::<f32>().next().unwrap_or(f32::NAN));
        let logits: Vec<f32> = logits.iter::<f32>().collect();
        let count = output.labels.len();
        let sums = [
            ("loss", loss * count as f64),
            ("accuracy", within_top(1, &logits, &output.labels)),
        ];
        Ok(Tally::new(count, sums))
    }

    fn evaluate(
        &self,
        model: &ImageClassifier,
        batch: ImageBatch,
        _hidden_state: &mut HiddenState,
        device: &Device,
    ) -> Result<Tally, TrainError> {
        let labels = batch.labels.clone();
        let (images, _) = batch.into_tensors(device);
        let logits = read_logits(model.forward(images))?;
        let count = labels.len();
        let mut tally = Tally::new(
            count,
            [
                ("loss", summed_loss(&logits, &labels)),
                ("accuracy", within_top(1, &logits, &labels)),
            ],
        );
        if self.num_classes > 5 {
            let top5 = within_top(5, &logits, &labels);
            tally.sums.insert("top5_accuracy".into(), top5);
        }
        Ok(tally)
    }
}

/// Number of rows with their label among the `k` largest logits.
fn within_top(k: usize, logits: &[f32], labels: &[usize]) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let mut hits = 0;
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        let larger = |(class, logit): (usize, &f32)| {
            *logit > row[label] || (*logit == row[label] && class < label) || row[label].is_nan()
        };
        let rank = row.iter().enumerate().filter(|x| larger(*x)).count();
        hits += usize::from(rank < k);
    }
    hits as f64
}

/// Sum of `log(sum(exp(logits))) - logits[label]` over all rows, in double precision.
fn summed_loss(logits: &[f32], labels: &[usize]) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let mut sum = 0.0;
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exp: f64 = row.iter().map(|x| f64::from(x - largest).exp()).sum();
        sum += exp.ln() - f64::from(row[label] - largest);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::ranked;

    const LOGITS: [f32; 6] = [0.0, 2.0, 1.0, 3.0, 3.0, 0.0];

    #[test]
    fn ranks_break_ties_by_class() {
        assert_eq!(within_top(1, &LOGITS, &[1, 1]), 1.0);
        assert_eq!(within_top(2, &LOGITS, &[2, 1]), 2.0);
        assert_eq!(within_top(1, &LOGITS, &[1, 0]), 2.0);
        assert_eq!(within_top(1, &[f32::NAN, f32::NAN], &[0]), 0.0);
    }

    #[test]
    fn the_loss_is_the_negative_log_probability() {
        let [top, ..] = ranked(&LOGITS[..3])[..] else {
            panic!("no classes");
        };
        assert_eq!(top.0, 1);
        assert!((summed_loss(&LOGITS[..3], &[1]) + top.1.ln()).abs() < 1e-12);
    }

    /// `CrossEntropyLoss(label_smoothing=s)(torch.tensor(logits), torch.tensor(soft))` of PyTorch
    /// 2.15.
    #[test]
    fn the_soft_loss_is_pytorchs() {
        let device = Device::flex();
        let loss = |smoothing, targets: [[f32; 3]; 2]| {
            let logits = Tensor::<2>::from_floats([[0.0, 2.0, 1.0], [3.0, 3.0, 0.0]], &device);
            let targets = Tensor::<2>::from_floats(targets, &device);
            let task = ImageClassificationTask::new(3, smoothing);
            task.soft_loss(logits, targets).into_scalar::<f32>()
        };
        let soft = [[0.25, 0.75, 0.0], [0.0, 0.3, 0.7]];
        for (smoothing, expected) in PYTORCHS {
            let got = loss(smoothing, soft);
            assert!((got - expected).abs() < 1e-6, "{smoothing}: {got}");
        }
        // One-hot targets give the loss on labels.
        let task = ImageClassificationTask::new(3, 0.1);
        let logits = Tensor::<2>::from_floats([[0.0, 2.0, 1.0], [3.0, 3.0, 0.0]], &device);
        let labels = Tensor::from_ints([1, 2], &device);
        let hard = task.loss(logits, labels).into_scalar::<f32>();
        let got = loss(0.1, [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!((got - hard).abs() < 1e-6, "{got} {hard}");
    }

    /// `CrossEntropyLoss(weight=torch.tensor([0.5, 2, 1.25]), label_smoothing=s)` of PyTorch 2.15,
    /// on labels and on soft targets.
    #[test]
    fn the_weighted_loss_is_pytorchs() {
        let device = Device::flex();
        for (smoothing, on_labels, on_soft_targets) in WEIGHTED {
            let task = ImageClassificationTask::new(3, smoothing)
                .with_class_weights(Some(vec![0.5, 2.0, 1.25]));
            let logits = Tensor::<2>::from_floats([[0.0, 2.0, 1.0], [3.0, 3.0, 0.0]], &device);
            let labels = Tensor::from_ints([1, 2], &device);
            let loss = task.loss(logits.clone(), labels).into_scalar::<f32>();
            assert!((loss - on_labels).abs() < 1e-6, "{smoothing}: {loss}");
            let soft = [[0.25, 0.75, 0.0], [0.0, 0.3, 0.7]];
            let loss = task.soft_loss(logits, Tensor::from_floats(soft, &device));
            let loss = loss.into_scalar::<f32>();
            assert!((loss - on_soft_targets).abs() < 1e-6, "{smoothing}: {loss}");
        }
    }
    const WEIGHTED: [(f64, f32, f32); 2] = [
        (0.0, 1.680_732_8, 2.298_01),
        (0.1, 1.617_480_4, 2.238_542_8),
    ];

    const PYTORCHS: [(f64, f32); 2] = [(0.0, 1.862_671), (0.1, 1.832_670_9)];

    #[test]
    fn large_logits_stay_finite() {
        assert_eq!(summed_loss(&[1e30, -1e30], &[0]), 0.0);
    }
}
