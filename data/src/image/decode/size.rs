//! Limits of an image's size, checked before anything is allocated.

use super::MAX_PIXELS;

/// Bytes that an image may take while it is decoded.
const MAX_BYTES: u64 = 1 << 30;

/// Checks width and height as a header gives them, for a decoder that takes `bytes` a pixel.
pub(super) fn check(width: u64, height: u64, bytes: u64) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("its header says {width}x{height} pixels"));
    }
    let pixels = width.saturating_mul(height);
    let taken = pixels.saturating_mul(bytes);
    if pixels > MAX_PIXELS {
        return Err(format!(
            "its header says {width}x{height} pixels ({taken} bytes), more than the {MAX_PIXELS} that are allowed; scale it down"
        ));
    }
    if taken > MAX_BYTES {
        return Err(format!(
            "its {width}x{height} pixels would take {taken} bytes, more than the {MAX_BYTES} that are allowed; scale it down"
        ));
    }
    Ok(())
}

/// Width and height as the sizes of a slice. Checked first, they fit.
pub(super) fn checked(width: u64, height: u64, bytes: u64) -> Result<(usize, usize), String> {
    check(width, height, bytes)?;
    let side = |side: u64| usize::try_from(side).map_err(|error| error.to_string());
    Ok((side(width)?, side(height)?))
}
