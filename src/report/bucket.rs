//! A report in S3: staged on this machine, then uploaded, `run.json` last.
//!
//! While objects are replaced there is no `run.json`, so no reader takes half a report for a
//! complete one. Objects that would not change stay as they are.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read};
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::directory::{Existing, PublishedReport, StagedFile, StagedReport};
use super::error::SinkError;
use super::parts::PAGE;
use crate::base::stable_hasher;
use crate::s3::{Bucket, Lease, S3Error, WriteCondition};

const RUN: &str = "run.json";
const LOCK: &str = "lock";
/// The objects that a run has uploaded, for the next run.
const UPLOADED: &str = "placed.json";

/// A folder of a bucket, and how a report is written there.
#[derive(Debug, Clone, Copy)]
pub struct BucketTarget<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The folder's key: empty, or with a slash at its end.
    pub folder: &'a str,
    /// The name of the folder within it that readers ignore, for the lease and for what the next
    /// run needs.
    pub private: &'a str,
    /// What to do with a report that is already there.
    pub existing: Existing,
    /// Whether to keep, for the next run, which objects were uploaded.
    pub keep_uploads: bool,
}

/// Publishes a report into a folder of a bucket. It holds the folder's lease: no other run writes
/// there.
#[derive(Debug)]
pub struct BucketPublisher {
    bucket: Bucket,
    /// The folder's key: empty, or with a slash at its end.
    folder: String,
    /// The key of the private folder, with a slash at its end.
    private: String,
    lease: Lease,
    existing: Existing,
    keep_uploads: bool,
}

/// An object that a run has uploaded.
#[derive(Debug, Serialize, Deserialize)]
struct Uploaded {
    etag: String,
    /// Of its bytes.
    hash: String,
    bytes: u64,
}

/// Tells the bytes of one of this program's files from those of another.
struct Digest {
    hash: String,
    bytes: u64,
}

impl BucketPublisher {
    /// Takes the lease of the target folder. `None`: another run holds it, or `is_cancelled`
    /// returned true while this one waited.
    ///
    /// # Errors
    /// When the folder holds a report and `existing` refuses that, when it holds objects that
    /// keytrail did not write, or when S3 fails.
    pub fn acquire(
        target: &BucketTarget<'_>,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, SinkError> {
        let BucketTarget { bucket, folder, private, existing, keep_uploads } = *target;
        let private = format!("{folder}{private}/");
        let Some(lease) = Lease::acquire(bucket, &format!("{private}{LOCK}"), is_cancelled)? else {
            return Ok(None);
        };
        let (bucket, folder) = (bucket.clone(), folder.to_owned());
        let publisher = Self { bucket, folder, private, lease, existing, keep_uploads };
        publisher.replaceable_objects()?;
        Ok(Some(publisher))
    }

    /// The folder's key: empty, or with a slash at its end.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The objects of an earlier report, by name, with their ETags. Fails if one may not be
    /// replaced.
    fn replaceable_objects(&self) -> Result<HashMap<String, String>, SinkError> {
        let objects = self.objects()?;
        if self.existing == Existing::Refuse && !objects.is_empty() {
            return Err(SinkError::NotEmpty { path: self.address() });
        }
        match objects.keys().find(|name| name.starts_with("events/") && !is_day(name)) {
            Some(name) => Err(SinkError::Foreign { path: self.bucket.address(&self.key(name)) }),
            None => Ok(objects),
        }
    }

