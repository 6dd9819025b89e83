//! Random BPTT segment lengths of the AWD-LSTM, so that back-propagation is truncated at different
//! places in each epoch.

use crate::random;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Probability of a segment of about half the length.
const HALF_PROBABILITY: f64 = 0.05;
/// Standard deviation of the length, in steps.
const STANDARD_DEVIATION: f64 = 5.0;
/// Minimum length in steps, before lengths are scaled to the stream.
const MIN_LENGTH: f64 = 5.0;

/// Number of segments of a stream of `length` steps: as many as fit with the mean length, 0.975
/// `time`.
pub(super) fn count(length: usize, time: usize) -> usize {
    let average = time as f64 * (1.0 - HALF_PROBABILITY / 2.0);
    ((length as f64 / average).round() as usize).clamp(1, length.max(1))
}

/// Segment boundaries of `epoch`, from 0 to `length`: increasing, one more than [`count`].
pub(super) fn varied(seed: u64, epoch: u64, length: usize, time: usize) -> Vec<usize> {
    let count = count(length, time);
    let mut rng = random::rng(seed, "segments", epoch, 0);
    let mut ends = vec![0.0];
    let mut sum = 0.0;
    for _ in 0..count {
        let half = rng.random::<f64>() < HALF_PROBABILITY;
        let time = time as f64 / if half { 2.0 } else { 1.0 };
        let noise: f64 = rng.sample(StandardNormal);
        sum += (time + STANDARD_DEVIATION * noise).max(MIN_LENGTH).trunc();
        ends.push(sum);
    }
    // One step is reserved per segment and the rest is shared out, so that no segment is empty.
    let shared = (length - count) as f64;
    let fit = |(number, end): (usize, f64)| number + (end / sum * shared).round() as usize;
    ends.into_iter().enumerate().map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_segment_has_a_step_and_the_last_one_ends_with_the_stream(
            seed: u64, epoch: u64, length in 1usize..5000, time in 1usize..200
        ) {
            let ends = varied(seed, epoch, length, time);
            prop_assert_eq!(ends.len(), count(length, time) + 1);
            prop_assert_eq!((ends[0], ends[ends.len() - 1]), (0, length));
            prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    /// The published program over a long stream: mean 0.975 * 70 = 68.25, about 5 % of them around
    /// 35.
    #[test]
    fn lengths_are_those_of_the_paper() {
        let ends = varied(1, 0, 1_000_000, 70);
        let lengths: Vec<usize> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = lengths.len() as f64;
        assert_eq!(lengths.len(), 14_652);
        let short = lengths.iter().filter(|&&length| length < 52).count() as f64;
        assert!(
            (0.045..0.055).contains(&(short / count)),
            "{short} of {count}"
        );
        let long = lengths.iter().filter(|&&length| length >= 52);
        let mean = long.clone().sum::<usize>() as f64 / (count - short);
        let squares = long
            .map(|&length| (length as f64 - mean).powi(2))
            .sum::<f64>();
        let deviation = (squares / (count - short)).sqrt();
        assert!((mean - 70.0).abs() < 0.5, "{mean}");
        assert!((deviation - 5.0).abs() < 0.2, "{deviation}");
    }

    #[test]
    fn epochs_differ() {
        assert_ne!(varied(1, 0, 1000, 20), varied(1, 1, 1000, 20));
        assert_ne!(varied(1, 0, 1000, 20), varied(2, 0, 1000, 20));
    }
}
