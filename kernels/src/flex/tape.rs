//! Operations of our own in Burn's record of what is to be differentiated.

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

/// What an operation of `N` inputs remembers of its forward pass, to turn the gradient of its output into theirs.
pub(crate) trait Backward<const N: usize>: Clone + Debug + Send + 'static {
    /// The gradients of the inputs; those that are not `needed` may be left out.
    fn backward(self, gradient: Array, needed: [bool; N]) -> [Option<Array>; N];
}

/// The numbers of a tensor that a kernel can work on: on `flex`, in `f32`.
pub(crate) fn array<const D: usize>(tensor: &Tensor<D>) -> Option<Array> {
    if tensor.dtype() != DType::F32 || crate::composes_only() {
        return None;
    }
    Some(Array::contiguous(primitive(
        tensor.clone().into_dispatch().kind,
    )?))
}

/// The numbers of a tensor that is not needed any more, so that they can be changed where they are.
///
/// # Panics
/// If the tensor is one that [`array`] gives nothing of.
pub(crate) fn into_array<const D: usize>(tensor: Tensor<D>) -> Array {
    match primitive(tensor.into_dispatch().kind) {
        Some(tensor) => Array::contiguous(tensor),
        None => unreachable!("the caller has asked `array`"),
    }
}

/// An array as a tensor that is not differentiated.
pub(crate) fn tensor<const D: usize>(array: Array) -> Tensor<D> {
    Tensor::from_dispatch(
        <DispatchTensor as DispatchKindConversion<Flex>>::from_backend(BackendTensor::Float(
            array.into_flex(),
        )),
    )
}

/// The numbers of a tensor of indices on `flex`.
///
/// # Panics
/// If one is negative: it cannot be the index of anything.
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

/// `output` as a tensor that was computed from `inputs` by an operation with this `backward`. An input that is not there
/// gets no gradient. The inputs must be on `flex`: [`array`] has given their numbers.
pub(crate) fn record<const D: usize, const N: usize>(
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
            record_on::<NoCheckpointing, N>(output, backward, inputs)
        }
        Some(DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Balanced)) => {
            record_on::<BalancedCheckpointing, N>(output, backward, inputs)
        }
    })
}

fn record_on<C: CheckpointStrategy, const N: usize>(
    output: Array,
    backward: impl Backward<N>,
    inputs: [Option<DispatchTensor>; N],
) -> DispatchTensor
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    let output = output.into_flex();
    let prepared = ops::Backward::prepare::<C>(Recorded(PhantomData), inputs.map(node::<C>))
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

/// The place of an input in the record; a constant gets one that asks for nothing.
fn node<C: CheckpointStrategy>(input: Option<DispatchTensor>) -> NodeGuard {
    if let Some(DispatchTensorKind::Autodiff(inner)) = input.map(|input| input.kind)
        && let DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) = *inner
    {
        return tensor.node();
    }
    let nothing = FlexTensor::empty(Shape::new([0]), DType::F32);
    <Autodiff<Flex, C> as AutodiffBackend>::from_inner(nothing).node()
}

/// [`Backward`] as Burn wants it.
#[derive(Debug)]
struct Recorded<T>(PhantomData<fn() -> T>);

impl<T: Backward<N>, const N: usize> ops::Backward<Flex, N> for Recorded<T> {
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
