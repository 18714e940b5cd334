//! `keytrail findings`: what an auditor should look at, from archives or from a finished report.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::ProgressBar;

use super::args::FindingsArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::inputs::open_report;
use super::interrupt::Interrupt;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::sharing::trust;
use super::subject::Subject;
use super::values::{FindingsFormat, LogFormat};
use super::{plan, startup, terminal};
use keytrail::aggregate::InputTotals;
use keytrail::audit::{
    Finding, FindingContext, FindingSeverity, FindingStatus, Findings, Mutes, Trust, find, finding_rule,
    policy_lines,
};
use keytrail::base::now_millis;
use keytrail::engine::{Run, Selection};
use keytrail::model::{EventTime, Workload, counted, error_chain};
use keytrail::report::{
    EncodedRow, FINDINGS, OutputFormat, RowForm, RowStream, encode_row, printable, printable_json, sarif,
    stored_findings, unread_inputs,
};
use keytrail::s3::Buckets;

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] =
    &["severity", "status", "rule_id", "title", "detail", "key_arn", "evidence_count"];

pub(super) fn run(
    args: &FindingsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mutes = read_mutes(args.mute.as_deref())?;
    let trust = trust(&args.trust)?;
    let buckets = plan::buckets(&args.s3);
    let baseline = args.baseline.as_deref().map(|report| stored_ids(report, &buckets)).transpose()?;
    let (mut findings, inputs) =
        match Subject::open(&args.from.inputs, &buckets, &args.common, interrupt, &bar)? {
            Subject::Report(report) => {
                (Findings::from_list(stored_findings(&report)?), InputTotals::default())
            }
            Subject::Run(run) => (of_run(&run, &Selection::default(), &trust), run.inputs),
        };
    mutes.apply(&mut findings, EventTime(now_millis()));

    let shown: Vec<&Finding> =
        findings.list.iter().filter(|finding| finding.rule.severity <= args.severity).collect();
    write(&shown, args, baseline.as_deref(), &bar)?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The findings are printed, with or without these notes.
        let _ = io::stderr().write_all(notes(&findings, shown.len(), &inputs).as_bytes());
    }
    Ok(reporter.rows_printed(&inputs))
}

/// What the calls of a run show.
pub(super) fn of_run(run: &Run, selection: &Selection, trust: &Trust) -> Findings {
    let given = [
        ("--account", selection.accounts.is_empty()),
        ("--region", selection.regions.is_empty()),
        ("--key", selection.keys.is_empty()),
        ("--principal", selection.principals.is_empty()),
        ("--user", selection.users.is_empty()),
        ("--resource", selection.resources.is_empty()),
    ];
    let narrowing: Vec<String> =
        given.into_iter().filter(|(_, is_empty)| !is_empty).map(|(name, _)| name.to_owned()).collect();
    let policies = policy_lines(&run.policies, &run.policy_uses);
    let offline_store_keys = run.policy_uses.keys_of(Workload::FeatureStoreOffline);
    find(FindingContext {
        policies: &policies,
        shares: &run.shares,
        trust,
        offline_store_keys: &offline_store_keys,
        access: &run.access,
        grants: &run.grants,
        grant_uses: &run.grant_uses,
        coverage: &run.coverage,
        facts: &run.facts,
        since: selection.since,
        narrowing: &narrowing,
    })
}

/// The file of `--mute`.
pub(super) fn read_mutes(file: Option<&Path>) -> Result<Mutes, CliError> {
    let Some(file) = file else { return Ok(Mutes::default()) };
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| CliError::Read { path: path.clone(), error })?;
    let mutes = Mutes::read(&path, &text, |id| finding_rule(id).is_some());
    mutes.map_err(|error| CliError::Usage(error_chain(&error)))
}

fn stored_ids(report: &Path, buckets: &Buckets) -> Result<Vec<String>, CliError> {
    let opened = open_report(report, buckets)?;
    let list = match &opened {
        Some(report) => stored_findings(report)?,
        None => {
            let text = format!("--baseline {} is not a report of keytrail", report.display());
            return Err(CliError::Usage(text));
        }
    };
    Ok(list.into_iter().map(|finding| finding.id).collect())
}

fn write(
    findings: &[&Finding],
    args: &FindingsArgs,
    baseline: Option<&[String]>,
    bar: &ProgressBar,
) -> Result<(), CliError> {
    let rows = match args.format {
        Some(FindingsFormat::Sarif) => {
            let text = format!("{:#}\n", sarif(findings, baseline));
            return terminal::write_stdout(printable_json(&text).as_bytes()).map_err(CliError::from);
        }
        Some(FindingsFormat::Json) => {
            // The rows of NDJSON, as one list.
            let mut lines = Vec::new();
            let target = terminal::output_target(io::stdout().is_terminal(), args.common.color);
            let form = RowForm { format: OutputFormat::Ndjson, target, important: &[], chosen: None };
            push(findings, RowStream::new(FINDINGS, form, &mut lines)?)?;
            let lines = String::from_utf8_lossy(&lines);
            let rows: Vec<&str> = lines.lines().collect();
            let text = format!("[\n{}\n]\n", rows.join(",\n"));
            return terminal::write_stdout(text.as_bytes()).map_err(CliError::from);
        }
        Some(FindingsFormat::Rows(format)) => Some(format),
        None => None,
    };
    let mut output = RowOutput::stdout(rows, &[], &args.common, bar)?;
    push(findings, output.rows(FINDINGS, TERMINAL_COLUMNS)?)?;
    output.finish()
}

fn push(findings: &[&Finding], mut stream: RowStream<'_>) -> Result<(), CliError> {
    let mut bytes = Vec::new();
    for finding in findings {
        bytes.clear();
        encode_row(FINDINGS, finding, &mut bytes);
        stream.push(EncodedRow::new(&bytes))?;
    }
    Ok(stream.finish()?)
}

/// What could not be read, what is not shown, and what the rows do not say.
fn notes(findings: &Findings, shown: usize, inputs: &InputTotals) -> String {
    let mut text = unread_inputs(inputs);
    let all = findings.list.len();
    if shown < all {
        text.push_str(&format!("{shown} of {} shown\n", counted(all as u64, "finding")));
    }
    let muted: u64 = findings.count(FindingStatus::Muted).values().sum();
    if muted > 0 {
        let open = findings.open(FindingSeverity::Info);
        text.push_str(&format!("{} open, {muted} muted\n", counted(open, "finding")));
    }
    if all == 0 {
        text.push_str("no finding; docs/findings.md says what is looked for\n");
    }
    for finding in &findings.list {
        if let (true, Some(mute)) = (finding.status == FindingStatus::Open, &finding.mute) {
            text.push_str(&format!("{} {}: {}\n", finding.rule.id, finding.id, printable(mute)));
        }
    }
    for (rule, n) in &findings.left_out {
        text.push_str(&format!("{} more of {rule} left out\n", counted(*n, "finding")));
    }
    text
}
