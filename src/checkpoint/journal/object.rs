//! A journal in S3. A request takes so long that no archive waits for one, as long as no run has
//! died: a thread writes the object at most once a second, and only when another archive has been
//! in work for a second. An archive that ends the run sooner is named by a later run: one that
//! finds an object that its run did not remove has each archive noted before it is opened.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::entries::Entries;
use crate::base::lock;
use crate::s3::{Bucket, WriteCondition};

/// How often the object is written at most, and how long an archive is in work before it is noted.
const INTERVAL: Duration = Duration::from_secs(1);
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The object, and what its thread is to do.
#[derive(Debug)]
pub(super) struct JournalObject {
    bucket: Bucket,
    key: String,
    /// A run has died: each archive is noted before it is opened.
    notes_all: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_started: bool,
    /// How often somebody has asked to be noted, and up to which time that has been done.
    asked: u64,
    done: u64,
    /// The object cannot be written: nobody waits for it.
    is_failing: bool,
    /// What to leave behind: `Some(None)`, nothing.
    last: Option<Option<String>>,
    /// The thread has ended.
    is_over: bool,
}

impl JournalObject {
    /// Writes nothing before an archive begins.
    pub(super) fn new(bucket: &Bucket, key: String, notes_all: bool) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Self { bucket: bucket.clone(), key, notes_all, state, changed })
    }

    /// Notes that something has changed. Returns when it is written if somebody must know of it
    /// should the run die at once: that a run is reading; and, after a death, which archives.
    pub(super) fn note(self: &Arc<Self>, entries: &Arc<Mutex<Entries>>) {
        let mut state = lock(&self.state);
        if state.is_started && !self.notes_all {
            return;
        }
        if !state.is_started {
            state.is_started = true;
            let (object, entries) = (self.clone(), entries.clone());
            let spawned = thread::Builder::new().spawn(move || object.keep(&entries));
            state.is_over = spawned.is_err();
        }
        state.asked += 1;
        let number = state.asked;
        self.changed.notify_all();
        let is_waiting = |state: &mut State| {
            state.done < number && !state.is_failing && !state.is_over && state.last.is_none()
        };
        drop(self.changed.wait_while(state, is_waiting).unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends the thread, which leaves this text behind, or nothing. What a run has left that read
    /// nothing is as it was.
    pub(super) fn end(&self, last: Option<String>) {
        lock(&self.state).last.get_or_insert(last);
        self.changed.notify_all();
    }

    /// Waits until the thread has ended.
    pub(super) fn wait_for_end(&self) {
        let is_running = |state: &mut State| state.is_started && !state.is_over;
        let waited = self.changed.wait_timeout_while(lock(&self.state), 2 * TIMEOUT, is_running);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// What the thread does.
    fn keep(&self, entries: &Mutex<Entries>) {
        let age = if self.notes_all { Duration::ZERO } else { INTERVAL };
        let mut written: Option<String> = None;
        let mut state = lock(&self.state);
        let last = loop {
            if let Some(last) = state.last.take() {
                state.last = Some(None); // it stays set
                break last;
            }
            let asked = state.asked;
            drop(state);
            let text = lock(entries).text(age);
            let is_written = written.as_ref() == Some(&text) || self.write(&text);
            written = is_written.then_some(text);
            let next = Instant::now() + INTERVAL;
            state = lock(&self.state);
            (state.done, state.is_failing) = (asked, !is_written);
            self.changed.notify_all();
            // Those who wait are many at a time, at most one for each thread.
            let is_idle = |state: &mut State| state.asked == asked && state.last.is_none();
            let pause = next.saturating_duration_since(Instant::now());
            state = match self.changed.wait_timeout_while(state, pause, is_idle) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        };
        drop(state);
        match last {
            Some(text) => drop(self.write(&text)),
            // If that fails, the next run notes more than it must.
            None => drop(self.bucket.delete_within(TIMEOUT, &self.key)),
        }
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }

    /// Whoever holds the lease writes: a run that was taken for dead may still overwrite what the
    /// next one notes, which then notes less.
    fn write(&self, text: &str) -> bool {
        let bytes = text.as_bytes().to_vec();
        self.bucket.write_within(TIMEOUT, &self.key, bytes, WriteCondition::Always).is_ok()
    }
}
