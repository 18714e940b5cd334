//! Inputs that can be read only once, copied so that they can be read again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::{Archive, Place};

/// A copy in a temporary file without a name.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    /// Why it ends where it does, if not at the end of the input.
    error: Option<(io::ErrorKind, String)>,
}

impl Archive {
    /// Copies the archive to a temporary file, and gives one that is read from there, as often as needed. An archive that cannot be opened is
    /// given back as it is; one that breaks off, breaks off at the same byte with the same error each time.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn keep(self, is_stopped: impl Fn() -> bool) -> io::Result<Self> {
        let Ok(mut reader) = self.open() else { return Ok(self) };
        let mut file = tempfile::tempfile()?;
        let mut buffer = vec![0; 256 << 10];
        let mut error = None;
        while !is_stopped() {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => file.write_all(&buffer[..n])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    error = Some((e.kind(), e.to_string()));
                    break;
                }
            }
        }
        Ok(Self { place: Place::Kept(Arc::new(Kept { file, error })), ..self })
    }
}

impl Kept {
    /// Reads it from the beginning. Two readers at a time would disturb each other.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        let error = self.error.clone();
        Ok(Box::new(file.chain(Break(error))))
    }
}

/// What a reader meets where the input broke off.
struct Break(Option<(io::ErrorKind, String)>);

impl Read for Break {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Some((kind, text)) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Input, Listed, Listing, Reach};

    #[test]
    fn is_read_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in");
        std::fs::write(&path, b"content").unwrap();
        let Some(Listed::Archive(archive)) =
            Listing::new(&[Input::Path(path.clone())], None, &Reach::default()).next()
        else {
            panic!("it is listed")
        };
        let kept = archive.keep(|| false).unwrap();
        std::fs::remove_file(path).unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            kept.open().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "content");
        }
    }

    #[test]
    fn breaks_off_where_the_input_did() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"half").unwrap();
        let kept = Kept { file, error: Some((io::ErrorKind::ConnectionReset, "gone".to_owned())) };
        for _ in 0..2 {
            let mut bytes = Vec::new();
            let error = kept.open().unwrap().read_to_end(&mut bytes).unwrap_err();
            assert_eq!((bytes.as_slice(), error.to_string().as_str()), (&b"half"[..], "gone"));
        }
    }
}
