//! The arguments of `keytrail evidence`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::options::{CommonOptions, S3Options};

/// Write one zip file to hand over: what a report found, what it is of, and hashes of everything
///
/// The pack has population.txt (what was asked, what was read, what was left out and why), run.json
/// (options, version, totals, caveats), findings, integrity, inputs and rejects as CSV, the SHA-256
/// of each file of the report, and of each member. The same report gives the same bytes.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail evidence report -o evidence-2023-q1.zip
  keytrail evidence s3://example-reports/kms -o evidence.zip
  unzip evidence.zip -d pack && (cd pack && sha256sum -c SHA256SUMS)")]
pub(super) struct EvidenceArgs {
    /// The directory of a report, or s3://BUCKET/FOLDER
    #[arg(value_name = "REPORT", help_heading = "Arguments")]
    pub(super) report: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "FILE", env = "KEYTRAIL_EVIDENCE")]
    pub(super) output: PathBuf,

    /// Replace the file if it exists
    #[arg(long, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}
