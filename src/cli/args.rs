//! The options as they are typed. What they mean is settled in `select` and in each command.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Who used this KMS key, and for what? KMS usage of SageMaker workloads from CloudTrail archives.
#[derive(Debug, Parser)]
#[command(
    name = "keytrail",
    version,
    max_term_width = 100,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit status: 0 everything was read; 1 there is a result, but something could not be read; 2 bad usage, or \
something could not be written; 3 there is a result, and a condition of --max-age or --fail-on holds; 130 interrupted.

Environment: KEYTRAIL_<OPTION> stands for any option. KEYTRAIL_SIMD=scalar|avx2|avx512|neon chooses the instructions that find records \
(the result is the same). TMPDIR is where temporary files go."
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Analyze(Analyze),
    Events(Events),
    Rules(Rules),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  keytrail completions bash > /etc/bash_completion.d/keytrail")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(after_help = "Examples:
  keytrail man > /usr/share/man/man1/keytrail.1
  keytrail man analyze > /usr/share/man/man1/keytrail-analyze.1")]
    Man {
        /// The command whose page to print; without it, keytrail's own
        #[arg(value_name = "COMMAND", value_parser = ["analyze", "events", "rules", "completions", "man"])]
        page: Option<String>,
    },
}

/// Read archives, write a report directory
///
/// Reads CloudTrail archives, counts KMS usage per key, principal and workload, and writes Parquet files with the usage, every event, every
/// reject and every input, and run.json with the accounting and what the numbers cannot prove.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail analyze sample-logs -o report
  keytrail analyze --workload any --event any AWSLogs/111122223333/CloudTrail
  keytrail analyze --since 30d --account 111122223333 --key '*1234abcd*' logs/
  keytrail analyze --since 2023-03-17 --until 2023-03-18 s3://my-trail/AWSLogs -o report
  cat key.json.gz | keytrail analyze -o report -")]
pub(super) struct Analyze {
    /// Directory to write the report into, or s3://BUCKET/FOLDER
    #[arg(short, long, value_name = "DIR", env = "KEYTRAIL_OUTPUT", default_value = "keytrail-report")]
    pub(super) output: PathBuf,

    /// Replace the report in a directory that is not empty
    #[arg(long, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,

    /// Read only archives that earlier such runs into the same directory have not read; the report is that of one run over all of them.
    /// With --force, begin anew
    #[arg(long, env = "KEYTRAIL_INCREMENTAL", value_parser = FalseyValueParser::new())]
    pub(super) incremental: bool,

    #[command(flatten)]
    pub(super) select: Select,

    #[command(flatten)]
    pub(super) folders: Folders,

    #[command(flatten)]
    pub(super) s3: S3,

    #[command(flatten)]
    pub(super) unattended: Unattended,

    #[command(flatten)]
    pub(super) common: Common,
}

/// Read archives, print the selected events
///
/// Prints events as they are found, with the columns of the report's events.parquet.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail events --workload any --event any --key '*1234abcd*' logs/
  keytrail events --format ndjson logs/ | jq -r 'select(.outcome==\"denied\") | .error_message'
  keytrail events --format parquet --since 2023-03-01 logs/ > march.parquet")]
pub(super) struct Events {
    /// Output format; `table` on a terminal, `ndjson` otherwise
    #[arg(long, value_name = "F", env = "KEYTRAIL_FORMAT")]
    pub(super) format: Option<EventFormat>,

    #[command(flatten)]
    pub(super) select: Select,

    #[command(flatten)]
    pub(super) folders: Folders,

