/// Number of layers that an error lists.
const LISTED: usize = 10;

/// Errors of the explanation methods.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// There is no layer of that name.
    #[error("the model has no layer `{layer}`; most similar first, it has {}", listed(.layers))]
    UnknownLayer {
        /// The requested name.
        layer: String,
        /// All layer names, most similar first.
        layers: Vec<String>,
    },
    /// The number of classes is not that of the images.
    #[error("got {classes} classes for {images} images; give one class for each image")]
    NotOneClassAnImage {
        /// Number of given classes.
        classes: usize,
        /// Number of images in the batch.
        images: usize,
    },
    /// There is no such class.
    #[error("there is no class {class}; the model has {num_classes}, counted from 0")]
    UnknownClass {
        /// The requested class.
        class: usize,
        /// Number of classes.
        num_classes: usize,
    },
    /// A setting is out of range.
    #[error("{setting}: {reason}")]
    Setting {
        /// The field at fault.
        setting: &'static str,
        /// Problem with its value, and the valid values.
        reason: String,
    },
}

impl ExplainError {
    pub(super) fn unknown_layer(layer: &str, mut layers: Vec<String>) -> Self {
        let similarity = |name: &str| strsim::jaro_winkler(layer, name);
        layers.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
        Self::UnknownLayer {
            layer: layer.into(),
            layers,
        }
    }
}

fn listed(layers: &[String]) -> String {
    let (first, rest) = layers.split_at(layers.len().min(LISTED));
    let first = first.join(", ");
    match rest.len() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_unknown_layer_lists_similar_names_first() {
        let mut layers = vec!["conv1".to_string(), "bn1".into()];
        layers.extend((1..=4).flat_map(|n| (0..3).map(move |block| format!("layer{n}.{block}"))));
        let error = ExplainError::unknown_layer("layr4.1", layers).to_string();
        assert!(
            error.starts_with(
                "the model has no layer `layr4.1`; most similar first, it has layer4.1, "
            ),
            "{error}"
        );
        assert!(error.ends_with(" and 4 more"), "{error}");
        let error = ExplainError::unknown_layer("conv2", vec!["conv1".into()]).to_string();
        assert!(error.ends_with("it has conv1"), "{error}");
    }
}
