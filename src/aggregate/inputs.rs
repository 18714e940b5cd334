//! How each input was read, and totals over all inputs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use crate::model::{EventTime, IntegrityStatus, RejectReason, Rejection, SkipReason, shared_text};

/// Problems kept for the summary. The report lists all of them.
const PROBLEMS: usize = 5;
/// Skipped inputs that the summary names.
const SKIPPED: usize = 3;

/// How far an input could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InputStatus {
    /// All of it.
    Complete,
    /// Some of its bytes or records could not be read.
    Partial,
    /// It could not be opened or read at all.
    Unreadable,
    /// It is not a CloudTrail archive.
    Skipped,
}

impl InputStatus {
    /// All of them, in the order of `run.json`.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Partial, Self::Unreadable, Self::Skipped];

    /// The value of the `status` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Unreadable => "unreadable",
            Self::Skipped => "skipped",
        }
    }
}

/// Why an input has its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StatusReason {
    /// The reason of its first reject.
    Rejected(RejectReason),
    /// Why it was skipped.
    Skipped(SkipReason),
    /// The operating system's message.
    Error(String),
    /// It should hold records, and none could be read.
    Unread {
        /// What it is.
        reason: UnreadReason,
        /// For people: what was found.
        detail: String,
    },
    /// It was read whole, but it has several gzip members. Something appended would look the same.
    SeveralMembers,
}

/// Why an input without records that could be read is not just skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UnreadReason {
    /// Its bytes name KMS or members of records, but it is in no known form.
    UnknownEnvelope,
    /// It has the name of a log file of CloudTrail, and something else was saved under it.
    LostLog,
    /// Two runs ended without a word while they read it.
    KilledARun,
}

impl UnreadReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::UnknownEnvelope, Self::LostLog, Self::KilledARun];

    /// The value of the `reason` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownEnvelope => "unreadable_wrapping",
            Self::LostLog => "lost_log",
            Self::KilledARun => "killed_a_run",
        }
    }
}

impl StatusReason {
    /// The reason and what was found, for people.
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Unread { reason, detail } => format!("{}: {detail}", reason.as_str()).into(),
            other => other.as_str().into(),
        }
    }

    /// The value of the `reason` column.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unread { reason, .. } => reason.as_str(),
            Self::Rejected(reason) => reason.as_str(),
            Self::Skipped(reason) => reason.as_str(),
            Self::Error(error) => error,
            Self::SeveralMembers => "several_gzip_members",
        }
    }
}

/// One row of `inputs.parquet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputSummary {
    /// URI of the archive.
    #[serde(with = "shared_text")]
    pub archive: Arc<str>,
    /// URI of the tar or zip file that it is a member of.
    #[serde(with = "shared_text::optional")]
    pub container: Option<Arc<str>>,
    /// How far it could be read.
    pub status: InputStatus,
    /// Why it has this status.
    pub reason: Option<StatusReason>,
    /// The shape of its content, as in the `shape` column.
    pub shape: Cow<'static, str>,
    /// It is a tar or zip file: its members hold the records.
    pub is_container: bool,
    /// Stored bytes read.
    pub compressed_bytes: u64,
    /// Decompressed bytes read.
    pub content_bytes: u64,
    /// SHA-256 of the content, lower-case hexadecimal. `None` unless asked for and read whole.
    pub content_sha256: Option<String>,
    /// gzip members; 0 when not compressed.
    pub gzip_members: u64,
    /// Account in its name.
    pub account_id: Option<String>,
    /// Region in its name.
    pub region: Option<String>,
    /// Delivery time in its name.
    pub delivered: Option<EventTime>,
    /// The object's ETag.
    pub etag: Option<Box<str>>,
    /// When it was last written.
    pub modified: Option<EventTime>,
    /// Its records.
    pub counts: Counts,
    /// What digests say of it; only resolve knows.
    #[serde(skip)]
    pub integrity: Option<IntegrityStatus>,
}

/// Totals over all inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputTotals {
    /// Inputs by status.
    pub by_status: BTreeMap<InputStatus, u64>,
    /// Skipped inputs by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Rejects by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// The first few problems, as text.
    pub problems: Vec<String>,
    /// The first few inputs in which there is no archive.
    pub empty: Vec<String>,
    /// The first few skipped inputs that [are worth a name](SkipReason::is_worth_a_name), and why.
    pub named_skipped: Vec<(String, SkipReason)>,
    /// Inputs whose names say another account or region than their KMS records.
    pub names_disagree: u64,
    /// The first of them.
    pub first_name_to_disagree: Option<String>,
    /// Inputs that are named like CloudTrail logs and are none.
    pub misnamed: u64,
    /// Skipped inputs that may hold records which this program cannot read.
    pub hidden: u64,
    /// Inputs that may hold records in a form that is not known.
    pub unknown_envelopes: u64,
    /// Inputs with records that were rebuilt from the columns a query printed.
    pub lossy: u64,
    /// Stored bytes read.
    pub compressed_bytes: u64,
    /// Decompressed bytes read.
    pub content_bytes: u64,
}

