//! `keytrail grants`: every grant that the input shows, on standard output.

use std::io::{self, Write};

use super::args::GrantsArgs;
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
use keytrail::engine::Pattern;
use keytrail::model::counted;
use keytrail::report::{
    EncodedRow, FinishedReport, GRANTS, GrantsTable, column_position, encode_row, unread_inputs,
};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &[
    "state",
    "grantee",
    "operations",
    "consistent_use_count",
    "last_consistent_use",
    "created_time",
    "key_arn",
    "grant_id",
];

const KEY: usize = column_position(GRANTS, "key_arn");
const GRANTEE: usize = column_position(GRANTS, "grantee_principal");
const STATE: usize = column_position(GRANTS, "state");

pub(super) fn run(
    args: &GrantsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let filter = GrantFilter::new(args)?;
    let buckets = plan::buckets(&args.s3);
    let run = match Subject::open(&args.from.inputs, &buckets, &args.common, interrupt, &bar)? {
        Subject::Report(report) => return of_report(args, &report, &filter, reporter, output),
        Subject::Run(run) => run,
    };

    let mut stream = output.rows(GRANTS, TERMINAL_COLUMNS)?;
    let (rows, mut bytes, mut shown) = (run.grant_rows(), Vec::new(), 0);
    for row in &rows {
        bytes.clear();
        encode_row(GRANTS, row, &mut bytes);
        let row = EncodedRow::new(&bytes);
        if filter.wants(row) {
            stream.push(row)?;
            shown += 1;
        }
    }
    stream.finish()?;
    output.finish()?;

    let counts = GrantCounts {
        shown,
        all: rows.len() as u64,
        failed: run.grants.failed(),
        dry_runs: run.grants.dry_runs(),
    };
    print_notes(args, &(unread_inputs(&run.inputs) + &notes(&counts)));
    Ok(reporter.rows_printed(&run.inputs))
}

/// Prints the grants of a report's own table.
fn of_report(
    args: &GrantsArgs,
    report: &FinishedReport,
    filter: &GrantFilter,
    reporter: &ExitReporter,
    mut output: RowOutput<'_>,
) -> Result<ExitStatus, CliError> {
    let mut stream = output.rows(GRANTS, TERMINAL_COLUMNS)?;
    let (mut shown, mut all, mut pushed) = (0, 0, Ok(()));
    report.read::<GrantsTable>(|row| {
        all += 1;
        if filter.wants(row) && pushed.is_ok() {
            pushed = stream.push(row);
            shown += 1;
        }
    })?;
    pushed?;
    stream.finish()?;
    output.finish()?;

    let call_count = |name| report.number(&["grants", name]).unwrap_or_default();
    let failed = call_count("failed_create_calls");
    let counts = GrantCounts { shown, all, failed, dry_runs: call_count("dry_run_create_calls") };
    print_notes(args, &(window_note(report) + &notes(&counts)));
    Ok(reporter.rows_printed(&InputTotals::default()))
}

/// How many grants and calls there are.
struct GrantCounts {
    shown: u64,
    all: u64,
    failed: u64,
    dry_runs: u64,
}

fn print_notes(args: &GrantsArgs, text: &str) {
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The grants are printed, with or without these notes.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// What the rows do not say.
fn notes(counts: &GrantCounts) -> String {
    let GrantCounts { shown, all, failed, dry_runs } = *counts;
    let mut text = String::new();
    if shown < all {
        text.push_str(&format!("{} of {} shown\n", shown, counted(all, "grant")));
    }
    if all == 0 {
        text.push_str("no grant was created, retired or revoked in the input\n");
    }
    if failed > 0 {
        text.push_str(&format!("{} failed and created nothing\n", counted(failed, "CreateGrant call")));
    }
    if dry_runs > 0 {
        let calls = counted(dry_runs, "CreateGrant call");
        text.push_str(&format!("{calls} only asked whether it was allowed (dry run) and created nothing\n"));
    }
    if all > 0 {
        text.push_str(
            "No record says that a call was allowed by a grant: calls are consistent with it.\n\
             A grant that was created before the input begins is shown only if it ended in it.\n",
        );
    }
    text
}

/// Which grants to show.
struct GrantFilter {
    keys: Vec<Pattern>,
    grantees: Vec<Pattern>,
    states: Vec<String>,
}

impl GrantFilter {
    fn new(args: &GrantsArgs) -> Result<Self, CliError> {
        Ok(Self {
            keys: patterns(&args.only.key)?,
            grantees: patterns(&args.grantee)?,
            states: args.state.clone(),
        })
    }

    fn wants(&self, row: EncodedRow<'_>) -> bool {
        let is_one_of = |patterns: &[Pattern], text: Option<&str>| {
            patterns.is_empty()
                || text.is_some_and(|text| patterns.iter().any(|pattern| matches_name(pattern, text)))
        };
        is_one_of(&self.keys, row.text_at(KEY))
            && is_one_of(&self.grantees, row.text_at(GRANTEE))
            && (self.states.is_empty()
                || self.states.iter().any(|state| Some(&**state) == row.text_at(STATE)))
    }
}
