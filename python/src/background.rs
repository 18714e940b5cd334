//! Runs on threads of their own, while Python's thread waits and looks for signals.
//!
//! These threads never touch Python. So the interpreter may end while they run; before it does,
//! [`at_exit`] stops them and removes temporary folders.

use std::collections::HashMap;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use keytrail::base::remove_temporary_folders;
use keytrail::cli::embedded::{Ended, Failed, Runner};
use pyo3::prelude::*;

use crate::errors;

/// How often Python's thread looks for signals.
const POLL: Duration = Duration::from_millis(50);
/// How long a run may take to stop by itself.
const GRACE_PERIOD: Duration = Duration::from_millis(400);
/// Values that wait to be taken.
const WAITING: usize = 4;
/// The stack of a run: as much as a main thread has.
const STACK: usize = 8 << 20;

/// The runs that have not ended, by number.
static RUNNING: Mutex<Option<HashMap<u64, Runner>>> = Mutex::new(None);
static NEXT: AtomicU64 = AtomicU64::new(0);

fn running() -> MutexGuard<'static, Option<HashMap<u64, Runner>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run is in the list while this value lives.
pub(crate) struct Listed(u64);

impl Listed {
    pub(crate) fn new(runner: &Runner) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        running().get_or_insert_default().insert(number, runner.clone());
        Self(number)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        running().get_or_insert_default().remove(&self.0);
    }
}

/// Starts work on a thread of its own.
pub(crate) fn spawn(py: Python<'_>, work: impl FnOnce() + Send + 'static) -> PyResult<()> {
    let thread = thread::Builder::new().name("keytrail".to_owned()).stack_size(STACK).spawn(work);
    thread.map(drop).map_err(|error| errors::internal(py, &format!("cannot start a thread: {error}")))
}

/// Waits for the next value of a run, without the interpreter's lock. A signal whose handler
/// raises, as Ctrl-C does, stops the run.
pub(crate) fn wait<T: Send>(py: Python<'_>, runner: &Runner, results: &Mutex<Receiver<T>>) -> PyResult<T> {
    let receive = |time: Duration| {
        py.detach(|| results.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(time))
    };
    loop {
        match receive(POLL) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(errors::internal(py, "the run ended too early"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(raised) = py.check_signals() {
            runner.stop();
            // Rows may come before the end.
            let until = Instant::now() + GRACE_PERIOD;
            while Instant::now() < until && receive(GRACE_PERIOD).is_ok() {}
            runner.remove_unfinished();
            return Err(raised);
        }
    }
}

/// Does `work` on a thread of its own and waits for its result.
pub(crate) fn run<T: Send + 'static>(
    py: Python<'_>,
    runner: &Runner,
    work: impl FnOnce(&Runner) -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, results) = mpsc::channel();
    let _listed = Listed::new(runner);
    let own = runner.clone();
    spawn(py, move || drop(sender.send(work(&own))))?;
    wait(py, runner, &Mutex::new(results))
}

/// What a run that yields values sends.
enum Message<T> {
    Value(T),
    End(Result<Ended, Failed>),
}

/// Values that a run yields. The run waits when whoever takes them is slower: a few values are in
/// memory.
pub(crate) struct Stream<T> {
    runner: Runner,
    messages: Mutex<Receiver<Message<T>>>,
    is_over: bool,
}

/// Hands values over to a [`Stream`].
pub(crate) struct Sender<T>(SyncSender<Message<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// Waits until there is room; false when nobody takes values any more.
    pub(crate) fn send(&self, value: T) -> bool {
        self.0.send(Message::Value(value)).is_ok()
    }
}

impl<T: Send + 'static> Stream<T> {
    /// Starts `work` on a thread of its own.
    pub(crate) fn start(
        py: Python<'_>,
        work: impl FnOnce(&Runner, Sender<T>) -> Result<Ended, Failed> + Send + 'static,
    ) -> PyResult<Self> {
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let runner = Runner::default();
        let own = runner.clone();
        spawn(py, move || {
            let _listed = Listed::new(&own);
            let ended = work(&own, Sender(sender.clone()));
            drop(sender.send(Message::End(ended)));
        })?;
        Ok(Self { runner, messages: Mutex::new(messages), is_over: false })
    }

    /// The next value; none after the last. What the run warns of comes then.
    pub(crate) fn next(&mut self, py: Python<'_>) -> PyResult<Option<T>> {
        if self.is_over {
            return Ok(None);
        }
        match wait(py, &self.runner, &self.messages).inspect_err(|_| self.is_over = true)? {
            Message::Value(value) => Ok(Some(value)),
            Message::End(ended) => {
                self.is_over = true;
                errors::warn(py, &ended.map_err(|failed| errors::failed(py, &failed))?)?;
                Ok(None)
            }
        }
    }
}

impl<T> Drop for Stream<T> {
    fn drop(&mut self) {
        self.runner.stop();
    }
}

/// Stops all runs, waits for them, and removes temporary folders. `owner`: the process that
/// imported the module; a fork of it has neither its threads nor its folders.
#[pyfunction]
pub(crate) fn at_exit(py: Python<'_>, owner: u32) {
    if process::id() != owner {
        return;
    }
    py.detach(|| {
        let until = Instant::now() + GRACE_PERIOD;
        running().iter().flat_map(HashMap::values).for_each(Runner::stop);
        while Instant::now() < until && running().as_ref().is_some_and(|runs| !runs.is_empty()) {
            thread::sleep(Duration::from_millis(5));
        }
        running().iter().flat_map(HashMap::values).for_each(Runner::remove_unfinished);
        remove_temporary_folders();
    });
}
