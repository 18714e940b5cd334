//! The decoder: picks a method by the encoding and steps from member to member.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};

use super::budget::Budget;
use super::encoding::{Encoding, SNIFF_BYTES, sniff};
use super::error::DecodeError;
use super::hash::hex;

use super::one_shot::{Buffers, MAX_STORED};
use super::peek::PeekReader;
use super::progress::OuterProgress;
use super::zstd_frame::Frame;

/// How to decode an input.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// Size of the stored input in bytes, where known. It selects the method of decoding and never
    /// changes the result.
    pub stored_size: Option<u64>,
    /// Largest content that is decoded, in bytes. Unlimited by default.
    pub limit: u64,
    /// What the content is taken from, with all else that the listed input holds. Unlimited by
    /// default.
    pub budget: Budget,
    /// Whether to compute the SHA-256 of the content.
    pub hash: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { stored_size: None, limit: u64::MAX, budget: Budget::default(), hash: false }
    }
}

/// Decodes one input.
pub struct Decoder<R: Read> {
    input: PeekReader<R>,
    encoding: Encoding,
    state: State,
    limit: u64,
    budget: Budget,
    content_bytes: u64,
    gzip_members: u64,
    hasher: Option<Sha256>,
    /// Content that [`Self::peek`] decoded and [`Self::read`] has not returned yet.
    peeked: Vec<u8>,
    /// The decoder around this one, whose content is the input.
    outer: Option<OuterProgress>,
}

enum State {
    /// All content was decoded with one call and waits for [`Decoder::take_whole`].
    Whole(Vec<u8>),
    Plain,
    /// Inside a gzip member, or a deflate stream with or without zlib's header. The readers of
    /// flate2 drop decoded bytes when they find damage; this decoder returns them first.
    Deflate(Box<Decompress>),
    /// Inside a zstd frame.
    Frame(Box<Frame>),
    /// After a member. The next bytes are looked at only when more content is requested, so the
    /// member count at the size limit does not depend on the sizes of the reads.
    ///
    /// A zstd decoder is reused for the next frame: frames without content can come by the million.
    BetweenMembers(Option<Box<Frame>>),
    /// Damage was found, and all content before it has been returned.
    Failed(DecodeError),
    Done,
}

/// zlib's largest window. A gzip file does not state the size that it needs.
const WINDOW_BITS: u8 = 15;

fn gzip_member() -> State {
    State::Deflate(Box::new(Decompress::new_gzip(WINDOW_BITS)))
}

fn zlib_stream() -> State {
    State::Deflate(Box::new(Decompress::new(true)))
}

