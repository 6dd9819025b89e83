//! Steps after pooling, from vector to vector.

use std::path::Path;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use super::{invalid, parse};
use crate::huggingface::{HuggingFaceError, read_weights};
use crate::layers::Activation;
use crate::weights::{LoadOptions, load_dict};

/// Lower bound of the norm that a vector is divided by, as in PyTorch's `F.normalize`: zeros stay
/// zeros.
const MIN_NORM: f64 = 1e-12;
/// Settings of a step, in its folder.
const CONFIG: &str = "config.json";
/// Name of the vector among the values that the steps of sentence-transformers pass on.
const VECTOR: &str = "sentence_embedding";

/// A step after pooling, from vector to vector. Dropout, which does nothing at inference, is none.
#[derive(Debug)]
pub enum Step {
    /// Linear layer with an activation function.
    Dense(Box<Dense>),
    /// [`l2_normalize`].
    Normalize,
    /// The first features alone, at most this number.
    Truncate(usize),
}

impl Step {
    /// `[batch, width]` to `[batch, other width]`.
    pub fn forward(&self, vectors: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(dense) => dense.forward(vectors),
            Self::Normalize => l2_normalize(vectors),
            Self::Truncate(_) => {
                let [_, width] = vectors.dims();
                vectors.narrow(1, 0, self.output_width(width))
            }
        }
    }

    /// Number of features after the step, with `width` of them before it.
    pub fn output_width(&self, width: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.widths()[1],
            Self::Normalize => width,
            Self::Truncate(kept) => width.min(*kept),
        }
    }
}

/// Divides every row of `[batch, hidden]` by its L2 norm, so that the dot product of two rows is
/// their cosine similarity.
pub fn l2_normalize(vectors: Tensor<2>) -> Tensor<2> {
    let norm = vectors.clone().square().sum_dim(1).sqrt();
    vectors / norm.clamp_min(MIN_NORM)
}

/// `activation(linear(x))`, or `x + activation(linear(x))`, where `x` is projected to the new width
/// if that differs.
#[derive(Module, Debug)]
pub struct Dense {
    linear: Linear,
    residual: Option<Linear>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    adds_input: bool,
}

/// `config.json` of a Dense step.
#[derive(Deserialize)]
struct DenseFile {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    /// Path of a class of `torch.nn`.
    #[serde(default = "tanh")]
    activation_function: String,
    #[serde(default)]
    use_residual: bool,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
}

fn yes() -> bool {
    true
}

fn tanh() -> String {
    "torch.nn.modules.activation.Tanh".into()
}

/// `config.json` of a step without weights.
#[derive(Default, Deserialize)]
struct PlainFile {
    module_input_name: Option<String>,
    module_output_name: Option<String>,
}

impl Dense {
    /// Reads the step in `folder`.
    ///
    /// # Errors
    /// As [`SentenceEncoder::open`](super::SentenceEncoder::open).
    pub(super) fn open(folder: &Path, device: &Device) -> Result<Self, HuggingFaceError> {
        let path = folder.join(CONFIG);
        let file: DenseFile = parse(&path)?;
        check_names(&path, &file.module_input_name, &file.module_output_name)?;
        let (width, new_width) = (file.in_features, file.out_features);
        // 2^24 numbers a side are far beyond any vector, and far below what would overflow.
        if width == 0 || new_width == 0 || width.max(new_width) >= 1 << 24 {
            let reason = format!("`in_features` of {width} and `out_features` of {new_width}");
            return Err(invalid(&path, &reason));
        }
        let name = &file.activation_function;
        let activation = Activation::from_torch(name).ok_or_else(|| {
            let reason = format!("`activation_function` {name} is not supported");
            HuggingFaceError::Unsupported { path, reason }
        })?;
        let (weights, file_path) = read_weights(folder)?;
        let linear = |bias| LinearConfig::new(width, new_width).with_bias(bias);
        let is_projected = file.use_residual && width != new_width;
        let dense = Self {
            linear: linear(file.bias).init(device),
            residual: is_projected.then(|| linear(false).init(device)),
            activation,
            adds_input: file.use_residual,
        };
        let options = LoadOptions::default();
        let (dense, _) = load_dict(dense, weights, &options, &file_path)?;
        Ok(dense)
    }

    /// `[batch, input width]` to `[batch, output width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.activation.forward(self.linear.forward(x.clone()));
        match &self.residual {
            Some(residual) => y + residual.forward(x),
            None if self.adds_input => y + x,
            None => y,
        }
    }

    /// Width of the input and of the output.
    pub fn widths(&self) -> [usize; 2] {
        self.linear.weight.lazy_shape().dims()
    }
}

/// Checks the settings of a step without weights, if its folder has any.
pub(super) fn check_plain(folder: &Path) -> Result<(), HuggingFaceError> {
    let path = folder.join(CONFIG);
    if !path.is_file() {
        return Ok(());
    }
    let file: PlainFile = parse(&path)?;
    check_names(&path, &file.module_input_name, &file.module_output_name)
}

/// A step may read and write other values than the vector, such as the features of tokens.
fn check_names(
    path: &Path,
    input: &Option<String>,
    output: &Option<String>,
) -> Result<(), HuggingFaceError> {
    let names = [("module_input_name", input), ("module_output_name", output)];
    for (key, name) in names {
        if let Some(name) = name.as_ref().filter(|name| *name != VECTOR) {
            let reason = format!("`{key}` is \"{name}\"; only \"{VECTOR}\" is supported");
            let path = path.to_path_buf();
            return Err(HuggingFaceError::Unsupported { path, reason });
        }
    }
    Ok(())
}
