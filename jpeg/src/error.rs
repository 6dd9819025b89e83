//! The error type.

/// A file that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The file ends before its end marker.
    #[error("is a truncated JPEG file: it has no end marker")]
    Truncated,
    /// The file violates the standard, or ends within a segment.
    #[error("is a damaged or truncated JPEG file: {0}")]
    Damaged(String),
    /// The frame has no width or height: the height of such a file follows its first scan, in a DNL
    /// segment.
    #[error("is a JPEG file without a size in its header, which is not read; save it again")]
    NoSize,
    /// A kind of file that the standard allows and this crate does not read.
    #[error("is a JPEG file {0}, which is not read")]
    Unsupported(String),
    /// The coefficients of a file with several scans would take too much memory.
    #[error(
        "is a JPEG file of several scans, whose coefficients would take {bytes} bytes, more than the {limit} that are allowed; scale it down or make it baseline (jpegtran)"
    )]
    TooLarge {
        /// Bytes that the coefficients would take.
        bytes: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
}

impl JpegError {
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }
}
