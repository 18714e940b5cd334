//! keytrail: who used this KMS key, and for what?
//!
//! The library behind the command `keytrail`. It reads CloudTrail archives, finds the KMS events
//! that SageMaker workloads cause, and reports usage per key and principal.
//!
//! | to | begin with | in `examples/` |
//! |---|---|---|
//! | make a report | [`engine::run`] with a [`report::ReportDirectory`] | below |
//! | count something of your own | [`report::Sink`], which gets rows | `custom_aggregate.rs` |
//! | have events as Arrow | [`report::RowStream`] | `events_arrow.rs` |
//! | label your own workloads | [`classify::Classifier`] | `custom_rule.rs` |
//! | check digests | [`engine::DigestOptions`], [`integrity`] | `verify.rs` |
//! | ask a key policy | [`policy`] | `policy_check.rs` |
//! | read a report again | [`report::FinishedReport`], [`report::TableBatches`] | |
//! | parse a single record | [`parse::parse`] | [there](parse) |
//!
//! # Example
//!
//! Reads a folder, writes a report, and shows who used which key:
//!
//! ```
//! use keytrail::engine::{self, Plan, Progress};
//! use keytrail::report::{Existing, ReportDirectory};
//! use keytrail::source::Input;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let output = dir.path().join("report");
//!
//! // A bucket is `Input::parse("s3://BUCKET/FOLDER".as_ref())?`, with the feature `s3`.
//! let mut plan = Plan::new(vec![Input::Path("sample-logs".into())])?;
//! plan.selection.workloads = keytrail::model::WorkloadSet::ANY;
//! let mut directory = ReportDirectory::create(&output, Existing::Refuse)?;
//! let run = engine::run(&plan, &mut directory, &Progress::default())?;
//! // What cannot be read is no error, but counted.
//! assert!(run.inputs.read_whole());
//! println!("{} events of {} records", run.counts.selected, run.counts.records);
//! for row in &run.usage {
//!     let key = row.group.key_arn.as_deref().unwrap_or("no key");
//!     println!("{key}: {} calls by {}", row.stats.event_count, row.group.principal);
//! }
//! # assert!(run.usage.len() > 10);
//! # Ok(())
//! # }
//! ```
//!
//! Structs that may grow are `#[non_exhaustive]`: make one with `new` or `default`, and set its
//! fields, as with `plan` above. What else a version promises is in `docs/architecture.md`.
//!
//! # Modules
//!
//! Each stage can also be used by itself, and has an example. After the modules that all stages
//! share, they are in the order in which a byte passes through them:
//!
//! | module | its one job |
//! |---|---|
//! | [`model`] | the nouns that all stages share: event, principal, key, outcome, rejection |
//! | [`base`] | locks, stable hashes, spill files, the task queue |
//! | [`s3`] | the S3 client: list, get, put, lease |
//! | [`source`] | lists inputs, and reads account, Region and day from their names |
//! | [`format::decode`] | compressed bytes → content |
//! | [`format::archive`] | tar and zip → the files in them |
//! | [`format::json`] | where a JSON value ends |
//! | [`format::container`] | which shape an input has, and where its records are |
//! | [`format::tabular`] | rows of CSV and Parquet files → records |
//! | [`parse`] | the bytes of one record → [`model::KmsEvent`], or facts about other records |
//! | [`facts`] | what a scan yields, as columns |
//! | [`checkpoint`] | the facts of archives, kept from run to run |
//! | [`knowledge`] | facts of all inputs → look-up tables |
//! | [`classify`] | event + knowledge → workload, with the rules that say so |
//! | [`integrity`] | digests: what they prove of the archives |
//! | [`policy`] | key policies: reads them, and says what they mean for a call |
//! | [`aggregate`] | counts, deduplication, usage, coverage |
//! | [`audit`] | what the numbers can and cannot prove |
//! | [`report`] | Parquet and the other outputs |
//! | [`page`] | a finished report → one HTML page |
//! | [`engine`] | plan → scan → resolve: runs the stages, in parallel |
//! | `cli` | the program, with the feature of that name |
//!
//! The sources use some terms in a special sense. `docs/glossary.md` in the repository explains
//! them.

#![warn(missing_docs, clippy::allow_attributes_without_reason)]
// `unsafe` is allowed in `format::json::simd` only, and every block there says why it is sound.
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

// The command line names the library as any other program does.
#[cfg(feature = "cli")]
extern crate self as keytrail;

pub mod aggregate;
pub mod audit;
pub mod base;
pub mod checkpoint;
pub mod classify;
#[cfg(feature = "cli")]
pub mod cli;
pub mod engine;
pub mod facts;
pub mod format;
pub mod integrity;
pub mod knowledge;
pub mod model;
pub mod page;
pub mod parse;
pub mod policy;
pub mod report;
pub mod s3;
pub mod source;
