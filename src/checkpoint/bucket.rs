//! A checkpoint in a folder of S3. Segments are downloaded once, at the start of a run.

use std::io::{Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use super::error::CheckpointError;
use super::segment_store::{FOLDER, MANIFEST, NewFile, SegmentFile, SegmentStore, StoredFile};
use crate::base::lock;
use crate::s3::{Bucket, WriteCondition};

/// The folder `_keytrail` of a report in S3. Whoever opens it must hold the report's lease.
#[derive(Debug)]
pub struct BucketStore {
    bucket: Bucket,
    /// The key of the folder, with a slash at its end.
    folder: String,
    /// The ETag of the manifest, once it has been read or written.
    manifest: Mutex<Option<String>>,
    /// Temporary files with segments: one for each download at a time.
    downloads: Mutex<Vec<Arc<Mutex<std::fs::File>>>>,
}

impl BucketStore {
    /// The checkpoint of the report in the folder `report`: empty, or a key with a slash at its
    /// end.
    pub fn open(bucket: &Bucket, report: &str) -> Self {
        let folder = format!("{report}{FOLDER}/");
        Self { bucket: bucket.clone(), folder, manifest: Mutex::default(), downloads: Mutex::default() }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }
}

fn temporary(source: std::io::Error) -> CheckpointError {
    let path =
        format!("a temporary file in {} (set TMPDIR to a folder with room)", std::env::temp_dir().display());
    CheckpointError::File { path, source }
}

impl SegmentStore for BucketStore {
    fn address(&self, name: &str) -> String {
        self.bucket.address(&self.key(name))
    }

    fn list(&self) -> Result<Vec<StoredFile>, CheckpointError> {
        let listed = self.bucket.list(&self.folder)?.into_iter();
        Ok(listed
            .filter_map(|object| {
                let name = object.key.strip_prefix(&self.folder)?.to_owned();
                Some(StoredFile { name, bytes: Some(object.size) })
            })
            .collect())
    }

    fn read_manifest(&self) -> Result<Option<Vec<u8>>, CheckpointError> {
        let content = self.bucket.read(&self.key(MANIFEST))?;
        Ok(content.map(|content| {
            *lock(&self.manifest) = content.etag;
            content.bytes
        }))
    }

    fn write_manifest(&self, json: &[u8]) -> Result<(), CheckpointError> {
        // A run that was taken for dead cannot undo what the next one has written.
        let mut etag = lock(&self.manifest);
        let condition = etag.take().map_or(WriteCondition::IfAbsent, WriteCondition::IfMatch);
        *etag = self.bucket.write(&self.key(MANIFEST), json.to_owned(), condition)?;
        Ok(())
    }

    fn fetch(&self, name: &str) -> Result<SegmentFile, CheckpointError> {
        let unused = lock(&self.downloads).pop();
        let file = match unused {
            Some(file) => file,
            None => Arc::new(Mutex::new(tempfile::tempfile().map_err(temporary)?)),
        };
        let (start, length) = {
            let mut file = lock(&file);
            let start = file.seek(SeekFrom::End(0)).map_err(temporary)?;
            self.bucket.download(&self.key(name), &mut file)?;
            (start, file.seek(SeekFrom::End(0)).map_err(temporary)? - start)
        };
        lock(&self.downloads).push(file.clone());
        Ok(SegmentFile::Part { file, start, length })
    }

    fn create(&self, _name: &str) -> Result<NewFile, CheckpointError> {
        let (file, path) = tempfile::NamedTempFile::new().map_err(temporary)?.into_parts();
        Ok(NewFile { file, path })
    }

    fn commit(&self, name: &str, NewFile { path, .. }: NewFile) -> Result<SegmentFile, CheckpointError> {
        self.bucket.upload(&self.key(name), &path)?;
        Ok(SegmentFile::Temporary(Arc::new(path)))
    }

    fn remove(&self, names: &[String]) -> Result<(), CheckpointError> {
        Ok(self.bucket.delete(names.iter().map(|name| self.key(name)).collect())?)
    }
}
