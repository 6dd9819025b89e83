//! Named float tensors as safetensors: the files of a checkpoint besides the weights.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::TrainError;

/// Serialises tensors ordered by name: equal tensors give equal bytes.
///
/// # Errors
/// The device failed.
pub(crate) fn to_bytes<const D: usize>(
    tensors: &BTreeMap<String, Tensor<D>>,
) -> Result<Vec<u8>, TrainError> {
    let mut arrays = Vec::new();
    for (name, tensor) in tensors {
        let shape = tensor.dims().to_vec();
        arrays.push((name.as_str(), shape, bytes_of(tensor)?));
    }
    let mut views = Vec::new();
    for (name, shape, bytes) in &arrays {
        views.push((*name, view(Dtype::F32, shape.clone(), bytes)?));
    }
    safetensors::serialize(views, None).map_err(|e| TrainError::Execution(e.to_string()))
}

/// Reads the output of [`to_bytes`] onto `device`.
///
/// # Errors
/// A sentence with the reason.
pub(crate) fn from_bytes<const D: usize>(
    bytes: &[u8],
    device: &Device,
) -> Result<BTreeMap<String, Tensor<D>>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut tensors = BTreeMap::new();
    for (name, array) in file.iter() {
        let shape: [usize; D] = array
            .shape()
            .try_into()
            .map_err(|_| format!("`{name}` has not {D} dimensions"))?;
        tensors.insert(name.to_string(), tensor(&array, name, shape, device)?);
    }
    Ok(tensors)
}

/// Values of a tensor, little-endian.
pub(crate) fn bytes_of<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<u8>, TrainError> {
    let data = tensor
        .clone()
        .try_into_data()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    Ok(data.iter::<f32>().flat_map(f32::to_le_bytes).collect())
}

/// Converts `array`, which must be float32 and of this shape.
pub(crate) fn tensor<const D: usize>(
    array: &TensorView,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>, String> {
    if array.dtype() != Dtype::F32 || array.shape() != shape {
        return Err(format!(
            "`{name}` is {:?} {:?}, the model needs F32 {shape:?}",
            array.dtype(),
            array.shape()
        ));
    }
    let values: Vec<f32> = array
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

pub(crate) fn view(
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: &[u8],
) -> Result<TensorView<'_>, TrainError> {
    TensorView::new(dtype, shape, bytes).map_err(|e| TrainError::Execution(e.to_string()))
}
