//! What the tests, examples, benches and fuzz targets of keytrail share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`corpus`] | the generator: archives whose every record is known |
//! | [`oracle`] | the slow, obvious reading of an archive, written from the documents |
//! | [`program`] | runs the program under test |
//! | [`report`] | reads its reports back |
//! | [`files`], [`records`] | folders, files and records that many tests need |
//! | `trail` (feature `trail`) | a trail with signed digests |
//! | [`require`] | skips a check, or fails where all are required |
//! | `bed` (feature `s3`) | a bucket to test with, and a proxy that lets requests fail |
//!
//! Nothing here may use keytrail's own code: the oracle and the generator are worth something only
//! as long as they share no mistake with it. This crate does not depend on keytrail, so the
//! compiler holds that.

#[cfg(feature = "s3")]
pub mod bed;
pub mod corpus;
pub mod files;
pub mod oracle;
pub mod program;
pub mod records;
pub mod report;
pub mod require;
#[cfg(feature = "trail")]
pub mod trail;

use std::path::Path;

pub use files::{everything, folder, gzip, mkfifo, names, sorted};
pub use program::{
    LITTLE, Ran, binary, command_with_memory, ended, keytrail, run, signal, unprivileged, with_cpu,
    with_memory,
};
pub use records::{decrypt, document, good, places};
pub use report::{
    ANY, Report, accounts, analyze, analyze_by, analyze_in, assert_rows, batch_rows, input, is_dated,
    parquet_bytes, read_report, rows, state,
};
pub use require::{python, skip};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}
