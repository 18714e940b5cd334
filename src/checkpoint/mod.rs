//! What incremental runs keep: the facts of archives, so that a later run need not read them again.
//!
//! A checkpoint is a manifest and segments. The [`Manifest`] names the segments that exist, with
//! their checksums. A segment is an Arrow IPC stream of [facts](crate::facts), sorted by the URI of
//! the archive ([`schema`]); `docs/batch.md` shows how to read one with other tools. Each thread
//! writes its own segments ([`SegmentWriter`]); [`Merged`] reads all of them as one. Files are in a
//! [`SegmentStore`]: a local directory or a folder in S3.
//!
//! ```
//! use keytrail::checkpoint::{Checkpoint, CheckpointOptions, CommitLimits, Earlier, Settings};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let settings = Settings { max_archive_bytes: 8 << 30, max_record_bytes: 4 << 20, hash: false };
//! let limits = CommitLimits::default();
//! let options = CheckpointOptions { settings, earlier: Earlier::Continue, limits };
//! let checkpoint = Checkpoint::in_directory(dir.path(), &options)?;
//! assert_eq!(checkpoint.known().count(), 0, "nothing has been read yet");
//! # Ok(())
//! # }
//! ```
//!
//! Deliberately absent: which archives are new, and what facts mean together (`engine`).

mod bucket;
mod builder;
mod catalog;
mod compaction;
mod error;
mod journal;
mod limits;
mod local;
mod manifest;
mod merge;
mod message;
mod open;
mod rows;
mod segment;
mod segment_store;
mod settings;
mod writer;

#[cfg(test)]
mod tests;

pub use bucket::BucketStore;
pub use error::{CheckpointError, Unusable};
pub use journal::{Journal, Reading, Verdict};
pub use limits::CommitLimits;
pub use local::LocalStore;
pub use manifest::{Manifest, SegmentEntry};
pub use merge::Merged;
pub use open::{Checkpoint, CheckpointOptions, remove_from_bucket, remove_from_directory};
pub use rows::{ArchiveVersion, schema};
pub use segment::{Run, Segment};
pub use segment_store::{FOLDER, NewFile, SegmentFile, SegmentStore, StoredFile};
pub use settings::{Earlier, Settings};
pub use writer::SegmentWriter;
