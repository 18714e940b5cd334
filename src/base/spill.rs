//! Byte strings that must be kept for later: in memory while they are few, then on disk.
//!
//! On disk they are in an unnamed temporary file. The operating system removes it however the run
//! ends.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// Bytes kept in memory before everything goes to a temporary file.
const IN_MEMORY: usize = 4 << 20;

/// Byte strings that are appended one after the other and can be read back in any order.
pub struct SpillFile {
    file: SpooledTempFile,
    end: u64,
}

impl SpillFile {
    /// An empty file. Nothing is created on disk until 4 MiB have been written.
    pub fn new() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), end: 0 }
    }

    /// Appends `bytes` and returns their offset, for [`read`](Self::read).
    ///
    /// # Errors
    /// When the temporary file cannot be created or written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.end;
        let mut framed = Vec::with_capacity(bytes.len() + 8);
        framed.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        framed.extend_from_slice(bytes);
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(&framed)?;
        self.end += framed.len() as u64;
        Ok(offset)
    }

    /// Reads back the byte string at `offset`.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn read(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        let mut len = [0; 8];
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(&mut len)?;
        let mut bytes = vec![0; usize::try_from(u64::from_le_bytes(len)).map_err(io::Error::other)?];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Default for SpillFile {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_same_from_disk_as_from_memory() {
        let mut spill = SpillFile::new();
        let bytes = |n: usize| vec![n as u8; IN_MEMORY / 10 + n];
        let offsets: Vec<u64> = (0..25).map(|n| spill.push(&bytes(n)).unwrap()).collect();
        for n in (0..25).rev() {
            assert_eq!(spill.read(offsets[n]).unwrap(), bytes(n));
        }
    }
}
