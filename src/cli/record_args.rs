//! The arguments of `keytrail record`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::options::{CommonOptions, S3Options};

/// Print an original record, as the archive has it
///
/// Every table names records by archive and record_offset, and events also by event_id: this prints
/// the JSON behind them, with a line for each member and all else as it is. Records of any service
/// are found, also in members of zip and tar files, in messages of other services and in rows of
/// tables. There, a record that stands in columns is put together from them. If several records
/// have the name, such as copies of one delivery, all are printed. A line on standard error says
/// where each is. If there is none, the exit status is 1.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail record 991fa7c2-01a6-4986-a293-0f3c1866b764 sample-logs
  keytrail record s3://my-logs/2023.zip!/AWSLogs/one.json.gz@10480
  keytrail record s3://my-trail/AWSLogs/111122223333/one.json.gz@0 | jq .userIdentity")]
pub(super) struct RecordArgs {
    /// The id of an event, or archive and record_offset of a row
    #[arg(value_name = "EVENT_ID|ARCHIVE@OFFSET", help_heading = "Arguments")]
    pub(super) name: String,

    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, `-` for standard input; or one
    /// report
    ///
    /// Of a report, only the archive is read that the report names for the event.
    /// With ARCHIVE@OFFSET, only that archive is read, and INPUT may be left out where the archive
    /// can be opened under its name.
    #[arg(value_name = "INPUT", help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}
