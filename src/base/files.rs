//! Opening files that somebody else may have replaced.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a file that is read as a whole.
pub const SMALL_FILE: u64 = 64 << 20;

/// Opens a file for reading that must be a regular file. A pipe in its place is not waited for.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = open_at_once(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    // The flag has no effect on regular files.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// All bytes of `file`, which may be a pipe.
///
/// # Errors
/// When it cannot be read, or has more than [`SMALL_FILE`] bytes.
pub fn read_small(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SMALL_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_FILE {
        return Err(io::Error::other(format!("it has more than {} MiB", SMALL_FILE >> 20)));
    }
    Ok(bytes)
}
