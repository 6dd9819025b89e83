//! Inverse discrete cosine transform in the integer arithmetic of libjpeg's default ("islow"), so
//! that samples are identical. The factorisation is that of Loeffler, Ligtenberg and Moschytz
//! (1989), "Practical fast 1-D DCT algorithms with 11 multiplications".

/// Blocks transformed at once, one per SIMD lane, so that nothing is transposed between the two
/// passes.
pub(crate) const LANES: usize = 8;
/// One value per block.
type Lanes = [i32; LANES];

/// Fractional bits of the constants.
const BITS: u32 = 13;
/// Fractional bits kept between the two passes.
const KEPT: u32 = 2;

/// `x * 2^13`, rounded.
const fn fixed(x: f64) -> i32 {
    (x * (1 << BITS) as f64 + 0.5) as i32
}

const C0_298: i32 = fixed(0.298631336);
const C0_390: i32 = fixed(0.390180644);
const C0_541: i32 = fixed(0.541196100);
const C0_765: i32 = fixed(0.765366865);
const C0_899: i32 = fixed(0.899976223);
const C1_175: i32 = fixed(1.175875602);
const C1_501: i32 = fixed(1.501321110);
const C1_847: i32 = fixed(1.847759065);
const C1_961: i32 = fixed(1.961570560);
const C2_053: i32 = fixed(2.053119869);
const C2_562: i32 = fixed(2.562915447);
const C3_072: i32 = fixed(3.072711026);

/// Coefficients of [`LANES`] blocks: `[row, column, block]`.
pub(crate) type Coefficients = [Lanes; 64];
/// Samples of [`LANES`] blocks: `[block, row]`, with the eight samples of a row as little-endian
/// bytes.
pub(crate) type Samples = [[u64; 8]; LANES];

/// Transforms [`LANES`] blocks of coefficients to samples.
#[inline(always)]
pub(crate) fn blocks(coefficients: &Coefficients) -> Samples {
    let mut columns = [[0; LANES]; 64];
    for x in 0..8 {
        for lane in 0..LANES {
            let column = transform(std::array::from_fn(|y| coefficients[8 * y + x][lane]));
            for y in 0..8 {
                columns[8 * y + x][lane] = rounded::<{ BITS - KEPT }>(column[y]);
            }
        }
    }
    // [column, row, block]
    let mut samples = [[[0; LANES]; 8]; 8];
    for y in 0..8 {
        for lane in 0..LANES {
            let row = transform(std::array::from_fn(|x| columns[8 * y + x][lane]));
            for x in 0..8 {
                // The two passes scale by 8.
                samples[x][y][lane] = sample(rounded::<{ BITS + KEPT + 3 }>(row[x]));
            }
        }
    }
    transposed(samples.map(|column| column.map(u64::from_le_bytes)))
}

/// The sample of a block with only a DC coefficient: [`blocks`] would give it everywhere.
pub(crate) fn flat(dc: i32) -> u8 {
    sample(dc.wrapping_add(4) >> 3)
}

#[inline(always)]
fn sample(value: i32) -> u8 {
    value.wrapping_add(128).clamp(0, 255) as u8
}

