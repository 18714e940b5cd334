//! `keytrail grants`: every grant that the input shows, on standard output.

use std::io::{self, BufWriter, IsTerminal, Write};

use super::args::GrantsArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::progress::BarAwareWriter;
use super::reporter::ExitReporter;
use super::sinks::NoRows;
use super::values::LogFormat;
use super::{plan, progress, startup, terminal};
use keytrail::engine::{self, Pattern, Plan, Run};
use keytrail::model::{counted, error_chain};
use keytrail::report::{EncodedRow, GRANTS, GrantRow, RowStream, encode_row, unread_inputs};

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

pub(super) fn run(
    args: &GrantsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let is_terminal = io::stdout().is_terminal();
    let format = terminal::stdout_format(args.format, is_terminal)?;
    let filter = GrantFilter::new(args)?;
    let plan = Plan {
        threads: usize::from(args.common.threads),
        buckets: plan::buckets(&args.s3),
        cancel: interrupt.cancel_flag(),
        ..Plan::new(plan::inputs(&args.inputs)?)?
    };
    plan::check_inputs(&plan)?;
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut NoRows, progress))?;

    let target = terminal::output_target(is_terminal);
    let out = BufWriter::new(BarAwareWriter::new(&bar, io::stdout()));
    let mut stream = RowStream::new(GRANTS, TERMINAL_COLUMNS, format, out, target)?;
    let (rows, mut bytes, mut shown) = (run.grant_rows(), Vec::new(), 0);
    for row in rows.iter().filter(|row| filter.wants(row)) {
        bytes.clear();
        encode_row(GRANTS, row, &mut bytes);
        stream.push(EncodedRow::new(&bytes))?;
        shown += 1;
    }
    stream.finish()?;

    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The grants are printed, with or without these notes.
        let _ = io::stderr().write_all(notes(&run, shown).as_bytes());
    }
    Ok(reporter.rows_printed(&run.inputs))
}

/// What could not be read, and what the rows do not say.
fn notes(run: &Run, shown: u64) -> String {
    let mut text = unread_inputs(&run.inputs);
    let all = run.grants.grants().len() as u64;
    if shown < all {
        text.push_str(&format!("{} of {} shown\n", shown, counted(all, "grant")));
    }
    if all == 0 {
        text.push_str("no grant was created, retired or revoked in the input\n");
    }
    if run.grants.failed() > 0 {
        let calls = counted(run.grants.failed(), "CreateGrant call");
        text.push_str(&format!("{calls} failed and created nothing\n"));
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
        let patterns = |texts: &[String]| {
            let pattern = |text: &String| Pattern::new(text.trim());
            texts.iter().map(pattern).collect::<Result<_, _>>().map_err(|e| CliError::Usage(error_chain(&e)))
        };
        Ok(Self {
            keys: patterns(&args.key)?,
            grantees: patterns(&args.grantee)?,
            states: args.state.clone(),
        })
    }

    fn wants(&self, row: &GrantRow<'_>) -> bool {
        let grant = row.grant;
        let is_one_of = |patterns: &[Pattern], text: Option<&str>| {
            patterns.is_empty()
                || text.is_some_and(|text| patterns.iter().any(|pattern| matches_name(pattern, text)))
        };
        is_one_of(&self.keys, grant.key.as_deref())
            && is_one_of(&self.grantees, grant.terms.grantee.as_deref())
            && (self.states.is_empty() || self.states.iter().any(|state| state == grant.state.as_str()))
    }
}

/// Whether a pattern matches a whole name, or what follows its last `/`.
fn matches_name(pattern: &Pattern, name: &str) -> bool {
    pattern.matches(name) || name.rsplit_once('/').is_some_and(|(_, end)| pattern.matches(end))
}
