//! Rows of a published classifier's output layer, in the order of other labels.

use crate::TextEncoder;
use crate::weights::{StateDict, WeightsError};

/// The tensors of `dict` with the output layer of a classifier in the order of `rows`: label `i`
/// gets row `rows[i]`, or the initial values of `model` if that is `None` or not in the file.
pub(super) fn select(
    dict: StateDict,
    model: &TextEncoder,
    rows: &[Option<usize>],
) -> Result<StateDict, WeightsError> {
    let Some((module, layer)) = model.output_layer() else {
        return Ok(dict);
    };
    let (weight, bias) = (format!("{module}.weight"), format!("{module}.bias"));
    let initial = values(layer.weight.val())?;
    let initial_bias = match &layer.bias {
        Some(bias) => values(bias.val())?,
        None => return Ok(dict),
    };
    let [hidden, labels] = layer.weight.lazy_shape().dims();
    let (Some(&[_, width]), Some(&[_])) = (dict.shape(&weight), dict.shape(&bias)) else {
        return Ok(dict);
    };
    // Anything else that does not fit is reported when it is loaded.
    if width != hidden || labels != rows.len() {
        return Ok(dict);
    }
    let (Some(old), Some(old_bias)) = (floats(&dict, &weight), floats(&dict, &bias)) else {
        return Ok(dict);
    };
    let (mut new, mut new_bias) = (Vec::with_capacity(labels * hidden), Vec::new());
    for (label, row) in rows.iter().enumerate() {
        let published = row.and_then(|row| {
            let weights = old.get(row * hidden..(row + 1) * hidden)?;
            Some((weights, *old_bias.get(row)?))
        });
        match published {
            Some((weights, bias)) => {
                new.extend_from_slice(weights);
                new_bias.push(bias);
            }
            None => {
                // Burn keeps matrices transposed.
                new.extend(initial.iter().skip(label).step_by(labels));
                new_bias.push(initial_bias.get(label).copied().unwrap_or_default());
            }
        }
    }
    let rest = dict.rename(|name| (name != weight && name != bias).then(|| name.to_string()))?;
    rest.join(StateDict::from_floats([
        (weight, vec![labels, hidden], new),
        (bias, vec![labels], new_bias),
    ])?)
}

fn floats(dict: &StateDict, name: &str) -> Option<Vec<f32>> {
    Some(dict.floats(name)?.iter::<f32>().collect())
}

fn values<const D: usize>(tensor: burn::tensor::Tensor<D>) -> Result<Vec<f32>, WeightsError> {
    let data = tensor.try_into_data();
    let data = data.map_err(|error| WeightsError::Encode(error.to_string()))?;
    Ok(data.iter::<f32>().collect())
}
