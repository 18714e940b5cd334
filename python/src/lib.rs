//! The extension module `keytrail._keytrail`: the command line's own commands, with results and
//! errors as Python has them. `python/keytrail/__init__.py` is its public face.

#![cfg(feature = "extension")]
#![deny(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes_without_reason)]

mod arrow;
mod background;
mod errors;
mod events;
mod facts;
mod report;

use std::ffi::OsString;

use keytrail::cli::embedded::{CommandOption, Takes};
use keytrail::report::EXPORTED_TABLES;
use pyo3::prelude::*;

/// Runs the command line with these arguments and ends the process with its exit status. It takes
/// over Ctrl-C, as the program does.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| {
        let status = keytrail::cli::run(arguments);
        // An exit status cannot be read, only compared.
        (0..=u8::MAX).find(|code| std::process::ExitCode::from(*code) == status).unwrap_or(1)
    })
}

/// The options of a command: name without `--`, what it takes, and its help.
#[pyfunction]
fn options(command: &str) -> Vec<(String, &'static str, String)> {
    let takes = |option: &CommandOption| match option.takes {
        Takes::Nothing => "nothing",
        Takes::Number => "number",
        Takes::Texts => "texts",
        _ => "text",
    };
    let options = keytrail::cli::embedded::options(command).into_iter();
    options.map(|option| (option.name.clone(), takes(&option), option.help)).collect()
}

#[pymodule]
fn _keytrail(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("TABLES", EXPORTED_TABLES)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<report::StoredReport>()?;
    module.add_class::<report::Table>()?;
    module.add_class::<events::Events>()?;
    module.add_class::<arrow::Batch>()?;
    module.add_class::<facts::ListedInputs>()?;
    module.add_class::<facts::Facts>()?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(options, module)?)?;
    module.add_function(wrap_pyfunction!(report::analyze, module)?)?;
    module.add_function(wrap_pyfunction!(report::open_report, module)?)?;
    module.add_function(wrap_pyfunction!(events::events, module)?)?;
    module.add_function(wrap_pyfunction!(facts::list, module)?)?;
    module.add_function(wrap_pyfunction!(facts::scan, module)?)?;
    module.add_function(wrap_pyfunction!(facts::resolve, module)?)?;
    module.add_function(wrap_pyfunction!(background::at_exit, module)?)?;
    Ok(())
}
