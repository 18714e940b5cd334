//! A report on S3: written on this machine first, then uploaded, `run.json` last. While objects are replaced there is no `run.json`, so
//! that nobody takes half a report for a whole one. Objects that would not change stay as they are.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::SinkError;
use super::directory::{Prepared, Written};
use crate::s3::{Bucket, Lease, S3Error, WriteCondition};

const RUN: &str = "run.json";
const LOCK: &str = "lock";
/// What has been placed, for the next run.
const PLACED: &str = "placed.json";

/// A folder of a bucket that a report goes into. Nobody else writes there as long as this is held.
#[derive(Debug)]
pub struct Remote {
    store: Bucket,
    /// Empty, or with a slash at its end.
    folder: String,
    /// The folder in it that readers ignore, for the lock and what is known of earlier runs.
    private: String,
    lease: Lease,
    force: bool,
    /// Another run will go on from this one.
    goes_on: bool,
}

/// An object that a run has placed.
#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    etag: String,
    /// Of its bytes.
    hash: String,
    bytes: u64,
}

impl Remote {
    /// Takes the lease of a folder (its key: empty, or with a slash at its end), which must be empty but for `private`, unless `force`. `None`:
    /// another run is writing there.
    ///
    /// # Errors
    /// When it is not empty, or S3 refuses.
    pub fn take(
        store: &Bucket,
        folder: &str,
        private: &str,
        (force, goes_on): (bool, bool),
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, SinkError> {
        let (folder, private) = (folder.to_owned(), format!("{folder}{private}/"));
        let lock = format!("{private}{LOCK}");
        let Some(lease) = Lease::acquire(store, &lock, is_cancelled)? else { return Ok(None) };
        let remote = Self { store: store.clone(), folder, private, lease, force, goes_on };
        remote.existing()?;
        Ok(Some(remote))
    }

    /// The folder, empty or with a slash at its end.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether, without `force`, what is there is the work of earlier runs that have left what the next needs, or nothing.
    ///
    /// # Errors
    /// When S3 refuses.
    pub fn can_go_on(&self) -> Result<bool, SinkError> {
        let is_lock = |key: &str| key.strip_prefix(&self.private) == Some(LOCK);
        Ok(self.objects()?.is_empty() || self.store.list(&self.private)?.iter().any(|o| !is_lock(&o.key)))
    }

    /// What is there of an earlier report, with its ETags; an error if anything may not be replaced.
    fn existing(&self) -> Result<HashMap<String, String>, SinkError> {
        let objects = self.objects()?;
        if !self.force && !objects.is_empty() {
            return Err(SinkError::NotEmpty { path: self.address() });
        }
        match objects.keys().find(|name| name.starts_with("events/") && !is_day(name)) {
            Some(foreign) => Err(SinkError::Foreign { path: self.store.address(&self.key(foreign)) }),
            None => Ok(objects),
        }
    }

    fn objects(&self) -> Result<HashMap<String, String>, SinkError> {
        let listed = self.store.list(&self.folder)?;
        let ours = listed.into_iter().filter(|listed| !listed.key.starts_with(&self.private));
        Ok(ours
            .filter_map(|listed| {
                let name = listed.key.strip_prefix(&self.folder)?.to_owned();
                // Consoles make an empty object for a folder.
                (!name.is_empty()).then(|| (name, listed.etag.unwrap_or_default()))
            })
            .collect())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn address(&self) -> String {
        self.store.address(&self.folder)
    }

    fn hold(&self) -> Result<(), SinkError> {
        if self.lease.is_held() { Ok(()) } else { Err(SinkError::LeaseLost { path: self.address() }) }
    }

    /// Uploads a report.
    ///
    /// # Errors
    /// When S3 refuses, or another run has taken over: then there may be some of its parts, and no `run.json`.
    pub fn place(self, report: &Prepared) -> Result<Written, SinkError> {
        let existing = self.existing()?;
        let known: HashMap<String, Placed> = match self.store.read(&self.placed_key())? {
            Some(content) => serde_json::from_slice(&content.bytes).unwrap_or_default(), // then nothing is known
            None => HashMap::new(),
        };
        self.hold()?;
        if existing.contains_key(RUN) {
            self.store.delete(vec![self.key(RUN)])?;
        }
        let files = report.files()?;
        let mut hashes = HashMap::new();
        let mut run = None;
        for (name, path) in &files {
            if name == RUN {
                run = Some(std::fs::read(path).map_err(SinkError::file(path))?);
                continue;
            }
            let hash = hash(path).map_err(SinkError::file(path))?;
            let unchanged = known.get(name).is_some_and(|placed| {
                (&placed.hash, placed.bytes) == (&hash.0, hash.1) && existing.get(name) == Some(&placed.etag)
            });
            if !unchanged {
                self.hold()?;
                self.store.upload(&self.key(name), path)?;
            }
            hashes.insert(name.clone(), hash);
        }
        let stale = existing.keys().filter(|name| is_day(name) && !hashes.contains_key(*name));
        self.store.delete(stale.map(|name| self.key(name)).collect())?;
        self.hold()?;
        match self.store.write(&self.key(RUN), run.unwrap_or_default(), WriteCondition::IfAbsent) {
            Ok(_) => {}
            Err(S3Error::Precondition { .. }) => {
                return Err(SinkError::LeaseLost { path: self.address() });
            }
            Err(error) => return Err(error.into()),
        }
        if self.goes_on {
            self.note(hashes)?;
        }
        Ok(Written { directory: PathBuf::from(self.address()) })
    }

    /// Notes what has been placed, so that the next run need not upload it again.
    fn note(&self, mut hashes: HashMap<String, (String, u64)>) -> Result<(), SinkError> {
        let placed: std::collections::BTreeMap<String, Placed> = self
            .objects()?
            .into_iter()
            .filter_map(|(name, etag)| {
                let (hash, bytes) = hashes.remove(&name)?;
                Some((name, Placed { etag, hash, bytes }))
            })
            .collect();
        // What was listed is what this run has placed only if nobody else has been here.
        self.hold()?;
        let text = serde_json::to_vec(&placed)
            .map_err(|e| SinkError::Encode { path: self.placed_key(), message: e.to_string() })?;
        self.store.write(&self.placed_key(), text, WriteCondition::Always)?;
        Ok(())
    }

    fn placed_key(&self) -> String {
        format!("{}{PLACED}", self.private)
    }
}

fn is_day(name: &str) -> bool {
    let day = name.strip_prefix("events/day=").and_then(|rest| rest.strip_suffix("/events.parquet"));
    day.is_some_and(|day| day.parse::<NaiveDate>().is_ok())
}

/// Tells a file's bytes from those of another of this program's files; its length beside it.
fn hash(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
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
    let [one, other] = hashers.map(|hasher| hasher.finish());
    Ok((format!("{one:016x}{other:016x}"), bytes))
}
