//! A queue of tasks that any thread may run when it has time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::locks::{lock, wait_timeout};

/// One task. It may return further tasks, which go to the end of the queue.
pub struct Task<E>(Work<E>);

type Work<E> = Box<dyn FnOnce() -> Result<Vec<Task<E>>, E> + Send>;

impl<E> Task<E> {
    /// A task that does `work`.
    pub fn new(work: impl FnOnce() -> Result<Vec<Self>, E> + Send + 'static) -> Self {
        Self(Box::new(work))
    }
}

/// A first-in, first-out queue of [`Task`]s. Clones share one queue.
///
/// A task's result must not depend on which thread runs it, or when.
pub struct TaskQueue<E> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    tasks: Mutex<VecDeque<Task<E>>>,
    /// The length of `tasks`, readable without the lock. Written only while the lock is held.
    queued: AtomicUsize,
    /// Tasks that a thread is running.
    running: AtomicUsize,
    added: Condvar,
    failed: AtomicBool,
    error: Mutex<Option<E>>,
}

impl<E> Clone for TaskQueue<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<E> Default for TaskQueue<E> {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                tasks: Mutex::default(),
                queued: AtomicUsize::new(0),
                running: AtomicUsize::new(0),
                added: Condvar::new(),
                failed: AtomicBool::new(false),
                error: Mutex::new(None),
            }),
        }
    }
}

impl<E> TaskQueue<E> {
    /// Appends a task.
    pub fn add(&self, task: Task<E>) {
        let mut tasks = lock(&self.inner.tasks);
        tasks.push_back(task);
        self.inner.queued.store(tasks.len(), Ordering::Relaxed);
        drop(tasks);
        self.inner.added.notify_one();
    }

    /// Tasks that no thread has started.
    pub fn queued(&self) -> usize {
        self.inner.queued.load(Ordering::Relaxed)
    }

    /// Whether no task is queued and none is running. Tasks added later make it false again.
    pub fn is_idle(&self) -> bool {
        let tasks = lock(&self.inner.tasks);
        tasks.is_empty() && self.inner.running.load(Ordering::Acquire) == 0
    }

    /// Waits for a task to be queued, 5 ms at most.
    pub fn wait(&self) {
        let tasks = lock(&self.inner.tasks);
        if tasks.is_empty() {
            drop(wait_timeout(&self.inner.added, tasks, Duration::from_millis(5)));
        }
    }

    /// Runs the next task on this thread. Returns false when the queue was empty.
    pub fn run_one(&self) -> bool {
        if self.queued() == 0 {
            return false;
        }
        let mut tasks = lock(&self.inner.tasks);
        let Some(task) = tasks.pop_front() else { return false };
        self.inner.queued.store(tasks.len(), Ordering::Relaxed);
        self.inner.running.fetch_add(1, Ordering::Relaxed);
        drop(tasks);
        match (task.0)() {
            Ok(more) => more.into_iter().for_each(|task| self.add(task)),
            Err(error) => {
                lock(&self.inner.error).get_or_insert(error);
                self.inner.failed.store(true, Ordering::Relaxed);
            }
        }
        self.inner.running.fetch_sub(1, Ordering::Release);
        true
    }

    /// Returns the first error of a task so far.
    ///
    /// # Errors
    /// That error. It is returned once; later calls succeed.
    pub fn take_error(&self) -> Result<(), E> {
        if !self.inner.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        lock(&self.inner.error).take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_in_order_and_keeps_the_first_error() {
        let queue = TaskQueue::<&str>::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str| {
            let order = order.clone();
            move || lock(&order).push(name)
        };
        let (first, second, last) = (note("first"), note("second"), note("last"));
        queue.add(Task::new(move || {
            first();
            Ok(vec![Task::new(move || {
                last();
                Err("of the last")
            })])
        }));
        queue.add(Task::new(move || {
            second();
            Err("of the second")
        }));
        assert_eq!((queue.queued(), queue.is_idle()), (2, false));
        while queue.run_one() {}
        assert!(queue.is_idle());
        assert_eq!(*lock(&order), ["first", "second", "last"]);
        assert_eq!(queue.take_error(), Err("of the second"));
        assert_eq!(queue.take_error(), Ok(()));
    }
}