impl InputTotals {
    /// The number of inputs with `status`.
    pub fn count(&self, status: InputStatus) -> u64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }

    /// The number of inputs that were skipped for `reason`.
    pub fn skipped_for(&self, reason: SkipReason) -> u64 {
        self.skipped.get(&reason).copied().unwrap_or_default()
    }

    /// The number of inputs.
    pub fn total(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Adds a reject of `archive`.
    pub fn add_reject(&mut self, archive: &str, rejection: &Rejection) {
        *self.rejects.entry(rejection.reason).or_default() += 1;
        self.add_problem(|| format!("{archive}: {rejection}"));
    }

    /// Notes an input whose name contradicts its records.
    pub fn add_disagreeing_name(&mut self, archive: &str) {
        self.names_disagree += 1;
        self.first_name_to_disagree.get_or_insert_with(|| archive.to_owned());
    }

    fn add_problem(&mut self, text: impl FnOnce() -> String) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(text());
        }
    }

    /// Whether every archive was read completely.
    pub fn read_whole(&self) -> bool {
        self.count(InputStatus::Partial) == 0 && self.count(InputStatus::Unreadable) == 0
    }
}

/// Adds totals of inputs that come after these.
impl AddAssign for InputTotals {
    fn add_assign(&mut self, later: Self) {
        fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, later: BTreeMap<K, u64>) {
            later.into_iter().for_each(|(key, count)| *counts.entry(key).or_default() += count);
        }
        add(&mut self.by_status, later.by_status);
        add(&mut self.skipped, later.skipped);
        add(&mut self.rejects, later.rejects);
        for (texts, later) in [(&mut self.problems, later.problems), (&mut self.empty, later.empty)] {
            let room = PROBLEMS.saturating_sub(texts.len());
            texts.extend(later.into_iter().take(room));
        }
        let room = SKIPPED.saturating_sub(self.named_skipped.len());
        self.named_skipped.extend(later.named_skipped.into_iter().take(room));
        self.names_disagree += later.names_disagree;
        self.first_name_to_disagree = self.first_name_to_disagree.take().or(later.first_name_to_disagree);
        self.misnamed += later.misnamed;
        self.hidden += later.hidden;
        self.unknown_envelopes += later.unknown_envelopes;
        self.lossy += later.lossy;
        self.compressed_bytes += later.compressed_bytes;
        self.content_bytes += later.content_bytes;
    }
}

impl AddAssign<&InputSummary> for InputTotals {
    fn add_assign(&mut self, input: &InputSummary) {
        *self.by_status.entry(input.status).or_default() += 1;
        if let (InputStatus::Unreadable, Some(reason)) = (input.status, &input.reason) {
            self.add_problem(|| format!("{}: {}", input.archive, reason.message()));
        }
        if let Some(StatusReason::Unread { reason, .. }) = &input.reason {
            match reason {
                UnreadReason::UnknownEnvelope => self.unknown_envelopes += 1,
                UnreadReason::LostLog => self.misnamed += 1,
                // One of the unreadable ones.
                UnreadReason::KilledARun => {}
            }
        }
        if let Some(StatusReason::Skipped(reason)) = input.reason {
            *self.skipped.entry(reason).or_default() += 1;
            if reason == SkipReason::NoArchive && self.empty.len() < PROBLEMS {
                self.empty.push(input.archive.to_string());
            }
            if reason.is_worth_a_name() && self.named_skipped.len() < SKIPPED {
                self.named_skipped.push((input.archive.to_string(), reason));
            }
            self.hidden += u64::from(reason.may_hide_records());
            self.misnamed += u64::from(reason != SkipReason::Digest && input.delivered.is_some());
        }
        // The names of all such shapes end like this.
        self.lossy += u64::from(input.shape.ends_with("_lossy"));
        // The stored bytes of a member are counted for its container, and the content of a
        // container for its members.
        if input.container.is_none() {
            self.compressed_bytes += input.compressed_bytes;
        }
        if !input.is_container {
            self.content_bytes += input.content_bytes;
        }
    }
}
