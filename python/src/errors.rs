//! Errors and warnings as Python's. The classes are in `keytrail/_errors.py`.

use keytrail::cli::embedded::{Ended, Failed, FailureKind};
use keytrail::model::error_chain;
use keytrail::report::{ReadError, printable_lines};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyType;

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(py.import("keytrail._errors")?.getattr(name)?.cast_into::<PyType>()?)
}

fn error(py: Python<'_>, name: &str, sentence: &str) -> PyErr {
    class(py, name).map_or_else(|error| error, |class| PyErr::from_type(class, (sentence.to_owned(),)))
}

/// The exception for a command without a result.
pub(crate) fn failed(py: Python<'_>, failed: &Failed) -> PyErr {
    let name = match failed.kind {
        FailureKind::Usage => "UsageError",
        FailureKind::Input => "InputError",
        FailureKind::Report => "ReportError",
        FailureKind::Output => "OutputError",
        FailureKind::S3 => "S3Error",
        FailureKind::Checkpoint => "CheckpointError",
        FailureKind::Internal => "InternalError",
        FailureKind::Stopped => return PyKeyboardInterrupt::new_err(failed.sentence.clone()),
        _ => "KeytrailError",
    };
    error(py, name, &failed.sentence)
}

/// The exception for a table that cannot be read.
pub(crate) fn unreadable(py: Python<'_>, cause: &ReadError) -> PyErr {
    error(py, "ReportError", &printable_lines(&error_chain(cause)))
}

/// The exception for a mistake of the program.
pub(crate) fn internal(py: Python<'_>, sentence: &str) -> PyErr {
    error(py, "InternalError", sentence)
}

/// Warns of what the command line would print.
pub(crate) fn warn(py: Python<'_>, ended: &Ended) -> PyResult<()> {
    let unread = ended.unread.iter().map(|text| ("PartialReadWarning", text));
    let alarms = ended.alarms.iter().map(|text| ("AlarmWarning", text));
    let others = ended.warnings.iter().map(|text| ("KeytrailWarning", text));
    let warnings = py.import("warnings")?;
    for (name, text) in others.chain(unread).chain(alarms) {
        // One level up is the module `keytrail`, whose caller is meant.
        warnings.call_method1("warn", (text, class(py, name)?, 2))?;
    }
    Ok(())
}
