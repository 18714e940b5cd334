//! Fetches small objects as a whole, ahead of their readers.
//!
//! A [`FetchPool`] starts fetches in the order in which they are queued. How many run at a time
//! adapts: one more whenever a reader had to wait, half as many when S3 asks to slow down.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::Duration;

use crate::base::{lock, wait_timeout};
use crate::s3::{Bucket, ObjectBytes, S3Error};

/// How many fetches run at a time in the beginning.
const FIRST_LIMIT: usize = 8;
/// How many fetches run at a time at most.
const HIGHEST_LIMIT: usize = 64;
/// How often a waiting reader checks whether the run has been cancelled.
pub(super) const CANCEL_CHECK: Duration = Duration::from_millis(50);

/// What the fetches of a listing share.
#[derive(Debug)]
pub(super) struct FetchPool {
    state: Mutex<PoolState>,
    /// The most bytes of objects that are being fetched or wait to be read.
    most_held: u64,
    /// Signalled when a fetch has ended.
    fetch_ended: Condvar,
    cancel: Arc<AtomicBool>,
}

#[derive(Debug)]
struct PoolState {
    /// Fetches to start, in order. Their owners may drop them.
    queue: VecDeque<Weak<Fetch>>,
    running: usize,
    /// How many fetches may run at a time.
    limit: usize,
    /// Bytes of objects that are being fetched or wait to be read.
    held_bytes: u64,
    /// The number of the next fetch to start.
    next_number: u64,
    /// The number of the first fetch that started after `limit` was last halved.
    first_after_halving: u64,
}

/// The fetch of one object.
#[derive(Debug)]
pub(super) struct Fetch {
    pool: Arc<FetchPool>,
    object: FetchRequest,
    state: Mutex<FetchState>,
}

/// Which object to fetch.
#[derive(Debug)]
pub(super) struct FetchRequest {
    pub(super) bucket: Bucket,
    pub(super) key: Arc<str>,
    /// The ETag that the object must have, if known.
    pub(super) etag: Option<Arc<str>>,
    pub(super) size: u64,
}

#[derive(Debug)]
enum FetchState {
    Queued,
    Running,
    Done(Result<ObjectBytes, S3Error>),
    /// The reader has the bytes; it releases them from the pool.
    Taken,
}

/// The error of a reader that stops because the run has been cancelled.
pub(super) fn cancelled() -> io::Error {
    io::Error::other("stopped")
}

impl FetchPool {
    pub(super) fn new(most_held: u64, cancel: Arc<AtomicBool>) -> Self {
        let state = PoolState {
            queue: VecDeque::new(),
            running: 0,
            limit: FIRST_LIMIT,
            held_bytes: 0,
            next_number: 0,
            first_after_halving: 0,
        };
        Self { state: Mutex::new(state), most_held, fetch_ended: Condvar::new(), cancel }
    }

    /// Queues the fetch of an object. If the fetch is dropped before it starts, it never does.
    pub(super) fn enqueue(self: &Arc<Self>, object: FetchRequest) -> Arc<Fetch> {
        let fetch = Arc::new(Fetch { pool: self.clone(), object, state: Mutex::new(FetchState::Queued) });
        lock(&self.state).queue.push_back(Arc::downgrade(&fetch));
        fetch
    }

