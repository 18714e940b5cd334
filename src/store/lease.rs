//! The right to write somewhere, held by one run at a time: an object that its holder writes anew every few seconds.
//!
//! Whoever finds it watches whether it changes: if it does, somebody is at work; if not, its holder was killed, and whoever replaces
//! it first, under the condition that it is still the same, is the next. No clock is compared, except that S3 refuses requests of
//! those whose clock is wrong by more than 15 minutes (Amazon S3: `RequestTimeTooSkewed`): a lock older than that is dead at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Condition, Store, StoreError};

/// How often it is written anew.
const BEAT: Duration = Duration::from_secs(5);
/// Without a change for so long, its holder is taken for dead.
const DEAD: Duration = Duration::from_secs(25);
/// So old, it is so without waiting: more than clocks can differ, twice.
const LONG_DEAD_MS: i64 = 40 * 60 * 1000;

/// Held as long as this is.
#[derive(Debug)]
pub struct Lease {
    lost: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    beating: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease; `None` when somebody else has it.
    ///
    /// # Errors
    /// When the object cannot be read or written.
    pub fn take(
        store: &Store,
        key: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, StoreError> {
        let holder = name();
        let mut condition = Condition::Absent;
        let mut seen: Option<(String, Instant)> = None;
        loop {
            match store.write(key, text(&holder, 0), condition) {
                Ok(Some(etag)) => return Ok(Some(Self::hold(store, key, holder, etag))),
                Ok(None) => {
                    let what = format!("taking the lock {}", store.address(key));
                    return Err(StoreError::Failed { what, why: "S3 gives no ETag".to_owned() });
                }
                Err(StoreError::Precondition { .. }) => {}
                Err(error) => return Err(error),
            }
            condition = loop {
                let Some(lock) = store.list(key)?.into_iter().find(|listed| listed.key == key) else {
                    break Condition::Absent; // given back meanwhile
                };
                let etag = lock.etag.unwrap_or_default();
                if lock.modified.is_some_and(|modified| now() - modified.0 > LONG_DEAD_MS) {
                    break Condition::Unchanged(etag);
                }
                match &seen {
                    None => seen = Some((etag, Instant::now())),
                    Some((known, _)) if *known != etag => return Ok(None),
                    Some((_, since)) if since.elapsed() > DEAD => break Condition::Unchanged(etag),
                    Some(_) => {}
                }
                if is_cancelled() {
                    return Ok(None);
                }
                thread::sleep(Duration::from_millis(500));
            };
        }
    }

    fn hold(store: &Store, key: &str, holder: String, mut etag: String) -> Self {
        let (stop, stopped) = mpsc::channel();
        let lost = Arc::new(AtomicBool::new(false));
        let (store, key, told) = (store.clone(), key.to_owned(), lost.clone());
        let beating = thread::spawn(move || {
            let mut renewed = Instant::now();
            for beat in 1u64.. {
                match stopped.recv_timeout(BEAT) {
                    Err(RecvTimeoutError::Timeout) => {}
                    // Nobody to tell if this fails: the lock is then dead for others after a while.
                    _ => return drop(store.delete(vec![key])),
                }
                match store.write(&key, text(&holder, beat), Condition::Unchanged(etag.clone())) {
                    Ok(new) => {
                        etag = new.unwrap_or_default();
                        renewed = Instant::now();
                    }
                    Err(StoreError::Precondition { .. }) => {
                        told.store(true, Ordering::Release);
                        return;
                    }
                    Err(_) if renewed.elapsed() > DEAD => {
                        told.store(true, Ordering::Release);
                        return;
                    }
                    Err(_) => {}
                }
            }
        });
        Self { lost, stop: Some(stop), beating: Some(beating) }
    }

    /// Whether it is still held. Once lost, it stays so.
    pub fn is_held(&self) -> bool {
        !self.lost.load(Ordering::Acquire)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(beating) = self.beating.take() {
            let _ = beating.join(); // a panic there is no reason for one here
        }
    }
}

/// A name that no other run has.
fn name() -> String {
    let random = RandomState::new().hash_one(now());
    format!("{:016x}-{}", random, std::process::id())
}

fn text(holder: &str, beat: u64) -> Vec<u8> {
    format!("{{\"holder\":\"{holder}\",\"beat\":{beat}}}\n").into_bytes()
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
