//! What a run should do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::digest_options::DigestOptions;
use super::encoded_facts::EncodedFacts;
use super::error::RunError;
use super::filter_log::FilterLog;
use super::select::Selection;
use crate::base::MemoryBudget;
use crate::checkpoint::{Checkpoint, Settings};
use crate::classify::{Classifier, RulesError};
use crate::knowledge::Aliases;
use crate::policy::GivenPolicy;
use crate::s3::Buckets;
use crate::source::{FolderNames, Input, ListContext, Listing, PruneFilter};

/// Limits on what one input, or the run, may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Decompressed bytes per archive; 8 GiB by default.
    pub archive_bytes: u64,
    /// Bytes per record; 4 MiB by default.
    pub record_bytes: u64,
    /// Memory of the run; 512 MiB by default.
    pub memory: MemoryBudget,
}

impl Default for Limits {
    fn default() -> Self {
        Self { archive_bytes: 8 << 30, record_bytes: 4 << 20, memory: MemoryBudget::default() }
    }
}

/// What a run should do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where archives are.
    pub inputs: Vec<Input>,
    /// A directory that is never read: the report being written.
    pub exclude: Option<PathBuf>,
    /// Which events count.
    pub selection: Selection,
    /// Decides which workload an event belongs to.
    pub classifier: Classifier,
    /// Limits per input.
    pub limits: Limits,
    /// Count every delivered copy.
    pub keep_duplicates: bool,
    /// Use what records say about other calls: settings, sessions, aliases, corrections, stopped
    /// trails.
    pub learn: bool,
    /// Which keys aliases pointed to, as the user states it.
    pub aliases: Aliases,
    /// Key policies that the user gives.
    pub policies: Vec<GivenPolicy>,
    /// Hash the content of every archive (SHA-256).
    pub hash: bool,
    /// How inputs are judged by the digests among them.
    pub digests: DigestOptions,
    /// The checkpoint of an incremental run: only archives that it does not have are read, and the
    /// result is that of one run over all of them.
    pub checkpoint: Option<Checkpoint>,
    /// What other processes scanned, with [`scan_listed`](super::scan_listed): `inputs` are not
    /// scanned then. Not together with a checkpoint.
    pub scanned: Option<EncodedFacts>,
    /// Number of worker threads; 0: one per core.
    pub threads: usize,
    /// Which folders of S3 are listed.
    pub prune: PruneFilter,
    /// Under which names an incremental run lists folders on this machine.
    pub names: Option<FolderNames>,
    /// Access to S3.
    pub buckets: Buckets,
    /// Set it to stop the run.
    pub cancel: Arc<AtomicBool>,
    /// What the run notes about its filters. Starts empty.
    pub filter_log: OnceLock<FilterLog>,
    /// Counts the folders of S3 that `prune` leaves out.
    pub unlisted_folders: Arc<AtomicU64>,
}

impl Plan {
    /// The default run over `inputs`.
    ///
    /// # Errors
    /// Never in a released version: the built-in rules are part of it.
    pub fn new(inputs: Vec<Input>) -> Result<Self, RulesError> {
        Ok(Self {
            inputs,
            exclude: None,
            selection: Selection::default(),
            classifier: Classifier::new(None)?,
            limits: Limits::default(),
            keep_duplicates: false,
            learn: true,
            aliases: Aliases::default(),
            policies: Vec::new(),
            hash: false,
            digests: DigestOptions::default(),
            checkpoint: None,
            scanned: None,
            threads: 0,
            prune: PruneFilter::default(),
            names: None,
            buckets: Buckets::default(),
            cancel: Arc::default(),
            filter_log: OnceLock::new(),
            unlisted_folders: Arc::default(),
        })
    }

    pub(super) fn filter_log(&self) -> &FilterLog {
        self.filter_log.get_or_init(|| FilterLog::new(&self.selection))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Fails if tables that grow with what is found, and cannot be written to disk, take more than
    /// the run may use.
    pub(super) fn check_tables(&self, used: u64) -> Result<(), RunError> {
        let limit = self.limits.memory.tables();
        if used > limit { Err(RunError::TooMuchMemory { used, limit }) } else { Ok(()) }
    }

    /// The archives of the plan's inputs, in the order in which they are merged.
    pub fn listing(&self) -> Listing {
        let context = ListContext {
            prune: self.prune.clone(),
            names: self.names.clone(),
            buckets: self.buckets.clone(),
            cancel: self.cancel.clone(),
            unlisted_folders: self.unlisted_folders.clone(),
        };
        Listing::new(&self.inputs, self.exclude.as_deref(), &context)
    }

    /// The options that facts in a checkpoint depend on.
    pub fn settings(limits: Limits, hash: bool) -> Settings {
        Settings { max_archive_bytes: limits.archive_bytes, max_record_bytes: limits.record_bytes, hash }
    }
}
