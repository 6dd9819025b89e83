//! Validation of a transform's settings, which reports all problems at once.

use crate::error::DataError;

/// Problems in the settings of one transform.
pub(super) struct Problems {
    /// Key of the transform, as in `transforms[0].resize`.
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

    /// Records `reason` unless `holds`, for one setting or for the transform as a whole.
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

    /// Requires a number of pixels, at least 1.
    pub(super) fn size(&mut self, setting: &str, size: usize) {
        // An image of this size takes 200 MB in single precision; no network is trained on more.
        const MAX: usize = 4096;
        self.require((1..=MAX).contains(&size), Some(setting), || {
            format!("{size} is not within 1 to {MAX} pixels")
        });
    }

    /// Requires a probability.
    pub(super) fn probability(&mut self, probability: f64) {
        self.require(
            (0.0..=1.0).contains(&probability),
            Some("probability"),
            || format!("{probability} is not within 0 to 1"),
        );
    }

    /// Requires `[min, max]` within `bounds`.
    pub(super) fn range(&mut self, setting: &str, [min, max]: [f64; 2], bounds: [f64; 2]) {
        let holds = bounds[0] <= min && min <= max && max <= bounds[1];
        self.require(holds, Some(setting), || {
            format!(
                "[{min}, {max}] is not a range [min, max] within {} to {}",
                bounds[0], bounds[1]
            )
        });
    }

    /// Requires valid `scale` (shares of the image's area) and `ratio` (width to height) of a
    /// random rectangle.
    pub(super) fn area(&mut self, scale: [f64; 2], ratio: [f64; 2]) {
        self.range("scale", scale, [0.0, 1.0]);
        // No image has rectangles of more extreme ratios.
        self.range("ratio", ratio, [1e-4, 1e4]);
    }
}
