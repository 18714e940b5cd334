//! What became of each input, and of all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Counts;
use crate::model::{EventTime, RejectReason, Rejection, SkipReason, shared_text};

/// Problems shown in the summary; all of them are in the report.
const PROBLEMS: usize = 5;

/// How far an input could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// All of it.
    Complete,
    /// Some of its bytes or records could not be read.
    Partial,
    /// It could not be opened or read at all.
    Unreadable,
    /// It is not a CloudTrail archive.
    Skipped,
}

impl Status {
    /// All of them, best first but for those that are no archives.
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

/// Why an input has the status it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusReason {
    /// The first of its rejects.
    Rejected(RejectReason),
    /// It was skipped.
    Skipped(SkipReason),
    /// The operating system's words.
    Error(String),
    /// Nothing is wrong, but it has several gzip members: an appended one would look the same.
    SeveralMembers,
}

impl StatusReason {
    /// The value of the `reason` column.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Rejected(reason) => reason.as_str(),
            Self::Skipped(reason) => reason.as_str(),
            Self::Error(error) => error,
            Self::SeveralMembers => "several_gzip_members",
        }
    }
}

/// One row of `inputs.parquet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSummary {
    /// URI of the archive.
    #[serde(with = "shared_text")]
    pub archive: Arc<str>,
    /// URI of the container it is a member of.
    #[serde(with = "shared_text::optional")]
    pub container: Option<Arc<str>>,
    /// How far it could be read.
    pub status: Status,
    /// Why.
    pub reason: Option<StatusReason>,
    /// What it turned out to be.
    pub shape: Cow<'static, str>,
    /// It holds other inputs, and no records itself.
    pub is_container: bool,
    /// Stored bytes read.
    pub compressed_bytes: u64,
    /// Decompressed bytes read.
    pub content_bytes: u64,
    /// SHA-256 of the content, when asked for and read whole.
    pub content_sha256: Option<String>,
    /// gzip members; 0 when not compressed.
    pub gzip_members: u64,
    /// Account of its name.
    pub account_id: Option<String>,
    /// Region of its name.
    pub region: Option<String>,
    /// Delivery time of its name.
    pub delivered: Option<EventTime>,
    /// The object's ETag.
    pub etag: Option<Box<str>>,
    /// When it was last written.
    pub modified: Option<EventTime>,
    /// Its records.
    pub counts: Counts,
}

/// All inputs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputTotals {
    /// Inputs by status.
    pub by_status: BTreeMap<Status, u64>,
    /// Inputs by what they were skipped for.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Rejects by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// The first few problems, for people.
    pub problems: Vec<String>,
    /// Inputs named as CloudTrail logs that turned out not to be any.
    pub misnamed: u64,
    /// Skipped inputs that may hold records, which this program cannot read.
    pub hidden: u64,
    /// Inputs with records that were put together from what a query printed.
    pub lossy: u64,
    /// Stored bytes read.
    pub compressed_bytes: u64,
    /// Decompressed bytes read.
    pub content_bytes: u64,
}

impl InputTotals {
    /// Inputs with `status`.
    pub fn with(&self, status: Status) -> u64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }

    /// All inputs.
    pub fn all(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Takes note of a reject.
    pub fn add_reject(&mut self, archive: &str, rejection: &Rejection) {
        *self.rejects.entry(rejection.reason).or_default() += 1;
        self.add_problem(|| format!("{archive}: {rejection}"));
    }

    fn add_problem(&mut self, text: impl FnOnce() -> String) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(text());
        }
    }

    /// Whether everything could be read whole.
    pub fn read_whole(&self) -> bool {
        self.with(Status::Partial) == 0 && self.with(Status::Unreadable) == 0
    }
}

impl AddAssign<&InputSummary> for InputTotals {
    fn add_assign(&mut self, input: &InputSummary) {
        *self.by_status.entry(input.status).or_default() += 1;
        if let (Status::Unreadable, Some(reason)) = (input.status, &input.reason) {
            self.add_problem(|| format!("{}: {}", input.archive, reason.as_str()));
        }
        if let Some(StatusReason::Skipped(reason)) = input.reason {
            *self.skipped.entry(reason).or_default() += 1;
            self.hidden += u64::from(reason.may_hide_records());
            self.misnamed += u64::from(reason != SkipReason::Digest && input.delivered.is_some());
        }
        // All shapes of that kind end so, wherever they are told.
        self.lossy += u64::from(input.shape.ends_with("_lossy"));
        // A member's stored bytes are its container's, and a container's content is its members.
        if input.container.is_none() {
            self.compressed_bytes += input.compressed_bytes;
        }
        if !input.is_container {
            self.content_bytes += input.content_bytes;
        }
    }
}