    /// The objects in the folder, without those in the private one, by name, with their ETags.
    fn objects(&self) -> Result<HashMap<String, String>, SinkError> {
        let listed = self.bucket.list(&self.folder)?;
        let public = listed.into_iter().filter(|object| !object.key.starts_with(&self.private));
        Ok(public
            .filter_map(|object| {
                let name = object.key.strip_prefix(&self.folder)?.to_owned();
                // The AWS console creates an empty object for a folder.
                (!name.is_empty()).then(|| (name, object.etag.unwrap_or_default()))
            })
            .collect())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn address(&self) -> String {
        self.bucket.address(&self.folder)
    }

    fn check_lease(&self) -> Result<(), SinkError> {
        if self.lease.is_held() { Ok(()) } else { Err(self.lease_lost()) }
    }

    fn lease_lost(&self) -> SinkError {
        SinkError::LeaseLost { path: self.address() }
    }

    /// Uploads a report.
    ///
    /// # Errors
    /// When S3 fails, or another run has taken over. The folder may then hold some parts of the
    /// report, but no `run.json`.
    pub fn publish(self, report: &StagedReport) -> Result<PublishedReport, SinkError> {
        let existing = self.replaceable_objects()?;
        let uploaded: HashMap<String, Uploaded> = match self.bucket.read(&self.uploaded_key())? {
            // If it is damaged, every file is uploaded again.
            Some(content) => serde_json::from_slice(&content.bytes).unwrap_or_default(),
            None => HashMap::new(),
        };
        self.check_lease()?;
        if existing.contains_key(RUN) {
            self.bucket.delete(vec![self.key(RUN)])?;
        }
        let (run, files): (Vec<StagedFile>, Vec<StagedFile>) =
            report.files()?.into_iter().partition(|file| file.name == RUN);
        let mut digests = HashMap::new();
        for StagedFile { name, path } in files {
            let digest = digest(&path).map_err(SinkError::file(&path))?;
            let is_unchanged = uploaded.get(&name).is_some_and(|old| {
                old.hash == digest.hash && old.bytes == digest.bytes && existing.get(&name) == Some(&old.etag)
            });
            if !is_unchanged {
                self.check_lease()?;
                self.bucket.upload(&self.key(&name), &path)?;
            }
            digests.insert(name, digest);
        }
        let stale =
            existing.keys().filter(|name| (is_day(name) || *name == PAGE) && !digests.contains_key(*name));
        self.bucket.delete(stale.map(|name| self.key(name)).collect())?;
        self.check_lease()?;
        for StagedFile { path, .. } in run {
            let json = std::fs::read(&path).map_err(SinkError::file(&path))?;
            match self.bucket.write(&self.key(RUN), json, WriteCondition::IfAbsent) {
                Ok(_) => {}
                Err(S3Error::Precondition { .. }) => return Err(self.lease_lost()),
                Err(error) => return Err(error.into()),
            }
        }
        if self.keep_uploads {
            self.write_uploaded(digests)?;
        }
        Ok(PublishedReport::new(self.address()))
    }

    /// Writes which objects are there, so that the next run need not upload them again.
    fn write_uploaded(&self, mut digests: HashMap<String, Digest>) -> Result<(), SinkError> {
        let uploaded: BTreeMap<String, Uploaded> = self
            .objects()?
            .into_iter()
            .filter_map(|(name, etag)| {
                let Digest { hash, bytes } = digests.remove(&name)?;
                Some((name, Uploaded { etag, hash, bytes }))
            })
            .collect();
        // The ETags listed are those of this run's objects only if no other run was here.
        self.check_lease()?;
        let key = self.uploaded_key();
        let json = serde_json::to_vec(&uploaded).map_err(SinkError::encode(Path::new(&key)))?;
        self.bucket.write(&key, json, WriteCondition::Always)?;
        Ok(())
    }

    fn uploaded_key(&self) -> String {
        format!("{}{UPLOADED}", self.private)
    }
}

fn is_day(name: &str) -> bool {
    let day = name.strip_prefix("events/day=").and_then(|rest| rest.strip_suffix("/events.parquet"));
    day.is_some_and(|day| day.parse::<NaiveDate>().is_ok())
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hashers = [stable_hasher(), stable_hasher()];
    hashers[1].write_u8(1);
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => {
                hashers.iter_mut().for_each(|hasher| hasher.write(&buffer[..n]));
                bytes += n as u64;
            }
        }
    }
    let [first, second] = hashers.map(|hasher| hasher.finish());
    Ok(Digest { hash: format!("{first:016x}{second:016x}"), bytes })
}
