//! Compressed bytes → JSON bytes, bounded.
//!
//! gzip is told by its magic bytes, never by a file's name. Members are decoded one after the other, so that damage in one is placed exactly and
//! what follows the last is noticed. An ordinary archive is decoded at once; of anything else nothing is kept but a window. Deliberately absent:
//! what the content means.

mod input;
mod sniff;
mod whole;

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};
use thiserror::Error;

use input::Input;
pub use sniff::{Format, sniff};
pub use whole::Buffers;

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
    input: Input<R>,
    format: Format,
    stage: Stage,
    limit: u64,
    content_bytes: u64,
    members: u64,
    hasher: Option<Sha256>,
}

enum Stage {
    /// All of the content, waiting to be taken.
    Whole(Vec<u8>),
    Plain,
    /// Inside a gzip member. flate2's own readers throw away what they have decoded when they meet damage; this one gives it out first.
    Member(Box<Decompress>),
    /// Behind a member: what follows is looked at when it is asked for, so that a run that ends here does not depend on how much was read.
    Between,
    /// Damage was met; what came before it has been given out.
    Broken(DecodeError),
    Over,
}

/// zlib's largest window: a gzip file does not say which it needs.
const WINDOW_BITS: u8 = 15;

fn member() -> Stage {
    Stage::Member(Box::new(Decompress::new_gzip(WINDOW_BITS)))
}

impl<R: Read> Content<R> {
    /// Looks at the first bytes of `reader` and prepares to decode at most `limit` bytes of content, hashing them if `hash`. `size` is the number of
    /// stored bytes, where known: it decides how to decode, not what comes of it.
    ///
    /// # Errors
    /// When not even the first bytes can be read.
    pub fn new(
        reader: R,
        size: Option<u64>,
        limit: u64,
        hash: bool,
        buffers: &mut Buffers,
    ) -> io::Result<Self> {
        let mut input = Input::new(reader, std::mem::take(&mut buffers.stored));
        let format = sniff(input.peek(sniff::LONGEST)?);
        let (stage, members) = match format {
            Format::Gzip => (member(), 1),
            _ => (Stage::Plain, 0),
        };
        let hasher = hash.then(Sha256::new);
        let mut content = Self { input, format, stage, limit, content_bytes: 0, members, hasher };
        if let Some(size) = size.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= whole::STORED)
            && format == Format::Gzip
        {
            content.decode_whole(size, buffers)?;
        }
        Ok(content)
    }

    fn decode_whole(&mut self, size: usize, buffers: &mut Buffers) -> io::Result<()> {
        let Some(stored) = self.input.peek_all(size)? else { return Ok(()) };
        let Some(content) = buffers.gunzip(stored, self.limit) else { return Ok(()) };
        let stored = stored.len();
        self.input.consume(stored);
        self.content_bytes = content.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&content);
        }
        self.stage = Stage::Whole(content);
        Ok(())
    }

    /// The content, if it could be decoded at once; then there is nothing left to [`read`](Self::read).
    pub fn take_whole(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Whole(content) => Some(content),
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    /// Gives the memory back, to be used for the next input.
    pub fn finish(self, buffers: &mut Buffers) {
        buffers.stored = self.input.into_buffer();
    }

    /// How the input is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Stored bytes read so far.
    pub fn compressed_bytes(&self) -> u64 {
        self.input.consumed()
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
        let left = self.limit - self.content_bytes;
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        // With no room left, one more byte tells whether the content ends here or is too large.
        let mut probe = [0u8; 1];
        let target = if room == 0 && !buffer.is_empty() { &mut probe[..] } else { &mut buffer[..room] };
        let n = self.fill(target)?;
        if n > 0 && room == 0 {
            self.stage = Stage::Over;
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        self.content_bytes += n as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..n]);
        }
        Ok(n)
    }

    fn fill(&mut self, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let n = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over | Stage::Whole(_) => return Ok(0),
                Stage::Broken(error) => return Err(error),
                Stage::Plain => {
                    let n = self.read_input(|input| input.read(target))?;
                    if n > 0 {
                        self.stage = Stage::Plain;
                    }
                    return Ok(n);
                }
                Stage::Member(decompress) => self.inflate(decompress, target)?,
                Stage::Between => {
                    self.stage = self.after_member();
                    0
                }
            };
            if n > 0 {
                return Ok(n);
            }
        }
    }

    fn read_input<T>(&mut self, read: impl FnOnce(&mut Input<R>) -> io::Result<T>) -> Result<T, DecodeError> {
        let compressed = self.input.consumed();
        read(&mut self.input).map_err(|error| DecodeError::Read { compressed, error })
    }

    /// Decodes some of the member; leaves the stage as it is afterwards.
    fn inflate(&mut self, mut decompress: Box<Decompress>, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let compressed = self.input.consumed();
            let input = self.input.fill_buf().map_err(|error| DecodeError::Read { compressed, error })?;
            let at_end = input.is_empty();
            let (in_before, out_before) = (decompress.total_in(), decompress.total_out());
            let status = decompress.decompress(input, target, FlushDecompress::None);
            // Neither passes the length of a slice.
            let consumed = usize::try_from(decompress.total_in() - in_before).unwrap_or(usize::MAX);
            let produced = usize::try_from(decompress.total_out() - out_before).unwrap_or(usize::MAX);
            self.input.consume(consumed);
            self.stage = match status {
                Ok(Status::StreamEnd) => Stage::Between,
                Ok(Status::Ok | Status::BufError) if produced == 0 && at_end => {
                    Stage::Broken(DecodeError::Truncated { compressed: self.input.consumed() })
                }
                Ok(Status::Ok | Status::BufError) if produced == 0 && !target.is_empty() => continue,
                Ok(Status::Ok | Status::BufError) => Stage::Member(decompress),
                Err(error) => {
                    let (compressed, message) = (self.input.consumed(), error.to_string());
                    Stage::Broken(DecodeError::Corrupt { compressed, message })
                }
            };
            return Ok(produced);
        }
    }

    /// What follows a member: another one, the end, or something that is not gzip.
    fn after_member(&mut self) -> Stage {
        let compressed = self.input.consumed();
        match self.input.peek(sniff::LONGEST) {
            Err(error) => Stage::Broken(DecodeError::Read { compressed, error }),
            Ok([]) => Stage::Over,
            Ok(next) if sniff(next) == Format::Gzip => {
                self.members += 1;
                member()
            }
            Ok(_) => Stage::Broken(DecodeError::Trailing { compressed }),
        }
    }
}

#[cfg(test)]
mod tests;
