//! Files that are replaced as a whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::CliError;

/// Fails if there is something else than a file, or a file that may not be replaced.
pub(super) fn check_new_file(path: &Path, force: bool) -> Result<(), CliError> {
    let name = path.display();
    if path.exists() && !path.is_file() {
        return Err(CliError::Usage(format!("{name} is not a file; name a file to write")));
    }
    if !force && path.exists() {
        return Err(CliError::Usage(format!("{name} exists; name another file, or use --force")));
    }
    Ok(())
}

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