    /// Whether more fetches could run than are queued.
    pub(super) fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.queue.len() < state.limit && state.held_bytes < self.most_held
    }

    /// Starts as many fetches as there is room for.
    pub(super) fn start_queued(&self) {
        // Requests are sent, and fetches dropped, after the lock is released: both may call this
        // function again.
        let mut chosen = Vec::new();
        let mut state = lock(&self.state);
        while state.running < state.limit
            && let Some(first) = state.queue.front()
        {
            let Some(fetch) = first.upgrade() else {
                state.queue.pop_front(); // its owner has dropped it
                continue;
            };
            let fits = state.held_bytes == 0 || state.held_bytes + fetch.object.size <= self.most_held;
            if fits {
                state.queue.pop_front();
            }
            let completion = if fits { fetch.mark_running(&mut state) } else { None };
            chosen.push((fetch, completion));
            if !fits {
                break;
            }
        }
        drop(state);
        for (fetch, completion) in chosen {
            if let Some(completion) = completion {
                fetch.send_request(completion);
            }
        }
    }

    /// Stops counting bytes that are no longer held.
    fn release(&self, bytes: u64) {
        lock(&self.state).held_bytes -= bytes;
        self.start_queued();
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Fetch {
    /// Counts a queued fetch as running. Returns `None` if it has already started.
    fn mark_running(self: &Arc<Self>, pool: &mut PoolState) -> Option<Completion> {
        let mut state = lock(&self.state);
        if !matches!(*state, FetchState::Queued) {
            return None;
        }
        *state = FetchState::Running;
        pool.running += 1;
        pool.held_bytes += self.object.size;
        let number = pool.next_number;
        pool.next_number += 1;
        let slow_downs = self.object.bucket.slow_downs();
        Some(Completion { fetch: self.clone(), number, slow_downs, is_reported: false })
    }

    fn send_request(&self, completion: Completion) {
        let FetchRequest { bucket, key, etag, size } = &self.object;
        // If the request cannot be sent, dropping `completion` reports it.
        let _ = bucket.start_read(key.to_string(), etag.clone(), 0..*size, |bytes| completion.report(bytes));
    }

    /// Waits for the object and returns a reader of its bytes; `None` if they have been taken
    /// before.
    pub(super) fn wait(self: &Arc<Self>) -> io::Result<Option<FetchedReader>> {
        let mut pool = lock(&self.pool.state);
        let mut has_waited = false;
        loop {
            // The reader may come before the pool has started the fetch.
            if let Some(completion) = self.mark_running(&mut pool) {
                drop(pool);
                self.send_request(completion);
                pool = lock(&self.pool.state);
            }
            let mut state = lock(&self.state);
            match &*state {
                FetchState::Queued | FetchState::Running => {}
                FetchState::Done(_) => {
                    let FetchState::Done(outcome) = std::mem::replace(&mut *state, FetchState::Taken) else {
                        return Ok(None); // cannot happen: it was `Done` one line above
                    };
                    drop((state, pool));
                    return match outcome {
                        Ok(ObjectBytes { bytes, signature }) => Ok(Some(FetchedReader {
                            bytes: Cursor::new(bytes),
                            signature,
                            pool: self.pool.clone(),
                            size: self.object.size,
                        })),
                        Err(error) => {
                            self.pool.release(self.object.size);
                            Err(error.into())
                        }
                    };
                }
                FetchState::Taken => return Ok(None),
            }
            drop(state);
            if !has_waited {
                has_waited = true;
                pool.limit = (pool.limit + 1).min(HIGHEST_LIMIT);
            }
            if self.pool.is_cancelled() {
                return Err(cancelled());
            }
            pool = wait_timeout(&self.pool.fetch_ended, pool, CANCEL_CHECK);
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // Bytes that have been taken are released by their reader.
        let state = lock(&self.state);
        if matches!(*state, FetchState::Running | FetchState::Done(_)) {
            drop(state);
            self.pool.release(self.object.size);
        }
    }
}

/// Reports the end of a fetch, once. Dropping it reports a failure, so that a panic of the thread
/// that should report does not leave a reader waiting.
struct Completion {
    fetch: Arc<Fetch>,
    number: u64,
    /// How often S3 had asked to slow down before the fetch started.
    slow_downs: u64,
    is_reported: bool,
}

impl Completion {
    fn report(mut self, outcome: Result<ObjectBytes, S3Error>) {
        self.report_once(outcome);
    }

    fn report_once(&mut self, outcome: Result<ObjectBytes, S3Error>) {
        if std::mem::replace(&mut self.is_reported, true) {
            return;
        }
        let pool = self.fetch.pool.clone();
        let mut state = lock(&pool.state);
        *lock(&self.fetch.state) = FetchState::Done(outcome);
        state.running -= 1;
        // Fetches that were slowed down together halve the limit once.
        let was_slowed_down = self.fetch.object.bucket.slow_downs() > self.slow_downs;
        if was_slowed_down && self.number >= state.first_after_halving {
            state.limit = (state.limit / 2).max(1);
            state.first_after_halving = state.next_number;
        }
        drop(state);
        pool.fetch_ended.notify_all();
        pool.start_queued();
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let operation = format!("reading {}", self.fetch.object.key);
        self.report_once(Err(S3Error::Failed { operation, source: "the request was given up".into() }));
    }
}

/// Reads a fetched object. Its bytes count as held until this is dropped.
pub(super) struct FetchedReader {
    bytes: Cursor<Vec<u8>>,
    /// The metadata `signature` of the object.
    pub(super) signature: Option<String>,
    pool: Arc<FetchPool>,
    size: u64,
}

impl Drop for FetchedReader {
    fn drop(&mut self) {
        self.bytes = Cursor::default();
        self.pool.release(self.size);
    }
}

impl Read for FetchedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}
