//! Standard output and the terminal: output formats, colors, width.

use std::io::{self, Write};

use super::error::CliError;
use super::values::ColorWhen;
use keytrail::report::{OutputFormat, OutputTarget, SinkError};

/// The requested output format, or the default: a table on a terminal, NDJSON otherwise.
pub(super) fn stdout_format(
    requested: Option<OutputFormat>,
    is_terminal: bool,
) -> Result<OutputFormat, CliError> {
    let default = if is_terminal { OutputFormat::Table } else { OutputFormat::Ndjson };
    let format = requested.unwrap_or(default);
    if is_terminal && format.is_binary() {
        let text = "a terminal cannot show this format; redirect standard output to a file or a program";
        return Err(CliError::Usage(text.to_owned()));
    }
    Ok(format)
}

/// Whether to color the text of a stream. `NO_COLOR` counts in `auto` only.
pub(super) fn use_color(when: ColorWhen, is_terminal: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Writes a line to standard error, in one call: what other threads and programs write there does
/// not come between. There is nowhere to report an error to.
pub(super) fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Width of the terminal in characters.
pub(super) fn width() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// What standard output is.
pub(super) fn output_target(is_terminal: bool, color: ColorWhen) -> OutputTarget {
    match is_terminal {
        true => OutputTarget::Terminal { width: width(), color: use_color(color, is_terminal) },
        false => OutputTarget::File,
    }
}

/// Writes all of `bytes` to standard output. A closed pipe is not an error.
pub(super) fn write_stdout(bytes: &[u8]) -> Result<(), SinkError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(SinkError::File { path: "standard output".to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
