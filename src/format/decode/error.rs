//! Decoding errors.

use std::error::Error as StdError;
use std::io;

use thiserror::Error;

use super::encoding::Encoding;
use crate::model::error_chain;

/// Why decoding stopped before the end of the input.
///
/// `Display` describes this level only; [`source`](StdError::source) has the cause.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The compressed stream ends early.
    #[error("the {} stream ends early, after {stored_bytes} bytes", .encoding.as_str())]
    Truncated {
        /// The encoding of the stream.
        encoding: Encoding,
        /// Stored bytes read.
        stored_bytes: u64,
    },
    /// The compressed stream is damaged.
    #[error("the {} stream is damaged near byte {offset} of the file", .encoding.as_str())]
    Corrupt {
        /// The encoding of the stream.
        encoding: Encoding,
        /// Stored bytes read when the decompressor reported the damage.
        offset: u64,
        /// The error of the decompressor.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The bytes after the last gzip member or zstd frame do not begin another one.
    #[error(
        "bytes that are not {} follow the compressed data, from byte {offset} of the file on",
        .encoding.as_str()
    )]
    Trailing {
        /// The encoding of the data before these bytes.
        encoding: Encoding,
        /// Offset of the first of these bytes in the stored input.
        offset: u64,
    },
    /// The content is larger than the limit.
    #[error("the decompressed content passes --max-archive-bytes ({limit})")]
    TooLarge {
        /// The limit, in bytes of content.
        limit: u64,
    },
    /// The levels of compression in the listed input hold more than all of them may together.
    #[error(
        "all that is compressed inside this file comes to more than --max-archive-bytes and {} times \
         its size allow",
        super::budget::PER_STORED_BYTE
    )]
    BudgetSpent,
    /// The tar or zip file ends inside this member.
    #[error(
        "the container ends inside this member{}",
        .missing.map_or(String::new(), |n| format!(", {n} bytes early"))
    )]
    MemberTruncated {
        /// Number of stored bytes that are missing; `None` when the archive does not state the
        /// member's size before its content.
        missing: Option<u64>,
    },
    /// The member does not match what the tar or zip file says about it.
    #[error("the member is damaged ({message})")]
    MemberCorrupt {
        /// What is wrong.
        message: String,
    },
    /// Reading the stored input failed.
    #[error("reading failed after {stored_bytes} bytes")]
    Read {
        /// Stored bytes read before the failure.
        stored_bytes: u64,
        /// The error of the reader.
        source: io::Error,
    },
}

impl DecodeError {
    /// The error for a failed read after `stored_bytes` bytes.
    ///
    /// The stored bytes of an archive member may come from another decoder. If that one failed,
    /// `error` holds its [`DecodeError`], which is returned as it is.
    pub fn from_read(stored_bytes: u64, error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|source| Self::Read { stored_bytes, source })
    }

    /// The error and its causes in one line: the text of the `detail` column in reports.
    pub fn detail(&self) -> String {
        match self {
            Self::Corrupt { source, .. } => format!("{self} ({source})"),
            Self::Read { .. } => error_chain(self),
            _ => self.to_string(),
        }
    }
}

impl From<DecodeError> for io::Error {
    /// For readers of decoded content; [`DecodeError::from_read`] unwraps it again.
    fn from(error: DecodeError) -> Self {
        Self::other(error)
    }
}