    #[command(flatten)]
    pub(super) s3: S3,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EventFormat {
    /// The telling columns, for eyes
    Table,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated with a header, safe to open in a spreadsheet
    Csv,
    /// One Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

/// Print the workload rules in force
///
/// Prints the built-in rules, those of a file of your own, and, with inputs, what is learned from them: the roles, paths, keys and
/// sessions that settings, jobs and STS name, each with the first record that says so. These are the rules that `analyze` and `events`
/// apply to the same inputs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail rules
  keytrail rules sample-logs
  keytrail rules --format ndjson logs/ | jq -r 'select(.origin==\"learned\") | .particular'")]
pub(super) struct Rules {
    /// Files, directories (walked recursively), s3://bucket/prefix, or `-` for standard input, to learn from
    #[arg(value_name = "INPUT", help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    /// Output format; `table` on a terminal, `ndjson` otherwise
    #[arg(long, value_name = "F", env = "KEYTRAIL_FORMAT")]
    pub(super) format: Option<EventFormat>,

    /// TOML file with workload rules of your own, on top of the built-in ones
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_RULES")]
    pub(super) rules: Option<PathBuf>,

    #[command(flatten)]
    pub(super) s3: S3,

    #[command(flatten)]
    pub(super) common: Common,
}

/// Which archives to read and which of their events to count.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Selection")]
pub(super) struct Select {
    /// Files, directories (walked recursively), s3://bucket/prefix, or `-` for standard input
    #[arg(value_name = "INPUT", required = true, help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    /// Workloads: geospatial, canvas, canvas-forecast, forecast, feature-store-offline, feature-store-online, autopilot,
    /// sagemaker-other; `sagemaker` = all of these; `any` = every caller; also s3-unattributed, other, unknown
    #[arg(
        long,
        value_name = "W,...",
        env = "KEYTRAIL_WORKLOAD",
        value_delimiter = ',',
        default_value = "geospatial,canvas,canvas-forecast,forecast,feature-store-offline,feature-store-online"
    )]
    pub(super) workload: Vec<String>,

    /// KMS APIs, compared exactly; `any` = every kms.amazonaws.com event
    #[arg(
        long,
        value_name = "NAME,...",
        env = "KEYTRAIL_EVENT",
        value_delimiter = ',',
        default_value = "CreateGrant,GenerateDataKey,Decrypt,GenerateDataKeyWithoutPlaintext"
    )]
    pub(super) event: Vec<String>,

    /// Events at or after this time: RFC 3339, YYYY-MM-DD (UTC midnight), or a span back from now (30d, 12h)
    #[arg(long, value_name = "T", env = "KEYTRAIL_SINCE")]
    pub(super) since: Option<String>,

    /// Events before this time, in the same forms
    #[arg(long, value_name = "T", env = "KEYTRAIL_UNTIL")]
    pub(super) until: Option<String>,

    /// Accounts whose trail recorded the event
    #[arg(long, value_name = "A,...", env = "KEYTRAIL_ACCOUNT", value_delimiter = ',')]
    pub(super) account: Vec<String>,

    /// Regions the calls were made to
    #[arg(long, value_name = "R,...", env = "KEYTRAIL_REGION", value_delimiter = ',')]
    pub(super) region: Vec<String>,

    /// Patterns (`*`, `?`) on the key's ARN, id or alias
    #[arg(long, value_name = "K,...", env = "KEYTRAIL_KEY", value_delimiter = ',')]
    pub(super) key: Vec<String>,

    /// Patterns (`*`, `?`) on the principal
    #[arg(long, value_name = "P,...", env = "KEYTRAIL_PRINCIPAL", value_delimiter = ',')]
    pub(super) principal: Vec<String>,

    /// TOML file with workload rules of your own, on top of the built-in ones
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_RULES")]
    pub(super) rules: Option<PathBuf>,

    /// Output of `aws kms list-aliases`: keys of calls that name nothing but an alias, as far as the input itself does not tell
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_ALIASES")]
    pub(super) aliases: Option<PathBuf>,

    /// Read the input once: nothing is learned from it (roles, paths, keys and sessions of workloads, aliases, corrections, stopped trails)
    #[arg(long, env = "KEYTRAIL_NO_LEARN", value_parser = FalseyValueParser::new())]
    pub(super) no_learn: bool,

    /// Count every delivered copy
    #[arg(long, env = "KEYTRAIL_KEEP_DUPLICATES", value_parser = FalseyValueParser::new())]
    pub(super) keep_duplicates: bool,

    /// SHA-256 of each archive's decompressed content, as evidence (costs about as much as gunzip)
    #[arg(long, env = "KEYTRAIL_HASH", value_parser = FalseyValueParser::new())]
    pub(super) hash: bool,

    /// Decompressed bytes after which an archive, or a container of archives, is cut off
    #[arg(long, value_name = "BYTES", env = "KEYTRAIL_MAX_ARCHIVE_BYTES", default_value_t = 8 << 30)]
    pub(super) max_archive_bytes: u64,

    /// Bytes above which a record, with what wraps it, is rejected
    #[arg(long, value_name = "BYTES", env = "KEYTRAIL_MAX_RECORD_BYTES", default_value_t = 4 << 20,
          value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub(super) max_record_bytes: u64,
}

