//! Arguments that clap does not accept, and requests for help or the version.

use std::ffi::OsString;
use std::io::{self, Write};

use serde_json::json;

use super::exit::ExitStatus;
use super::log;
use keytrail::report::printable_lines;

/// Prints what clap says. Help and version go to standard output and are a success.
pub(super) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitStatus {
    let status = if error.use_stderr() { ExitStatus::Failure } else { ExitStatus::Success };
    if status == ExitStatus::Failure && is_json_requested(arguments) {
        let text = error.render().to_string();
        log::line("ERROR", "failed", json!({"error": text, "exit_status": status.code()}));
    } else {
        // An argument may be a file name that somebody else has chosen.
        let plain = error.render().to_string();
        let shown = printable_lines(&plain);
        // A closed pipe is not an error.
        let _ = match shown == plain {
            true => error.print(),
            false => io::stderr().write_all(shown.as_bytes()),
        };
    }
    status
}

/// Whether messages should be JSON. The arguments could not be parsed, so this is a best guess.
fn is_json_requested(args: &[OsString]) -> bool {
    let is_json_option = |pair: &[OsString]| pair[0] == "--log-format" && pair[1] == "json";
    args.iter().any(|arg| arg == "--log-format=json")
        || args.windows(2).any(is_json_option)
        || std::env::var_os("KEYTRAIL_LOG_FORMAT").is_some_and(|format| format == "json")
}
