//! KV cache: with it, generating a token costs one row of attention, not a whole matrix.

use burn::tensor::{Tensor, s};

/// Initial capacity, in tokens. It doubles whenever the cache is full.
const INITIAL_CAPACITY: usize = 64;

/// KV cache: keys and values of every layer, for a batch of sequences of equal length.
///
/// A model makes one with its `new_cache`, and `forward_cached` appends to it. It holds up to
/// [`context_length`](Self::context_length) tokens; when [`remaining`](Self::remaining) is 0, start
/// again with [`clear`](Self::clear) and the last part of the text, since every cached position
/// would have to change. [`Predictor`](crate::Predictor) does this.
///
/// Memory: `2 * layers * batch * kv_heads * head_dim` floats per token, with room for up to twice
/// the tokens in it.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
    len: usize,
    batch: usize,
    context_length: usize,
}

/// `[batch, capacity, kv_heads * head_dim]` each; the first `len` positions are in use.
#[derive(Clone, Debug, Default)]
struct LayerCache {
    keys: Option<Tensor<3>>,
    values: Option<Tensor<3>>,
}

impl Cache {
    pub(crate) fn new(layers: usize, batch: usize, context_length: usize) -> Self {
        Self {
            layers: vec![LayerCache::default(); layers],
            len: 0,
            batch,
            context_length,
        }
    }

    /// Number of cached tokens.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if no tokens are cached.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Batch size.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Maximum number of tokens.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// Number of tokens that still fit.
    pub fn remaining(&self) -> usize {
        self.context_length - self.len
    }

    /// Removes all tokens and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Reserves positions for new tokens `[batch, time]`, and returns the first of them.
    ///
    /// # Panics
    /// If the batch size differs, or there is not enough room.
    fn reserve(&mut self, [batch, time]: [usize; 2]) -> usize {
        assert_eq!(batch, self.batch, "the cache is for another batch size");
        assert!(
            time <= self.remaining(),
            "{time} tokens do not fit in the {} that remain of a context of {}",
            self.remaining(),
            self.context_length
        );
        let start = self.len;
        self.len += time;
        start
    }
}

/// Begins a forward pass of tokens `[batch, time]`: the position of the first one, and the slot of
/// each layer, in order. Without a cache, positions start at 0 and all slots are `None`.
///
/// # Panics
/// If the batch size differs from the cache's, or the cache has not enough room.
pub(crate) fn extend(
    cache: Option<&mut Cache>,
    shape: [usize; 2],
) -> (usize, impl Iterator<Item = Option<Slot<'_>>>) {
    let (start, limit, layers) = match cache {
        Some(cache) => (
            cache.reserve(shape),
            cache.context_length,
            cache.layers.as_mut_slice(),
        ),
        None => (0, 0, [].as_mut_slice()),
    };
    let slots = layers.iter_mut().map(move |layer| {
        Some(Slot {
            layer,
            start,
            limit,
        })
    });
    (start, slots.chain(std::iter::repeat_with(|| None)))
}

/// # Panics
/// If `length` tokens exceed `context_length`.
pub(crate) fn check_length(length: usize, context_length: usize) {
    assert!(
        length <= context_length,
        "{length} tokens exceed the context length of {context_length}"
    );
}

/// One layer of a cache during a forward pass.
pub(crate) struct Slot<'a> {
    layer: &'a mut LayerCache,
    start: usize,
    limit: usize,
}

impl Slot<'_> {
    /// Appends the keys and values `[batch, time, kv_heads * head_dim]` of new tokens, and returns
    /// those of all tokens.
    pub(crate) fn append(self, keys: Tensor<3>, values: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (start, limit) = (self.start, self.limit);
        (
            append(&mut self.layer.keys, keys, start, limit),
            append(&mut self.layer.values, values, start, limit),
        )
    }
}

fn append(buffer: &mut Option<Tensor<3>>, new: Tensor<3>, start: usize, limit: usize) -> Tensor<3> {
    let end = start + new.dims()[1];
    // Taken out of the cache: the only reference is written in place.
    let room = with_room(buffer.take(), &new, start, end, limit);
    let room = room.slice_assign(s![.., start..end, ..], new.clone());
    let all = match start {
        0 => new,
        _ => room.clone().slice(s![.., 0..end, ..]),
    };
    *buffer = Some(room);
    all
}

/// `buffer` if its capacity is at least `end`, or else a larger copy of its first `start`
/// positions.
fn with_room(
    buffer: Option<Tensor<3>>,
    new: &Tensor<3>,
    start: usize,
    end: usize,
    limit: usize,
) -> Tensor<3> {
    let capacity = buffer.as_ref().map_or(0, |buffer| buffer.dims()[1]);
    match buffer {
        Some(buffer) if end <= capacity => buffer,
        buffer => {
            let capacity = (2 * capacity).max(INITIAL_CAPACITY).min(limit).max(end);
            let [batch, _, width] = new.dims();
            let shape = [batch, capacity, width];
            let larger = Tensor::zeros(shape, (&new.device(), new.dtype()));
            match buffer {
                Some(buffer) if start > 0 => {
                    let used = s![.., 0..start, ..];
                    larger.slice_assign(used, buffer.slice(used))
                }
                _ => larger,
            }
        }
    }
}
