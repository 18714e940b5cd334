//! Inputs of commands that read archives, or a finished report instead.

use std::path::PathBuf;

use super::error::CliError;
use keytrail::engine::Pattern;
use keytrail::model::error_chain;
use keytrail::report::{FinishedReport, printable};

/// The report that is named instead of archives.
pub(super) fn finished_report(inputs: &[PathBuf]) -> Result<Option<FinishedReport>, CliError> {
    let mut reports = Vec::new();
    for input in inputs {
        reports.extend(FinishedReport::open(input)?);
    }
    match reports.pop() {
        Some(_) if inputs.len() > 1 => {
            Err(CliError::Usage("a report stands alone: name one report, or archives".to_owned()))
        }
        report => Ok(report),
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

/// The patterns in the values of an option.
pub(super) fn patterns(texts: &[String]) -> Result<Vec<Pattern>, CliError> {
    let pattern = |text: &String| Pattern::new(text.trim());
    texts.iter().map(pattern).collect::<Result<_, _>>().map_err(|e| CliError::Usage(error_chain(&e)))
}

/// Whether a pattern matches a whole name, or what follows its last `/`.
pub(super) fn matches_name(pattern: &Pattern, name: &str) -> bool {
    pattern.matches(name) || name.rsplit_once('/').is_some_and(|(_, end)| pattern.matches(end))
}