/// One-dimensional transform, scaled by `2^13`.
#[inline(always)]
fn transform(x: [i32; 8]) -> [i32; 8] {
    let times = i32::wrapping_mul;
    let (add, sub) = (i32::wrapping_add, i32::wrapping_sub);
    // The even part.
    let z = times(add(x[2], x[6]), C0_541);
    let (a, b) = (add(z, times(x[2], C0_765)), sub(z, times(x[6], C1_847)));
    let (sum, difference) = (add(x[0], x[4]) << BITS, sub(x[0], x[4]) << BITS);
    let even = [
        add(sum, a),
        add(difference, b),
        sub(difference, b),
        sub(sum, a),
    ];
    // The odd part.
    let (z3, z4) = (add(x[7], x[3]), add(x[5], x[1]));
    let z5 = times(add(z3, z4), C1_175);
    let (z3, z4) = (sub(z5, times(z3, C1_961)), sub(z5, times(z4, C0_390)));
    let z1 = times(add(x[7], x[1]), C0_899);
    let z2 = times(add(x[5], x[3]), C2_562);
    let odd = [
        add(sub(times(x[1], C1_501), z1), z4),
        add(sub(times(x[3], C3_072), z2), z3),
        add(sub(times(x[5], C2_053), z2), z4),
        add(sub(times(x[7], C0_298), z1), z3),
    ];
    let sums: [i32; 4] = std::array::from_fn(|k| add(even[k], odd[k]));
    let differences: [i32; 4] = std::array::from_fn(|k| sub(even[k], odd[k]));
    let ([a, b, c, d], [h, g, f, e]) = (sums, differences);
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn rounded<const SHIFT: u32>(x: i32) -> i32 {
    x.wrapping_add(1 << (SHIFT - 1)) >> SHIFT
}

/// Bytes `[column, row, block]` as `[block, row, column]`.
#[inline(always)]
fn transposed(mut bytes: [[u64; 8]; 8]) -> [[u64; 8]; 8] {
    exchange::<1>(&mut bytes, 0x00FF_00FF_00FF_00FF);
    exchange::<2>(&mut bytes, 0x0000_FFFF_0000_FFFF);
    exchange::<4>(&mut bytes, 0x0000_0000_FFFF_FFFF);
    bytes
}

/// In each square of `2 * STEP` bytes a side, swaps the two off-diagonal squares of `STEP` bytes a
/// side. `low` masks the lower half of each `2 * STEP` bytes.
#[allow(clippy::needless_range_loop, reason = "two rows at once")]
#[inline(always)]
fn exchange<const STEP: usize>(bytes: &mut [[u64; 8]; 8], low: u64) {
    let bits = 8 * STEP as u32;
    for a in (0..8).filter(|a| a & STEP == 0) {
        for y in 0..8 {
            let (upper, lower) = (bytes[a][y], bytes[a + STEP][y]);
            bytes[a][y] = (upper & low) | ((lower & low) << bits);
            bytes[a + STEP][y] = ((upper >> bits) & low) | (lower & !low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// The definition (T.81, A.3.3), with coefficients `[row, column]`.
    fn defined(coefficients: &[i32; 64], x: usize, y: usize) -> f64 {
        let scale = |u: usize| if u == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave =
            |x: usize, u: usize| scale(u) * ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
        let terms = coefficients.iter().enumerate();
        let sum: f64 = terms
            .map(|(k, &c)| f64::from(c) * wave(x, k % 8) * wave(y, k / 8))
            .sum();
        (sum / 4.0 + 128.0).clamp(0.0, 255.0)
    }

    proptest! {
        #[test]
        fn every_lane_transforms_its_own_block(blocks in prop::collection::vec(prop::collection::vec(-200..200, 64), LANES)) {
            let mut coefficients = [[0; LANES]; 64];
            for (lane, block) in blocks.iter().enumerate() {
                (0..64).for_each(|k| coefficients[k][lane] = block[k]);
            }
            let samples = super::blocks(&coefficients);
            for (block, rows) in blocks.iter().zip(samples) {
                let block: [i32; 64] = std::array::from_fn(|k| block[k]);
                for (y, row) in rows.into_iter().enumerate() {
                    for (x, sample) in row.to_le_bytes().into_iter().enumerate() {
                        prop_assert!((f64::from(sample) - defined(&block, x, y)).abs() < 1.0);
                    }
                }
            }
        }

        #[test]
        fn a_dc_coefficient_alone_gives_a_flat_block(mean in -3000..3000) {
            let mut coefficients = [[0; LANES]; 64];
            coefficients[0] = [mean; LANES];
            let expected = u64::from_le_bytes([flat(mean); 8]);
            prop_assert_eq!(super::blocks(&coefficients), [[expected; 8]; LANES]);
        }
    }
}
