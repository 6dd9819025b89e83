use std::sync::OnceLock;

use burn::tensor::{Bool, Device, Tensor};

use super::Sizes;

/// Attention mask: the keys that each query may attend to, all of them by default.
///
/// `true` in the arguments means "may be attended to", as in Hugging Face's `attention_mask` and
/// PyTorch's `scaled_dot_product_attention` (and unlike `burn::nn`, where `true` means masked).
///
/// Make one mask per forward pass and share it between layers, so that its tensors are built once.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    is_causal: bool,
    /// `[batch or 1, heads or 1, queries or 1, keys]`, `true` where a key is masked, apart from
    /// causality.
    hidden: Option<Tensor<4, Bool>>,
    /// The whole mask as tensors, for the composition.
    dense: OnceLock<Dense>,
}

/// A mask for given numbers of queries and keys, `[batch or 1, heads or 1, queries or 1, keys]`.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// `true` where a key is masked.
    pub(super) hidden: Tensor<4, Bool>,
    /// The same as an additive mask: 0 or `-inf`.
    pub(super) bias: Tensor<4>,
    sizes: [usize; 2],
}

impl Mask {
    /// No mask: every query attends to every key.
    pub fn none() -> Self {
        Self::default()
    }

    /// Causal mask. The queries are the last positions of the key sequence, and each attends to
    /// itself and all positions before.
    pub fn causal() -> Self {
        Self {
            is_causal: true,
            ..Self::default()
        }
    }

    /// Padding mask from `attention_mask` `[batch, keys]`: `true` for tokens, `false` for padding
    /// tokens.
    pub fn padding(attention_mask: Tensor<2, Bool>) -> Self {
        let [batch, keys] = attention_mask.dims();
        Self::allowed(attention_mask.reshape([batch, 1, 1, keys]))
    }

    /// Any mask `[batch or 1, heads or 1, queries or 1, keys]`: `true` where a query may attend to
    /// a key.
    pub fn allowed(allowed: Tensor<4, Bool>) -> Self {
        Self {
            hidden: Some(allowed.bool_not()),
            ..Self::default()
        }
    }

    /// The intersection of two masks: keys that both allow.
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

    /// Keys masked apart from causality, `[batch or 1, heads or 1, queries or 1, keys]`.
    pub(super) fn hidden(&self) -> Option<&Tensor<4, Bool>> {
        self.hidden.as_ref()
    }

    /// Panics unless the mask fits these sizes.
    pub(super) fn check(&self, sizes: &Sizes) {
        let (queries, keys) = (sizes.queries, sizes.keys);
        assert!(
            !self.is_causal || queries <= keys,
            "a causal mask needs at least as many keys ({keys}) as queries ({queries})"
        );
        if let Some(hidden) = &self.hidden {
            let (dims, scores) = (hidden.dims(), sizes.scores());
            let fits = (0..4).all(|i| dims[i] == scores[i] || (dims[i] == 1 && i < 3));
            assert!(fits, "a mask {dims:?} does not fit scores {scores:?}");
        }
    }

    /// The whole mask as tensors on `device`; `None` if nothing is masked.
    pub(super) fn dense(&self, [queries, keys]: [usize; 2], device: &Device) -> Option<Dense> {
        // The mask has no gradient, whatever the device.
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
        // A single query is the last position and sees all keys.
        if !self.is_causal || queries == 1 {
            return None;
        }
        // `tril_mask` is false in the triangle that it is named after.
        let offset = (keys - queries) as i64;
        let hidden = Tensor::<2, Bool>::tril_mask([queries, keys], offset, device);
        Some(hidden.reshape([1, 1, queries, keys]))
    }
}
