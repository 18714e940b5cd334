//! `analyze` in parts, for a program that spreads the reading over many processes: list the inputs,
//! scan some of them anywhere, and make the report from the facts of all.

use std::ffi::OsString;
use std::sync::atomic::Ordering;

use super::analyze;
use super::destination::Destination;
use super::embedded::{Ended, Failed, Runner};
use super::error::CliError;
use super::exit::ExitStatus;
use super::plan::{self, PlanRequest};
use keytrail::engine::{DigestOptions, EncodedFacts, RunError, scan_listed};
use keytrail::facts::Batch;
use keytrail::model::error_chain;
use keytrail::source::{Family, ListedInput, ListedTextError};

/// An input as another process takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedText {
    /// One line that says which input it is, and what was listed of it.
    pub text: String,
    /// Its stored bytes, where known.
    pub size: Option<u64>,
    /// Whether it is named as a digest. If one is, all inputs are hashed when they are scanned.
    pub is_digest: bool,
}

impl Runner {
    /// Lists what `analyze` with these arguments reads, in the order of the inputs, until `take`
    /// says no. With an output, it first checks that the report can be written there.
    ///
    /// # Errors
    /// When the arguments are wrong, no input can be opened, one is standard input, or the report
    /// cannot be written.
    pub fn list(
        &self,
        arguments: &[OsString],
        has_output: bool,
        mut take: impl FnMut(ListedText) -> bool,
    ) -> Result<Ended, Failed> {
        self.with_analyze(arguments, |args, _, reporter| {
            let mut plan = plan::plan(&PlanRequest::of_report(args, &self.interrupt))?;
            if has_output {
                let destination = Destination::open(args, &mut plan, reporter.start_time())?;
                destination.create_report(args)?.discard();
            }
            for listed in plan.listing() {
                if plan.cancel.load(Ordering::Relaxed) || !take(listed_text(&listed)?) {
                    return Err(RunError::Cancelled.into());
                }
            }
            Ok(ExitStatus::Success)
        })
    }

    /// Scans inputs that [`Runner::list`] gave, in the order given. Each piece of facts for `take`
    /// is an Arrow IPC stream; when it says no, the scan ends. `hash_all`: there are digests among
    /// all inputs.
    ///
    /// # Errors
    /// When the arguments are wrong, or a text is no input. An input that cannot be read is no
    /// error: the facts say so.
    pub fn scan(
        &self,
        arguments: &[OsString],
        listed: &[String],
        hash_all: bool,
        mut take: impl FnMut(Vec<u8>) -> bool + Send,
    ) -> Result<Ended, Failed> {
        self.with_analyze(arguments, |args, _, _| {
            let mut plan = plan::unchecked(&PlanRequest::of_report(args, &self.interrupt))?;
            plan.digests = DigestOptions { hash_all, ..DigestOptions::default() };
            let listed = listed.iter().map(|text| ListedInput::from_text(text, &plan.buckets, &plan.cancel));
            let listed = listed.collect::<Result<Vec<_>, _>>().map_err(no_input)?;
            let mut ended = Ok(());
            let mut emit = |batch: Batch| {
                ended = batch
                    .encode_compressed()
                    .map_err(RunError::Facts)
                    .and_then(|stream| if take(stream) { Ok(()) } else { Err(RunError::Cancelled) });
                ended.is_ok()
            };
            scan_listed(&plan, listed, &mut emit)?;
            ended?;
            Ok(ExitStatus::Success)
        })
    }

    /// Makes the report of `analyze` with these arguments from the facts of all its inputs, in the
    /// order of the inputs.
    ///
    /// # Errors
    /// When there is no report.
    pub fn resolve(&self, arguments: &[OsString], facts: EncodedFacts) -> Result<Ended, Failed> {
        self.with_analyze(arguments, |args, bar, reporter| {
            if args.incremental {
                let sentence = "what other processes have scanned is not added to an incremental report";
                return Err(CliError::Usage(sentence.to_owned()));
            }
            analyze::analyze(args, Some(facts), bar, &self.interrupt, reporter)
        })
    }
}

fn listed_text(listed: &ListedInput) -> Result<ListedText, CliError> {
    let text = listed.to_text().map_err(no_input)?;
    let (size, is_digest) = match listed {
        ListedInput::Archive(archive) => (archive.size, archive.name_fields.family == Some(Family::Digest)),
        _ => (None, false),
    };
    Ok(ListedText { text, size, is_digest })
}

fn no_input(error: ListedTextError) -> CliError {
    match error {
        ListedTextError::Bucket(error) => error.into(),
        other => CliError::Usage(error_chain(&other)),
    }
}
