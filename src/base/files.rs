//! Opening files that somebody else may have replaced.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Most bytes of a file that is read as a whole.
pub const SMALL_FILE: u64 = 64 << 20;

/// How often, and after how long, a lock is asked for again.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Locks a file that nobody else should have locked, and waits half a second at most. A process
/// that another thread starts holds the locks of all threads until it runs its own program.
///
/// # Errors
/// When somebody else has the lock, or files cannot be locked here.
pub fn lock_file(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}

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
pub fn read_small(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SMALL_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_FILE {
        return Err(io::Error::other(format!("it has more than {} MiB", SMALL_FILE >> 20)));
    }
    Ok(bytes)
}
