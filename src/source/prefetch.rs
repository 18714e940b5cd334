//! Objects fetched before their turn, so that those who decode them need not wait for the network.
//!
//! Small objects are fetched whole, in the order in which they will be asked for; how many at a time adapts: more when somebody had to wait,
//! half as many when S3 asks to slow down. Large ones are fetched in ranges, some ahead of the one being read. What is held is bounded by
//! [`HELD`], and by [`RANGES_AHEAD`] ranges for each large object being read.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::{Archive, Listed, Place};
use crate::s3::{Bucket, S3Error};

/// Objects up to this size are fetched whole.
const WHOLE: u64 = 16 << 20;
/// Bytes of whole objects, on their way or waiting to be read.
const HELD: u64 = 64 << 20;
/// Entries of the listing that are looked at ahead.
const ENTRIES: usize = 256;
/// Objects on their way at first, and at most.
const AT_FIRST: usize = 8;
const AT_MOST: usize = 64;
/// Of a large object.
const RANGE: u64 = 4 << 20;
const RANGES_AHEAD: usize = 4;
/// How often to see whether the run has been cancelled.
const LOOK_UP: Duration = Duration::from_millis(50);

/// An object, and perhaps its bytes.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    store: Bucket,
    key: Arc<str>,
    size: u64,
    cancel: Arc<AtomicBool>,
    fetch: Option<Arc<Fetch>>,
}

/// What may be an archive to be read.
pub trait Entry {
    /// The archive, if it is one.
    fn archive(&mut self) -> Option<&mut Archive>;
}

