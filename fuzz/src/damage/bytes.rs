//! Damage that knows no format.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Sizes that programs trip over.
const SIZES: [u64; 20] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x00ff_ffff,
    0x1000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];
/// Largest block that is moved, repeated or removed.
const BLOCK: usize = 600;

/// A place in `bytes`, more often near the beginning, where headers are.
fn place(bytes: &[u8], rng: &mut ChaCha8Rng) -> usize {
    let end = match rng.random_range(0..3) {
        0 => bytes.len().min(64),
        1 => bytes.len().min(1024),
        _ => bytes.len(),
    };
    rng.random_range(0..end.max(1))
}

fn range(bytes: &[u8], rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let start = place(bytes, rng).min(bytes.len());
    let most = (bytes.len() - start).min(BLOCK);
    start..start + rng.random_range(0..=most)
}

pub(super) fn change(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    if bytes.is_empty() {
        bytes.push(rng.random());
        return bytes;
    }
    let at = place(&bytes, rng);
    match rng.random_range(0..12) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
        3 => bytes.truncate(at),
        4..=6 => set_integer(&mut bytes, at, rng),
        7 => {
            let more: Vec<u8> = (0..rng.random_range(1..64)).map(|_| rng.random()).collect();
            bytes.splice(at..at, more);
        }
        8 => drop(bytes.drain(range(&bytes, rng))),
        9 => {
            let block = bytes[range(&bytes, rng)].to_vec();
            bytes.splice(at..at, block);
        }
        10 => {
            let block = bytes[range(&bytes, rng)].to_vec();
            let end = (at + block.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&block[..end - at]);
        }
        _ => {
            let value = [0, 0xff, b' ', rng.random()][rng.random_range(0..4)];
            let range = range(&bytes, rng);
            bytes[range].fill(value);
        }
    }
    bytes
}

/// Overwrites an integer of one to eight bytes, in either order of bytes.
fn set_integer(bytes: &mut [u8], at: usize, rng: &mut ChaCha8Rng) {
    let width = [1, 2, 4, 4, 8][rng.random_range(0..5)];
    let start = at / width * width;
    let Some(place) = bytes.get_mut(start..start + width) else {
        return;
    };
    let is_little = rng.random_bool(0.5);
    let old = place
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    let number = match rng.random_range(0..4) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        _ => SIZES[rng.random_range(0..SIZES.len())],
    };
    let little = number.to_le_bytes();
    let big = number.to_be_bytes();
    let source = if is_little {
        &little[..width]
    } else {
        &big[8 - width..]
    };
    place.copy_from_slice(source);
}
