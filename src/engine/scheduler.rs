//! Who does what, and when: archives are worked on in parallel and merged in order.
//!
//! Every thread takes the next archive from the queue, works on it, and puts what comes of it in the archive's place in the line. Whoever finds the
//! front of the line ready merges it, and goes on as long as there is something: so there is no thread that only merges, and
//! with one thread everything happens on that one. What does not depend on order, above all encoding, is left as jobs, which are done before
//! another archive is begun.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

use super::kept::{Kept, Piece};
use super::merge::Merge;
use super::part::Part;
use super::resolve::Resolver;
use super::{Plan, RunError};
use crate::base::{TaskQueue, into_inner, lock, wait_timeout};
use crate::report::SinkError;

/// Memory of one archive's parts that wait for their turn, bytes; who has more waits.
const ARCHIVE_AHEAD: usize = 4 << 20;
/// Memory of all parts that wait for their turn, bytes; beyond that nobody begins another archive.
const ALL_AHEAD: usize = 32 << 20;
/// Archives that wait for their turn, however small.
const ARCHIVES_AHEAD: usize = 4096;

/// Where threads meet.
pub(super) struct Scheduler<'d> {
    plan: &'d Plan,
    resolver: Resolver<'d>,
    jobs: TaskQueue<SinkError>,
    queue: Mutex<Kept<'d>>,
    line: Mutex<Line>,
    /// The line has moved, or the run is over.
    moved: Condvar,
    merge: Mutex<Merge<'d>>,
    over: AtomicBool,
    error: Mutex<Option<RunError>>,
}

/// Archives begun and not yet merged whole, in order.
#[derive(Default)]
struct Line {
    /// The number of the archive at the front.
    front: u64,
    places: VecDeque<Place>,
    bytes: usize,
    /// Somebody is merging.
    merging: bool,
}

#[derive(Default)]
struct Place {
    parts: VecDeque<Part>,
    bytes: usize,
    done: bool,
}

/// A thread that panics takes its archive's place in the line with it: the others must not wait for that.
struct Alarm<'a, 'd>(&'a Scheduler<'d>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over.store(true, Ordering::Relaxed);
            self.0.moved.notify_all();
        }
    }
}

impl<'d> Scheduler<'d> {
    pub(super) fn new(
        resolver: Resolver<'d>,
        kept: Kept<'d>,
        jobs: TaskQueue<SinkError>,
        merge: Merge<'d>,
    ) -> Self {
        Self {
            plan: resolver.plan,
            resolver,
            jobs,
            queue: Mutex::new(kept),
            line: Mutex::default(),
            moved: Condvar::new(),
            merge: Mutex::new(merge),
            over: AtomicBool::new(false),
            error: Mutex::default(),
        }
    }

    /// Works until there is nothing left to do: what each thread does.
    pub(super) fn work(&self) {
        let _alarm = Alarm(self);
        while !self.is_over() {
            if self.jobs.run_one() {
                continue;
            }
            let Some((number, work)) = self.next() else { break };
            let give = &mut |part| self.give(number, part);
            let take = &mut |batch| self.resolver.batch(batch, give);
            let done = work.and_then(|piece| piece.read(take));
            if let Err(error) = done {
                self.fail(error);
                return;
            }
            self.end(number);
        }
        // Others may still be at archives, and leave jobs.
        while !self.is_over() {
            if self.jobs.run_one() {
                continue;
            }
            if lock(&self.line).places.is_empty() && self.jobs.is_idle() {
                return;
            }
            self.jobs.wait();
        }
    }

    /// What the run came to.
    pub(super) fn into_merge(self) -> Result<Merge<'d>, RunError> {
        if let Some(error) = into_inner(self.error) {
            return Err(error);
        }
        // A worker that was told to stop gives no last part: what has been merged is no result.
        if self.plan.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        Ok(into_inner(self.merge))
    }

    /// Ends the run.
    fn fail(&self, error: RunError) {
        lock(&self.error).get_or_insert(error);
        self.over.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.plan.is_cancelled()
    }

    /// The next archive, with its place in the line.
    fn next(&self) -> Option<(u64, Result<Piece<'d>, RunError>)> {
        let mut line = lock(&self.line);
        while (line.bytes >= ALL_AHEAD || line.places.len() >= ARCHIVES_AHEAD) && !self.is_over() {
            line = self.wait(line);
        }
        drop(line);
        // The place is taken while the listing is held: the order of both is the same.
        let mut queue = lock(&self.queue);
        let work = queue.next()?;
        let mut line = lock(&self.line);
        line.places.push_back(Place::default());
        Some((line.front + line.places.len() as u64 - 1, work))
    }

    /// Does a job, or waits for the line to move; not for ever, since nobody tells of a cancelled run.
    fn wait<'l>(&'l self, line: MutexGuard<'l, Line>) -> MutexGuard<'l, Line> {
        if self.jobs.queued() > 0 {
            drop(line);
            self.jobs.run_one();
            return lock(&self.line);
        }
        let limit = std::time::Duration::from_millis(20);
        wait_timeout(&self.moved, line, limit)
    }

    /// Takes a part of an entry, as soon as not too much of it waits; false when the run is over.
    fn give(&self, number: u64, part: Part) -> bool {
        let mut line = lock(&self.line);
        while !self.is_over()
            && line.places.get((number - line.front) as usize).is_some_and(|p| p.bytes >= ARCHIVE_AHEAD)
        {
            line = self.wait(line);
        }
        let bytes = part.bytes();
        line.bytes += bytes;
        let front = line.front;
        let place = &mut line.places[(number - front) as usize];
        place.bytes += bytes;
        place.parts.push_back(part);
        self.merge_from(number, line);
        !self.is_over()
    }

    /// There are no more parts of an entry.
    fn end(&self, number: u64) {
        let mut line = lock(&self.line);
        let front = line.front;
        line.places[(number - front) as usize].done = true;
        self.merge_from(number, line);
    }

    /// Merges if that place is at the front of the line, and nobody does.
    fn merge_from(&self, number: u64, mut line: MutexGuard<'_, Line>) {
        if line.front == number && !line.merging {
            line.merging = true;
            drop(line);
            self.merge();
        }
    }

    /// Merges from the front of the line as far as there is something.
    fn merge(&self) {
        let mut merge = lock(&self.merge);
        loop {
            let mut line = lock(&self.line);
            let Some(place) = line.places.front_mut() else {
                line.merging = false;
                return;
            };
            let parts = std::mem::take(&mut place.parts);
            let bytes = std::mem::take(&mut place.bytes);
            let done = place.done;
            line.bytes -= bytes;
            if done {
                line.places.pop_front();
                line.front += 1;
            } else if parts.is_empty() {
                line.merging = false;
                return;
            }
            drop(line);
            self.moved.notify_all();
            let merged = parts.into_iter().try_for_each(|part| merge.part(part));
            if let Err(error) = merged.and_then(|()| self.jobs.take_error().map_err(RunError::from)) {
                self.fail(error);
                return; // nobody merges any more
            }
        }
    }
}
