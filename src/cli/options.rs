//! Options that several commands share, in the groups of the help. See `args` for how the comments
//! are used.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;

use super::values::{ColorWhen, FailOn, LogFormat, output_format, parse_duration, parse_memory};
use keytrail::report::OutputFormat;

/// Which archives to read, and which of their events to report.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionOptions {
    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, or `-` for standard input
    #[arg(value_name = "INPUT", required = true, help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    /// Workloads to report; `sagemaker` = all of SageMaker, `any` = every caller
    ///
    /// The names are geospatial, canvas, canvas-forecast, forecast, feature-store-offline,
    /// feature-store-online, autopilot and sagemaker-other (together: `sagemaker`), and
    /// s3-unattributed, other and unknown. Events that are not selected are still accounted for.
    #[arg(
        long,
        value_name = "NAME,...",
        env = "KEYTRAIL_WORKLOAD",
        value_delimiter = ',',
        default_value = "geospatial,canvas,canvas-forecast,forecast,feature-store-offline,feature-store-online"
    )]
    pub(super) workload: Vec<String>,

    /// KMS APIs to report, compared exactly; `any` = every event of kms.amazonaws.com
    #[arg(
        long,
        value_name = "NAME,...",
        env = "KEYTRAIL_EVENT",
        value_delimiter = ',',
        default_value = "CreateGrant,GenerateDataKey,Decrypt,GenerateDataKeyWithoutPlaintext"
    )]
    pub(super) event: Vec<String>,

    /// Report events at or after this time: 2023-03-17, 2023-03-17 18:00, yesterday, 30d, 1h30m
    ///
    /// A date means midnight UTC, and so do `today` and `yesterday`. A time without a zone is UTC.
    /// A time span (numbers with w, d, h, m or s) counts back from now.
    #[arg(long, value_name = "TIME", env = "KEYTRAIL_SINCE")]
    pub(super) since: Option<String>,

    /// Report events before this time, in the same forms
    #[arg(long, value_name = "TIME", env = "KEYTRAIL_UNTIL")]
    pub(super) until: Option<String>,

    /// Report events of this day: YYYY-MM-DD, today or yesterday, from midnight to midnight UTC
    #[arg(long, value_name = "DAY", env = "KEYTRAIL_DAY", conflicts_with_all = ["since", "until"])]
    pub(super) day: Option<String>,

    /// Report events recorded in these accounts
    ///
    /// This is the account of the record, which can differ from the account of the key. Dashes are
    /// allowed.
    #[arg(long, value_name = "ID,...", env = "KEYTRAIL_ACCOUNT", value_delimiter = ',')]
    pub(super) account: Vec<String>,

    /// Report calls made to these Regions
    ///
    /// In S3, folders of other Regions are not listed. This is not the Region that requests to S3
    /// are sent to, which --aws-region names.
    #[arg(long, value_name = "REGION,...", env = "KEYTRAIL_REGION", value_delimiter = ',')]
    pub(super) region: Vec<String>,

    /// Report events of these keys: ARN, id or alias, or a pattern of one (`*`, `?`)
    ///
    /// An alias selects every event of the keys that it pointed to in the input, not only those
    /// that name it. A key may be written as the summary prints it
    /// (`us-west-2:111122223333:key/…`). A pattern must match the whole text, and `*` also matches
    /// `/` and `:`. So most patterns begin with `*`. Quote them, or the shell may expand them.
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_KEY", value_delimiter = ',')]
    pub(super) key: Vec<String>,

    /// Report events of these callers: ARN, name or id of a role, user or session, or a pattern
    ///
    /// The ARN of a session (`arn:aws:sts::…:assumed-role/ROLE/SESSION`) selects this session. A
    /// name or path without `*` and `?` selects roles, users, sessions (`jane@example.com`) and
    /// services of that name. A pattern must match the whole column `principal`, which has the ARN
    /// of the role. An account id selects all its callers.
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_PRINCIPAL", value_delimiter = ',')]
    pub(super) principal: Vec<String>,

    /// Report events of these users behind a role, or patterns of them (`*`, `?`)
    ///
    /// The columns are source_identity (SageMaker's user profile), on_behalf_of (IAM Identity
    /// Center), user_name and web_identity.
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_USER", value_delimiter = ',')]
    pub(super) user: Vec<String>,

    /// Report events that were for these resources or services, or patterns of them (`*`, `?`)
    ///
    /// The columns are resource (a secret, table, volume, object …, as the encryption context
    /// names it) and service (`secretsmanager.amazonaws.com`).
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_RESOURCE", value_delimiter = ',')]
    pub(super) resource: Vec<String>,

    /// TOML file with your own workload rules, in addition to the built-in ones
    #[arg(long, hide_short_help = true, value_name = "FILE", env = "KEYTRAIL_RULES")]
    pub(super) rules: Option<PathBuf>,

    /// Output of `aws kms list-aliases`, to find the keys of calls that name only an alias
    ///
    /// It is used where the input itself does not say which key an alias pointed to.
    #[arg(long, hide_short_help = true, value_name = "FILE", env = "KEYTRAIL_ALIASES")]
    pub(super) aliases: Option<PathBuf>,

    /// Learn nothing from the input
    ///
    /// Without it, a run collects from the whole input the roles, paths, keys and sessions of
    /// workloads, aliases, corrections, and trails that leave KMS events out, and uses them to
    /// decide about events.
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_NO_LEARN", value_parser = FalseyValueParser::new())]
    pub(super) no_learn: bool,

    /// Count every delivered copy of an event
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_KEEP_DUPLICATES", value_parser = FalseyValueParser::new())]
    pub(super) keep_duplicates: bool,

    /// Record the SHA-256 of each archive's decompressed content, as evidence
    ///
    /// The column is content_sha256 of inputs.parquet, so `events` ignores the option. Hashing
    /// takes about as much time as decompression.
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_HASH", value_parser = FalseyValueParser::new())]
    pub(super) hash: bool,

    /// Decompressed bytes after which an archive, or a container of archives, is cut off
    #[arg(
        long,
        hide_short_help = true,
        value_name = "BYTES",
        env = "KEYTRAIL_MAX_ARCHIVE_BYTES",
        default_value_t = 8 << 30
    )]
    pub(super) max_archive_bytes: u64,

    /// Reject records larger than this, their envelope included
    #[arg(
        long,
        hide_short_help = true,
        value_name = "BYTES",
        env = "KEYTRAIL_MAX_RECORD_BYTES",
        default_value_t = 4 << 20,
        value_parser = clap::value_parser!(u64).range(1..=1 << 40)
    )]
    pub(super) max_record_bytes: u64,

    /// Memory to use for what can also wait on disk, such as 256MiB or 2GiB
    ///
    /// Results are the same with any. A run ends if distinct events and groups alone would take
    /// more. What also takes memory is in docs/architecture.md.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "SIZE",
        env = "KEYTRAIL_MEMORY",
        default_value = "512MiB",
        value_parser = parse_memory
    )]
    pub(super) memory: u64,
}

