//! Loading weights into a model.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::store::burn_pack::Error as PackError;
use burn::store::{
    ApplyError, BurnToPyTorchAdapter, ModuleAdapter, ModuleContext, ModuleSnapshot,
    PyTorchToBurnAdapter, bridge,
};
use burn::tensor::{Bool, DType, Int, Shape, Tensor};

use super::mismatch::is_under;
use super::view::Element;
use super::{Mismatch, StateDict, WeightsError};

/// Step counter of batch norms, which is not a weight.
const COUNTER: &str = "num_batches_tracked";

/// Tolerance for differences between file and model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// Requires every parameter to be in the file with its shape, and nothing else. Otherwise
    /// whatever fits is loaded.
    pub strict: bool,
    /// Output layer, such as `fc` or `classifier.6`. If it differs, as with another number of
    /// classes, the whole layer keeps its initial values, without an error.
    pub head: Option<String>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            strict: true,
            head: None,
        }
    }
}

/// Loads the weights at `path` into `model`. The file must have every parameter with its shape, and
/// nothing else. See [`StateDict`] for the formats.
///
/// # Errors
/// As [`load_with`].
pub fn load<M: Module>(model: M, path: &Path) -> Result<M, WeightsError> {
    let (model, _) = load_with(model, path, &LoadOptions::default())?;
    Ok(model)
}

/// As [`load`], from the bytes of a file. Errors name it `path`.
///
/// # Errors
/// As [`load_with`].
pub fn load_bytes<M: Module>(model: M, bytes: Vec<u8>, path: &Path) -> Result<M, WeightsError> {
    let dict = StateDict::from_bytes(bytes, path)?;
    let (model, _) = load_dict(model, dict, &LoadOptions::default(), path)?;
    Ok(model)
}

/// As [`load`], except that the layer called `head` may differ, as with another number of classes.
/// It then keeps its initial values, and the difference is returned; the [`Mismatch`] is empty if
/// the head was loaded, too.
///
/// # Errors
/// As [`load_with`].
pub fn load_backbone<M: Module>(
    model: M,
    path: &Path,
    head: &str,
) -> Result<(M, Mismatch), WeightsError> {
    let options = LoadOptions {
        head: Some(head.to_string()),
        ..LoadOptions::default()
    };
    load_with(model, path, &options)
}

/// Loads the weights at `path` into `model`, as far as `options` allow, and returns what was not
/// loaded.
///
/// # Errors
/// The file cannot be read (see [`StateDict::read`]); [`WeightsError::Mismatch`] lists what does
/// not fit, even without `options.strict` if nothing fits; [`WeightsError::NotFinite`].
pub fn load_with<M: Module>(
    model: M,
    path: &Path,
    options: &LoadOptions,
) -> Result<(M, Mismatch), WeightsError> {
    load_dict(model, StateDict::read(path)?, options, path)
}

/// As [`load_with`], from a state dict that was read already. Errors name the file `path`.
///
/// # Errors
/// As [`load_with`].
pub fn load_dict<M: Module>(
    mut model: M,
    dict: StateDict,
    options: &LoadOptions,
    path: &Path,
) -> Result<(M, Mismatch), WeightsError> {
    let parameters = parameters(&model);
    let dict = {
        let names: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        dict.find(names.len(), |name| names.contains(name), path)?
    };
    let (mut fitting, mut mismatch) = compare(&parameters, &dict);
    let mut is_refused = options.strict && !mismatch.is_empty();
    if let Some(head) = &options.head {
        let (of_head, rest) = mismatch.clone().split(head);
        if !of_head.is_empty() {
            // A head is loaded whole or not at all: a bias belongs to its weight.
            fitting.retain(|parameter| !is_under(&parameter.name, head));
        }
        is_refused = options.strict && !rest.is_empty();
    }
    if is_refused || (fitting.is_empty() && !mismatch.is_empty()) {
        let path = path.to_path_buf();
        return Err(WeightsError::Mismatch { path, mismatch });
    }
    check_finite(&fitting, &dict, path)?;
    let dict = Arc::new(dict);
    let tensors = fitting.into_iter().map(|Parameter { name, shape }| {
        let (dict, wanted) = (dict.clone(), name.clone());
        // Converted lazily, so that only one tensor at a time is in memory twice.
        bridge::deferred(name, DType::F32, shape, None, move || {
            let gone = || PackError::ValidationError(format!("{wanted} is no longer there"));
            dict.floats(&wanted).ok_or_else(gone)
        })
    });
    let adapter = Some(Box::new(PyTorchToBurnAdapter) as Box<dyn ModuleAdapter>);
    let result = model.apply(tensors.collect(), None, adapter, true);
    if !result.errors.is_empty() {
        let path = path.to_path_buf();
        mismatch
            .different
            .extend(result.errors.iter().map(describe));
        return Err(WeightsError::Mismatch { path, mismatch });
    }
    Ok((model, mismatch))
}

