//! Inputs of commands that read archives, or a finished report instead.

use std::path::{Path, PathBuf};

use super::error::CliError;
use keytrail::engine::Pattern;
use keytrail::model::error_chain;
use keytrail::report::{FinishedReport, ReadError, printable};
use keytrail::s3::{Address, Buckets};

/// The report that is named instead of archives.
pub(super) fn finished_report(
    inputs: &[PathBuf],
    buckets: &Buckets,
) -> Result<Option<FinishedReport>, CliError> {
    let mut reports = Vec::new();
    for input in inputs {
        match open_report(input, buckets) {
            // One of several inputs may be out of reach. A report would stand alone.
            Err(ReadError::Bucket(_)) if inputs.len() > 1 => {}
            report => reports.extend(report?),
        }
    }
    match reports.pop() {
        Some(_) if inputs.len() > 1 => {
            Err(CliError::Usage("a report stands alone: name one report, or archives".to_owned()))
        }
        report => Ok(report),
    }
}

/// The report in a directory or in a folder of a bucket; `None`: there is none.
pub(super) fn open_report(input: &Path, buckets: &Buckets) -> Result<Option<FinishedReport>, ReadError> {
    match input.to_str().and_then(Address::parse) {
        None => FinishedReport::open(input),
        Some(Ok(address)) if !address.names_object() => {
            let bucket = buckets.open(&address.bucket)?;
            FinishedReport::open_in_bucket(&bucket, &address.folder().key)
        }
        // It is told when inputs are opened.
        Some(_) => Ok(None),
    }
}

/// What the report is of.
pub(super) fn window_note(report: &FinishedReport) -> String {
    let mut text = match report.window() {
        Some((first, last)) => {
            format!("the report's KMS records are from {} to {}\n", printable(first), printable(last))
        }
        None => "the report has no KMS records\n".to_owned(),
    };
    let filters = report.filters();
    if !filters.is_empty() {
        text.push_str(&format!("its own filters apply: {}\n", printable(&filters.join(" "))));
    }
    text
}

/// Why a report cannot answer what `option` asks for, and which command of `policy` can.
pub(super) fn needs_archives(report: &FinishedReport, option: &str, command: &str) -> CliError {
    let inputs = report.inputs();
    let inputs = if inputs.is_empty() { "INPUT...".to_owned() } else { inputs.join(" ") };
    CliError::Usage(format!(
        "{option} needs the archives: a report has who called what with which key, but not all that a policy \
         may ask of a call, such as its session and encryption context; where the archives of this report are, \
         run: keytrail policy {command} {}",
        printable(&inputs)
    ))
}

/// The patterns in the values of an option.
pub(super) fn patterns(texts: &[String]) -> Result<Vec<Pattern>, CliError> {
    let pattern = |text: &String| Pattern::new(text.trim());
    texts.iter().map(pattern).collect::<Result<_, _>>().map_err(|e| CliError::Usage(error_chain(&e)))
}

/// Whether a pattern matches a whole name, or what follows its last `/`.
pub(super) fn matches_name(pattern: &Pattern, name: &str) -> bool {
    pattern.matches(name) || name.rsplit_once('/').is_some_and(|(_, end)| pattern.matches(end))
}