impl Entry for Listed {
    fn archive(&mut self) -> Option<&mut Archive> {
        match self {
            Self::Archive(archive) => Some(archive),
            Self::Skipped { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Entries of a listing, or of what is made of one, whose objects are fetched before they are asked for.
pub struct Prefetcher<I: Iterator> {
    entries: I,
    line: VecDeque<I::Item>,
    pool: Arc<Pool>,
    ended: bool,
}

/// What is shared by the fetches of a listing.
#[derive(Debug)]
struct Pool {
    state: Mutex<PrefetchState>,
    /// A fetch has ended.
    moved: Condvar,
    cancel: Arc<AtomicBool>,
}

#[derive(Debug)]
struct PrefetchState {
    /// Not begun, in order.
    line: VecDeque<Weak<Fetch>>,
    running: usize,
    at_a_time: usize,
    bytes: u64,
    /// Number of the next fetch that begins, and of the first one whose being slowed down counts.
    next: u64,
    counted_from: u64,
}

/// An object on its way.
#[derive(Debug)]
struct Fetch {
    pool: Arc<Pool>,
    store: Bucket,
    key: Arc<str>,
    etag: Option<Arc<str>>,
    size: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running,
    Done(Result<Vec<u8>, S3Error>),
    /// Given out; its bytes are counted until they have been read.
    Taken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another thread ends the run by itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<I: Iterator<Item: Entry>> Prefetcher<I> {
    /// Fetches objects ahead. Entries that need not be read are best left out before: what comes through here is fetched.
    pub fn new(entries: I, cancel: Arc<AtomicBool>) -> Self {
        let course = PrefetchState {
            line: VecDeque::new(),
            running: 0,
            at_a_time: AT_FIRST,
            bytes: 0,
            next: 0,
            counted_from: 0,
        };
        let pool = Pool { state: Mutex::new(course), moved: Condvar::new(), cancel };
        Self { entries, line: VecDeque::new(), pool: Arc::new(pool), ended: false }
    }

    /// Takes the next entry of the listing into the line.
    fn take_in(&mut self) {
        match self.entries.next() {
            Some(mut entry) => {
                if let Some(archive) = entry.archive() {
                    self.pool.line_up(archive);
                }
                self.line.push_back(entry);
            }
            None => self.ended = true,
        }
    }
}

impl<I: Iterator<Item: Entry>> Iterator for Prefetcher<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        while !self.ended && self.line.len() < ENTRIES && (self.line.is_empty() || self.pool.has_room()) {
            self.take_in();
        }
        self.pool.begin();
        self.line.pop_front()
    }
}

impl Pool {
    /// Puts an object into the line, if it is one that is fetched whole.
    fn line_up(self: &Arc<Self>, archive: &mut Archive) {
        let Place::S3(remote) = &mut archive.place else { return };
        if remote.size > WHOLE {
            return;
        }
        let fetch = Arc::new(Fetch {
            pool: self.clone(),
            store: remote.store.clone(),
            key: remote.key.clone(),
            etag: archive.version.etag.as_deref().map(Arc::from),
            size: remote.size,
            state: Mutex::new(State::Waiting),
        });
        lock(&self.state).line.push_back(Arc::downgrade(&fetch));
        remote.fetch = Some(fetch);
    }

    /// Whether more could be fetched than is in the line.
    fn has_room(&self) -> bool {
        let course = lock(&self.state);
        course.line.len() < course.at_a_time && course.bytes < HELD
    }

    /// Begins the fetches there is room for.
    fn begin(&self) {
        // Sent for, and let go of, when nothing is locked any more: both may end in here again.
        let mut chosen = Vec::new();
        let mut course = lock(&self.state);
        while course.running < course.at_a_time
            && let Some(first) = course.line.front()
        {
            let Some(fetch) = first.upgrade() else {
                course.line.pop_front(); // nobody wants it any more
                continue;
            };
            let fits = course.bytes == 0 || course.bytes + fetch.size <= HELD;
            if fits {
                course.line.pop_front();
            }
            let arrival = if fits { fetch.mark(&mut course) } else { None };
            chosen.push((fetch, arrival));
            if !fits {
                break;
            }
        }
        drop(course);
        for (fetch, arrival) in chosen {
            if let Some(arrival) = arrival {
                fetch.send(arrival);
            }
        }
    }

    /// Bytes are held no longer.
    fn release(&self, bytes: u64) {
        lock(&self.state).bytes -= bytes;
        self.begin();
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Fetch {
    /// Counts it as begun, unless it is.
    fn mark(self: &Arc<Self>, course: &mut PrefetchState) -> Option<Completion> {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Waiting) {
            return None;
        }
        *state = State::Running;
        course.running += 1;
        course.bytes += self.size;
        let number = course.next;
        course.next += 1;
        Some(Completion { fetch: self.clone(), number, slowed: self.store.slow_downs(), is_over: false })
    }

    /// Sends for the bytes.
    fn send(&self, arrival: Completion) {
        let (key, etag) = (self.key.to_string(), self.etag.clone());
        // What cannot be begun is told of by its end.
        let _ = self.store.start_read(key, etag, 0..self.size, move |bytes| arrival.is(bytes));
    }

    /// Waits for the bytes; `None` when they have been given out already.
    fn wait(self: &Arc<Self>) -> io::Result<Option<Vec<u8>>> {
        let mut course = lock(&self.pool.state);
        let mut waited = false;
        loop {
            // Its turn may have come before the line's.
            if let Some(arrival) = self.mark(&mut course) {
                drop(course);
                self.send(arrival);
                course = lock(&self.pool.state);
            }
            let mut state = lock(&self.state);
            match &*state {
                State::Waiting | State::Running => {}
                State::Done(_) => {
                    let State::Done(done) = std::mem::replace(&mut *state, State::Taken) else {
                        return Ok(None); // it was, one line above
                    };
                    drop((state, course));
                    if done.is_err() {
                        self.pool.release(self.size);
                    }
                    return done.map(Some).map_err(io::Error::from);
                }
                State::Taken => return Ok(None),
            }
            drop(state);
            if !waited {
                waited = true;
                course.at_a_time = (course.at_a_time + 1).min(AT_MOST);
            }
            if self.pool.is_cancelled() {
                return Err(io::Error::other("stopped"));
            }
            let woken = self.pool.moved.wait_timeout(course, LOOK_UP);
            course = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // What has been given out is counted by its reader.
        if matches!(
            self.state.get_mut().unwrap_or_else(PoisonError::into_inner),
            State::Running | State::Done(_)
        ) {
            self.pool.release(self.size);
        }
    }
}

/// What becomes of a fetch; told even if the one who should tell it panics.
struct Completion {
    fetch: Arc<Fetch>,
    number: u64,
    /// How often S3 had asked to slow down before.
    slowed: u64,
    is_over: bool,
}

impl Completion {
    fn is(mut self, bytes: Result<Vec<u8>, S3Error>) {
        self.end(bytes);
    }

    fn end(&mut self, bytes: Result<Vec<u8>, S3Error>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let pool = self.fetch.pool.clone();
        let mut course = lock(&pool.state);
        *lock(&self.fetch.state) = State::Done(bytes);
        course.running -= 1;
        // Of fetches that were slowed down together, the first counts for all.
        if self.fetch.store.slow_downs() > self.slowed && self.number >= course.counted_from {
            course.at_a_time = (course.at_a_time / 2).max(1);
            course.counted_from = course.next;
        }
        drop(course);
        pool.moved.notify_all();
        pool.begin();
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let source = "it was given up".into();
        self.end(Err(S3Error::Failed { operation: format!("reading {}", self.fetch.key), source }));
    }
}

impl Remote {
    pub(super) fn new(store: Bucket, key: String, size: u64, cancel: Arc<AtomicBool>) -> Self {
        Self { store, key: key.into(), size, cancel, fetch: None }
    }

    /// Reads the object from its first byte; `etag` is that of the state it was listed in.
    pub(super) fn open(&self, etag: Option<&str>) -> io::Result<Box<dyn Read + Send>> {
        if let Some(fetch) = &self.fetch
            && let Some(bytes) = fetch.wait()?
        {
            let (pool, size) = (fetch.pool.clone(), fetch.size);
            return Ok(Box::new(Whole { bytes: Cursor::new(bytes), pool, size }));
        }
        let etag = etag.map(Arc::from);
        let remote = Self { fetch: None, ..self.clone() };
        let (under_way, current) = (VecDeque::new(), Cursor::default());
        let mut ranges = Ranges { remote, etag, next: 0, under_way, current };
        ranges.begin();
        Ok(Box::new(ranges))
    }
}

/// The bytes of an object; they are counted as held until they have been read.
struct Whole {
    bytes: Cursor<Vec<u8>>,
    pool: Arc<Pool>,
    size: u64,
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.bytes = Cursor::default();
        self.pool.release(self.size);
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// A large object, range after range.
struct Ranges {
    remote: Remote,
    etag: Option<Arc<str>>,
    /// Where the next range begins.
    next: u64,
    under_way: VecDeque<Receiver<Result<Vec<u8>, S3Error>>>,
    current: Cursor<Vec<u8>>,
}

impl Ranges {
    fn begin(&mut self) {
        while self.under_way.len() < RANGES_AHEAD && self.next < self.remote.size {
            let range: Range<u64> = self.next..(self.next + RANGE).min(self.remote.size);
            self.next = range.end;
            let (give, take) = channel();
            let key = self.remote.key.to_string();
            let failed = give.clone();
            // A reader that is gone has no use for it.
            let then = move |bytes| drop(give.send(bytes));
            if let Err(error) = self.remote.store.start_read(key, self.etag.clone(), range, then) {
                let _ = failed.send(Err(error)); // the other end is below
            }
            self.under_way.push_back(take);
        }
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.current.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(first) = self.under_way.front() else { return Ok(0) };
            let bytes = match first.recv_timeout(LOOK_UP) {
                Ok(bytes) => bytes?,
                Err(RecvTimeoutError::Timeout) if self.remote.cancel.load(Ordering::Relaxed) => {
                    return Err(io::Error::other("stopped"));
                }
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("reading was given up")),
            };
            self.under_way.pop_front();
            self.current = Cursor::new(bytes);
            self.begin();
        }
    }
}
