use std::sync::OnceLock;

use burn::tensor::{Bool, Device, Tensor};

use super::Sizes;

/// Which keys each query may see. The default is all of them.
///
/// In what is passed in, `true` means "may be seen", as in Hugging Face's `attention_mask` and in PyTorch's
/// `scaled_dot_product_attention` (and not as in `burn::nn`, where `true` means hidden).
///
/// Make one for each forward pass and share it between layers: what it costs is paid once.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    is_causal: bool,
    /// `[batch or 1, heads or 1, queries or 1, keys]`, `true` where a key is hidden besides.
    hidden: Option<Tensor<4, Bool>>,
    /// All of it as tensors, for the composition.
    dense: OnceLock<Dense>,
}

/// A mask for some number of queries and keys, `[batch or 1, heads or 1, queries or 1, keys]`.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// `true` where a key is hidden.
    pub(super) hidden: Tensor<4, Bool>,
    /// The same as numbers to be added to the scores: 0 or `-inf`.
    pub(super) bias: Tensor<4>,
    sizes: [usize; 2],
}

impl Mask {
    /// Every query sees every key.
    pub fn none() -> Self {
        Self::default()
    }

    /// The queries are the last positions of the sequence of the keys, and each sees itself and everything before.
    pub fn causal() -> Self {
        Self {
            is_causal: true,
            ..Self::default()
        }
    }

    /// `real` `[batch, keys]` is `true` for tokens and `false` for what fills a batch up.
    pub fn padding(real: Tensor<2, Bool>) -> Self {
        let [batch, keys] = real.dims();
        Self::allowed(real.reshape([batch, 1, 1, keys]))
    }

    /// `allowed` `[batch or 1, heads or 1, queries or 1, keys]` is `true` where a query may see a key.
    pub fn allowed(allowed: Tensor<4, Bool>) -> Self {
        Self {
            hidden: Some(allowed.bool_not()),
            ..Self::default()
        }
    }

    /// What both masks allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let hidden = match (self.hidden, other.hidden) {
            (Some(one), Some(two)) => {
                let (a, b) = (one.dims(), two.dims());
                let dims: [usize; 4] = std::array::from_fn(|i| a[i].max(b[i]));
                Some(one.expand(dims).bool_or(two.expand(dims)))
            }
            (one, two) => one.or(two),
        };
        Self {
            is_causal: self.is_causal || other.is_causal,
            hidden,
            dense: OnceLock::new(),
        }
    }

    pub(super) fn is_causal(&self) -> bool {
        self.is_causal
    }

    /// What is hidden besides by causality, `[batch or 1, heads or 1, queries or 1, keys]`.
    pub(super) fn hidden(&self) -> Option<&Tensor<4, Bool>> {
        self.hidden.as_ref()
    }

    /// Panics unless the mask is one for these sizes.
    pub(super) fn check(&self, sizes: &Sizes) {
        let (queries, keys) = (sizes.queries, sizes.keys);
        assert!(
            !self.is_causal || queries <= keys,
            "{queries} queries for {keys} keys"
        );
        if let Some(hidden) = &self.hidden {
            let (dims, scores) = (hidden.dims(), sizes.scores());
            let fits = (0..4).all(|i| dims[i] == scores[i] || (dims[i] == 1 && i < 3));
            assert!(fits, "a mask {dims:?} for scores {scores:?}");
        }
    }

    /// The whole mask as tensors on `device`, unless everything may be seen.
    pub(super) fn dense(&self, [queries, keys]: [usize; 2], device: &Device) -> Option<Dense> {
        // Nothing is learnt here, whoever uses it.
        let device = &device.clone().without_autodiff();
        let make = || {
            let hidden = match (self.causality(queries, keys, device), &self.hidden) {
                (Some(one), Some(two)) => {
                    let [batch, heads, _, _] = two.dims();
                    let dims = [batch, heads, queries, keys];
                    one.expand(dims).bool_or(two.clone().expand(dims))
                }
                (one, two) => one.or(two.clone())?,
            };
            Some(Dense {
                bias: Tensor::zeros(hidden.shape(), device)
                    .mask_fill(hidden.clone(), f32::NEG_INFINITY),
                hidden,
                sizes: [queries, keys],
            })
        };
        match self.dense.get() {
            Some(dense) if dense.sizes == [queries, keys] => Some(dense.clone()),
            Some(_) => make(),
            None => {
                let dense = make()?;
                Some(self.dense.get_or_init(|| dense).clone())
            }
        }
    }

    fn causality(&self, queries: usize, keys: usize, device: &Device) -> Option<Tensor<4, Bool>> {
        // A single query is the last of all.
        if !self.is_causal || queries == 1 {
            return None;
        }
        // `tril_mask` is false in the triangle that it is named after.
        let offset = (keys - queries) as i64;
        let hidden = Tensor::<2, Bool>::tril_mask([queries, keys], offset, device);
        Some(hidden.reshape([1, 1, queries, keys]))
    }
}
