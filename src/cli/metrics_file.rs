//! The file of `--metrics`: written beside its place, then moved into it.

use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::error::CliError;
use super::replaced_file::create_beside;
use keytrail::base::{open_regular, read_small};
use keytrail::model::EventTime;
use keytrail::report::{SinkError, last_success};

/// The metrics collector runs as another user and must be able to read it. It looks only at names
/// that end in `.prom`.
const READABLE_BY_ALL: u32 = 0o644;

/// Where metrics go.
pub(super) struct MetricsFile(PathBuf);

impl MetricsFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Fails if the file cannot be written. Called before the run, so that a mistake does not show
    /// only after hours of work.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.0.is_dir() {
            let path = self.0.display();
            let text = format!("--metrics {path} is a directory; name a file in it");
            return Err(CliError::Usage(text));
        }
        let created = create_beside(&self.0, READABLE_BY_ALL).and_then(NamedTempFile::close);
        created.map_err(|error| self.write_error(error).into())
    }

    /// Time of the last successful run, from the file as the last run left it.
    pub(super) fn last_success(&self) -> Option<EventTime> {
        let bytes = open_regular(&self.0).and_then(read_small).ok()?;
        last_success(std::str::from_utf8(&bytes).ok()?)
    }

    /// Replaces the file atomically.
    pub(super) fn write(&self, text: &str) -> Result<(), SinkError> {
        let write = || {
            let mut file = create_beside(&self.0, READABLE_BY_ALL)?;
            file.write_all(text.as_bytes())?;
            file.persist(&self.0).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| self.write_error(error))
    }

    fn write_error(&self, error: io::Error) -> SinkError {
        SinkError::File { path: self.0.display().to_string(), source: error }
    }
}