/// What commands read that also answer from a finished report.
#[derive(Debug, ClapArgs)]
pub(super) struct ReportOrArchives {
    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, `-` for standard input; or one
    /// report: its directory, or s3://BUCKET/FOLDER
    #[arg(value_name = "INPUT", required = true, help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,
}

/// Of which keys commands show something.
#[derive(Debug, ClapArgs)]
pub(super) struct KeyOption {
    /// Show only what is about these keys: ARN, id, or a pattern (`*`, `?`)
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_KEY", value_delimiter = ',')]
    pub(super) key: Vec<String>,
}

/// How rows are printed, and where.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(super) struct RowOptions {
    /// Output format; the default is `table` on a terminal, `ndjson` otherwise
    ///
    /// With -o, the default is what the end of the file's name says (csv, tsv, md, parquet, arrow,
    /// txt), or `ndjson`.
    #[arg(long, value_name = "FORMAT", env = "KEYTRAIL_FORMAT", value_parser = output_format())]
    pub(super) format: Option<OutputFormat>,

    /// Columns to print, in this order
    ///
    /// By default, `table` and `md` have the most important columns, and the other formats all.
    #[arg(long, value_name = "NAME,...", env = "KEYTRAIL_COLUMNS", value_delimiter = ',')]
    pub(super) columns: Vec<String>,

    /// File to write the rows to, instead of standard output
    #[arg(short, long, value_name = "FILE", env = "KEYTRAIL_ROWS")]
    pub(super) output: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,
}

/// Which folders of S3 to list.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "S3")]
pub(super) struct PruneOptions {
    /// Days after --until whose folders in S3 are still listed, for late deliveries
    #[arg(
        long,
        hide_short_help = true,
        value_name = "DAYS",
        env = "KEYTRAIL_DELIVERY_SLACK",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(0..=3650)
    )]
    pub(super) delivery_slack: u16,

    /// List all folders in S3, not only those of the selected accounts, Regions and days
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_NO_PRUNE", value_parser = FalseyValueParser::new())]
    pub(super) no_prune: bool,
}

/// How to send requests to S3. Credentials, Region and endpoint come from environment and profile.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "S3")]
pub(super) struct S3Options {
    /// AWS profile to take credentials and settings from, instead of AWS_PROFILE
    ///
    /// As in the AWS CLI, a profile that is named here is used even if the environment has keys.
    #[arg(long, value_name = "NAME", env = "KEYTRAIL_PROFILE")]
    pub(super) profile: Option<String>,

    /// AWS Region to send requests to, instead of AWS_REGION
    ///
    /// The Region of a bucket need not be named: AWS tells it. To report only calls made to some
    /// Regions, use --region.
    #[arg(long, value_name = "REGION", env = "KEYTRAIL_AWS_REGION")]
    pub(super) aws_region: Option<String>,

