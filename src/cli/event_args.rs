//! The arguments of `keytrail events` and `keytrail summary`.

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, ValueEnum};

use super::options::{CommonOptions, PruneOptions, RowOptions, S3Options, SelectionOptions};
use super::values::{SourceIp, outcomes, row_count, source_ip};

/// Which of the selected events to show. An event must fit each option that is given.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub(super) struct EventFilterOptions {
    /// Show calls with these access keys, or patterns of them (`*`, `?`)
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_ACCESS_KEY", value_delimiter = ',')]
    pub(super) access_key: Vec<String>,

    /// Show calls of role sessions of these names, or patterns of them
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_SESSION", value_delimiter = ',')]
    pub(super) session: Vec<String>,

    /// Show calls from these addresses: an address, a network (10.0.0.0/8), or a pattern of a
    /// service's name
    #[arg(
        long,
        value_name = "CIDR,...",
        env = "KEYTRAIL_SOURCE_IP",
        value_delimiter = ',',
        value_parser = source_ip
    )]
    pub(super) source_ip: Vec<SourceIp>,

    /// Show calls that ended so; `failed` = all but `success`
    #[arg(
        long,
        value_name = "OUTCOME,...",
        env = "KEYTRAIL_OUTCOME",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(outcomes())
    )]
    pub(super) outcome: Vec<String>,

    /// Show calls with these error codes, or patterns of them
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_ERROR", value_delimiter = ',')]
    pub(super) error: Vec<String>,

    /// Show calls through these VPC endpoints, or patterns of them
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_VPCE", value_delimiter = ',')]
    pub(super) vpce: Vec<String>,

    /// Show events with this text in any column; upper and lower case are the same
    #[arg(long, value_name = "TEXT", env = "KEYTRAIL_GREP")]
    pub(super) grep: Vec<String>,
}

impl EventFilterOptions {
    /// Whether any is given.
    pub(super) fn is_given(&self) -> bool {
        let Self { access_key, session, source_ip, outcome, error, vpce, grep } = self;
        !source_ip.is_empty()
            || [access_key, session, outcome, error, vpce, grep].iter().any(|l| !l.is_empty())
    }
}

/// In which order events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EventOrder {
    /// The oldest first
    Time,
    /// The newest first
    Newest,
    /// As they are found: by archive, and within it as they stand there
    None,
}

/// What selects events of archives or of a report.
#[derive(Debug, ClapArgs)]
pub(super) struct EventSelection {
    #[command(flatten)]
    pub(super) selection: SelectionOptions,

    #[command(flatten)]
    pub(super) filter: EventFilterOptions,

    #[command(flatten)]
    pub(super) prune: PruneOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    /// Whether --workload is given, and whether --event is: of a report, all events are shown
    /// otherwise.
    #[arg(skip)]
    pub(super) is_given: (bool, bool),
}

/// Print the selected events of archives, or of a report
///
/// Events are printed when the whole input has been read, or as they are found with --no-learn and
/// --sort none. They have the columns of the report's events.parquet. Of a report, all events are
/// shown, unless --workload or --event is given. If a filter (--outcome, --source-ip, --grep, …)
/// leaves no event, the exit status is 1.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail events --key '*1234abcd*' --workload any --event any sample-logs
  keytrail events --outcome denied --sort newest --limit 20 sample-logs
  keytrail events --day 2023-03-22 --source-ip 203.0.113.0/24 -o day.csv report
  keytrail events logs/ | jq -r 'select(.outcome==\"denied\") | .error_message'
  keytrail events --format parquet --since 2023-03-01 logs/ > march.parquet")]
pub(super) struct EventsArgs {
    /// Order of the events; the default is `time` for tables and files, `none` otherwise
    #[arg(long, value_name = "ORDER", env = "KEYTRAIL_SORT", help_heading = "Output")]
    pub(super) sort: Option<EventOrder>,

    /// Print only the first N events, in the order of --sort
    #[arg(
        long,
        value_name = "N",
        env = "KEYTRAIL_LIMIT",
        value_parser = row_count,
        allow_negative_numbers = true,
        help_heading = "Output"
    )]
    pub(super) limit: Option<u64>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) events: EventSelection,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print who did how much: first and last seen, calls, refusals, keys, addresses
///
/// One row per value of the column that --by names, those with the most calls first. The events are
/// those that `keytrail events` prints with the same options.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail summary --by principal sample-logs
  keytrail summary --by source-ip --workload any --event any --key '*1234abcd*' sample-logs
  keytrail summary --by access-key --outcome denied --since 2023-03-01 report")]
pub(super) struct SummaryArgs {
    /// What to count by
    #[arg(long, value_name = "WHAT", env = "KEYTRAIL_BY", default_value = "principal")]
    pub(super) by: CountBy,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) events: EventSelection,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// What `keytrail summary` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CountBy {
    /// The caller: a role, user or service
    Principal,
    /// The access key of the caller
    AccessKey,
    /// The address, or the service, that the call came from
    SourceIp,
    /// The key
    Key,
    /// The resource that the call was for, as the encryption context names it
    Resource,
    /// The person or workload behind a role
    User,
}