/// Which folders of S3 to list.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "S3")]
pub(super) struct Folders {
    /// Days past --until whose folders in S3 are still listed, for deliveries that came late
    #[arg(long, value_name = "DAYS", env = "KEYTRAIL_DELIVERY_SLACK", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(0..=3650))]
    pub(super) delivery_slack: u16,

    /// List all folders in S3, not only those of the accounts, regions and days asked for
    #[arg(long, env = "KEYTRAIL_NO_PRUNE", value_parser = FalseyValueParser::new())]
    pub(super) no_prune: bool,
}

/// How to ask S3, beside what environment and profile say.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "S3")]
pub(super) struct S3 {
    /// Pay for requests to buckets of others that want it so
    #[arg(long, env = "KEYTRAIL_REQUESTER_PAYS", value_parser = FalseyValueParser::new())]
    pub(super) requester_pays: bool,

    /// Name buckets in the path of requests, not in the host name
    #[arg(long, env = "KEYTRAIL_PATH_STYLE", value_parser = FalseyValueParser::new())]
    pub(super) path_style: bool,

    /// Use FIPS endpoints
    #[arg(long, env = "KEYTRAIL_FIPS", value_parser = FalseyValueParser::new())]
    pub(super) fips: bool,

    /// Use dual-stack endpoints, which IPv6 reaches, too
    #[arg(long, env = "KEYTRAIL_DUAL_STACK", value_parser = FalseyValueParser::new())]
    pub(super) dual_stack: bool,
}

/// What to tell of a run that nobody watches.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Unattended")]
pub(super) struct Unattended {
    /// File to write metrics into, for the textfile collector of Prometheus's node_exporter; also when the run fails
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_METRICS")]
    pub(super) metrics: Option<PathBuf>,

    /// Exit with status 3 if the newest KMS event read is older than this (36h, 2d)
    #[arg(long, value_name = "SPAN", env = "KEYTRAIL_MAX_AGE", value_parser = Span::parse)]
    pub(super) max_age: Option<Span>,

    /// Exit with status 3 if there is any of this
    #[arg(long, value_name = "WHAT,...", env = "KEYTRAIL_FAIL_ON", value_delimiter = ',')]
    pub(super) fail_on: Vec<Condition>,
}

/// A length of time, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) i64);

impl Span {
    /// `12h`, `30d`: a number and one of s, m, h, d, w.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::of(text).ok_or_else(|| "write a number and s, m, h, d or w, such as 36h or 2d".to_owned())
    }

    fn of(text: &str) -> Option<Self> {
        let unit_ms = match text.chars().last()? {
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse::<i64>().ok()?.checked_mul(unit_ms).map(Self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Condition {
    /// Records or stretches that could not be read
    Rejects,
    /// Archives that could not be opened or read
    Unreadable,
    /// Days without an archive, in an account and region that has some before and after, inside --since and --until
    Gaps,
    /// Events that share their eventID with another that differs
    Conflicts,
}

/// How to run and what to say meanwhile.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Running")]
pub(super) struct Common {
    /// Threads to read archives with; 0 = one per core
    #[arg(long, value_name = "N", env = "KEYTRAIL_THREADS", default_value_t = 0,
          value_parser = clap::value_parser!(u16).range(0..=256))]
    pub(super) threads: u16,

    /// Say nothing but errors
    #[arg(short, long, env = "KEYTRAIL_QUIET", value_parser = FalseyValueParser::new())]
    pub(super) quiet: bool,

    /// No progress bar (there is none unless standard error is a terminal)
    #[arg(long, env = "KEYTRAIL_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    pub(super) no_progress: bool,

    /// Colours; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", env = "KEYTRAIL_COLOR", default_value = "auto")]
    pub(super) color: Paint,

    /// Form of messages on standard error
    #[arg(long, value_name = "F", env = "KEYTRAIL_LOG_FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,

    /// Say more: -v names every reject, -vv every archive and every repeated JSON key
    #[arg(short, long, action = clap::ArgAction::Count, env = "KEYTRAIL_VERBOSE")]
    pub(super) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Paint {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}
