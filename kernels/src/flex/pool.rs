//! Buffers that are used again instead of being given back to the system.
//!
//! A training step allocates the same sizes over and over, and much of what a fresh buffer costs is the page faults of
//! writing to it for the first time. What a dropped tensor held is kept here and handed out again as it is.

use std::collections::HashMap;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use bytemuck::allocation::zeroed_vec;

/// What is kept at most, in bytes; what is dropped beyond it goes back to the allocator.
const MOST_KEPT: usize = 1 << 30;

/// Numbers in a line.
const LINE: usize = 16;

/// Memory comes in whole lines: as wide and as aligned as the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

// SAFETY: all bits zero are sixteen zeros.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: sixteen numbers of four bytes fill the 64 bytes of its alignment without padding, and any bits are numbers.
unsafe impl bytemuck::Pod for Line {}

/// Numbers to be written and then made a tensor of. What a new one holds is left over from its last use.
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// Room for `len` numbers whose values mean nothing yet.
    pub(crate) fn new(len: usize) -> Self {
        let count = len.div_ceil(LINE);
        let lines = POOL.lock().take(count);
        // Zeroed memory straight from the system has not been written to.
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

    /// The memory in the form that Burn keeps; it comes back here when the last tensor that uses it is dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        let len = self.len * size_of::<f32>();
        // SAFETY: the first `len` bytes are those of `self.len` numbers, which a `Vec` of lines has initialised, and
        // `memory` shows them from the beginning.
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
        // SAFETY: a `MaybeUninit<u8>` is laid out as a `u8`; the caller promises to write only initialised bytes, so the
        // lines stay initialised.
        Ok(unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.lines);
        // SAFETY: a `MaybeUninit<u8>` is laid out as a `u8`, and nothing can be written through a shared slice.
        Ok(unsafe { &*(std::ptr::from_ref(bytes) as *const [MaybeUninit<u8>]) })
    }
}

/// Buffers that nobody uses, by their number of lines.
#[derive(Default)]
struct Free {
    by_lines: HashMap<usize, Vec<Vec<Line>>>,
    bytes: usize,
}

impl Free {
    fn take(&mut self, count: usize) -> Option<Vec<Line>> {
        let lines = self.by_lines.get_mut(&count)?.pop()?;
        self.bytes -= size_of_val(lines.as_slice());
        Some(lines)
    }

    fn give(&mut self, lines: Vec<Line>) {
        let bytes = size_of_val(lines.as_slice());
        if bytes > 0 && self.bytes + bytes <= MOST_KEPT {
            self.bytes += bytes;
            self.by_lines.entry(lines.len()).or_default().push(lines);
        }
    }
}

struct Pool(LazyLock<Mutex<Free>>);

static POOL: Pool = Pool(LazyLock::new(Mutex::default));

impl Pool {
    /// A thread that panicked between two steps of `take` or `give` can at worst have lost a buffer.
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_handed_out_again() {
        // A size that no other test asks for.
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
