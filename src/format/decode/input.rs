//! The stored bytes: buffered, counted, with a look ahead.

use std::io::{self, BufRead, Read};

const CAPACITY: usize = 128 << 10;

/// Bytes being read, of which the next ones can be looked at without taking them.
pub struct Input<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    /// What reading on came to, as long as there are bytes before it to be given out.
    failed: Option<io::Error>,
}

impl<R: Read> Input<R> {
    /// Reads through `buffer`, whose memory is used again.
    pub fn new(reader: R, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < CAPACITY {
            buffer.resize(CAPACITY, 0);
        }
        Self { reader, buffer, start: 0, end: 0, consumed: 0, failed: None }
    }

    /// All that is left of the input, if it is at most `n` bytes; nothing is taken.
    pub(super) fn peek_all(&mut self, n: usize) -> io::Result<Option<&[u8]>> {
        if self.buffer.len() < n + 1 {
            self.buffer.resize(n + 1, 0); // one more than expected, to see the end
        }
        let len = self.peek(n + 1)?.len();
        Ok((len <= n && self.failed.is_none()).then_some(&self.buffer[self.start..self.end]))
    }

    /// Gives the buffer's memory back.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Bytes taken so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next `n` bytes (at most 128 KiB) without taking them; fewer only at the end, or before a failure to read on.
    ///
    /// # Errors
    /// When there are no more bytes because reading failed.
    pub fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        while self.end - self.start < n {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.failed.is_some() {
                break;
            }
            match read_retrying(&mut self.reader, &mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(got) => self.end += got,
                Err(error) => self.failed = Some(error),
            }
        }
        if self.start == self.end
            && let Some(error) = self.failed.take()
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

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            if let Some(error) = self.failed.take() {
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

impl<R: Read> Read for Input<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(target.len());
        target[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
