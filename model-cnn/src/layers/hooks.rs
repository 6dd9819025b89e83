//! Forward hooks.

use burn::tensor::Tensor;
use tinderbox_kernels::activation::relu;

/// Called with the name and the output of a layer; returns the output to continue with.
type Hook<'a> = dyn FnMut(&str, Tensor<4>) -> Tensor<4> + 'a;

/// A forward hook: sees the output `[batch, channels, height, width]` of every named layer during
/// a forward pass, and may replace it. Names are PyTorch's: `layer4.1`, `features.28`.
pub struct Hooks<'a>(Option<&'a mut Hook<'a>>);

impl<'a> Hooks<'a> {
    /// No hook. Layers are fused where there is a kernel for it.
    pub fn none() -> Self {
        Self(None)
    }

    /// Calls `hook` with the name and the output of each layer, and continues with what it returns.
    pub fn new(hook: &'a mut Hook<'a>) -> Self {
        Self(Some(hook))
    }

    /// Applies a layer.
    pub(crate) fn forward<L: FeatureLayer>(
        &mut self,
        (name, layer): (&str, &L),
        x: Tensor<4>,
    ) -> Tensor<4> {
        if self.0.is_none() {
            return layer.apply(x);
        }
        layer.apply_hooked(x, name, self)
    }

    /// Applies a layer and ReLU. The hook sees the output of the layer.
    pub(crate) fn forward_relu<L: FeatureLayer>(
        &mut self,
        (name, layer): (&str, &L),
        x: Tensor<4>,
    ) -> Tensor<4> {
        if self.0.is_none() {
            return layer.apply_relu(x);
        }
        relu(layer.apply_hooked(x, name, self))
    }

    /// Applies layers one after the other. The hook sees each of them as `name.index`.
    pub(crate) fn forward_each<L: FeatureLayer>(
        &mut self,
        (name, layers): (&str, &Vec<L>),
        x: Tensor<4>,
    ) -> Tensor<4> {
        if self.0.is_none() {
            return layers.apply(x);
        }
        layers.iter().enumerate().fold(x, |x, (index, layer)| {
            layer.apply_hooked(x, &format!("{name}.{index}"), self)
        })
    }

    fn output(&mut self, name: &str, output: Tensor<4>) -> Tensor<4> {
        match &mut self.0 {
            Some(hook) => hook(name, output),
            None => output,
        }
    }
}

/// A layer from feature maps to feature maps, `[batch, channels, height, width]`.
pub(crate) trait FeatureLayer {
    fn apply(&self, x: Tensor<4>) -> Tensor<4>;

    /// `relu(apply(x))`, in one pass where there is a kernel for it.
    fn apply_relu(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.apply(x))
    }

    /// True for ReLU, which the layer before it can take in.
    fn is_relu(&self) -> bool {
        false
    }

    /// [`apply`](Self::apply) under the eyes of `hooks`, for which the layer is called `name`.
    fn apply_hooked(&self, x: Tensor<4>, name: &str, hooks: &mut Hooks) -> Tensor<4> {
        hooks.output(name, self.apply(x))
    }
}

/// PyTorch's `nn.Sequential`. The hook sees each layer as `name.index`, then the whole as `name`.
impl<L: FeatureLayer> FeatureLayer for Vec<L> {
    fn apply(&self, mut x: Tensor<4>) -> Tensor<4> {
        let mut layers = self.iter().peekable();
        while let Some(layer) = layers.next() {
            x = if layers.next_if(|next| next.is_relu()).is_some() {
                layer.apply_relu(x)
            } else {
                layer.apply(x)
            };
        }
        x
    }

    fn apply_hooked(&self, x: Tensor<4>, name: &str, hooks: &mut Hooks) -> Tensor<4> {
        let x = hooks.forward_each((name, self), x);
        hooks.output(name, x)
    }
}

/// A field and its name, which is the layer's name in PyTorch: `named!(self.conv1)`.
macro_rules! named {
    ($model:ident.$layer:ident) => {
        (stringify!($layer), &$model.$layer)
    };
}
pub(crate) use named;
