//! A buffered reader that counts bytes and can look ahead.

use std::io::{self, BufRead, Read};

const CAPACITY: usize = 128 << 10;

/// A buffered reader: [`peek`](Self::peek) returns the next bytes without consuming them.
pub struct PeekReader<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    /// A read error that is reported once the bytes before it are consumed.
    pending_error: Option<io::Error>,
}

impl<R: Read> PeekReader<R> {
    /// Wraps `reader` and reuses the memory of `buffer`.
    pub fn new(reader: R, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < CAPACITY {
            buffer.resize(CAPACITY, 0);
        }
        Self { reader, buffer, start: 0, end: 0, consumed: 0, pending_error: None }
    }

    /// The rest of the input, if it is at most `n` bytes long. Consumes nothing.
    pub(super) fn peek_all(&mut self, n: usize) -> io::Result<Option<&[u8]>> {
        if self.buffer.len() < n + 1 {
            self.buffer.resize(n + 1, 0); // one more than expected, to detect the end
        }
        let len = self.peek(n + 1)?.len();
        Ok((len <= n && self.pending_error.is_none()).then_some(&self.buffer[self.start..self.end]))
    }

    /// Returns the buffer, for reuse.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Number of bytes consumed so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next `n` bytes (at most 128 KiB), without consuming them. Returns fewer bytes only at
    /// the end of the input or before a read error.
    ///
    /// # Errors
    /// When reading failed and no bytes are left before the failure.
    pub fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        while self.end - self.start < n {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.pending_error.is_some() {
                break;
            }
            match read_retrying(&mut self.reader, &mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(error) => self.pending_error = Some(error),
            }
        }
        if self.start == self.end
            && let Some(error) = self.pending_error.take()
        {
            return Err(error);
        }
        let end = self.end.min(self.start + n);
        Ok(&self.buffer[self.start..end])
    }
}

fn read_retrying(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<R: Read> BufRead for PeekReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            if let Some(error) = self.pending_error.take() {
                return Err(error);
            }
            (self.start, self.end) = (0, 0);
            self.end = read_retrying(&mut self.reader, &mut self.buffer)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.consumed += n as u64;
    }
}

impl<R: Read> Read for PeekReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(target.len());
        target[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