/// PyTorch's names of the parameters and buffers of `model`, in order of declaration.
pub fn parameter_names<M: Module>(model: &M) -> Vec<String> {
    let parameters = parameters(model).into_iter();
    parameters.map(|parameter| parameter.name).collect()
}

/// A parameter with its name and shape in PyTorch.
struct Parameter {
    name: String,
    shape: Shape,
}

/// The parameters that `dict` has in the same shape, and the differences.
fn compare(parameters: &[Parameter], dict: &StateDict) -> (Vec<Parameter>, Mismatch) {
    let mut mismatch = Mismatch::default();
    let mut fitting = Vec::new();
    for Parameter { name, shape } in parameters {
        let (Some(found), Some(element)) = (dict.shape(name), dict.element(name)) else {
            mismatch.missing.push(name.clone());
            continue;
        };
        if !matches!(element, Element::Float(_)) {
            let sentence = format!("{name}: the model has floats, the file {element}");
            mismatch.different.push(sentence);
        } else if found != shape.as_slice() {
            let sentence = format!(
                "{name}: the model has {:?}, the file {found:?}",
                shape.as_slice()
            );
            mismatch.different.push(sentence);
        } else {
            let (name, shape) = (name.clone(), shape.clone());
            fitting.push(Parameter { name, shape });
        }
    }
    let known: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    let unexpected = dict
        .names()
        .filter(|name| !known.contains(name) && name.rsplit('.').next() != Some(COUNTER));
    mismatch.unexpected = unexpected.map(str::to_string).collect();
    (fitting, mismatch)
}

fn check_finite(
    parameters: &[Parameter],
    dict: &StateDict,
    path: &Path,
) -> Result<(), WeightsError> {
    let is_finite = |parameter: &&Parameter| match dict.floats(&parameter.name) {
        Some(data) => data.iter::<f32>().all(f32::is_finite),
        None => true,
    };
    let broken = parameters.iter().filter(|p| !is_finite(p));
    let names: Vec<String> = broken.map(|parameter| parameter.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let path = path.to_path_buf();
    Err(WeightsError::NotFinite { path, names })
}

fn describe(error: &ApplyError) -> String {
    match error {
        ApplyError::ShapeMismatch {
            path,
            expected,
            found,
        } => format!("{path}: the model has {expected:?}, the file {found:?}"),
        ApplyError::DTypeMismatch {
            path,
            expected,
            found,
        } => format!("{path}: the model has {expected:?}, the file {found:?}"),
        ApplyError::AdapterError { path, message } | ApplyError::LoadError { path, message } => {
            format!("{path}: {message}")
        }
    }
}

/// Visits shapes only, so that no weight is initialised just to be overwritten.
fn parameters<M: Module>(model: &M) -> Vec<Parameter> {
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.parameters
}

#[derive(Default)]
struct Visitor {
    path: Vec<String>,
    containers: Vec<String>,
    parameters: Vec<Parameter>,
}

impl Visitor {
    fn add(&mut self, shape: Shape) {
        // Burn's adapter converts name and shape to PyTorch's; values are never requested.
        let no_values = || Err(PackError::ValidationError("a shape without values".into()));
        let tensor = bridge::deferred(self.path.join("."), DType::F32, shape, None, no_values);
        let tensor = BurnToPyTorchAdapter.adapt(tensor, ModuleContext::new(&self.containers));
        self.parameters.push(Parameter {
            name: tensor.name,
            shape: tensor.shape,
        });
    }
}

/// Enum variants are not part of a name: PyTorch has none.
fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}

impl ModuleVisitor for Visitor {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_string());
        if !is_enum(container) {
            self.path.push(name.to_string());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.containers.pop();
        if !is_enum(container) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.add(param.lazy_shape());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.add(param.lazy_shape());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.add(param.lazy_shape());
    }
}
