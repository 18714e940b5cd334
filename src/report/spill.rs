//! Bytes that have to wait, on disk when they become many: in a temporary file without a name, which the system removes however the run ends.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// Bytes kept in memory before they go to a temporary file.
const IN_MEMORY: usize = 4 << 20;

/// Stretches of bytes, written one behind the other and read back from anywhere.
pub(crate) struct SpillFile {
    file: SpooledTempFile,
    end: u64,
}

impl SpillFile {
    pub(crate) fn new() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), end: 0 }
    }

    /// Writes `bytes` behind what is there; where they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let place = self.end;
        let mut framed = Vec::with_capacity(bytes.len() + 8);
        framed.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        framed.extend_from_slice(bytes);
        self.file.seek(SeekFrom::Start(place))?;
        self.file.write_all(&framed)?;
        self.end += framed.len() as u64;
        Ok(place)
    }

    /// Reads back what was written at `place`.
    pub(crate) fn read(&mut self, place: u64) -> io::Result<Vec<u8>> {
        let mut len = [0; 8];
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read_exact(&mut len)?;
        let mut bytes = vec![0; usize::try_from(u64::from_le_bytes(len)).map_err(io::Error::other)?];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_disk_as_from_memory() {
        let mut spool = SpillFile::new();
        let bytes = |n: usize| vec![n as u8; IN_MEMORY / 10 + n];
        let places: Vec<u64> = (0..25).map(|n| spool.push(&bytes(n)).unwrap()).collect();
        for n in (0..25).rev() {
            assert_eq!(spool.read(places[n]).unwrap(), bytes(n));
        }
    }
}
