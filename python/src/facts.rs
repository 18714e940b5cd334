//! `analyze` in parts, for engines: list, scan, resolve.

use std::ffi::OsString;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use keytrail::cli::distributed::ListedText;
use keytrail::cli::embedded::{Ended, Failed, Runner};
use keytrail::engine::EncodedFacts;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator};

use crate::background::{Listed, Stream, spawn, wait};
use crate::report::{Place, StoredReport};

/// Streams of facts that wait for the run.
const WAITING: usize = 4;
/// How long to wait for room before looking whether the run has ended.
const POLL: Duration = Duration::from_millis(5);
/// Inputs that are handed over at once: one at a time would take longer than to list them.
const TOGETHER: usize = 256;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Text, bytes, and whether it is a digest.
type Entry = (String, Option<u64>, bool);

/// The inputs of a run, some at a time.
#[pyclass(module = "keytrail._keytrail", frozen)]
pub(crate) struct ListedInputs(Mutex<Stream<Vec<ListedText>>>);

/// Lists inputs, with the arguments of `keytrail analyze`. `has_output`: the report must be
/// possible.
#[pyfunction]
pub(crate) fn list(py: Python<'_>, arguments: Vec<OsString>, has_output: bool) -> PyResult<ListedInputs> {
    let stream = Stream::start(py, move |runner, sender| {
        let mut together = Vec::new();
        let ended = runner.list(&arguments, has_output, |listed| {
            together.push(listed);
            together.len() < TOGETHER || sender.send(std::mem::take(&mut together))
        })?;
        sender.send(together);
        Ok(ended)
    })?;
    Ok(ListedInputs(Mutex::new(stream)))
}

#[pymethods]
impl ListedInputs {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Vec<Entry>>> {
        let listed = lock(&self.0).next(py)?;
        Ok(listed.map(|listed| listed.into_iter().map(|one| (one.text, one.size, one.is_digest)).collect()))
    }
}

/// Facts, each piece an Arrow IPC stream.
#[pyclass(module = "keytrail", frozen)]
pub(crate) struct Facts(Mutex<Stream<Vec<u8>>>);

/// Scans listed inputs, with the arguments of `keytrail analyze`.
#[pyfunction]
pub(crate) fn scan(
    py: Python<'_>,
    arguments: Vec<OsString>,
    listed: Vec<String>,
    hash_all: bool,
) -> PyResult<Facts> {
    let stream = Stream::start(py, move |runner, sender| {
        runner.scan(&arguments, &listed, hash_all, |facts| sender.send(facts))
    })?;
    Ok(Facts(Mutex::new(stream)))
}

#[pymethods]
impl Facts {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let facts = lock(&self.0).next(py)?;
        Ok(facts.map(|facts| PyBytes::new(py, &facts)))
    }
}

/// Makes a report from facts, with the arguments of `keytrail analyze`.
#[pyfunction]
pub(crate) fn resolve(
    py: Python<'_>,
    facts: &Bound<'_, PyAny>,
    mut arguments: Vec<OsString>,
    output: Option<OsString>,
    open: Vec<OsString>,
) -> PyResult<StoredReport> {
    let facts = facts.try_iter()?;
    let place = Place::new(py, output)?;
    place.add_to(&mut arguments);
    let (sender, streams) = mpsc::sync_channel(WAITING);
    let (end, results) = mpsc::channel();
    let runner = Runner::default();
    let own = runner.clone();
    spawn(py, move || {
        let _listed = Listed::new(&own);
        drop(end.send(own.resolve(&arguments, EncodedFacts::new(streams.into_iter()))));
    })?;
    let results = Mutex::new(results);
    if let Err(raised) = hand_over(py, facts, &sender) {
        // Before the sender goes: the end of the facts would be taken for all of them.
        runner.stop();
        drop(sender);
        let _: PyResult<Result<Ended, Failed>> = wait(py, &runner, &results); // nothing is left
        return Err(raised);
    }
    drop(sender);
    place.open(py, wait(py, &runner, &results)?, open)
}

/// Hands all facts to the run, as long as it takes them.
fn hand_over(py: Python<'_>, facts: Bound<'_, PyIterator>, sender: &SyncSender<Vec<u8>>) -> PyResult<()> {
    for stream in facts {
        let mut stream = stream?.extract::<PyBackedBytes>()?.to_vec();
        loop {
            match sender.try_send(stream) {
                Ok(()) => break,
                // It has ended, and says why.
                Err(TrySendError::Disconnected(_)) => return Ok(()),
                Err(TrySendError::Full(full)) => stream = full,
            }
            py.detach(|| thread::sleep(POLL));
            py.check_signals()?;
        }
    }
    Ok(())
}
