//! The commands and their arguments, as typed. A command's `run` and `plan` decide what they mean.
//!
//! The first paragraph of a comment here is the help of `-h`, all of it that of `--help` and of the
//! manual page. `docs/cli.md` holds a copy, which a test compares.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs, Parser, Subcommand};

use super::event_args::{EventsArgs, SummaryArgs};
use super::evidence_args::EvidenceArgs;
use super::exit::ExitStatus;
use super::export_args::ExportArgs;
use super::html_args::{HtmlArgs, LanguageOption};
use super::options::{
    CommonOptions, DigestFiles, KeyOption, MonitoringOptions, PruneOptions, ReportOrArchives, RowOptions,
    S3Options, SelectionOptions, TrustOptions,
};
use super::policy_args::PolicyArgs;
use super::record_args::RecordArgs;
use super::values::{
    FindingsFormat, SummaryForm, TrustedRecords, findings_format, questions, severities, states,
};
use super::verify_args::VerifyArgs;
use keytrail::audit::FindingSeverity;

/// Who used this KMS key, and for what? KMS usage of SageMaker workloads from CloudTrail archives.
#[derive(Debug, Parser)]
#[command(
    name = "keytrail",
    version,
    max_term_width = 100,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = after_help()
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Args {
    /// Notes which options that have a default are given.
    pub(super) fn note_given(&mut self, matches: &ArgMatches) {
        let Some((_, matches)) = matches.subcommand() else { return };
        let events = match &mut self.command {
            Command::Events(args) => &mut args.events,
            Command::Summary(args) => &mut args.events,
            _ => return,
        };
        let is_given = |option: &str| {
            matches.value_source(option).is_some_and(|source| source != ValueSource::DefaultValue)
        };
        events.is_given = (is_given("workload"), is_given("event"));
    }
}

fn after_help() -> String {
    let statuses = ExitStatus::table();
    format!(
        "Exit status:
{statuses}
Environment:
  KEYTRAIL_<OPTION>  sets an option, for example KEYTRAIL_OUTPUT
  KEYTRAIL_SIMD      instructions that find records: scalar, avx2, avx512, neon;
                     the result is the same
  TMPDIR             directory for temporary files"
    )
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Analyze(Box<AnalyzeArgs>),
    Events(Box<EventsArgs>),
    Summary(Box<SummaryArgs>),
    Record(RecordArgs),
    Grants(GrantsArgs),
    Review(ReviewArgs),
    Sharing(SharingArgs),
    Policy(PolicyArgs),
    Findings(FindingsArgs),
    Verify(VerifyArgs),
    Html(HtmlArgs),
    Evidence(EvidenceArgs),
    Export(ExportArgs),
    Rules(RulesArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Read archives and write a report directory
///
/// Counts KMS usage per key, principal and workload. The report consists of Parquet files (usage,
/// events, rejects and inputs), of run.json, which says how every record was counted and what the
/// numbers cannot prove, and of report.html, a page to read, print and sign.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail analyze sample-logs -o report
  keytrail analyze --workload any --event any -o all AWSLogs/111122223333/CloudTrail
  keytrail analyze --since 30d --account 111122223333 --key '*1234abcd*' -o month logs/
  keytrail analyze --since 2023-03-17 --until 2023-03-18 -o day s3://my-trail/AWSLogs
  cat one.json.gz | keytrail analyze -o one -")]
pub(super) struct AnalyzeArgs {
    /// Directory to write the report to, or s3://BUCKET/FOLDER
    #[arg(short, long, value_name = "DIR", env = "KEYTRAIL_OUTPUT", default_value = "keytrail-report")]
    pub(super) output: PathBuf,

    /// Replace the report in a directory that is not empty
    ///
    /// Only the files of a report are replaced. Other files in the directory stay.
    #[arg(long, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,

    /// Read only archives that no earlier incremental run into the same directory has read
    ///
    /// The report is the same as that of one run over all archives. With --force, start over.
    #[arg(long, env = "KEYTRAIL_INCREMENTAL", value_parser = FalseyValueParser::new())]
    pub(super) incremental: bool,

    #[command(flatten)]
    pub(super) selection: SelectionOptions,

    #[command(flatten)]
    pub(super) prune: PruneOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) digests: DigestFiles,

    /// Whose records may correct others, replace copies of them, or say what they are for
    ///
    /// With `verified`, only those in archives that digests verify: all others count for themselves
    /// alone. Needs --digest-keys.
    #[arg(
        long,
        value_name = "WHOSE",
        env = "KEYTRAIL_TRUST",
        default_value = "all",
        requires_if("verified", "digest_keys"),
        help_heading = "Integrity"
    )]
    pub(super) trust: TrustedRecords,

    #[command(flatten)]
    pub(super) trusted: TrustOptions,

    /// Print the summary on standard output in this form, not as text on standard error
    #[arg(long, value_name = "FORM", env = "KEYTRAIL_SUMMARY")]
    pub(super) summary: Option<SummaryForm>,

    /// Do not write report.html, the page of the report
    #[arg(long, env = "KEYTRAIL_NO_HTML", value_parser = FalseyValueParser::new())]
    pub(super) no_html: bool,

    #[command(flatten)]
    pub(super) language: LanguageOption,

    #[command(flatten)]
    pub(super) monitoring: MonitoringOptions,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print the grants of the input: for whom, for what, since when, and whether used
///
/// Every grant that the input shows, from CreateGrant to its end, with the calls that are
/// consistent with it. The columns are those of the report's grants.parquet. No record says that a
/// call was allowed by a grant, so a policy may have allowed these calls.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail grants sample-logs
  keytrail grants --state open --format csv logs/ > open-grants.csv
  keytrail grants --state open report
  keytrail grants --key '*1234abcd*' logs/ | jq -r 'select(.consistent_use_count==0) | .grant_id'")]
