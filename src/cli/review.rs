//! `keytrail review`: who used which key, or may, as sheets for a reviewer.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::args::ReviewArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::inputs::{matches_name, patterns, window_note};
use super::interrupt::Interrupt;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::subject::Subject;
use super::values::LogFormat;
use super::{plan, startup};
use keytrail::aggregate::InputTotals;
use keytrail::audit::policy_lines;
use keytrail::report::{
    ACCESS, EncodedRow, GRANTS, POLICY_STATEMENTS, REVIEW, Review, encode_row, printable, unread_inputs,
};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &[
    "key_arn",
    "principal",
    "used_count",
    "refused_count",
    "last_use",
    "used_apis",
    "key_state",
    "workloads",
    "open_grants",
];

const LIMITS: &str = "\
    What IAM policies allow is not in these rows, only calls, grants and key policies of the input.\n\
    Not used in the window is not unneeded. Calls that were refused to another account are in its logs.\n";

pub(super) fn run(
    args: &ReviewArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let wanted = patterns(&args.only.key)?;
    let listed = args.keys.as_deref().map(listed_keys).transpose()?.unwrap_or_default();
    let mut review = Review::default();
    let mut bytes = Vec::new();
    let buckets = plan::buckets(&args.s3);
    let (inputs, note) = match Subject::open(&args.from.inputs, &buckets, &args.common, interrupt, &bar)? {
        Subject::Report(report) => {
            review = Review::of_report(&report, |_| true)?;
            (InputTotals::default(), window_note(&report))
        }
        Subject::Run(run) => {
            for row in &run.access.calls() {
                bytes.clear();
                encode_row(ACCESS, row, &mut bytes);
                review.access(EncodedRow::new(&bytes));
            }
            for row in &run.grant_rows() {
                bytes.clear();
                encode_row(GRANTS, row, &mut bytes);
                review.grant(EncodedRow::new(&bytes));
            }
            for line in &policy_lines(&run.policies, &run.policy_uses) {
                bytes.clear();
                encode_row(POLICY_STATEMENTS, line, &mut bytes);
                review.policy(EncodedRow::new(&bytes));
            }
            let note = unread_inputs(&run.inputs);
            (run.inputs, note)
        }
    };
    listed.iter().for_each(|key| review.key(key));

    let is_wanted = |key: &str| wanted.is_empty() || wanted.iter().any(|pattern| matches_name(pattern, key));
    let rows: Vec<_> = review.rows().filter(|row| is_wanted(&row.key)).collect();
    for (text, pattern) in args.only.key.iter().zip(&wanted) {
        if !rows.iter().any(|row| matches_name(pattern, &row.key)) {
            let text = printable(text);
            return Err(CliError::Usage(format!("no key of the input or of --keys matches --key {text}")));
        }
    }
    let mut stream = output.rows(REVIEW, TERMINAL_COLUMNS)?;
    for row in &rows {
        bytes.clear();
        encode_row(REVIEW, row, &mut bytes);
        stream.push(EncodedRow::new(&bytes))?;
    }
    stream.finish()?;
    output.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The rows are printed, with or without these notes.
        let _ = io::stderr().write_all((note + LIMITS).as_bytes());
    }
    Ok(reporter.rows_printed(&inputs))
}

/// The ARNs, or else the ids, in the output of `aws kms list-keys`.
fn listed_keys(path: &Path) -> Result<Vec<String>, CliError> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| CliError::Read { path: name.clone(), error })?;
    let is_wrong =
        || CliError::Usage(format!("{name} is not the output of `aws kms list-keys`: it has no Keys"));
    let value: Value = serde_json::from_slice(&text).map_err(|_| is_wrong())?;
    let keys = value.get("Keys").and_then(Value::as_array).ok_or_else(is_wrong)?;
    let key = |key: &Value| {
        let id = key.get("KeyArn").or_else(|| key.get("KeyId"))?;
        Some(id.as_str()?.to_owned())
    };
    keys.iter().map(|item| key(item).ok_or_else(is_wrong)).collect()
}
