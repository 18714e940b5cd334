//! `keytrail policy check`: what calls show about each statement of key policies.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::files::{given_policies, no_such_key};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::inputs::{finished_report, needs_archives, window_note};
use crate::cli::interrupt::Interrupt;
use crate::cli::policy_args::CheckArgs;
use crate::cli::reporter::ExitReporter;
use crate::cli::row_output::RowOutput;
use crate::cli::sinks::NoRows;
use crate::cli::values::LogFormat;
use crate::cli::{plan, progress, startup};
use keytrail::aggregate::InputTotals;
use keytrail::audit::{PolicyLine, PolicyStatus, policy_lines};
use keytrail::engine::{self, Filter, KeyPattern, Plan, Run, Selection, UnmatchedPattern};
use keytrail::model::counted;
use keytrail::policy::{AWS_RAM, GivenPolicy};
use keytrail::report::{
    ACCESS, AccessTable, EncodedRow, FinishedReport, OutputFormat, POLICY_STATEMENTS, PolicyStatementsTable,
    column_position, encode_row, policy_page, printable, unread_inputs,
};

pub(super) fn run(
    args: &CheckArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let buckets = plan::buckets(&args.s3);
    if let Some(report) = finished_report(&args.from.inputs, &buckets)? {
        return of_report(args, &report, reporter, output);
    }
    let given = given_policies(&args.policy)?;
    let plan = Plan {
        threads: usize::from(args.common.threads),
        buckets,
        cancel: interrupt.cancel_flag(),
        selection: Selection { keys: plan::patterns(&args.key, KeyPattern::new)?, ..Selection::default() },
        policies: given.clone(),
        ..Plan::new(plan::inputs(&args.from.inputs)?)?
    };
    plan::check_inputs(&plan)?;
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut NoRows, progress))?;

    // The input has KMS calls, or no key at all.
    let is_called = |key: &KeyPattern| {
        let is_it = |one: &UnmatchedPattern| one.filter == Filter::Key && one.pattern == key.as_str();
        !run.access.is_empty() && !run.unmatched.iter().any(is_it)
    };
    let has_policy = |key: &KeyPattern| run.policies.keys().any(|name| key.matches_key(name));
    for key in &plan.selection.keys {
        if !is_called(key) && !has_policy(key) {
            return Err(no_such_key(key.as_str(), "input"));
        }
    }

    let lines = policy_lines(&run.policies, &run.policy_uses);
    let wants_status =
        |status: PolicyStatus| args.status.is_empty() || args.status.iter().any(|one| one == status.as_str());
    let shown: Vec<&PolicyLine<'_>> = lines.iter().filter(|line| wants_status(line.status)).collect();
    if output.format() == OutputFormat::Table && args.rows.columns.is_empty() {
        output.text(&policy_page(&shown, output.style()))?;
    } else {
        let mut stream = output.rows(POLICY_STATEMENTS, TERMINAL_COLUMNS)?;
        let mut bytes = Vec::new();
        for line in shown {
            bytes.clear();
            encode_row(POLICY_STATEMENTS, line, &mut bytes);
            stream.push(EncodedRow::new(&bytes))?;
        }
        stream.finish()?;
    }
    output.finish()?;

    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The rows are printed, with or without these notes.
        let _ = io::stderr().write_all(notes(&run, &lines, &given).as_bytes());
    }
    Ok(reporter.rows_printed(&run.inputs))
}

/// The columns that a terminal shows of a report's table.
const TERMINAL_COLUMNS: &[&str] = &["status", "sid", "principal", "permission", "record_count", "last_time"];

/// Prints a report's own table.
fn of_report(
    args: &CheckArgs,
    report: &FinishedReport,
    reporter: &ExitReporter,
    mut output: RowOutput<'_>,
) -> Result<ExitStatus, CliError> {
    const KEY: usize = column_position(POLICY_STATEMENTS, "key_arn");
    const STATUS: usize = column_position(POLICY_STATEMENTS, "status");
    if !args.policy.is_empty() {
        return Err(needs_archives(report, "--policy", "check --policy FILE"));
    }
    let keys = plan::patterns(&args.key, KeyPattern::new)?;
    check_keys(report, &keys)?;
    let mut stream = output.rows(POLICY_STATEMENTS, TERMINAL_COLUMNS)?;
    let mut pushed = Ok(());
    report.read::<PolicyStatementsTable>(|row| {
        let key = row.text_at(KEY).unwrap_or_default();
        let status = row.text_at(STATUS).unwrap_or_default();
        let wants_key = keys.is_empty() || keys.iter().any(|pattern| pattern.matches_key(key));
        let wants_status = args.status.is_empty() || args.status.iter().any(|one| one == status);
        if wants_key && wants_status && pushed.is_ok() {
            pushed = stream.push(row);
        }
    })?;
    pushed?;
    stream.finish()?;
    output.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The rows are printed, with or without this note.
        let _ = io::stderr().write_all(window_note(report).as_bytes());
    }
    Ok(reporter.rows_printed(&InputTotals::default()))
}

/// Fails if a key that is asked for is in no row of the report.
fn check_keys(report: &FinishedReport, keys: &[KeyPattern]) -> Result<(), CliError> {
    const OF_POLICY: usize = column_position(POLICY_STATEMENTS, "key_arn");
    const OF_CALL: usize = column_position(ACCESS, "key_arn");
    let mut missing: Vec<&KeyPattern> = keys.iter().collect();
    if !missing.is_empty() {
        let mut find = |key: Option<&str>| {
            missing.retain(|pattern| !key.is_some_and(|key| pattern.matches_key(key)));
        };
        report.read::<PolicyStatementsTable>(|row| find(row.text_at(OF_POLICY)))?;
        report.read::<AccessTable>(|row| find(row.text_at(OF_CALL)))?;
    }
    missing.first().map_or(Ok(()), |key| Err(no_such_key(key.as_str(), "report")))
}

/// What was repaired, what could not be read, and what the rows do not say.
fn notes(run: &Run, lines: &[PolicyLine<'_>], given: &[GivenPolicy]) -> String {
    let mut text = unread_inputs(&run.inputs);
    for one in given {
        for note in &one.pasted.policy.notes {
            text.push_str(&format!("{}: {}\n", printable(&one.file), printable(note)));
        }
        if one.pasted.name.as_deref() == Some(AWS_RAM) {
            text.push_str(&format!(
                "{}: this is the policy that AWS RAM manages; its statements stand after those of \"default\"\n",
                printable(&one.file)
            ));
        }
    }
    if lines.is_empty() {
        text.push_str(
            "no key policy is known: none was set in the input, and --policy names none for a key in it\n",
        );
        return text;
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    lines.iter().for_each(|line| *counts.entry(line.status.as_str()).or_default() += 1);
    let counts: Vec<String> = PolicyStatus::ALL
        .iter()
        .filter_map(|status| Some(format!("{} {}", counts.get(status.as_str())?, status.as_str())))
        .collect();
    text.push_str(&format!("{}: {}\n", counted(lines.len() as u64, "row"), counts.join(", ")));
    text.push_str(
        "The records have no IAM policies, no service control policies, and no grants of\n\
         before the input begins. What was not used in the input may be needed later:\n\
         CreateGrant and DescribeKey are rare by nature.\n",
    );
    text
}
