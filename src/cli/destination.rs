//! Where a report goes: a directory of this machine, or a folder of a bucket; and what earlier incremental runs have kept there.

use std::fs::metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use super::args::Analyze;
use super::{CliError, select};
use keytrail::engine::{Plan, RunError};
use keytrail::extract::{FOLDER, State, StateError};
use keytrail::report::{
    BucketPublisher, BucketTarget, Existing, PublishedReport, ReportDirectory, SinkError, StagedReport,
};
use keytrail::source::Input;

pub(super) enum Destination {
    Directory(PathBuf),
    /// On S3. The report is written on this machine first.
    Bucket {
        remote: Box<BucketPublisher>,
        meanwhile: TempDir,
    },
}

impl Destination {
    /// Finds out whether a report may be written there, and what the plan can go on from.
    pub(super) fn open(args: &Analyze, plan: &mut Plan) -> Result<Self, CliError> {
        refuse_input(args)?;
        let settings = Plan::settings(plan.limits, plan.hash);
        if let Input::S3(address) = select::input(&args.output)? {
            let path = || address.to_string();
            let store = plan.buckets.open(&address.bucket)?;
            let folder = address.folder().key;
            // What cannot be listed is told at once; what cannot be written is tried for longer.
            store.check(&folder)?;
            let cancel = plan.cancel.clone();
            let is_cancelled = || cancel.load(std::sync::atomic::Ordering::Relaxed);
            let target = BucketTarget {
                bucket: &store,
                folder: &folder,
                private: FOLDER,
                existing: existing(args),
                keep_uploads: args.incremental,
            };
            let Some(remote) = BucketPublisher::acquire(&target, &is_cancelled)? else {
                return Err(match is_cancelled() {
                    true => RunError::Cancelled.into(),
                    false => StateError::Busy { path: path() }.into(),
                });
            };
            if args.incremental {
                refuse_read_once(args)?;
                if !args.force && !remote.can_continue()? {
                    return Err(StateError::NotBegun { path: path() }.into());
                }
                plan.extracts = Some(State::in_bucket(&store, remote.folder(), settings, args.force)?);
            }
            plan.prune = std::mem::take(&mut plan.prune).excluding_report(Some(address));
            let meanwhile = tempfile::tempdir().map_err(SinkError::Temporary)?;
            return Ok(Self::Bucket { remote: Box::new(remote), meanwhile });
        }
        if args.incremental {
            refuse_read_once(args)?;
            plan.extracts = Some(State::in_directory(&args.output, settings, args.force)?);
            ReportDirectory::remove_stale(&args.output)?;
        }
        Ok(Self::Directory(args.output.clone()))
    }

    /// The report to be written.
    pub(super) fn report(&self, args: &Analyze) -> Result<ReportDirectory, SinkError> {
        match self {
            Self::Directory(path) => ReportDirectory::create(path, existing(args)),
            Self::Bucket { meanwhile, .. } => ReportDirectory::create(meanwhile.path(), Existing::Refuse),
        }
    }

    /// Puts the report in its place, and forgets what was to be forgotten only then.
    pub(super) fn publish(self, report: StagedReport, plan: &Plan) -> Result<PublishedReport, CliError> {
        let forget = || plan.extracts.as_ref().map_or(Ok(()), State::forget);
        Ok(match self {
            Self::Directory(_) => {
                let written = report.publish()?;
                forget()?;
                written
            }
            Self::Bucket { remote, .. } => {
                let written = remote.publish(&report)?;
                forget()?;
                written
            }
        })
    }
}

/// What may be there already: an incremental run replaces the report of the last one.
fn existing(args: &Analyze) -> Existing {
    if args.force || args.incremental { Existing::Replace } else { Existing::Refuse }
}

/// A report must not become an input of itself.
fn refuse_input(args: &Analyze) -> Result<(), CliError> {
    let place = |path: &Path| match select::input(path) {
        Ok(Input::S3(address)) => Ok(PathBuf::from(address.to_string().trim_end_matches('/'))),
        _ => path.canonicalize(),
    };
    let same = |input: &&PathBuf| -> io::Result<bool> { Ok(place(input)? == place(&args.output)?) };
    match args.select.inputs.iter().find(|input| same(input).unwrap_or(false)) {
        Some(input) => Err(CliError::Usage(format!(
            "{} is both an input and the report's directory; name another with -o",
            input.display()
        ))),
        None => Ok(()),
    }
}

/// What can be read once only cannot be told from what was read before.
fn refuse_read_once(args: &Analyze) -> Result<(), CliError> {
    let once = |input: &&PathBuf| {
        input.as_os_str() == "-" || metadata(input).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
    };
    let here = |input: &&PathBuf| input.components().all(|part| part == Component::CurDir);
    if args.select.inputs.len() > 1 && args.select.inputs.iter().any(|input| here(&input)) {
        let text = "with --incremental, name the current directory by its path, or by itself: what is in it has names \
                    that do not tell where it is";
        return Err(CliError::Usage(text.to_owned()));
    }
    match args.select.inputs.iter().find(once) {
        Some(input) => Err(CliError::Usage(format!(
            "--incremental cannot tell whether it has read {} before; name files, directories or s3:// instead",
            input.display()
        ))),
        None => Ok(()),
    }
}
