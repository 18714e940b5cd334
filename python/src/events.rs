//! Events as a stream of record batches, as they are found.
//!
//! The run is on a thread of its own, which waits when the reader is slower: a few batches are in
//! memory.

use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use keytrail::report::{BatchTaker, SinkError};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::{Batch, schema_capsule, stream_capsule};
use crate::background::{Sender, Stream};
use crate::errors;

/// What the run sends: the columns, then batches.
enum Message {
    Schema(SchemaRef),
    Batch(RecordBatch),
}

/// Hands batches to the reader. When it is gone, the run ends.
struct ToReader(Sender<Message>);

impl ToReader {
    fn send(&self, message: Message) -> Result<(), SinkError> {
        if self.0.send(message) { Ok(()) } else { Err(SinkError::Closed) }
    }
}

impl BatchTaker for ToReader {
    fn begin(&mut self, schema: SchemaRef) -> Result<(), SinkError> {
        self.send(Message::Schema(schema))
    }

    fn take(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.send(Message::Batch(batch))
    }
}

/// Begins to read events. Returns when the inputs are known to be there.
#[pyfunction]
pub(crate) fn events(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<Events> {
    let mut run = Stream::start(py, move |runner, sender| runner.events(&arguments, ToReader(sender)))?;
    match run.next(py)? {
        Some(Message::Schema(schema)) => Ok(Events { schema, run: Mutex::new(Some(EventRun(run))) }),
        _ => Err(errors::internal(py, "the events have no columns")),
    }
}

/// A run whose events are being read.
struct EventRun(Stream<Message>);

impl EventRun {
    /// The next batch; none after the last.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        loop {
            match self.0.next(py)? {
                Some(Message::Schema(_)) => {}
                Some(Message::Batch(batch)) => return Ok(Some(batch)),
                None => return Ok(None),
            }
        }
    }
}

/// Selected events, as record batches that come while the archives are read. They can be taken
/// once.
#[pyclass(module = "keytrail", frozen, name = "RecordBatchReader")]
pub(crate) struct Events {
    schema: SchemaRef,
    run: Mutex<Option<EventRun>>,
}

impl Events {
    fn run(&self) -> MutexGuard<'_, Option<EventRun>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Events {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema; // the interface allows to ignore it
        let taken = self.run().take();
        let run = taken.ok_or_else(|| PyValueError::new_err("these events have been read, or closed"))?;
        stream_capsule(py, Box::new(EventReader { schema: SchemaRef::clone(&self.schema), run }))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        // Not locked while it waits: another thread may ask meanwhile, and gets nothing.
        let Some(mut run) = self.run().take() else { return Ok(None) };
        let batch = run.next(py)?;
        if batch.is_some() {
            *self.run() = Some(run);
        }
        Ok(batch.map(Batch))
    }

    /// Stops reading.
    fn close(&self) {
        drop(self.run().take());
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        format!("<keytrail.RecordBatchReader: {} columns>", self.schema.fields().len())
    }
}

/// Reads events for whoever has the stream.
struct EventReader {
    schema: SchemaRef,
    run: EventRun,
}

impl Iterator for EventReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = |py: Python<'_>, error: PyErr| {
            if error.is_instance_of::<PyKeyboardInterrupt>(py) {
                // Whoever has the stream tells of an error of Arrow: let Python raise its own, too.
                let _ = py.import("_thread").and_then(|module| module.call_method0("interrupt_main"));
            }
            ArrowError::ExternalError(error.to_string().into())
        };
        let batch = Python::try_attach(|py| self.run.next(py).map_err(|error| failed(py, error)));
        // The interpreter has ended: nobody can be told.
        batch.unwrap_or(Ok(None)).transpose()
    }
}

impl RecordBatchReader for EventReader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}