    /// Endpoint of S3, instead of AWS_ENDPOINT_URL
    #[arg(long, hide_short_help = true, value_name = "URL", env = "KEYTRAIL_ENDPOINT_URL")]
    pub(super) endpoint_url: Option<String>,

    /// Pay for requests to buckets whose requester pays
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_REQUESTER_PAYS", value_parser = FalseyValueParser::new())]
    pub(super) requester_pays: bool,

    /// Put the bucket's name into the path of requests, not into the host name
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_PATH_STYLE", value_parser = FalseyValueParser::new())]
    pub(super) path_style: bool,

    /// Use FIPS endpoints
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_FIPS", value_parser = FalseyValueParser::new())]
    pub(super) fips: bool,

    /// Use dual-stack endpoints (IPv4 and IPv6)
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_DUAL_STACK", value_parser = FalseyValueParser::new())]
    pub(super) dual_stack: bool,
}

/// What digests are verified with.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Integrity")]
pub(super) struct DigestFiles {
    /// CloudTrail's public keys: output of `aws cloudtrail list-public-keys`
    ///
    /// The keys of all Regions and times whose digests are to be verified. May be given several
    /// times. Whoever gives the file vouches for the keys.
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_DIGEST_KEYS")]
    pub(super) digest_keys: Vec<PathBuf>,

    /// Signature of a digest: output of `aws s3api head-object` for it, or a directory of them
    ///
    /// Only the newest digest of each chain needs one, and only in a copy: in S3 it comes with the
    /// digest. A file with the name of its digest is tried with that digest only.
    #[arg(long, value_name = "FILE|DIR", env = "KEYTRAIL_DIGEST_SIGNATURES")]
    pub(super) digest_signatures: Vec<PathBuf>,
}

/// What a scheduled run tells whoever operates it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Monitoring")]
pub(super) struct MonitoringOptions {
    /// File to write metrics to, for the textfile collector of Prometheus's node_exporter
    ///
    /// It is written at the end of every run, including one that fails or is interrupted, and is
    /// replaced atomically.
    #[arg(long, hide_short_help = true, value_name = "FILE", env = "KEYTRAIL_METRICS")]
    pub(super) metrics: Option<PathBuf>,

    /// Exit with status 3 if the newest KMS event read is older than this, such as 36h or 2d
    ///
    /// Every KMS event counts, selected or not. The condition is also met if there is no KMS event,
    /// or if the newest one is in the future.
    #[arg(
        long,
        value_name = "SPAN",
        env = "KEYTRAIL_MAX_AGE",
        value_parser = parse_duration
    )]
    pub(super) max_age: Option<Duration>,

    /// Exit with status 3 if the run finds any of these
    #[arg(long, value_name = "WHAT,...", env = "KEYTRAIL_FAIL_ON", value_delimiter = ',')]
    pub(super) fail_on: Vec<FailOn>,

    /// TOML file with findings that are accepted: see `keytrail findings --help`
    #[arg(long, hide_short_help = true, value_name = "FILE", env = "KEYTRAIL_MUTE")]
    pub(super) mute: Option<PathBuf>,
}

/// Who is not outside.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Sharing")]
pub(super) struct TrustOptions {
    /// File with the ids of trusted accounts, one in each line: all others are outside
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_TRUSTED_ACCOUNTS")]
    pub(super) trusted_accounts: Option<PathBuf>,

    /// Id of your organization (`o-…`): other organizations are outside
    #[arg(long, value_name = "ID", env = "KEYTRAIL_ORGANIZATION")]
    pub(super) organization: Option<String>,
}

/// How to run, and what to print about it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Running")]
pub(super) struct CommonOptions {
    /// Number of threads that read archives; 0 = one per core
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        env = "KEYTRAIL_THREADS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(0..=256)
    )]
    pub(super) threads: u16,

    /// Print errors only
    #[arg(short, long, env = "KEYTRAIL_QUIET", value_parser = FalseyValueParser::new())]
    pub(super) quiet: bool,

    /// Show no progress bar (it is only shown if standard error is a terminal)
    #[arg(long, hide_short_help = true, env = "KEYTRAIL_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    pub(super) no_progress: bool,

    /// When to use colors
    #[arg(long, hide_short_help = true, value_name = "WHEN", env = "KEYTRAIL_COLOR", default_value = "auto")]
    pub(super) color: ColorWhen,

    /// Format of messages on standard error
    #[arg(
        long,
        hide_short_help = true,
        value_name = "FORMAT",
        env = "KEYTRAIL_LOG_FORMAT",
        default_value = "text"
    )]
    pub(super) log_format: LogFormat,

    /// Print more: -v every reject, -vv also every archive and every repeated JSON key
    #[arg(short, long, action = clap::ArgAction::Count, env = "KEYTRAIL_VERBOSE")]
    pub(super) verbose: u8,
}
