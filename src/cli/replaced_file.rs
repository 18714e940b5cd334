//! Files that are replaced as a whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// Creates a temporary file in the same directory, so that it can replace `path` atomically.
/// `mode`: who may read and write it on Unix, as far as the umask allows.
pub(super) fn create_beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keytrail-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}
