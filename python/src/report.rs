//! Reports: made by `analyze`, or opened; and their tables.

use std::ffi::OsString;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use keytrail::base::TemporaryFolder;
use keytrail::cli::embedded::{self, Ended, Failed, Runner};
use keytrail::model::error_chain;
use keytrail::report::{FinishedReport, TableBatches};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::{arrow, background, errors};

/// A report that can be read.
#[pyclass(module = "keytrail._keytrail", frozen)]
pub(crate) struct StoredReport {
    report: FinishedReport,
    path: OsString,
    /// The private folder that it is in. It goes with the last value that reads from it.
    folder: Option<Arc<TemporaryFolder>>,
}

#[pymethods]
impl StoredReport {
    /// Its directory or address.
    #[getter]
    fn path(&self) -> OsString {
        self.path.clone()
    }

    /// Whether it goes with this value.
    #[getter]
    fn is_temporary(&self) -> bool {
        self.folder.is_some()
    }

    /// The text of its run.json.
    fn run(&self) -> String {
        self.report.run().to_string()
    }

    /// A table by its name.
    fn table(&self, name: String) -> Table {
        Table { report: self.report.clone(), folder: self.folder.clone(), name }
    }

    /// Its HTML page, with the arguments of `keytrail html`.
    fn html(&self, py: Python<'_>, arguments: Vec<OsString>) -> PyResult<String> {
        let page = py.detach(|| {
            let mut page = Vec::new();
            embedded::page(&self.report, &arguments, &mut page).map(|()| page)
        });
        let page = page.map_err(|error| errors::failed(py, &error))?;
        String::from_utf8(page).map_err(|_| errors::internal(py, "the page is not UTF-8"))
    }
}

/// Where a report is made.
pub(crate) struct Place {
    path: OsString,
    /// Without an output, it is a private folder of its own.
    folder: Option<Arc<TemporaryFolder>>,
}

impl Place {
    pub(crate) fn new(py: Python<'_>, output: Option<OsString>) -> PyResult<Self> {
        if let Some(path) = output {
            return Ok(Self { path, folder: None });
        }
        let folder = TemporaryFolder::create().map_err(|error| {
            let sentence =
                format!("cannot use a temporary folder (set TMPDIR to one with free space): {error}");
            errors::internal(py, &sentence)
        })?;
        let path = folder.path().join("report").into_os_string();
        Ok(Self { path, folder: Some(Arc::new(folder)) })
    }

    /// Adds the option to the arguments of `analyze`, before the inputs, which follow `--`.
    pub(crate) fn add_to(&self, arguments: &mut Vec<OsString>) {
        let mut option = OsString::from("--output=");
        option.push(&self.path);
        arguments.insert(2, option);
    }

    /// The report that was made there. `arguments`: as for [`open_report`].
    pub(crate) fn open(
        self,
        py: Python<'_>,
        ended: Result<Ended, Failed>,
        arguments: Vec<OsString>,
    ) -> PyResult<StoredReport> {
        let ended = ended.map_err(|error| errors::failed(py, &error))?;
        let report = open_at(py, self.path, arguments, self.folder)?;
        errors::warn(py, &ended)?;
        Ok(report)
    }
}

/// Runs `analyze`. Without an output, the report is in a private folder of its own.
#[pyfunction]
pub(crate) fn analyze(
    py: Python<'_>,
    mut arguments: Vec<OsString>,
    output: Option<OsString>,
    open: Vec<OsString>,
) -> PyResult<StoredReport> {
    let place = Place::new(py, output)?;
    place.add_to(&mut arguments);
    let ended = background::run(py, &Runner::default(), move |runner| runner.analyze(&arguments))?;
    place.open(py, ended, open)
}

/// Opens a report, with the arguments of `keytrail html` but the report.
#[pyfunction]
pub(crate) fn open_report(
    py: Python<'_>,
    path: OsString,
    arguments: Vec<OsString>,
) -> PyResult<StoredReport> {
    open_at(py, path, arguments, None)
}

fn open_at(
    py: Python<'_>,
    path: OsString,
    mut arguments: Vec<OsString>,
    folder: Option<Arc<TemporaryFolder>>,
) -> PyResult<StoredReport> {
    arguments.extend([OsString::from("--"), path.clone()]);
    let report = background::run(py, &Runner::default(), move |_| embedded::report(&arguments))?;
    let report = report.map_err(|error| errors::failed(py, &error))?;
    Ok(StoredReport { report, path, folder })
}

/// A table of a report. It is read when it is asked for, as often as it is.
#[pyclass(module = "keytrail", frozen)]
pub(crate) struct Table {
    report: FinishedReport,
    folder: Option<Arc<TemporaryFolder>>,
    name: String,
}

impl Table {
    fn open(&self, py: Python<'_>) -> PyResult<TableReader> {
        let (report, name) = (self.report.clone(), self.name.clone());
        let batches = background::run(py, &Runner::default(), move |_| TableBatches::open(&report, &name))?;
        let batches = batches.map_err(|error| errors::unreadable(py, &error))?;
        Ok(TableReader { batches, _folder: self.folder.clone() })
    }
}

#[pymethods]
impl Table {
    /// The table's name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    fn __repr__(&self) -> String {
        format!("<keytrail.Table: {}>", self.name)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        arrow::schema_capsule(py, &self.open(py)?.batches.schema())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema; // the interface allows to ignore it
        arrow::stream_capsule(py, Box::new(self.open(py)?))
    }

    /// The table as a pyarrow.Table, which needs pyarrow.
    fn to_arrow<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("table", (slf,))
    }

    /// The table as a pandas.DataFrame, which needs pandas and pyarrow.
    fn to_pandas<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::to_arrow(slf)?.call_method0("to_pandas")
    }

    /// The table as a polars.DataFrame, which needs polars.
    fn to_polars<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.call_method1("DataFrame", (slf,))
    }
}

/// Reads a table for whoever has its stream.
struct TableReader {
    batches: TableBatches,
    _folder: Option<Arc<TemporaryFolder>>,
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(batch.map_err(|error| ArrowError::ExternalError(error_chain(&error).into())))
    }
}

impl RecordBatchReader for TableReader {
    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }
}
