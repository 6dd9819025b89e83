//! Reading a weights file of arbitrary bytes returns, and needs little memory.
#![allow(clippy::unwrap_used, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use proptest::prelude::*;
use tinderbox_model_cnn::weights::StateDict;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Counts allocations per thread, so that concurrent tests do not affect each other.
struct Counting;

impl Counting {
    fn add(size: usize) {
        let held = HELD.get().saturating_add(size);
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
    }
}

// SAFETY: every call is forwarded unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A pickle instruction of one byte can become a value of some dozen bytes, and the file is copied.
const BYTES_PER_BYTE: usize = 300;
/// Tensors that repeat elements may take a megabyte, and as float32 four times as much.
const FIXED_BYTES: usize = 1 << 23;

/// Reads all tensors of the file and checks the peak of memory.
fn read(bytes: &[u8]) {
    let before = HELD.get();
    PEAK.set(before);
    if let Ok(dict) = StateDict::from_bytes(bytes.to_vec(), Path::new("file")) {
        for name in dict.names() {
            let shape = dict.shape(name).unwrap();
            if let Some(values) = dict.floats(name) {
                assert_eq!(values.shape().as_slice(), shape);
            }
        }
    }
    let peak = PEAK.get().saturating_sub(before);
    let allowed = bytes.len() * BYTES_PER_BYTE + FIXED_BYTES;
    assert!(
        peak <= allowed,
        "{peak} bytes for a file of {}",
        bytes.len()
    );
}

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 15);
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn all_fixtures_are_read_in_little_memory() {
    for bytes in fixtures() {
        read(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_files(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let fixtures = fixtures();
        let mut bytes = fixtures[file.index(fixtures.len())].clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        read(&bytes);
    }

    #[test]
    fn any_instructions(body in prop::collection::vec(any::<u8>(), 0..400)) {
        for start in [&b"\x80\x02"[..], b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."] {
            read(&[start, &body].concat());
        }
        read(&body);
    }
}