impl<R: Read> Decoder<R> {
    /// Detects the encoding from the first bytes of `reader` and prepares to decode it.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(reader: R, options: DecodeOptions, buffers: &mut Buffers) -> io::Result<Self> {
        let mut input = PeekReader::new(reader, std::mem::take(&mut buffers.stored));
        let encoding = sniff(input.peek(SNIFF_BYTES)?);
        let (state, gzip_members) = match encoding {
            Encoding::Gzip => (gzip_member(), 1),
            Encoding::Zstd => (State::Frame(Frame::new()?), 0),
            Encoding::Zlib => (zlib_stream(), 0),
            Encoding::Deflate | Encoding::Plain | Encoding::Unsupported(_) => (State::Plain, 0),
        };
        let mut decoder = Self {
            input,
            encoding,
            state,
            limit: options.limit,
            budget: options.budget,
            content_bytes: 0,
            gzip_members,
            hasher: options.hash.then(Sha256::new),
            peeked: Vec::new(),
            outer: None,
        };
        let stored_size = options.stored_size.and_then(|n| usize::try_from(n).ok());
        if let Some(size) = stored_size.filter(|n| *n <= MAX_STORED)
            && encoding == Encoding::Gzip
        {
            decoder.decode_whole(size, buffers)?;
        }
        Ok(decoder)
    }

    /// Decodes a raw deflate stream, the format inside zip files. `reader` must end where the
    /// stream ends or after that.
    pub fn raw_deflate(reader: R, limit: u64) -> Self {
        Self {
            input: PeekReader::new(reader, Vec::new()),
            encoding: Encoding::Deflate,
            state: State::Deflate(Box::new(Decompress::new(false))),
            limit,
            budget: Budget::default(),
            content_bytes: 0,
            gzip_members: 0,
            hasher: None,
            peeked: Vec::new(),
            outer: None,
        }
    }

    /// This decoder with the counts of the decoder around it, whose content is the input.
    pub(super) fn inside(self, outer: OuterProgress) -> Self {
        Self { outer: Some(outer), ..self }
    }

    fn decode_whole(&mut self, stored_size: usize, buffers: &mut Buffers) -> io::Result<()> {
        let Some(stored) = self.input.peek_all(stored_size)? else { return Ok(()) };
        let Some(content) = buffers.gunzip(stored, self.limit.min(self.budget.left())) else { return Ok(()) };
        let stored = stored.len();
        self.input.consume(stored);
        self.content_bytes = content.len() as u64;
        self.budget.take(self.content_bytes);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&content);
        }
        self.state = State::Whole(content);
        Ok(())
    }

    /// Whether the whole content is decoded and [`Self::take_whole`] would return it.
    pub fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole(_))
    }

    /// The whole content, if it was decoded with one call. [`Self::read`] returns nothing after
    /// that.
    ///
    /// Pass the memory to [`Buffers::recycle`] when done with it.
    pub fn take_whole(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Whole(content) => Some(content),
            state => {
                self.state = state;
                None
            }
        }
    }

    /// The first `n` bytes of the content, or all of it if it is shorter, without consuming them.
    /// Call this before the first [`Self::read`].
    pub fn peek(&mut self, n: usize) -> &[u8] {
        if self.is_whole() {
            let State::Whole(content) = &self.state else { return &[] };
            return &content[..n.min(content.len())];
        }
        let mut peeked = std::mem::take(&mut self.peeked);
        let mut len = peeked.len();
        peeked.resize(n.max(len), 0);
        while len < peeked.len() {
            match self.decode(&mut peeked[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) => {
                    self.state = State::Failed(error);
                    break;
                }
            }
        }
        peeked.truncate(len);
        self.peeked = peeked;
        &self.peeked
    }

    /// Reads and drops the stored bytes after the decoded content, up to the end of the input.
    ///
    /// # Errors
    /// When reading fails.
    pub fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            match self.input.fill_buf()?.len() {
                0 => return Ok(()),
                n => self.input.consume(n),
            }
        }
    }

    /// Ends decoding and returns the memory to `buffers`, for the next input.
    pub fn finish(self, buffers: &mut Buffers) {
        buffers.stored = self.input.into_buffer();
    }

    /// How the input is stored.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Number of stored bytes consumed so far.
    pub fn compressed_bytes(&self) -> u64 {
        self.outer.as_ref().map_or_else(|| self.input.consumed(), OuterProgress::stored_bytes)
    }

    /// Number of content bytes returned so far.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Number of gzip members found so far; 0 for any other encoding.
    pub fn gzip_members(&self) -> u64 {
        self.outer.as_ref().map_or(self.gzip_members, OuterProgress::gzip_members)
    }

    /// Lower-case hexadecimal SHA-256 of the content returned so far; `None` unless
    /// [`DecodeOptions::hash`] is set.
    pub fn sha256(&self) -> Option<String> {
        self.hasher.clone().map(hex)
    }

    /// Removes the limit: for content that cannot be larger than the stored input.
    pub fn without_limit(self) -> Self {
        Self { limit: u64::MAX, ..self }
    }

    /// Writes the next content into `buffer` and returns the number of bytes; 0 at the end of the
    /// content and after an error.
    ///
    /// # Errors
    /// When the rest of the input cannot be decoded. All content before the damage has been
    /// returned.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let left = (self.limit - self.content_bytes).min(self.budget.left());
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        // At the limit, one more byte decides whether the content ends here or is too large.
        let mut probe = [0u8; 1];
        let target = if room == 0 && !buffer.is_empty() { &mut probe[..] } else { &mut buffer[..room] };
        let n = self.fill(target)?;
        if n > 0 && room == 0 {
            self.state = State::Done;
            return Err(match self.content_bytes {
                n if n >= self.limit => DecodeError::TooLarge { limit: self.limit },
                _ => DecodeError::BudgetSpent,
            });
        }
        self.content_bytes += n as u64;
        self.budget.take(n as u64);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..n]);
        }
        Ok(n)
    }

    /// Takes content that was peeked at first, then decodes more.
    fn fill(&mut self, target: &mut [u8]) -> Result<usize, DecodeError> {
        if self.peeked.is_empty() {
            return self.decode(target);
        }
        let n = target.len().min(self.peeked.len());
        target[..n].copy_from_slice(&self.peeked[..n]);
        self.peeked.drain(..n);
        Ok(n)
    }

    fn decode(&mut self, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let n = match std::mem::replace(&mut self.state, State::Done) {
                State::Done | State::Whole(_) => return Ok(0),
                State::Failed(error) => return Err(error),
                State::Plain => {
                    let n = self.copy_plain(target)?;
                    if n > 0 {
                        self.state = State::Plain;
                    }
                    return Ok(n);
                }
                State::Deflate(decompress) => self.inflate(decompress, target)?,
                State::Frame(frame) => self.decode_frame(frame, target)?,
                State::BetweenMembers(frame) => {
                    self.state = self.next_member(frame);
                    0
                }
            };
            if n > 0 {
                return Ok(n);
            }
        }
    }

    fn copy_plain(&mut self, target: &mut [u8]) -> Result<usize, DecodeError> {
        let stored_bytes = self.input.consumed();
        self.input.read(target).map_err(|error| DecodeError::from_read(stored_bytes, error))
    }

    /// Decodes part of a gzip member or raw deflate stream and sets the next state.
    fn inflate(&mut self, mut decompress: Box<Decompress>, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let stored_bytes = self.input.consumed();
            let input = self.input.fill_buf().map_err(|error| DecodeError::from_read(stored_bytes, error))?;
            let at_end = input.is_empty();
            let (in_before, out_before) = (decompress.total_in(), decompress.total_out());
            let status = decompress.decompress(input, target, FlushDecompress::None);
            // Both differences are at most the length of a slice.
            let consumed = usize::try_from(decompress.total_in() - in_before).unwrap_or(usize::MAX);
            let produced = usize::try_from(decompress.total_out() - out_before).unwrap_or(usize::MAX);
            self.input.consume(consumed);
            self.state = match status {
                Ok(Status::StreamEnd) if self.encoding == Encoding::Deflate => State::Done,
                Ok(Status::StreamEnd) => State::BetweenMembers(None),
                Ok(Status::Ok | Status::BufError) if produced == 0 && at_end => self.truncated(),
                Ok(Status::Ok | Status::BufError) if produced == 0 && !target.is_empty() => continue,
                Ok(Status::Ok | Status::BufError) => State::Deflate(decompress),
                Err(error) => self.corrupt(error),
            };
            return Ok(produced);
        }
    }

    /// Decodes part of a zstd frame and sets the next state.
    fn decode_frame(&mut self, mut frame: Box<Frame>, target: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let stored_bytes = self.input.consumed();
            let input = self.input.fill_buf().map_err(|error| DecodeError::from_read(stored_bytes, error))?;
            let at_end = input.is_empty();
            let progress = match frame.decode(input, target) {
                Ok(progress) => progress,
                Err(error) => {
                    self.state = self.corrupt(error);
                    return Ok(0);
                }
            };
            self.input.consume(progress.consumed);
            self.state = match progress.produced {
                _ if progress.frame_ended => State::BetweenMembers(Some(frame)),
                0 if at_end => self.truncated(),
                0 if !target.is_empty() => continue,
                _ => State::Frame(frame),
            };
            return Ok(progress.produced);
        }
    }

    fn truncated(&self) -> State {
        State::Failed(DecodeError::Truncated { encoding: self.encoding, stored_bytes: self.input.consumed() })
    }

    fn corrupt(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> State {
        State::Failed(DecodeError::Corrupt {
            encoding: self.encoding,
            offset: self.input.consumed(),
            source: error.into(),
        })
    }

    /// The state for the bytes after a member: another member, the end, or trailing bytes.
    fn next_member(&mut self, frame: Option<Box<Frame>>) -> State {
        let (offset, encoding) = (self.input.consumed(), self.encoding);
        match self.input.peek(SNIFF_BYTES) {
            Err(error) => State::Failed(DecodeError::from_read(offset, error)),
            Ok([]) => State::Done,
            Ok(next) if sniff(next) == encoding => match encoding {
                Encoding::Zstd => match frame.map_or_else(Frame::new, Frame::renewed) {
                    Ok(frame) => State::Frame(frame),
                    Err(error) => self.corrupt(error),
                },
                Encoding::Zlib => zlib_stream(),
                _ => {
                    self.gzip_members += 1;
                    gzip_member()
                }
            },
            Ok(_) => State::Failed(DecodeError::Trailing { encoding, offset }),
        }
    }
}
