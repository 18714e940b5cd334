//! A checkpoint in a directory, and the lock that keeps other runs away. The system releases the
//! lock however the run ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::error::{CheckpointError, Unusable};
use super::segment_store::{FOLDER, MANIFEST, MAX_MANIFEST, NewFile, SegmentFile, SegmentStore, StoredFile};
use crate::base::{lock_file, open_regular};

const LOCK: &str = "lock";
/// A manifest that is not complete yet.
const NEW_MANIFEST: &str = "manifest.json.new";

/// The folder `_keytrail` of a report directory.
#[derive(Debug)]
pub struct LocalStore {
    folder: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl LocalStore {
    /// Takes the lock of a report's checkpoint. Directories are created where they are missing.
    ///
    /// # Errors
    /// [`CheckpointError::Busy`] when another run has the lock; others when something cannot be
    /// created.
    pub fn open(report: &Path) -> Result<Self, CheckpointError> {
        let folder = report.join(FOLDER);
        fs::create_dir_all(&folder).map_err(CheckpointError::file(&folder))?;
        let path = folder.join(LOCK);
        refuse_special(&path)?;
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = opened.map_err(CheckpointError::file(&path))?;
        match lock_file(&lock) {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(CheckpointError::Busy { path: report.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(CheckpointError::file(&path)(error)),
        }
    }

    /// Removes the folder, if nothing but the lock is left in it.
    pub(super) fn remove_folder(self) {
        // Another run may hold files in it by now.
        let is_empty = self.list().is_ok_and(|files| files.iter().all(|file| file.name == LOCK));
        if is_empty && fs::remove_file(self.folder.join(LOCK)).is_ok() {
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// Makes the names in the folder durable. Where directories cannot be opened, the system has no
    /// way to ask for that.
    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.folder).map_or(Ok(()), |folder| folder.sync_all())
    }
}

impl SegmentStore for LocalStore {
    fn address(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn list(&self) -> Result<Vec<StoredFile>, CheckpointError> {
        let error = || CheckpointError::file(&self.folder);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(error())? {
            let entry = entry.map_err(error())?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            // A name that is not text is not one that keytrail gives.
            if let Ok(name) = entry.file_name().into_string() {
                let bytes = entry.metadata().ok().filter(|_| is_file).map(|file| file.len());
                found.push(StoredFile { name, bytes });
            }
        }
        Ok(found)
    }

    fn read_manifest(&self) -> Result<Option<Vec<u8>>, CheckpointError> {
        let path = self.folder.join(MANIFEST);
        refuse_special(&path)?;
        let file = match open_regular(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CheckpointError::file(&path)(error)),
        };
        let mut json = Vec::new();
        file.take(MAX_MANIFEST).read_to_end(&mut json).map_err(CheckpointError::file(&path))?;
        Ok(Some(json))
    }

    fn write_manifest(&self, json: &[u8]) -> Result<(), CheckpointError> {
        let path = self.folder.join(NEW_MANIFEST);
        let write = || {
            let _ = fs::remove_file(&path); // of a killed run; whatever it is, it is not written to
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(json)?;
            file.sync_all()?;
            fs::rename(&path, self.folder.join(MANIFEST))?;
            self.sync_names()
        };
        write().map_err(CheckpointError::file(&path))
    }

    fn fetch(&self, name: &str) -> Result<SegmentFile, CheckpointError> {
        let path = self.folder.join(name);
        refuse_special(&path)?;
        Ok(SegmentFile::Permanent(path))
    }

    fn create(&self, name: &str) -> Result<NewFile, CheckpointError> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(CheckpointError::file(&path))?;
        let path = TempPath::try_from_path(&path).map_err(CheckpointError::file(&path))?;
        Ok(NewFile { file, path })
    }

    fn commit(&self, _name: &str, NewFile { file, path }: NewFile) -> Result<SegmentFile, CheckpointError> {
        let synced = file.sync_all().and_then(|()| self.sync_names());
        synced.map_err(CheckpointError::file(&path))?;
        drop(file);
        let path = path.keep().map_err(|error| CheckpointError::file(&error.path)(error.error))?;
        Ok(SegmentFile::Permanent(path))
    }

    fn remove(&self, names: &[String]) -> Result<(), CheckpointError> {
        for path in names.iter().map(|name| self.folder.join(name)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CheckpointError::file(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A pipe, a device or a directory in the place of a file is not opened: that may block for ever.
fn refuse_special(path: &Path) -> Result<(), CheckpointError> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => {
            Err(CheckpointError::unusable(&path.display().to_string())(Unusable::NotAFile))
        }
        _ => Ok(()),
    }
}
