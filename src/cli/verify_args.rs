//! The arguments of `keytrail verify`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::options::{CommonOptions, DigestFiles, S3Options};
use super::values::output_format;
use keytrail::report::OutputFormat;

/// Check log files against CloudTrail's digests, without a network
///
/// Reads digests and log files, from S3 or from a copy, and says in the words of `aws cloudtrail
/// validate-logs` which are unchanged, changed, missing or added. Signatures are checked with the
/// public keys of --digest-keys. The signature of a digest is in the next digest; that of the
/// newest one is in the metadata of its object in S3, and in a copy it is not known. Exits with 1
/// if anything is invalid, missing or in no digest of its hour, or if nothing could be verified.
/// Valid files, and those that no digest covers, have a line only with -v.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  aws cloudtrail list-public-keys --start-time 2023-03-31 --end-time 2023-05-02 > keys.json
  keytrail verify --digest-keys keys.json AWSLogs/
  keytrail verify --digest-keys keys.json --start-time 2023-04-01 s3://my-trail/AWSLogs
  keytrail verify --digest-keys keys.json --format csv AWSLogs/ > integrity.csv")]
pub(super) struct VerifyArgs {
    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, `-` for standard input; or one
    /// report, which says what was found when it was made
    #[arg(value_name = "INPUT", required = true, help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) digests: DigestFiles,

    /// Check digests and log files from this time on, in the forms of `analyze --since`
    ///
    /// Without it, the digest before the oldest one in the input counts as missing.
    #[arg(long, value_name = "TIME", env = "KEYTRAIL_START_TIME")]
    pub(super) start_time: Option<String>,

    /// Check digests and log files before this time, in the same forms
    #[arg(long, value_name = "TIME", env = "KEYTRAIL_END_TIME")]
    pub(super) end_time: Option<String>,

    /// Print rows with the columns of the report's integrity.parquet, instead of lines of text
    #[arg(long, value_name = "FORMAT", env = "KEYTRAIL_FORMAT", value_parser = output_format())]
    pub(super) format: Option<OutputFormat>,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}
