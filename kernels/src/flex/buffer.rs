//! Buffers recycled through a pool instead of being returned to the system.
//!
//! A training step allocates the same sizes again and again, and much of the cost of a fresh buffer
//! is the page faults of its first writes. The pool keeps the memory of dropped tensors and hands
//! it out again as it is.

use std::collections::HashMap;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use bytemuck::allocation::zeroed_vec;

/// Maximum bytes in the pool; beyond it dropped memory is freed. Not measured.
const MAX_POOLED_BYTES: usize = 1 << 30;

/// Floats per line.
const LINE_LEN: usize = 16;

/// A cache line, as wide and as aligned as the widest vector. Memory is allocated in whole lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE_LEN]);

// SAFETY: all bits zero are sixteen zeros.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: sixteen floats of four bytes fill the 64 bytes of the alignment without padding, and any
// bit pattern is a float.
unsafe impl bytemuck::Pod for Line {}

/// Memory for a new tensor. Its contents are left over from its last use.
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// `len` floats with unspecified values.
    pub(crate) fn new(len: usize) -> Self {
        let count = len.div_ceil(LINE_LEN);
        let lines = POOL.lock().take(count);
        // Zeroed memory straight from the system has not been touched yet.
        let lines = lines.unwrap_or_else(|| zeroed_vec(count));
        Self { lines, len }
    }

    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::new(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of `values`.
    pub(crate) fn copy(values: &[f32]) -> Self {
        let mut buffer = Self::new(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Hands the memory to Burn; it returns to the pool when the last tensor that uses it is
    /// dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        let len = self.len * size_of::<f32>();
        // SAFETY: the first `len` bytes are those of `self.len` floats, which the `Vec` of lines
        // has initialised, and `memory` exposes them from the beginning.
        unsafe { Bytes::from_controller(Box::new(self), len) }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len).finish()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        POOL.lock().give(std::mem::take(&mut self.lines));
    }
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<Line>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Native
    }

    unsafe fn memory_mut(
        &mut self,
        _: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines);
        // SAFETY: a `MaybeUninit<u8>` has the layout of a `u8`; the caller promises to write only
        // initialised bytes, so the lines stay initialised.
        Ok(unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.lines);
        // SAFETY: a `MaybeUninit<u8>` has the layout of a `u8`, and nothing can be written through
        // a shared slice.
        Ok(unsafe { &*(std::ptr::from_ref(bytes) as *const [MaybeUninit<u8>]) })
    }
}

/// Unused buffers, by their number of lines.
#[derive(Default)]
struct FreeLists {
    by_lines: HashMap<usize, Vec<Vec<Line>>>,
    bytes: usize,
}

impl FreeLists {
    fn take(&mut self, count: usize) -> Option<Vec<Line>> {
        let lines = self.by_lines.get_mut(&count)?.pop()?;
        self.bytes -= size_of_val(lines.as_slice());
        Some(lines)
    }

    fn give(&mut self, lines: Vec<Line>) {
        let bytes = size_of_val(lines.as_slice());
        if bytes > 0 && self.bytes + bytes <= MAX_POOLED_BYTES {
            self.bytes += bytes;
            self.by_lines.entry(lines.len()).or_default().push(lines);
        }
    }
}

struct Pool(LazyLock<Mutex<FreeLists>>);

static POOL: Pool = Pool(LazyLock::new(Mutex::default));

impl Pool {
    /// A thread that panicked between two steps of `take` or `give` has at worst lost a buffer.
    fn lock(&self) -> MutexGuard<'_, FreeLists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_reused() {
        // A size that no other test uses.
        let len = 1_234_567;
        let first = Buffer::zeros(len);
        let address = first.as_ptr();
        let bytes = first.into_bytes();
        assert_eq!(bytes.len(), len * 4);
        drop(bytes);
        assert_eq!(Buffer::new(len).as_ptr(), address);
    }

    #[test]
    fn buffers_are_aligned_and_hold_what_is_written() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let buffer = Buffer::copy(&values);
            assert_eq!(&buffer[..], &values[..]);
            let bytes = buffer.into_bytes();
            assert_eq!(bytemuck::cast_slice::<u8, f32>(&bytes), &values[..]);
            assert!(bytes.as_ptr().align_offset(64) == 0);
        }
    }
}
