//! A journal in a directory: a file that is written each time an archive begins or ends.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::base::open_regular;

/// Bytes of it that are read at most.
const MAX_BYTES: u64 = 4 << 20;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    /// Bytes of the file.
    length: usize,
}

/// The text that an earlier run has left; empty if there is none that can be read.
pub(super) fn read(path: &Path) -> String {
    let mut text = String::new();
    let opened = open_regular(path);
    match opened.and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}

impl JournalFile {
    /// A new file in the place of what is there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        // Whatever is in its place is not written to.
        let _ = fs::remove_file(path);
        let file = File::options().write(true).create_new(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, length: 0 })
    }

    /// Writes the text, as far as that is possible. The file never becomes shorter: a kill in
    /// between leaves no rest of an older text.
    pub(super) fn write(&mut self, mut text: String) {
        let padding = self.length.saturating_sub(text.len());
        text.extend(std::iter::repeat_n(' ', padding));
        self.length = text.len();
        let _ = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(text.as_bytes()));
    }

    /// Removes the file.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
