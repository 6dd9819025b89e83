/// How many of a network's layers an error lists.
const LISTED: usize = 10;

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// The network has no layer of that name.
    #[error("the model has no layer `{layer}`; most similar first, it has {}", listed(.layers))]
    UnknownLayer {
        /// The name asked for.
        layer: String,
        /// All names there are, the most similar ones first.
        layers: Vec<String>,
    },
    /// The classes given are not as many as the images.
    #[error("{classes} classes are given for {images} images; there must be one for each image")]
    NotOneClassAnImage {
        /// Number of classes given.
        classes: usize,
        /// Number of images in the batch.
        images: usize,
    },
    /// The network has no such class.
    #[error("there is no class {class}; the model has {num_classes}, counted from 0")]
    UnknownClass {
        /// The class asked for.
        class: usize,
        /// Number of classes.
        num_classes: usize,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {reason}")]
    Setting {
        /// The field at fault.
        setting: &'static str,
        /// What is wrong with its value, and what would be right.
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
    fn an_unknown_layer_is_told_with_the_similar_ones_first() {
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
