//! Where a report is published: a local directory, or a folder of a bucket. Also opens what earlier
//! incremental runs have kept there.

use std::fs::metadata;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::Ordering;

use super::args::AnalyzeArgs;
use super::error::CliError;
use super::{plan, window};
use keytrail::base::{TemporaryFolder, open_regular, read_small};
use keytrail::checkpoint::{
    self, Checkpoint, CheckpointError, CheckpointOptions, CommitLimits, Earlier, FOLDER,
};
use keytrail::engine::{Plan, RunError};
use keytrail::model::EventTime;
use keytrail::report::{
    BucketPublisher, BucketTarget, Existing, PublishedReport, ReportDirectory, SinkError, StagedReport,
};
use keytrail::s3::{Address, Bucket};
use keytrail::source::{FolderNames, Input};

/// The file of a report that says what it covers.
const RUN: &str = "run.json";

pub(super) struct Destination {
    place: Place,
    /// What the user must know about the time that the new report covers.
    pub(super) window: Option<String>,
    /// The checkpoint there was belongs to the report that is replaced.
    drops_checkpoint: bool,
}

enum Place {
    Directory(PathBuf),
    /// A folder on S3. The report is written to a local directory first.
    Bucket {
        bucket: Bucket,
        remote: Box<BucketPublisher>,
        staging: TemporaryFolder,
    },
}

impl Destination {
    /// Checks that the report may be written there. With `--incremental`, adds to the plan what
    /// earlier runs have kept.
    pub(super) fn open(args: &AnalyzeArgs, plan: &mut Plan, now: EventTime) -> Result<Self, CliError> {
        refuse_input_as_output(args)?;
        let (place, run_json) = match plan::input(&args.output)? {
            Input::S3(address) => Self::open_bucket(args, plan, address)?,
            _ => Self::open_directory(args, plan)?,
        };
        name_folders(plan)?;
        let run_json = run_json.filter(|_| !args.force);
        let name = args.output.display().to_string();
        let compare = |json: Vec<u8>| window::compare(&json, &plan.selection, now, &name);
        let window = run_json.map(compare).transpose()?.flatten();
        Ok(Self { place, window, drops_checkpoint: args.force && !args.incremental })
    }

    /// Also returns the `run.json` of the report that an incremental run replaces.
    fn open_directory(args: &AnalyzeArgs, plan: &mut Plan) -> Result<(Place, Option<Vec<u8>>), CliError> {
        let mut run_json = None;
        if args.incremental {
            refuse_unrepeatable_inputs(args)?;
            plan.checkpoint = Some(Checkpoint::in_directory(&args.output, &options(args, plan))?);
            ReportDirectory::remove_stale(&args.output)?;
            run_json = open_regular(&args.output.join(RUN)).and_then(read_small).ok();
        }
        Ok((Place::Directory(args.output.clone()), run_json))
    }

    fn open_bucket(
        args: &AnalyzeArgs,
        plan: &mut Plan,
        address: Address,
    ) -> Result<(Place, Option<Vec<u8>>), CliError> {
        let path = || address.to_string();
        let store = plan.buckets.open(&address.bucket)?;
        let folder = address.folder().key;
        // A missing permission to list fails at once; a failing write is retried.
        store.check(&folder)?;
        let cancel = plan.cancel.clone();
        let is_cancelled = || cancel.load(Ordering::Relaxed);
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
                false => CheckpointError::Busy { path: path() }.into(),
            });
        };
        let mut run_json = None;
        if args.incremental {
            refuse_unrepeatable_inputs(args)?;
            let checkpoint = Checkpoint::in_bucket(&store, remote.folder(), &options(args, plan))?;
            plan.checkpoint = Some(checkpoint);
            run_json = store.read(&format!("{folder}{RUN}"))?.map(|content| content.bytes);
        }
        plan.prune = std::mem::take(&mut plan.prune).excluding_report(Some(address));
        let staging = TemporaryFolder::create().map_err(SinkError::Temporary)?;
        Ok((Place::Bucket { bucket: store, remote: Box::new(remote), staging }, run_json))
    }

    /// Creates the directory that the report is written to.
    pub(super) fn create_report(&self, args: &AnalyzeArgs) -> Result<ReportDirectory, SinkError> {
        match &self.place {
            Place::Directory(path) => ReportDirectory::create(path, existing(args)),
            Place::Bucket { staging, .. } => ReportDirectory::create(staging.path(), Existing::Refuse),
        }
    }

    /// Moves the report to its final place. A checkpoint that an incremental run replaces is
    /// removed afterwards.
    pub(super) fn publish(self, report: StagedReport, plan: &Plan) -> Result<PublishedReport, CliError> {
        // First the checkpoint: without one, an incremental run refuses to go on from a report.
        let drops_checkpoint = self.drops_checkpoint;
        let published = match self.place {
            Place::Directory(path) => {
                if drops_checkpoint {
                    checkpoint::remove_from_directory(&path)?;
                }
                report.publish()?
            }
            Place::Bucket { bucket, remote, .. } => {
                if drops_checkpoint {
                    checkpoint::remove_from_bucket(&bucket, remote.folder())?;
                }
                remote.publish(&report)?
            }
        };
        plan.checkpoint.as_ref().map_or(Ok(()), Checkpoint::finish)?;
        Ok(published)
    }
}

