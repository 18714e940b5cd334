//! Why decoding stops, typed where it happens.

use std::io;

use thiserror::Error;

use super::Format;

/// Why decoding stopped before the end of the input.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The compressed stream ends early.
    #[error("the {} stream ends early, after {compressed} bytes", .format.as_str())]
    Truncated {
        /// How it is compressed.
        format: Format,
        /// Stored bytes read.
        compressed: u64,
    },
    /// The compressed stream is damaged.
    #[error("the {} stream is damaged near byte {compressed} of the file ({message})", .format.as_str())]
    Corrupt {
        /// How it is compressed.
        format: Format,
        /// Stored bytes read when it was noticed.
        compressed: u64,
        /// The decompressor's words.
        message: String,
    },
    /// What follows the last gzip member or zstd frame is no further one.
    #[error("bytes that are not {} follow the compressed data, from byte {compressed} of the file on", .format.as_str())]
    Trailing {
        /// How the data before them is compressed.
        format: Format,
        /// Offset of the first of them in the stored bytes.
        compressed: u64,
    },
    /// The content is larger than allowed.
    #[error("the decompressed content passes --max-archive-bytes ({limit})")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The container that the input is a member of ends inside it.
    #[error("the container ends inside this member{}", .missing.map_or(String::new(), |n| format!(", {n} bytes early")))]
    MemberCut {
        /// Stored bytes that are missing, where the container says how many there should be.
        missing: Option<u64>,
    },
    /// What the container says of the member is not true.
    #[error("the member is damaged ({message})")]
    MemberCorrupt {
        /// What is wrong.
        message: String,
    },
    /// The input itself could not be read on.
    #[error("reading failed after {compressed} bytes: {error}")]
    Read {
        /// Stored bytes read.
        compressed: u64,
        /// The operating system's words, or S3's.
        #[source]
        error: io::Error,
    },
}

impl DecodeError {
    /// What a failed read comes to. The stored bytes of a member may themselves be decoded from something: then that error is the cause.
    pub fn of_read(compressed: u64, error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::Read { compressed, error })
    }
}

impl From<DecodeError> for io::Error {
    /// For readers of what has been decoded; [`DecodeError::of_read`] finds the cause again.
    fn from(error: DecodeError) -> Self {
        Self::other(error)
    }
}
