//! The right to write somewhere, held by one run at a time: an object that its holder writes anew every few seconds.
//!
//! Whoever finds it watches whether it changes: if it does, somebody is at work; if not, its holder was killed, and whoever replaces
//! it first, under the condition that it is still the same, is the next. No clock is compared, except that S3 refuses requests of
//! those whose clock is wrong by more than 15 minutes (Amazon S3: `RequestTimeTooSkewed`): a lock older than that is dead at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::{Bucket, Condition, S3Error};

/// How often it is written anew.
const BEAT: Duration = Duration::from_secs(5);
/// Without a change for so long, its holder is taken for dead.
const DEAD: Duration = Duration::from_secs(25);
/// An answer that takes longer is none: there must be time for others before the holder looks dead.
const ANSWER: Duration = Duration::from_secs(8);
/// Held for sure as long as this has not passed since it was written. By the clock on the wall, which goes on while a machine sleeps.
const SURE_MS: i64 = 12_000;
/// So old, its holder is dead without waiting: more than clocks can differ, twice.
const LONG_DEAD_MS: i64 = 40 * 60 * 1000;

/// Held as long as this is.
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
    stop: Option<Sender<()>>,
}

#[derive(Debug)]
struct Held {
    store: Bucket,
    key: String,
    holder: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Of what was written last; none once the lease is lost.
    etag: Option<String>,
    beat: u64,
    /// When it was written last, milliseconds since the epoch.
    renewed: i64,
}

impl Lease {
    /// Takes the lease; `None` when somebody else has it, or the run is cancelled.
    ///
    /// # Errors
    /// When the object cannot be read or written.
    pub fn take(store: &Bucket, key: &str, is_cancelled: &dyn Fn() -> bool) -> Result<Option<Self>, S3Error> {
        let holder = name();
        let mut condition = Condition::Absent;
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let asked = now();
            match store.write(key, text(&holder, 0), condition) {
                Ok(Some(etag)) => {
                    let state = State { etag: Some(etag), beat: 0, renewed: asked };
                    return Ok(Some(Self::hold(store, key, holder, state)));
                }
                Ok(None) => {
                    let what = format!("taking the lock {}", store.address(key));
                    return Err(S3Error::Failed { what, why: "S3 gives no ETag".to_owned() });
                }
                Err(S3Error::Precondition { .. }) => {}
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
                    None => {
                        let lock = store.address(key);
                        warn!(
                            lock,
                            "there is a lock: looking for up to {} s whether its run is alive",
                            DEAD.as_secs()
                        );
                        seen = Some((etag, Instant::now()));
                    }
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

    fn hold(store: &Bucket, key: &str, holder: String, state: State) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let held = Held { store: store.clone(), key: key.to_owned(), holder, state: Mutex::new(state) };
        let held = Arc::new(held);
        let beating = held.clone();
        thread::spawn(move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                beating.beat();
            }
        });
        Self { held, stop: Some(stop) }
    }

    /// Whether it is held, now. Once lost, it stays so.
    pub fn is_held(&self) -> bool {
        let is_sure = |held: &Held| {
            let state = held.lock();
            state.etag.is_some() && now() - state.renewed < SURE_MS
        };
        // Somebody may have taken a run for dead that was asleep.
        is_sure(&self.held) || self.held.beat() && is_sure(&self.held)
    }
}

impl Held {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic of another thread ends the run by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes it anew, if it is still the same; whether that is so.
    fn beat(&self) -> bool {
        let mut state = self.lock();
        let Some(etag) = state.etag.clone() else { return false };
        state.beat += 1;
        let (asked, bytes) = (now(), text(&self.holder, state.beat));
        match self.store.write_within(ANSWER, &self.key, bytes, Condition::Unchanged(etag)) {
            Ok(Some(etag)) => {
                (state.etag, state.renewed) = (Some(etag), asked);
                true
            }
            // It may still be ours: a beat that was given up may have been written all the same.
            Ok(None) | Err(S3Error::Precondition { .. }) => {
                let found = self.store.read(&self.key);
                let ours = |(bytes, etag): (Vec<u8>, Option<String>)| {
                    String::from_utf8_lossy(&bytes).contains(&self.holder).then_some(etag).flatten()
                };
                match found {
                    Ok(lock) => state.etag = lock.and_then(ours),
                    Err(_) => return false,
                }
                state.renewed = asked;
                state.etag.is_some()
            }
            // It may go better the next time.
            Err(_) => false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        // What others have taken is theirs. Nobody to tell if this fails: the lock then looks dead to others after a while.
        if self.held.beat() {
            let _ = self.held.store.delete(vec![self.held.key.clone()]);
            self.held.lock().etag = None;
        }
    }
}

/// A name that no other run has.
fn name() -> String {
    format!("{:016x}-{}", RandomState::new().hash_one(now()), std::process::id())
}

fn text(holder: &str, beat: u64) -> Vec<u8> {
    format!("{{\"holder\":\"{holder}\",\"beat\":{beat}}}\n").into_bytes()
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
