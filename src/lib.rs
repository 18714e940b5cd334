//! keytrail: who used this KMS key, and for what?
//!
//! Reads CloudTrail archives, extracts the KMS events that SageMaker workloads cause, and reports usage per key and principal.
//! The stages follow one another as the modules are listed here; [`pipeline::run`] wires them. Each can be used by itself.
//!
//! | module | its one job |
//! |---|---|
//! | [`event`] | the nouns every stage shares |
//! | [`store`] | S3: listed, read, written |
//! | [`source`] | where archives are, and what their names tell |
//! | [`decode`] | compressed bytes → JSON bytes |
//! | [`unpack`] | tar, zip → the files in them |
//! | [`table`] | rows of OCSF Parquet files → records |
//! | [`split`] | where a JSON value ends |
//! | [`unwrap`] | which values stand where a record stands |
//! | [`parse`] | one record → [`event::KmsEvent`] |
//! | [`classify`] | whose workload an event is |
//! | [`aggregate`] | accounting, copies, usage, coverage |
//! | [`audit`] | what the numbers can and cannot prove |
//! | [`report`] | Parquet and other outputs |
//! | [`pipeline`] | the order, and the parallelism |

#![warn(missing_docs, clippy::allow_attributes_without_reason)]
// Allowed in `split::simd` alone, where every block argues its case.
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
pub mod classify;
pub mod decode;
pub mod event;
pub mod extract;
pub mod parse;
pub mod pipeline;
pub mod report;
pub mod source;
pub mod split;
pub mod store;
pub mod table;
pub mod unpack;
pub mod unwrap;
