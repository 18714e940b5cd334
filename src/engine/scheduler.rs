//! Which thread does what, and when: pieces of facts are resolved in parallel and merged in order.
//!
//! Each worker takes the next piece, resolves it, and puts the resolved batches into the piece's
//! slot of the reorder buffer. A worker that fills the first slot merges it, and goes on as long as
//! the next slots hold something: so no thread only merges, and with one thread everything happens
//! on that one. Work that does not depend on order, above all encoding, is queued as tasks, which
//! workers run before they take another piece.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

use super::error::RunError;
use super::merge::Merge;
use super::plan::Plan;
use super::resolve::Resolver;
use super::resolved::ResolvedBatch;
use super::scanned::{FactBatches, ScannedFacts};
use crate::base::{TaskQueue, into_inner, lock, wait_timeout};
use crate::report::SinkError;

/// Memory of one piece's batches that are not merged yet, bytes. A worker beyond it waits.
const SLOT_BYTES: usize = 4 << 20;
/// Pieces that are not merged yet, however small.
const BUFFER_SLOTS: usize = 4096;

/// What the workers share.
pub(super) struct Scheduler<'d> {
    plan: &'d Plan,
    resolver: Resolver<'d>,
    tasks: TaskQueue<SinkError>,
    queue: Mutex<ScannedFacts<'d>>,
    buffer: Mutex<ReorderBuffer>,
    /// Something left the buffer, or the run is over.
    advanced: Condvar,
    merge: Mutex<Merge<'d>>,
    is_over: AtomicBool,
    error: Mutex<Option<RunError>>,
}

/// Pieces that were started and are not merged whole, in order.
#[derive(Default)]
struct ReorderBuffer {
    /// The number of the first slot's piece.
    first: u64,
    slots: VecDeque<Slot>,
    bytes: usize,
    /// A worker is merging.
    is_merging: bool,
}

/// One piece's resolved batches.
#[derive(Default)]
struct Slot {
    batches: VecDeque<ResolvedBatch>,
    bytes: usize,
    /// No more batches will come.
    is_complete: bool,
}

impl ReorderBuffer {
    fn slot(&mut self, number: u64) -> &mut Slot {
        &mut self.slots[(number - self.first) as usize]
    }
}

/// Ends the run when a worker panics: the others must not wait for its slot.
struct PanicGuard<'a, 'd>(&'a Scheduler<'d>);

impl Drop for PanicGuard<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_over.store(true, Ordering::Relaxed);
            self.0.advanced.notify_all();
        }
    }
}

impl<'d> Scheduler<'d> {
    pub(super) fn new(
        resolver: Resolver<'d>,
        queue: ScannedFacts<'d>,
        tasks: TaskQueue<SinkError>,
        merge: Merge<'d>,
    ) -> Self {
        Self {
            plan: resolver.plan,
            resolver,
            tasks,
            queue: Mutex::new(queue),
            buffer: Mutex::default(),
            advanced: Condvar::new(),
            merge: Mutex::new(merge),
            is_over: AtomicBool::new(false),
            error: Mutex::default(),
        }
    }

    /// Works until nothing is left to do: what each thread does.
    pub(super) fn work(&self) {
        let _guard = PanicGuard(self);
        while !self.is_over() {
            if self.tasks.run_one() {
                continue;
            }
            let Some((number, piece)) = self.next() else { break };
            let emit = &mut |batch| self.put(number, batch);
            let take = &mut |batch| self.resolver.batch(batch, emit);
            if let Err(error) = piece.and_then(|piece| piece.read(take)) {
                self.fail(error);
                return;
            }
            self.complete(number);
        }
        // Other workers may still resolve pieces, and queue tasks.
        while !self.is_over() {
            if self.tasks.run_one() {
                continue;
            }
            if lock(&self.buffer).slots.is_empty() && self.tasks.is_idle() {
                return;
            }
            self.tasks.wait();
        }
    }

