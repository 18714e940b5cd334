//! Work that a sink leaves to whoever has a thread to spare: encoding what it has been given.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SinkError;

/// One piece of work; it may leave more.
pub(super) struct Job(Work);

type Work = Box<dyn FnOnce() -> Result<Vec<Job>, SinkError> + Send>;

impl Job {
    pub(super) fn new(work: impl FnOnce() -> Result<Vec<Self>, SinkError> + Send + 'static) -> Self {
        Self(Box::new(work))
    }
}

/// Pieces of work, taken first come, first served, by any thread. What they make does not depend on who does them, or when.
#[derive(Clone, Default)]
pub struct Jobs {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    /// Length of the queue, to be asked without waiting.
    waiting: AtomicUsize,
    failed: AtomicBool,
    error: Mutex<Option<SinkError>>,
}

/// A panic elsewhere ends the run by itself: what it left locked may be looked at.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    pub(super) fn add(&self, job: Job) {
        lock(&self.shared.queue).push_back(job);
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Pieces that nobody has taken up.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Does the next piece; false when there is none.
    pub fn run_one(&self) -> bool {
        if self.waiting() == 0 {
            return false;
        }
        let Some(job) = lock(&self.shared.queue).pop_front() else { return false };
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        match (job.0)() {
            Ok(more) => more.into_iter().for_each(|job| self.add(job)),
            Err(error) => {
                lock(&self.shared.error).get_or_insert(error);
                self.shared.failed.store(true, Ordering::Relaxed);
            }
        }
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
