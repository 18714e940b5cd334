//! Work that a sink leaves to whoever has a thread to spare: encoding what it has been given.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::SinkError;

/// One piece of work; it may leave more, but does no other by itself.
pub(super) struct Task(Work);

type Work = Box<dyn FnOnce() -> Result<Vec<Task>, SinkError> + Send>;

impl Task {
    pub(super) fn new(work: impl FnOnce() -> Result<Vec<Self>, SinkError> + Send + 'static) -> Self {
        Self(Box::new(work))
    }
}

/// Pieces of work, taken first come, first served, by any thread. What they make does not depend on who does them, or when.
#[derive(Clone, Default)]
pub struct TaskQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Task>>,
    /// Length of the queue, to be asked without waiting; it changes with the queue only.
    waiting: AtomicUsize,
    /// Pieces that somebody is at.
    running: AtomicUsize,
    added: Condvar,
    failed: AtomicBool,
    error: Mutex<Option<SinkError>>,
}

/// A panic elsewhere ends the run by itself: what it left locked may be looked at.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TaskQueue {
    pub(super) fn add(&self, job: Task) {
        let mut queue = lock(&self.shared.queue);
        queue.push_back(job);
        self.shared.waiting.store(queue.len(), Ordering::Relaxed);
        drop(queue);
        self.shared.added.notify_one();
    }

    /// Pieces that nobody has taken up.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Whether nothing waits and nobody is at anything: no more can come of what there was.
    pub fn are_done(&self) -> bool {
        let queue = lock(&self.shared.queue);
        queue.is_empty() && self.shared.running.load(Ordering::Acquire) == 0
    }

    /// Waits for another piece, a moment at most.
    pub fn wait(&self) {
        let queue = lock(&self.shared.queue);
        if queue.is_empty() {
            let moment = Duration::from_millis(5);
            drop(self.shared.added.wait_timeout(queue, moment).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Does the next piece; false when there is none.
    pub fn run_one(&self) -> bool {
        if self.waiting() == 0 {
            return false;
        }
        let mut queue = lock(&self.shared.queue);
        let Some(job) = queue.pop_front() else { return false };
        self.shared.waiting.store(queue.len(), Ordering::Relaxed);
        self.shared.running.fetch_add(1, Ordering::Relaxed);
        drop(queue);
        match (job.0)() {
            Ok(more) => more.into_iter().for_each(|job| self.add(job)),
            Err(error) => {
                lock(&self.shared.error).get_or_insert(error);
                self.shared.failed.store(true, Ordering::Relaxed);
            }
        }
        self.shared.running.fetch_sub(1, Ordering::Release);
        true
    }

    /// The first failure so far.
    ///
    /// # Errors
    /// That failure; it is told once.
    pub fn outcome(&self) -> Result<(), SinkError> {
        if !self.shared.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        lock(&self.shared.error).take().map_or(Ok(()), Err)
    }
}
