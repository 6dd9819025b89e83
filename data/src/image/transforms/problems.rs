//! Checking the settings of a transform, all of them at once.

use crate::error::DataError;

/// What is wrong with the settings of one transform.
pub(super) struct Problems {
    /// What the transform is called, as in `transforms[0].resize`.
    key: String,
    found: Vec<DataError>,
}

impl Problems {
    pub(super) fn new(key: String) -> Self {
        Self {
            key,
            found: Vec::new(),
        }
    }

    pub(super) fn found(self) -> Vec<DataError> {
        self.found
    }

    /// Notes `reason` unless `holds`; about one setting, or about the transform as a whole.
    pub(super) fn require(
        &mut self,
        holds: bool,
        setting: Option<&str>,
        reason: impl FnOnce() -> String,
    ) {
        if holds {
            return;
        }
        let key = match setting {
            Some(setting) => format!("{}.{setting}", self.key),
            None => self.key.clone(),
        };
        self.found.push(DataError::config(key, reason()));
    }

    /// A number of pixels, at least 1.
    pub(super) fn size(&mut self, setting: &str, size: usize) {
        // Beyond this nothing is an image any more, and products could overflow.
        const MOST: usize = 65_535;
        self.require((1..=MOST).contains(&size), Some(setting), || {
            format!("{size} is not within 1 to {MOST} pixels")
        });
    }

    /// The setting `probability`.
    pub(super) fn probability(&mut self, probability: f64) {
        self.require(
            (0.0..=1.0).contains(&probability),
            Some("probability"),
            || format!("{probability} is not within 0 to 1"),
        );
    }

    /// `[least, most]`, both within `bounds`.
    pub(super) fn range(&mut self, setting: &str, [least, most]: [f64; 2], bounds: [f64; 2]) {
        let holds = bounds[0] <= least && least <= most && most <= bounds[1];
        self.require(holds, Some(setting), || {
            format!(
                "[{least}, {most}] is not a range [least, most] within {} to {}",
                bounds[0], bounds[1]
            )
        });
    }

    /// `scale` and `ratio` of a random area: shares of the image and width to height.
    pub(super) fn area(&mut self, scale: [f64; 2], ratio: [f64; 2]) {
        self.range("scale", scale, [0.0, 1.0]);
        // More extreme ratios are no rectangles of any image.
        self.range("ratio", ratio, [1e-4, 1e4]);
    }
}
