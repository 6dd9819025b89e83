//! Truncation and windows.

use crate::text::tokenizer::Side;
use std::ops::Range;

/// Tokens kept of each text of a pair so that they sum to at most `room`: the longer one is cut
/// until both are equally long, then both alike. An odd token goes to the longer text; if they are
/// equally long, to the second, as in Hugging Face's `longest_first`.
pub(super) fn longest_first(lengths: [usize; 2], room: usize) -> [usize; 2] {
    let [a, b] = lengths;
    if a + b <= room {
        return lengths;
    }
    let short = a.min(b).min(room / 2);
    if a > b {
        [room - short, short]
    } else {
        [short, room - short]
    }
}

/// Windows of at most `room` over `length` tokens; neighbours share `stride` tokens, fewer than
/// `room`. At least one window, which may be empty. The first begins where the text does or, if
/// texts lose tokens on the left, ends where it does.
pub(super) fn windows(
    length: usize,
    room: usize,
    stride: usize,
    side: Side,
) -> impl Iterator<Item = Range<usize>> {
    let step = room.saturating_sub(stride).max(1);
    let more = length.saturating_sub(room).div_ceil(step);
    (0..=more).map(move |number| {
        let (start, end) = (number * step, (number * step + room).min(length));
        match side {
            Side::Right => start..end,
            Side::Left => length - end..length - start,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longer_text_is_cut_first() {
        assert_eq!(longest_first([3, 4], 7), [3, 4]);
        assert_eq!(longest_first([3, 9], 7), [3, 4]);
        assert_eq!(longest_first([9, 3], 7), [4, 3]);
        assert_eq!(longest_first([5, 9], 7), [3, 4]);
        assert_eq!(longest_first([9, 5], 7), [4, 3]);
        assert_eq!(longest_first([9, 9], 7), [3, 4]);
        assert_eq!(longest_first([9, 0], 7), [7, 0]);
    }

    #[test]
    fn windows_overlap_by_the_stride() {
        let of =
            |length, room, stride| windows(length, room, stride, Side::Right).collect::<Vec<_>>();
        assert_eq!(of(0, 5, 2), vec![0..0; 1]);
        assert_eq!(of(5, 5, 2), vec![0..5; 1]);
        assert_eq!(of(6, 5, 2), [0..5, 3..6]);
        assert_eq!(of(9, 5, 2), [0..5, 3..8, 6..9]);
        assert_eq!(of(4, 2, 0), [0..2, 2..4]);
        let left: Vec<_> = windows(9, 5, 2, Side::Left).collect();
        assert_eq!(left, [4..9, 1..6, 0..3]);
    }

    proptest! {
        #[test]
        fn windows_cover_everything(length in 0usize..60, room in 1usize..9, stride in 0usize..8) {
            prop_assume!(stride < room);
            let windows: Vec<_> = windows(length, room, stride, Side::Right).collect();
            prop_assert_eq!(windows[0].start, 0);
            prop_assert_eq!(windows[windows.len() - 1].end, length);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].len(), room);
                prop_assert_eq!(pair[0].end - pair[1].start, stride);
                prop_assert!(pair[1].end > pair[0].end);
            }
        }
    }
}
