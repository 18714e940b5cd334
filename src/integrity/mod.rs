//! Digest files: what they prove of the log files of an input. No I/O.
//!
//! CloudTrail writes a digest every hour: which log files it delivered, with their SHA-256. Each
//! digest is signed, and names the one before it with its hash and its signature. [`IntegrityBook`]
//! takes the digests of an input, judges each one, and then each log file by them.
//!
//! A copy of a bucket lacks the metadata of its objects, where the signatures are. Then the
//! signature of a digest is known from the next digest only, and the newest digest of each chain is
//! `unverifiable`. Nothing here is called proven beyond what the given public keys confirm.
//!
//! Deliberately absent: reading files, fetching keys, and the parsing of digests (`parse`).
//!
//! Sources: [validating log file
//! integrity](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html)
//! and [custom
//! validation](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html).

mod book;
mod chain;
mod coverage;
mod file;
mod keys;
mod missing;
mod name;
mod row;
mod scope;
mod signatures;
mod tally;

#[cfg(test)]
mod tests;

pub use book::IntegrityBook;
pub use file::{Content, InputFile, NamedAs, Verdict};
pub use keys::{KeyFileError, PublicKeys};
pub use row::{FileKind, IntegrityRow};
pub use scope::Scope;
pub use signatures::{SignatureFileError, Signatures};
pub use tally::{IntegritySummary, IntegrityTally};
