//! A lease: the right to write to a folder, which one run at a time holds.
//!
//! The lease is an object that its holder rewrites every few seconds. Another run that finds the
//! object watches it. If it changes, its holder is alive, and the other run gives up. If it does
//! not change, its holder was killed, and the first run to replace the object, on condition that it
//! is still the same, is the next holder.
//!
//! No clocks are compared, with one exception: S3 refuses requests from machines whose clock is
//! wrong by more than 15 minutes (Amazon S3: `RequestTimeTooSkewed`), so the holder of an object
//! that is much older than that is dead at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::{Bucket, ObjectContent, S3Error, WriteCondition};
use crate::base::lock;

/// How often the holder renews the lease.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// If the object does not change for this long, its holder counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(25);
/// A renewal that takes longer has failed: there must be time for others before the holder counts
/// as dead.
const RENEW_TIMEOUT: Duration = Duration::from_secs(8);
/// For this long after a renewal the lease is certainly held, in milliseconds of the wall clock,
/// which goes on while a machine sleeps.
const CERTAIN_MS: i64 = 12_000;
/// The holder of an object this old, in milliseconds, is dead without watching: more than twice the
/// largest difference between clocks.
const DEAD_AT_ONCE_MS: i64 = 40 * 60 * 1000;
/// How often a run looks whether a lease of another run has changed.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// A lease, held until this is dropped or another run takes it over.
#[derive(Debug)]
pub struct Lease {
    object: Arc<LeaseObject>,
    /// Dropped to stop the thread that renews.
    stop: Option<Sender<()>>,
}

/// The object in S3 that stands for the lease.
#[derive(Debug)]
struct LeaseObject {
    bucket: Bucket,
    key: String,
    /// A name that no other run has.
    holder: String,
    ownership: Mutex<Ownership>,
}

#[derive(Debug)]
struct Ownership {
    /// The ETag of the last write; `None` once the lease is lost.
    etag: Option<String>,
    /// How often the lease has been renewed: makes the content of each write different.
    renewals: u64,
    /// When the last successful write was requested, in milliseconds since the epoch.
    written_ms: i64,
}

impl Lease {
    /// Acquires the lease. Returns `None` if another run holds it, or this run is cancelled.
    ///
    /// # Errors
    /// When the object cannot be read or written.
    pub fn acquire(
        bucket: &Bucket,
        key: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, S3Error> {
        let holder = new_holder();
        let mut condition = WriteCondition::IfAbsent;
        // The ETag that a lease of another run had at first, and when.
        let mut watched: Option<(String, Instant)> = None;
        loop {
            let requested = now_ms();
            match bucket.write(key, content(&holder, 0), condition) {
                Ok(Some(etag)) => {
                    let ownership = Ownership { etag: Some(etag), renewals: 0, written_ms: requested };
                    return Ok(Some(Self::start(bucket, key, holder, ownership)));
                }
                Ok(None) => {
                    let operation = format!("taking the lock {}", bucket.address(key));
                    return Err(S3Error::failed(operation, "S3 sends no ETag"));
                }
                Err(S3Error::Precondition { .. }) => {}
                Err(error) => return Err(error),
            }
            condition = loop {
                let Some(found) = bucket.list(key)?.into_iter().find(|object| object.key == key) else {
                    break WriteCondition::IfAbsent; // released in the meantime
                };
                let etag = found.etag.unwrap_or_default();
                if found.modified.is_some_and(|modified| now_ms() - modified.0 > DEAD_AT_ONCE_MS) {
                    break WriteCondition::IfMatch(etag);
                }
                match &watched {
                    None => {
                        let lock = bucket.address(key);
                        warn!(
                            lock,
                            "there is a lock; watching for up to {} s whether its run is alive",
                            DEAD_AFTER.as_secs()
                        );
                        watched = Some((etag, Instant::now()));
                    }
                    Some((first, _)) if *first != etag => return Ok(None),
                    Some((_, since)) if since.elapsed() > DEAD_AFTER => {
                        break WriteCondition::IfMatch(etag);
                    }
                    Some(_) => {}
                }
                if is_cancelled() {
                    return Ok(None);
                }
                thread::sleep(WATCH_INTERVAL);
            };
        }
    }

    /// Starts the thread that renews the lease.
    fn start(bucket: &Bucket, key: &str, holder: String, ownership: Ownership) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let object = Arc::new(LeaseObject {
            bucket: bucket.clone(),
            key: key.to_owned(),
            holder,
            ownership: Mutex::new(ownership),
        });
        let renewed = object.clone();
        thread::spawn(move || {
            while stopped.recv_timeout(RENEW_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                renewed.renew();
            }
        });
        Self { object, stop: Some(stop) }
    }

    /// Whether the lease is held now. Once lost, it stays lost.
    pub fn is_held(&self) -> bool {
        // While this machine slept, another run may have taken this one for dead: then ask S3.
        self.object.is_certain() || self.object.renew() && self.object.is_certain()
    }
}

impl LeaseObject {
    /// Whether the lease is held for sure, without asking S3.
    fn is_certain(&self) -> bool {
        let ownership = lock(&self.ownership);
        ownership.etag.is_some() && now_ms() - ownership.written_ms < CERTAIN_MS
    }

    /// Rewrites the object if it is still the same. Returns whether the lease is held.
    fn renew(&self) -> bool {
        let mut ownership = lock(&self.ownership);
        let Some(etag) = ownership.etag.clone() else { return false };
        ownership.renewals += 1;
        let (requested, bytes) = (now_ms(), content(&self.holder, ownership.renewals));
        match self.bucket.write_within(RENEW_TIMEOUT, &self.key, bytes, WriteCondition::IfMatch(etag)) {
            Ok(Some(etag)) => {
                (ownership.etag, ownership.written_ms) = (Some(etag), requested);
                true
            }
            // The object may still be ours: a renewal that was given up may have been written after
            // all.
            Ok(None) | Err(S3Error::Precondition { .. }) => {
                let Ok(found) = self.bucket.read(&self.key) else { return false };
                ownership.etag = found.filter(|content| self.is_ours(content)).and_then(|ours| ours.etag);
                ownership.written_ms = requested;
                ownership.etag.is_some()
            }
            // The next renewal may succeed.
            Err(_) => false,
        }
    }

    fn is_ours(&self, content: &ObjectContent) -> bool {
        String::from_utf8_lossy(&content.bytes).contains(&self.holder)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Only an object that is still ours is deleted. If that fails, the lease counts as dead to
        // others after a while.
        if self.object.renew() {
            let _ = self.object.bucket.delete(vec![self.object.key.clone()]);
            lock(&self.object.ownership).etag = None;
        }
    }
}

fn new_holder() -> String {
    format!("{:016x}-{}", RandomState::new().hash_one(now_ms()), std::process::id())
}

/// The content of the object: JSON, for people who look into it.
fn content(holder: &str, renewals: u64) -> Vec<u8> {
    format!("{{\"holder\":\"{holder}\",\"beat\":{renewals}}}\n").into_bytes()
}

/// Milliseconds since the epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
