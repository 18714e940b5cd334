//! Compressed bytes → JSON bytes, bounded.
//!
//! gzip is told by its magic bytes, never by a file's name. Members are decoded one after the other, so that damage in one is placed exactly and
//! what follows the last is noticed. Nothing is kept but a window. Deliberately absent: what the content means.

mod input;
mod sniff;

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use thiserror::Error;

use input::Input;
pub use sniff::{Format, sniff};

/// Why decoding stopped before the end of the input.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The compressed stream ends early.
    #[error("the gzip stream ends early, after {compressed} bytes")]
    Truncated {
        /// Stored bytes read.
        compressed: u64,
    },
    /// The compressed stream is damaged.
    #[error("the gzip stream is damaged near byte {compressed} of the file ({message})")]
    Corrupt {
        /// Stored bytes read when it was noticed.
        compressed: u64,
        /// The decompressor's words.
        message: String,
    },
    /// What follows the last gzip member is not gzip.
    #[error("bytes that are not gzip follow the compressed data, from byte {compressed} of the file on")]
    Trailing {
        /// Offset of the first of them in the stored bytes.
        compressed: u64,
    },
    /// The content is larger than allowed.
    #[error("the decompressed content passes --max-archive-bytes ({limit})")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The input itself could not be read on.
    #[error("reading failed after {compressed} bytes: {error}")]
    Read {
        /// Stored bytes read.
        compressed: u64,
        /// The operating system's words.
        error: io::Error,
    },
}

/// An input being decoded.
pub struct Content<R: Read> {
    stage: Stage<R>,
    format: Format,
    limit: u64,
    content_bytes: u64,
    members: u64,
    hasher: Option<Sha256>,
}

enum Stage<R: Read> {
    Plain(Input<R>),
    Member(Box<GzDecoder<Input<R>>>),
    /// The end, or an error, was reached after so many stored bytes.
    Over(u64),
}

impl<R: Read> Content<R> {
    /// Looks at the first bytes of `reader` and prepares to decode at most `limit` bytes of content, hashing them if `hash`.
    ///
    /// # Errors
    /// When not even the first bytes can be read.
    pub fn new(reader: R, limit: u64, hash: bool) -> io::Result<Self> {
        let mut input = Input::new(reader);
        let format = sniff(input.peek(sniff::LONGEST)?);
        let (stage, members) = match format {
            Format::Gzip => (Stage::Member(Box::new(GzDecoder::new(input))), 1),
            _ => (Stage::Plain(input), 0),
        };
        Ok(Self { stage, format, limit, content_bytes: 0, members, hasher: hash.then(Sha256::new) })
    }

    /// How the input is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Stored bytes read so far.
    pub fn compressed_bytes(&self) -> u64 {
        match &self.stage {
            Stage::Plain(input) => input.consumed(),
            Stage::Member(decoder) => decoder.get_ref().consumed(),
            Stage::Over(consumed) => *consumed,
        }
    }

    /// Bytes of content given out so far.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// gzip members met so far; 0 when the input is not compressed.
    pub fn members(&self) -> u64 {
        self.members
    }

    /// Lower-case hexadecimal SHA-256 of the content given out so far, if asked for.
    pub fn sha256(&self) -> Option<String> {
        use std::fmt::Write;
        let digest = self.hasher.clone()?.finalize();
        Some(digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
            hex
        }))
    }

    /// Fills part of `buffer` with the next content; 0 at the end. After an error there is nothing more.
    ///
    /// # Errors
    /// When the rest of the input cannot be decoded; all content before the damage has been given out.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let result = self.read_stage(buffer);
        match &result {
            Ok(n) => {
                let given = &buffer[..*n];
                self.content_bytes += given.len() as u64;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(given);
                }
            }
            Err(_) => self.stage = Stage::Over(self.compressed_bytes()),
        }
        result
    }

    fn read_stage(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let left = self.limit - self.content_bytes;
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        // With no room left, one more byte tells whether the content ends here or is too large.
        let mut probe = [0u8; 1];
        let target = if room == 0 && !buffer.is_empty() { &mut probe[..] } else { &mut buffer[..room] };
        loop {
            let n = match &mut self.stage {
                Stage::Over(_) => return Ok(0),
                Stage::Plain(input) => {
                    let consumed = input.consumed();
                    input.read(target).map_err(|error| DecodeError::Read { compressed: consumed, error })?
                }
                Stage::Member(decoder) => match decoder.read(target) {
                    Ok(n) => n,
                    Err(error) => return Err(gzip_error(decoder.get_mut(), error)),
                },
            };
            if n > 0 {
                return if room == 0 { Err(DecodeError::TooLarge { limit: self.limit }) } else { Ok(n) };
            }
            if !self.next_member()? {
                return Ok(0);
            }
        }
    }

    /// At the end of a member: goes on to the next, if there is one.
    fn next_member(&mut self) -> Result<bool, DecodeError> {
        let mut input = match std::mem::replace(&mut self.stage, Stage::Over(0)) {
            Stage::Member(decoder) => decoder.into_inner(),
            Stage::Plain(input) => {
                self.stage = Stage::Over(input.consumed());
                return Ok(false);
            }
            Stage::Over(n) => {
                self.stage = Stage::Over(n);
                return Ok(false);
            }
        };
        let compressed = input.consumed();
        self.stage = Stage::Over(compressed);
        let next = input.peek(sniff::LONGEST).map_err(|error| DecodeError::Read { compressed, error })?;
        if next.is_empty() {
            return Ok(false);
        }
        if sniff(next) != Format::Gzip {
            return Err(DecodeError::Trailing { compressed });
        }
        self.members += 1;
        self.stage = Stage::Member(Box::new(GzDecoder::new(input)));
        Ok(true)
    }
}

fn gzip_error<R: Read>(input: &mut Input<R>, error: io::Error) -> DecodeError {
    let compressed = input.consumed();
    if let Some(error) = input.take_failure() {
        return DecodeError::Read { compressed, error };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DecodeError::Truncated { compressed },
        _ => DecodeError::Corrupt { compressed, message: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