/// An incremental run lists folders under the names that earlier runs have used.
fn name_folders(plan: &mut Plan) -> Result<(), CliError> {
    let Some(checkpoint) = &plan.checkpoint else { return Ok(()) };
    let mut names = FolderNames::new(checkpoint.folders());
    for input in &plan.inputs {
        if let Input::Path(path) = input {
            names.add(path).map_err(|error| CliError::Usage(error.to_string()))?;
        }
    }
    checkpoint.set_folders(names.folders().to_vec());
    plan.names = Some(names);
    Ok(())
}

/// How the checkpoint of an incremental run is opened.
fn options(args: &AnalyzeArgs, plan: &Plan) -> CheckpointOptions {
    CheckpointOptions {
        settings: Plan::settings(plan.limits, plan.hash),
        earlier: if args.force { Earlier::Rebuild } else { Earlier::Continue },
        limits: CommitLimits::default(),
    }
}

/// An incremental run replaces the report of the last one without `--force`.
fn existing(args: &AnalyzeArgs) -> Existing {
    if args.force || args.incremental { Existing::Replace } else { Existing::Refuse }
}

/// Refuses an output that is also an input: the report would become its own input.
fn refuse_input_as_output(args: &AnalyzeArgs) -> Result<(), CliError> {
    let canonical = |path: &Path| match plan::input(path) {
        Ok(Input::S3(address)) => Ok(PathBuf::from(address.to_string().trim_end_matches('/'))),
        _ => path.canonicalize(),
    };
    let is_output = |input: &Path| -> io::Result<bool> { Ok(canonical(input)? == canonical(&args.output)?) };
    let inputs = &args.selection.inputs;
    match inputs.iter().find(|input| is_output(input).unwrap_or(false)) {
        Some(input) => Err(CliError::Usage(format!(
            "{} is both an input and the output directory; name another directory with -o",
            input.display()
        ))),
        None => Ok(()),
    }
}

/// Refuses inputs that an incremental run could not recognize in a later run: streams, and the
/// current directory beside other inputs.
fn refuse_unrepeatable_inputs(args: &AnalyzeArgs) -> Result<(), CliError> {
    let is_stream = |input: &&PathBuf| {
        input.as_os_str() == "-" || metadata(input).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
    };
    let is_current = |input: &PathBuf| input.components().all(|part| part == Component::CurDir);
    let inputs = &args.selection.inputs;
    if inputs.len() > 1 && inputs.iter().any(is_current) {
        let text = "with --incremental, name the current directory by its full path, or as the \
                    only input: the names of files in `.` do not say which directory they are in";
        return Err(CliError::Usage(text.to_owned()));
    }
    match inputs.iter().find(is_stream) {
        Some(input) => Err(CliError::Usage(format!(
            "--incremental cannot tell whether {} has been read before; \
             name files, directories or s3:// addresses instead",
            input.display()
        ))),
        None => Ok(()),
    }
}
