//! `keytrail sharing`: what is shared with other accounts, and who uses it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use super::args::SharingArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::inputs::window_note;
use super::interrupt::Interrupt;
use super::options::TrustOptions;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::subject::Subject;
use super::values::LogFormat;
use super::{plan, startup};
use keytrail::aggregate::InputTotals;
use keytrail::audit::{Trust, policy_lines};
use keytrail::report::{
    EncodedRow, OutputFormat, POLICY_STATEMENTS, RowStream, SHARE_USE, SHARES, SHARING, SHARING_QUESTIONS,
    Sharing, encode_row, printable, unread_inputs,
};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &["resource", "consumer", "outside", "what", "state", "count", "last_time"];

/// Most accounts and Regions that a note names.
const NAMED: usize = 10;

const LIMITS: &str = "\
    A share is what was asked for: the consumer's own policies must allow the call, too, and are not in the records.\n\
    RAM and SageMaker are regional, and invitations are answered in the consumer's account: without its trail, its\n\
    answers and its refused calls are not seen.\n";

pub(super) fn run(
    args: &SharingArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let mut sharing = Sharing::new(trust(&args.trust)?);
    let mut bytes = Vec::new();
    let buckets = plan::buckets(&args.s3);
    let (inputs, mut note) = match Subject::open(&args.from.inputs, &buckets, &args.common, interrupt, &bar)?
    {
        Subject::Report(report) => {
            sharing = Sharing::of_report(&report, trust(&args.trust)?)?;
            let scopes = report.scopes();
            let has_records = |account: &str, region: &str| scopes.contains(&(account, region));
            sharing.finish(has_records);
            let missing = missing_note(&sharing.missing(has_records));
            (InputTotals::default(), window_note(&report) + &missing)
        }
        Subject::Run(run) => {
            for share in run.shares.shares() {
                bytes.clear();
                encode_row(SHARES, &share, &mut bytes);
                sharing.share(EncodedRow::new(&bytes));
            }
            for calls in run.shares.uses() {
                bytes.clear();
                encode_row(SHARE_USE, &calls, &mut bytes);
                sharing.used(EncodedRow::new(&bytes));
            }
            for line in &policy_lines(&run.policies, &run.policy_uses) {
                bytes.clear();
                encode_row(POLICY_STATEMENTS, line, &mut bytes);
                sharing.policy(EncodedRow::new(&bytes));
            }
            let has_records = |account: &str, region: &str| {
                run.coverage.regions.get(account).is_some_and(|regions| regions.contains_key(region))
            };
            sharing.finish(has_records);
            let mut note = unread_inputs(&run.inputs) + &missing_note(&sharing.missing(has_records));
            if run.shares.left_out() > 0 {
                note.push_str(&format!("{} more shares left out\n", run.shares.left_out()));
            }
            if run.facts.shared_uses.has_forgotten() {
                note.push_str("more callers of shared resources than are kept: the last ones are left out\n");
            }
            (run.inputs, note)
        }
    };
    let is_wanted = |question: &str| args.question.is_empty() || args.question.iter().any(|q| q == question);
    let questions = SHARING_QUESTIONS.into_iter().filter(|(name, _)| is_wanted(name));
    if output.format() == OutputFormat::Table {
        for (name, heading) in questions {
            let answer = if sharing.answers(name).next().is_none() { ": nothing" } else { "" };
            output.text(&format!("{heading}{answer}\n"))?;
            let mut stream = output.rows(SHARING, TERMINAL_COLUMNS)?;
            push(&sharing, name, &mut stream)?;
            stream.finish()?;
            output.text("\n")?;
        }
    } else {
        let mut stream = output.rows(SHARING, TERMINAL_COLUMNS)?;
        for (name, _) in questions {
            push(&sharing, name, &mut stream)?;
        }
        stream.finish()?;
    }
    output.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        note.push_str(LIMITS);
        // The rows are printed, with or without these notes.
        let _ = io::stderr().write_all(note.as_bytes());
    }
    Ok(reporter.rows_printed(&inputs))
}

fn push(sharing: &Sharing, question: &str, stream: &mut RowStream<'_>) -> Result<(), CliError> {
    let mut bytes = Vec::new();
    for row in sharing.answers(question) {
        bytes.clear();
        encode_row(SHARING, row, &mut bytes);
        stream.push(EncodedRow::new(&bytes))?;
    }
    Ok(())
}

fn missing_note(missing: &[String]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("no record of KMS and no archive of: {}{more}\n", printable(&named.join(", ")))
}

/// Who is trusted.
///
/// # Errors
/// As for [`trusted_accounts`].
pub(super) fn trust(options: &TrustOptions) -> Result<Trust, CliError> {
    let accounts = options.trusted_accounts.as_deref().map(trusted_accounts).transpose()?;
    Ok(Trust { accounts, organization: options.organization.clone() })
}

/// The accounts in the file of `--trusted-accounts`: one in each line; `#` begins a comment.
///
/// # Errors
/// When it cannot be read, or a line is no account id.
fn trusted_accounts(path: &Path) -> Result<BTreeSet<String>, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| CliError::Read { path: name.clone(), error })?;
    let mut accounts = BTreeSet::new();
    for (n, line) in text.lines().enumerate() {
        let account = line.split('#').next().unwrap_or_default().trim();
        if account.is_empty() {
            continue;
        }
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let text = format!("{name}, line {}: {account} is no account id of twelve digits", n + 1);
            return Err(CliError::Usage(text));
        }
        accounts.insert(account.to_owned());
    }
    Ok(accounts)
}