    /// The merge of all pieces, or the error that ended the run.
    pub(super) fn into_merge(self) -> Result<Merge<'d>, RunError> {
        if let Some(error) = into_inner(self.error) {
            return Err(error);
        }
        // A worker that was stopped emits no last batch: what has been merged is no result.
        if self.plan.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        Ok(into_inner(self.merge))
    }

    /// Ends the run.
    fn fail(&self, error: RunError) {
        lock(&self.error).get_or_insert(error);
        self.is_over.store(true, Ordering::Relaxed);
        self.advanced.notify_all();
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.plan.is_cancelled()
    }

    /// The next piece, with its number.
    fn next(&self) -> Option<(u64, Result<FactBatches<'d>, RunError>)> {
        let mut buffer = lock(&self.buffer);
        while (buffer.bytes >= self.plan.limits.memory.results() || buffer.slots.len() >= BUFFER_SLOTS)
            && !self.is_over()
        {
            buffer = self.wait(buffer);
        }
        drop(buffer);
        // The slot is taken while the queue is locked: so slots have the order of the queue.
        let mut queue = lock(&self.queue);
        let piece = queue.next()?;
        let mut buffer = lock(&self.buffer);
        buffer.slots.push_back(Slot::default());
        Some((buffer.first + buffer.slots.len() as u64 - 1, piece))
    }

    /// Runs a task, or waits for the buffer to advance; with a limit, since a cancelled run
    /// notifies nobody.
    fn wait<'l>(&'l self, buffer: MutexGuard<'l, ReorderBuffer>) -> MutexGuard<'l, ReorderBuffer> {
        if self.tasks.queued() > 0 {
            drop(buffer);
            self.tasks.run_one();
            return lock(&self.buffer);
        }
        let limit = std::time::Duration::from_millis(20);
        wait_timeout(&self.advanced, buffer, limit)
    }

    /// Puts a batch into a piece's slot, as soon as the slot has room; false when the run is over.
    fn put(&self, number: u64, batch: ResolvedBatch) -> bool {
        let mut buffer = lock(&self.buffer);
        while !self.is_over() && buffer.slot(number).bytes >= SLOT_BYTES {
            buffer = self.wait(buffer);
        }
        let bytes = batch.bytes();
        buffer.bytes += bytes;
        let slot = buffer.slot(number);
        slot.bytes += bytes;
        slot.batches.push_back(batch);
        self.merge_from(number, buffer);
        !self.is_over()
    }

    /// No more batches will come of that piece.
    fn complete(&self, number: u64) {
        let mut buffer = lock(&self.buffer);
        buffer.slot(number).is_complete = true;
        self.merge_from(number, buffer);
    }

    /// Merges if that piece's slot is the first, and no other worker merges.
    fn merge_from(&self, number: u64, mut buffer: MutexGuard<'_, ReorderBuffer>) {
        if buffer.first == number && !buffer.is_merging {
            buffer.is_merging = true;
            drop(buffer);
            self.merge();
        }
    }

    /// Merges from the first slot as far as batches are there.
    fn merge(&self) {
        let mut merge = lock(&self.merge);
        loop {
            let mut buffer = lock(&self.buffer);
            let Some(slot) = buffer.slots.front_mut() else {
                buffer.is_merging = false;
                return;
            };
            let batches = std::mem::take(&mut slot.batches);
            let bytes = std::mem::take(&mut slot.bytes);
            let is_complete = slot.is_complete;
            buffer.bytes -= bytes;
            if is_complete {
                buffer.slots.pop_front();
                buffer.first += 1;
            } else if batches.is_empty() {
                buffer.is_merging = false;
                return;
            }
            drop(buffer);
            self.advanced.notify_all();
            let merged = batches.into_iter().try_for_each(|batch| merge.batch(batch));
            if let Err(error) = merged.and_then(|()| self.tasks.take_error().map_err(RunError::from)) {
                self.fail(error);
                return; // `is_merging` stays set: nothing is merged any more
            }
        }
    }
}
