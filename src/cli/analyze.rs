//! `keytrail analyze`: archives → a report directory.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use indicatif::ProgressBar;
use keytrail::base::now_millis;
use tracing::warn;

use super::args::AnalyzeArgs;
use super::destination::Destination;
use super::digest_files::digest_options;
use super::error::CliError;
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::plan::PlanRequest;
use super::reporter::{ExitReporter, FinishedRun};
use super::values::{LogFormat, SummaryForm, TrustedRecords};
use super::{alarms, findings, plan, progress, sharing, startup, terminal, unmatched};
use keytrail::aggregate::{Share, ShareUse};
use keytrail::audit::{Caveat, CaveatContext, Finding, caveats, policy_lines};
use keytrail::engine::{self, DigestOptions, EncodedFacts, Plan, ReplacedArchives, Run};
use keytrail::model::EventTime;
use keytrail::page::write_page;
use keytrail::report::{
    Aggregates, ExportError, FinishedReport, IncrementalSummary, RunJson, RunOptions, SinkError, Style,
    Summary, export_markdown, printable_json,
};
use keytrail::source::Input;

pub(super) fn run(
    args: &AnalyzeArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    analyze(args, None, &startup::start(&args.common)?, interrupt, reporter)
}

/// Reads the archives, writes the report, and prints the summary unless it is not wanted.
/// `scanned`: what other processes have read, instead of the archives.
pub(super) fn analyze(
    args: &AnalyzeArgs,
    scanned: Option<EncodedFacts>,
    bar: &ProgressBar,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    reporter.check_metrics_file()?;
    let trust = sharing::trust(&args.trusted)?;
    let mutes = findings::read_mutes(args.monitoring.mute.as_deref())?;
    let mut plan = plan::plan(&PlanRequest::of_report(args, interrupt))?;
    plan.scanned = scanned;
    let trusts_only_verified = args.trust == TrustedRecords::Verified;
    plan.digests = DigestOptions { trusts_only_verified, ..digest_options(&args.digests)? };
    let names = |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect();
    let options = RunOptions {
        digest_keys: names(&args.digests.digest_keys),
        digest_signatures: names(&args.digests.digest_signatures),
        trust: args.trust.as_str().to_owned(),
        ..plan::recorded_options(&args.selection, &args.prune, &plan.selection)
    };
    let mut destination = Destination::open(args, &mut plan, reporter.start_time())?;
    let window = destination.window.take();
    if let Some(checkpoint) = &plan.checkpoint {
        interrupt.close_if_killed(checkpoint.journal().clone());
    }

    let mut directory = destination.create_report(args)?;
    interrupt.remove_if_killed(Some(directory.unfinished()));
    let result = progress::with_bar(bar, &plan, |progress| engine::run(&plan, &mut directory, progress));
    let run = match result {
        Ok(run) => run,
        Err(error) => {
            directory.discard();
            return Err(error.into());
        }
    };

    let caveats = caveats_of(&plan, &run);
    let ended = EventTime(now_millis());
    let mut findings = findings::of_run(&run, &plan.selection, &trust);
    mutes.apply(&mut findings, ended);
    let run_json = RunJson {
        integrity: &run.integrity,
        findings: &findings,
        options: &options,
        started: reporter.start_time(),
        ended,
        counts: &run.counts,
        inputs: &run.inputs,
        coverage: &run.coverage,
        grants: &run.grants,
        facts: &run.facts,
        incremental: plan.checkpoint.as_ref().map(|checkpoint| {
            let (archives_read, archives_known) = checkpoint.archives();
            let ReplacedArchives { archives: archives_replaced, events_gone, .. } = run.replaced;
            IncrementalSummary { archives_read, archives_known, archives_replaced, events_gone }
        }),
        caveats: &caveats,
    };
    let grants = run.grant_rows();
    let access = run.access.calls();
    let policies = policy_lines(&run.policies, &run.policy_uses);
    let shares: Vec<&Share> = run.shares.shares().iter().collect();
    let share_uses: Vec<&ShareUse> = run.shares.uses().iter().collect();
    let rows: Vec<&Finding> = findings.list.iter().collect();
    let aggregates = Aggregates {
        usage: &run.usage,
        daily: &run.daily,
        grants: &grants,
        access: &access,
        policies: &policies,
        shares: &shares,
        share_uses: &share_uses,
        findings: &rows,
    };
    let staged = directory.stage(aggregates, &run_json)?;
    if !args.no_html {
        write_page(&FinishedReport::of_staged(&staged)?, args.language.language, staged.create_page()?)?;
    }
    let asked_for = match args.summary {
        None | Some(SummaryForm::Text) => None,
        Some(SummaryForm::Json) => Some(format!("{:#}\n", FinishedReport::of_staged(&staged)?.run())),
        Some(SummaryForm::Md) => Some(markdown(&FinishedReport::of_staged(&staged)?)?),
    };
    interrupt.remove_if_killed(None); // a signal must not remove what is published from here on
    let published = destination.publish(staged, &plan)?;

    let unmatched = unmatched::sentences(&run.unmatched);
    if args.common.log_format == LogFormat::Json || reporter.is_embedded() {
        unmatched.iter().chain(&window).for_each(|sentence| warn!("{sentence}"));
    }
    let is_on_stdout = args.summary == Some(SummaryForm::Text);
    let is_on_stderr =
        args.summary.is_none() && !args.common.quiet && args.common.log_format == LogFormat::Text;
    if let Some(text) = asked_for {
        terminal::write_stdout(printable_json(&text).as_bytes())?;
    } else if is_on_stdout || is_on_stderr {
        let is_terminal = if is_on_stdout { io::stdout().is_terminal() } else { io::stderr().is_terminal() };
        let style = Style {
            color: terminal::use_color(args.common.color, is_terminal),
            width: is_terminal.then(terminal::width).flatten(),
        };
        let summary = Summary {
            run: &run_json,
            usage: &run.usage,
            unmatched: &unmatched,
            window: window.as_deref(),
            unlisted_folders: plan.unlisted_folders.load(Ordering::Relaxed),
            report: &published.address,
            has_page: !args.no_html,
            elapsed: reporter.elapsed(),
        };
        let text = summary.render(style);
        match is_on_stdout {
            true => terminal::write_stdout(text.as_bytes())?,
            // The report is complete, with or without its summary.
            false => drop(io::stderr().write_all(text.as_bytes())),
        }
    }
    let missing_days = alarms::missing_days_in(&run, &plan.selection);
    let alarms = alarms::check(&args.monitoring, &run, &findings, missing_days, ended);
    let finished = FinishedRun { run: &run, caveats: &caveats, missing_days, alarms: &alarms };
    Ok(reporter.finished(&finished))
}

/// The report as Markdown.
fn markdown(report: &FinishedReport) -> Result<String, CliError> {
    export_markdown(report).map_err(|error| match error {
        ExportError::Read(error) => error.into(),
        other => SinkError::Encode { path: "standard output".to_owned(), source: other.into() }.into(),
    })
}

fn caveats_of(plan: &Plan, run: &Run) -> Vec<Caveat> {
    caveats(&CaveatContext {
        counts: &run.counts,
        inputs: &run.inputs,
        observations: &run.observations,
        coverage: &run.coverage,
        facts: &run.facts,
        learn: plan.learn,
        usage: &run.usage,
        activity: &run.activity,
        keep_duplicates: plan.keep_duplicates,
        events_gone: run.replaced.events_gone,
        chose_folders: !plan.prune.keeps_everything()
            && plan.inputs.iter().any(|input| matches!(input, Input::S3(_))),
        integrity: &run.integrity,
    })
}
