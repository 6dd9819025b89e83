//! What attention remembers of the tokens that it has seen, so that a new token costs one row and not a matrix.

use burn::tensor::{Tensor, s};

/// The room that a cache begins with, in tokens. It doubles whenever it is full.
const FIRST_CAPACITY: usize = 64;

/// Keys and values of every layer, for a batch of sequences of equal length.
///
/// A model makes one with its `new_cache`, and `forward_cached` adds to it. It holds up to
/// [`context_length`](Self::context_length) tokens; when [`remaining`](Self::remaining) is 0 the caller starts anew with
/// [`clear`](Self::clear) and the last part of the text, since every position in the cache would have to change.
///
/// Memory: `2 * layers * batch * kv_heads * head_dim` floats a token, for at most twice as many tokens as there are.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
    len: usize,
    batch: usize,
    context_length: usize,
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

    /// Number of tokens in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of sequences that it is for.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The most tokens that it can hold.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// How many more tokens it can hold.
    pub fn remaining(&self) -> usize {
        self.context_length - self.len
    }

    /// Forgets everything, and keeps the memory for what comes next.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Where tokens `[batch, time]` begin that are to be added.
    ///
    /// # Panics
    /// If the batch is another, or there is not enough room.
    pub(crate) fn start(&self, [batch, time]: [usize; 2]) -> usize {
        assert_eq!(batch, self.batch, "a cache is for one size of batch");
        assert!(
            time <= self.remaining(),
            "{time} tokens do not fit in the {} that remain of a context of {}",
            self.remaining(),
            self.context_length
        );
        self.len
    }

    /// The layers, with where their next tokens begin.
    pub(crate) fn slots(&mut self) -> impl Iterator<Item = Slot<'_>> {
        let (start, limit) = (self.len, self.context_length);
        self.layers.iter_mut().map(move |layer| Slot {
            layer,
            start,
            limit,
        })
    }

    /// Counts `time` tokens that every layer has added.
    pub(crate) fn advance(&mut self, time: usize) {
        self.len += time;
    }
}

/// `[batch, capacity, kv_heads * head_dim]` each, of which the first `len` positions are in use.
#[derive(Clone, Debug, Default)]
struct LayerCache {
    keys: Option<Tensor<3>>,
    values: Option<Tensor<3>>,
}

/// One layer of a cache during a forward pass.
pub(crate) struct Slot<'a> {
    layer: &'a mut LayerCache,
    start: usize,
    limit: usize,
}

impl Slot<'_> {
    /// Adds the keys and values `[batch, time, kv_heads * head_dim]` of new tokens, and returns those of all tokens.
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
    // Taken out, so that nobody else holds it and it is written in place.
    let room = with_room(buffer.take(), &new, start, end, limit);
    let room = room.slice_assign(s![.., start..end, ..], new.clone());
    let all = match start {
        0 => new,
        _ => room.clone().slice(s![.., 0..end, ..]),
    };
    *buffer = Some(room);
    all
}

/// `buffer` if it reaches to `end`, or else a larger one with its first `start` positions.
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
            let capacity = (2 * capacity).max(FIRST_CAPACITY).min(limit).max(end);
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