pub(super) struct GrantsArgs {
    #[command(flatten)]
    pub(super) from: ReportOrArchives,

    #[command(flatten)]
    pub(super) only: KeyOption,

    /// Show grants for these grantees: ARN, name of a role, user or service, or a pattern
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_GRANTEE", value_delimiter = ',')]
    pub(super) grantee: Vec<String>,

    /// Show grants in these states
    #[arg(
        long,
        value_name = "STATE,...",
        env = "KEYTRAIL_STATE",
        value_delimiter = ',',
        value_parser = states()
    )]
    pub(super) state: Vec<String>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print who used which key, or may by a grant, as a sheet for an access review
///
/// One row per key and principal: how often, since when, for what, what was refused, how many
/// grants are open, what the key policy allows and nobody used, and empty columns for reviewer,
/// decision and date. All KMS calls count. What IAM policies allow is not in the rows.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail review sample-logs
  keytrail review --format csv report > review.csv
  aws kms list-keys > keys.json && keytrail review --keys keys.json report")]
pub(super) struct ReviewArgs {
    #[command(flatten)]
    pub(super) from: ReportOrArchives,

    #[command(flatten)]
    pub(super) only: KeyOption,

    /// Output of `aws kms list-keys`: adds the keys that nobody used
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_KEYS")]
    pub(super) keys: Option<PathBuf>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print what is shared with other accounts, and who uses it
///
/// Shares of AWS RAM, resource policies of SageMaker, and keys and offline stores that other
/// accounts may use, with the calls of those accounts. One table per question: what is shared with
/// whom, who uses it, what was refused, what was never used, what is used without a visible share,
/// and what the writer and the readers of offline stores need. docs/sharing.md says what is not
/// recorded.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail sharing sample-logs
  keytrail sharing --question shared,unexplained report
  keytrail sharing --question stores --format csv report > stores.csv
  keytrail sharing --trusted-accounts accounts.txt --format csv logs/ > sharing.csv

The file of --trusted-accounts has one account id in each line; # begins a comment.")]
pub(super) struct SharingArgs {
    #[command(flatten)]
    pub(super) from: ReportOrArchives,

    /// Answer only these questions
    #[arg(
        long,
        value_name = "QUESTION,...",
        env = "KEYTRAIL_QUESTION",
        value_delimiter = ',',
        value_parser = questions()
    )]
    pub(super) question: Vec<String>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) trust: TrustOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print what an auditor should look at, the worst first
///
/// Findings about grants, keys, their users and trails, each with the records that show it, what to
/// do about it, and what it cannot prove. docs/findings.md has the rules. A finding keeps its id
/// from run to run. From a report, its findings.parquet is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail findings sample-logs
  keytrail findings -q --severity high --format csv logs/ > findings.csv
  keytrail findings --format sarif report > findings.sarif

The file of --mute:
  [[mute]]
  rule = \"grant-stale\"
  key = \"*:111122223333:key/*\"   # optional, as is principal
  reason = \"quarterly job\"
  owner = \"data-platform\"
  expiry = \"2027-03-31\"          # its last day")]
pub(super) struct FindingsArgs {
    #[command(flatten)]
    pub(super) from: ReportOrArchives,

    /// Show findings that are this bad, or worse
    #[arg(
        long,
        value_name = "SEVERITY",
        env = "KEYTRAIL_SEVERITY",
        default_value = "info",
        value_parser = severities()
    )]
    pub(super) severity: FindingSeverity,

    /// TOML file with findings that are accepted: rule, key, principal, reason, owner, expiry
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_MUTE")]
    pub(super) mute: Option<PathBuf>,

    /// An earlier report: SARIF says which findings are new since then
    #[arg(long, value_name = "REPORT", env = "KEYTRAIL_BASELINE")]
    pub(super) baseline: Option<PathBuf>,

    /// Output format; the default is `table` on a terminal, `ndjson` otherwise
    #[arg(long, value_name = "FORMAT", env = "KEYTRAIL_FORMAT", value_parser = findings_format())]
    pub(super) format: Option<FindingsFormat>,

    #[command(flatten)]
    pub(super) trust: TrustOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print the workload rules in force
///
/// Prints the built-in rules and the rules of your own file. With inputs, it also prints the
/// learned rules: the roles, paths, keys and sessions that settings, jobs and STS name in these
/// archives, each with the first record that names them. `analyze` and `events` apply the same
/// rules to the same inputs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail rules
  keytrail rules sample-logs
  keytrail rules logs/ | jq -r 'select(.origin==\"learned\") | .particular'")]
pub(super) struct RulesArgs {
    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, or `-` for standard input, to
    /// learn rules from
    #[arg(value_name = "INPUT", help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    /// TOML file with your own workload rules, in addition to the built-in ones
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_RULES")]
    pub(super) rules: Option<PathBuf>,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Print a completion script for a shell
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  keytrail completions bash > /etc/bash_completion.d/keytrail")]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// Print a manual page
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail man > /usr/share/man/man1/keytrail.1
  keytrail man analyze > /usr/share/man/man1/keytrail-analyze.1")]
pub(super) struct ManArgs {
    /// The command to describe; without it, keytrail itself
    #[arg(
        value_name = "COMMAND",
        value_parser = ["analyze", "events", "summary", "record", "grants", "review", "sharing", "findings", "policy", "verify", "html", "evidence", "export", "rules", "completions", "man"]
    )]
    pub(super) page: Option<String>,
}
