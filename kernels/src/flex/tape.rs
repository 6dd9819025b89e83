//! Custom operations on Burn's autodiff tape.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::{
    BalancedCheckpointing, CheckpointStrategy, NoCheckpointing,
};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{self, NodeGuard, Ops, OpsKind};
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, DispatchAutodiffContext, DispatchKindConversion,
    DispatchTensor, DispatchTensorKind, Flex, GradientCheckpointingStrategy,
};
use burn::tensor::{DType, Int, Shape, Tensor};
use burn_flex::FlexTensor;

use super::Array;

/// Saved state of an operation with `N` inputs, and its backward pass.
pub(crate) trait Backward<const N: usize>: Clone + Debug + Send + 'static {
    /// Computes the gradients of the inputs from that of the output. Those that are not `needed`
    /// may be `None`.
    fn backward(self, gradient: Array, needed: [bool; N]) -> [Option<Array>; N];
}

/// The elements of a tensor that kernels support: `f32` on `flex`. `None` also if kernels are
/// turned off.
pub(crate) fn array<const D: usize>(tensor: &Tensor<D>) -> Option<Array> {
    if tensor.dtype() != DType::F32 || crate::is_compose_only() {
        return None;
    }
    Some(Array::contiguous(primitive(
        tensor.clone().into_dispatch().kind,
    )?))
}

/// Consumes a tensor, so that its elements can be updated in place.
///
/// # Panics
/// If [`array`] returns `None` for the tensor.
pub(crate) fn into_array<const D: usize>(tensor: Tensor<D>) -> Array {
    match primitive(tensor.into_dispatch().kind) {
        Some(tensor) => Array::contiguous(tensor),
        None => unreachable!("the caller has checked with `array`"),
    }
}

/// An array as a tensor that is not tracked by autodiff.
pub(crate) fn tensor<const D: usize>(array: Array) -> Tensor<D> {
    Tensor::from_dispatch(
        <DispatchTensor as DispatchKindConversion<Flex>>::from_backend(BackendTensor::Float(
            array.into_flex(),
        )),
    )
}

/// The elements of an index tensor on `flex`. Negative indices become `usize::MAX`, which is out of
/// range everywhere.
pub(crate) fn indices<const D: usize>(tensor: &Tensor<D, Int>) -> Option<Vec<usize>> {
    let DispatchTensorKind::Flex(BackendTensor::Int(tensor)) = tensor.clone().into_dispatch().kind
    else {
        return None;
    };
    let tensor = match tensor.layout().contiguous_offsets() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    };
    fn convert<T: Copy + TryInto<usize>>(values: &[T]) -> Vec<usize> {
        let index = |value: &T| (*value).try_into().unwrap_or(usize::MAX);
        values.iter().map(index).collect()
    }
    match tensor.dtype() {
        DType::I32 => tensor.as_slice::<i32>().map(convert),
        DType::I64 => tensor.as_slice::<i64>().map(convert),
        _ => None,
    }
}

pub(super) fn primitive(kind: DispatchTensorKind) -> Option<FlexTensor> {
    match kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor)) => Some(tensor),
        DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) => Some(tensor.into_primitive()),
        DispatchTensorKind::Autodiff(inner) => primitive(*inner),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// Returns `output` as a tensor tracked by autodiff: the result of an operation on `inputs` with
/// this `backward`. Missing inputs get no gradient. The inputs must be on `flex`: [`array`] has
/// returned their elements.
pub(crate) fn track<const D: usize, const N: usize>(
    output: Array,
    backward: impl Backward<N>,
    inputs: [Option<DispatchTensor>; N],
) -> Tensor<D> {
    let contexts = inputs.iter().flatten().map(|input| input.autodiff);
    let context = contexts
        .into_iter()
        .find(|context| *context != DispatchAutodiffContext::Disabled);
    Tensor::from_dispatch(match context {
        None | Some(DispatchAutodiffContext::Disabled) => return tensor(output),
        Some(DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Disabled)) => {
            track_with::<NoCheckpointing, N>(output, backward, inputs)
        }
        Some(DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Balanced)) => {
            track_with::<BalancedCheckpointing, N>(output, backward, inputs)
        }
    })
}

fn track_with<C: CheckpointStrategy, const N: usize>(
    output: Array,
    backward: impl Backward<N>,
    inputs: [Option<DispatchTensor>; N],
) -> DispatchTensor
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    let output = output.into_flex();
    let prepared = ops::Backward::prepare::<C>(Operation(PhantomData), inputs.map(node::<C>))
        .compute_bound()
        .stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(backward, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    <DispatchTensor as DispatchKindConversion<Autodiff<Flex, C>>>::from_backend(
        BackendTensor::Float(output),
    )
}

/// The node of an input on the tape; a constant gets one that needs no gradient.
fn node<C: CheckpointStrategy>(input: Option<DispatchTensor>) -> NodeGuard {
    if let Some(DispatchTensorKind::Autodiff(inner)) = input.map(|input| input.kind)
        && let DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) = *inner
    {
        return tensor.node();
    }
    let nothing = FlexTensor::empty(Shape::new([0]), DType::F32);
    <Autodiff<Flex, C> as AutodiffBackend>::from_inner(nothing).node()
}

/// Adapts [`Backward`] to Burn's trait.
#[derive(Debug)]
struct Operation<T>(PhantomData<fn() -> T>);

impl<T: Backward<N>, const N: usize> ops::Backward<Flex, N> for Operation<T> {
    type State = T;

    fn backward(self, ops: Ops<T, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Array::contiguous(grads.consume::<Flex>(&ops.node));
        let needed = ops.parents.each_ref().map(Option::is_some);
        let gradients = ops.state.backward(gradient, needed);
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient.into_flex());
            }
        }
    }
}
