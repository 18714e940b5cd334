//! keytrail: who used this KMS key, and for what?
//!
//! Reads CloudTrail archives, extracts the KMS events that SageMaker workloads cause, and reports usage per key and principal.
//! The stages follow one another as the modules are listed here; [`engine::run`] wires them. Each can be used by itself.
//!
//! | module | its one job |
//! |---|---|
//! | [`base`] | locks, hashes, spill files, the task queue |
//! | [`model`] | the nouns every stage shares |
//! | [`s3`] | S3: lists, reads and writes objects |
//! | [`source`] | lists inputs, opens them, reads what their names say |
//! | [`format::decode`] | compressed bytes → content |
//! | [`format::archive`] | tar, zip → the files in them |
//! | [`format::tabular`] | rows of CSV and Parquet files → records |
//! | [`format::json`] | where a JSON value ends |
//! | [`format::container`] | which values stand where a record stands |
//! | [`parse`] | one record → [`model::KmsEvent`] |
//! | [`classify`] | whose workload an event is |
//! | [`aggregate`] | accounting, copies, usage, coverage |
//! | [`audit`] | what the numbers can and cannot prove |
//! | [`report`] | Parquet and other outputs |
//! | [`engine`] | the order, and the parallelism |

#![warn(missing_docs, clippy::allow_attributes_without_reason)]
// Allowed in `format::json::simd` alone, where every block argues its case.
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

pub mod aggregate;
pub mod audit;
pub mod base;
pub mod classify;
pub mod engine;
pub mod extract;
pub mod facts;
pub mod format;
pub mod knowledge;
pub mod model;
pub mod parse;

pub mod report;
pub mod s3;
pub mod source;
