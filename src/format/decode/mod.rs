//! Compressed bytes → JSON bytes, bounded.
//!
//! gzip and zstd are told by their magic bytes, never by a file's name. Members are decoded one after the other, so that damage in one is placed
//! exactly and what follows the last is noticed. An ordinary archive is decoded at once; of anything else nothing is kept but a window.
//! Deliberately absent: what the content means, and which files a container holds (`unpack`).

mod error;
mod frame;
mod input;
mod sniff;
mod whole;

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};

pub use error::DecodeError;
use frame::Frame;
pub use input::Input;
pub use sniff::{Format, sniff};
pub use whole::Buffers;

/// An input being decoded.
pub struct Content<R: Read> {
    input: Input<R>,
    format: Format,
    stage: Stage,
    limit: u64,
    content_bytes: u64,
    members: u64,
    hasher: Option<Sha256>,
    /// Content that has been looked at and not yet been given out.
    ahead: Vec<u8>,
}

enum Stage {
    /// All of the content, waiting to be taken.
    Whole(Vec<u8>),
    Plain,
    /// Inside a gzip member. flate2's own readers throw away what they have decoded when they meet damage; this one gives it out first.
    Member(Box<Decompress>),
    /// Inside a zstd frame.
    Frame(Box<Frame>),
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
            Format::Zstd => (Stage::Frame(Frame::new()?), 0),
            Format::Deflate | Format::Plain | Format::Foreign(_) => (Stage::Plain, 0),
        };
        let hasher = hash.then(Sha256::new);
        let ahead = Vec::new();
        let mut content = Self { input, format, stage, limit, content_bytes: 0, members, hasher, ahead };
        if let Some(size) = size.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= whole::STORED)
            && format == Format::Gzip
        {
            content.decode_whole(size, buffers)?;
        }
        Ok(content)
    }

    /// Prepares to decode a bare deflate stream, as zip files hold them: `reader` ends where it does, or behind it.
    pub fn deflated(reader: R, limit: u64) -> Self {
        let stage = Stage::Member(Box::new(Decompress::new(false)));
        let input = Input::new(reader, Vec::new());
        let (format, ahead) = (Format::Deflate, Vec::new());
        Self { input, format, stage, limit, content_bytes: 0, members: 0, hasher: None, ahead }
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

    /// Whether all of the content has been decoded at once, and not yet been taken.
    pub fn is_whole(&self) -> bool {
        matches!(self.stage, Stage::Whole(_))
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

    /// At most the first `n` bytes of the content, without giving them out; to be asked before anything is read.
    pub fn peek(&mut self, n: usize) -> &[u8] {
        if self.is_whole() {
            let Stage::Whole(content) = &self.stage else { return &[] };
            return &content[..n.min(content.len())];
        }
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut len = ahead.len();
        ahead.resize(n.max(len), 0);
        while len < ahead.len() {
            match self.decode(&mut ahead[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) => {
                    self.stage = Stage::Broken(error);
                    break;
                }
            }
        }
        ahead.truncate(len);
        self.ahead = ahead;
        &self.ahead
    }

    /// Passes over the stored bytes behind what has been decoded, to their end.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pass_rest(&mut self) -> io::Result<()> {
        loop {
            match self.input.fill_buf()?.len() {
                0 => return Ok(()),
                n => self.input.consume(n),
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
        self.hasher.clone().map(hex)
    }

    /// Gives out content without limit: for what is as large as it is stored.
    pub fn without_limit(self) -> Self {
        Self { limit: u64::MAX, ..self }
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
        if self.ahead.is_empty() {
            return self.decode(target);
        }
        let n = target.len().min(self.ahead.len());
        target[..n].copy_from_slice(&self.ahead[..n]);
        self.ahead.drain(..n);
        Ok(n)
    }

    fn decode(&mut self, target: &mut [u8]) -> Result<usize, DecodeError> {
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
                Stage::Frame(frame) => self.decode_frame(frame, target)?,
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
        read(&mut self.input).map_err(|error| DecodeError::of_read(compressed, error))
    }

    /// Decodes some of the member; leaves the stage as it is afterwards.
    fn inflate(&mut self, mut decompress: Box<Decompress>, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let compressed = self.input.consumed();
            let input = self.input.fill_buf().map_err(|error| DecodeError::of_read(compressed, error))?;
            let at_end = input.is_empty();
            let (in_before, out_before) = (decompress.total_in(), decompress.total_out());
            let status = decompress.decompress(input, target, FlushDecompress::None);
            // Neither passes the length of a slice.
            let consumed = usize::try_from(decompress.total_in() - in_before).unwrap_or(usize::MAX);
            let produced = usize::try_from(decompress.total_out() - out_before).unwrap_or(usize::MAX);
            self.input.consume(consumed);
            self.stage = match status {
                Ok(Status::StreamEnd) if self.format == Format::Deflate => Stage::Over,
                Ok(Status::StreamEnd) => Stage::Between,
                Ok(Status::Ok | Status::BufError) if produced == 0 && at_end => self.truncated(),
                Ok(Status::Ok | Status::BufError) if produced == 0 && !target.is_empty() => continue,
                Ok(Status::Ok | Status::BufError) => Stage::Member(decompress),
                Err(error) => self.corrupt(&error),
            };
            return Ok(produced);
        }
    }

    /// Decodes some of the frame; leaves the stage as it is afterwards.
    fn decode_frame(&mut self, mut frame: Box<Frame>, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let compressed = self.input.consumed();
            let input = self.input.fill_buf().map_err(|error| DecodeError::of_read(compressed, error))?;
            let at_end = input.is_empty();
            let step = match frame.decode(input, target) {
                Ok(step) => step,
                Err(error) => {
                    self.stage = self.corrupt(&error);
                    return Ok(0);
                }
            };
            self.input.consume(step.consumed);
            self.stage = match step.produced {
                _ if step.ended => Stage::Between,
                0 if at_end => self.truncated(),
                0 if !target.is_empty() => continue,
                _ => Stage::Frame(frame),
            };
            return Ok(step.produced);
        }
    }

    fn truncated(&self) -> Stage {
        Stage::Broken(DecodeError::Truncated { format: self.format, compressed: self.input.consumed() })
    }

    fn corrupt(&self, error: &dyn std::error::Error) -> Stage {
        let (compressed, message) = (self.input.consumed(), error.to_string());
        Stage::Broken(DecodeError::Corrupt { format: self.format, compressed, message })
    }

    /// What follows a member: another one, the end, or something else.
    fn after_member(&mut self) -> Stage {
        let (compressed, format) = (self.input.consumed(), self.format);
        match self.input.peek(sniff::LONGEST) {
            Err(error) => Stage::Broken(DecodeError::of_read(compressed, error)),
            Ok([]) => Stage::Over,
            Ok(next) if sniff(next) == format => match format {
                Format::Zstd => match Frame::new() {
                    Ok(frame) => Stage::Frame(frame),
                    Err(error) => self.corrupt(&error),
                },
                _ => {
                    self.members += 1;
                    member()
                }
            },
            Ok(_) => Stage::Broken(DecodeError::Trailing { format, compressed }),
        }
    }
}

fn hex(hasher: Sha256) -> String {
    use std::fmt::Write;
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        hex
    })
}

/// Lower-case hexadecimal SHA-256 of all that `reader` gives.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 128 << 10]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(hasher)),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
