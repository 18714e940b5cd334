//! The arguments of `keytrail policy`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::options::{CommonOptions, ReportOrArchives, RowOptions, S3Options};
use super::values::policy_states;

/// Compare key policies with calls, or write one that fits
///
/// Key policies come from the records of CreateKey, PutKeyPolicy and ReplicateKey, and from files.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    Check(CheckArgs),
    Suggest(SuggestArgs),
}

impl PolicyArgs {
    /// What all commands have in common.
    pub(super) fn common(&self) -> &CommonOptions {
        match &self.command {
            PolicyCommand::Check(args) => &args.common,
            PolicyCommand::Suggest(args) => &args.common,
        }
    }
}

/// Say for each statement of a key policy whether it was used
///
/// One row per statement, principal and permission: used, allowed and not used, used and not
/// allowed, or not to be known from records; what a workload is said to need and the policy does
/// not give; what has no effect; which policy refused calls. The columns are those of the report's
/// policy_statements.parquet. All KMS calls count, whatever their workload.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail policy check sample-logs
  keytrail policy check --policy policy.json --key '*1234abcd*' logs/
  keytrail policy check --status allowed_not_used,no_effect --format csv logs/ > review.csv
  aws kms get-key-policy --key-id KEY | keytrail policy check --policy KEY=- logs/")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) from: ReportOrArchives,

    /// A key policy, or the answer of `aws kms get-key-policy`; `-` for standard input
    ///
    /// KEY is the ARN or id of its key. Without it, the policy is for the key that it names as its
    /// Resource, or whose id is in the name of the file, else for every key. Samples of
    /// documentation are repaired where they are not valid JSON, and this is said. May be given
    /// several times. It takes the place of what records say about the key's policy.
    #[arg(long, value_name = "[KEY=]FILE", env = "KEYTRAIL_POLICY")]
    pub(super) policy: Vec<String>,

    /// Show policies of these keys: ARN, id, alias, or a pattern (`*`, `?`)
    #[arg(long, value_name = "PATTERN,...", env = "KEYTRAIL_KEY", value_delimiter = ',')]
    pub(super) key: Vec<String>,

    /// Show rows with these statuses
    #[arg(
        long,
        value_name = "STATUS,...",
        env = "KEYTRAIL_STATUS",
        value_delimiter = ',',
        value_parser = policy_states()
    )]
    pub(super) status: Vec<String>,

    #[command(flatten)]
    pub(super) rows: RowOptions,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// Write the least key policy for what was observed and what workloads are said to need
///
/// The policy is printed as JSON that `aws kms put-key-policy` takes. What was left out, and why,
/// is printed as messages. Statements of the present policy for administrators, and the one that
/// lets the account's IAM policies decide, are kept. Read it before you use it: records show what
/// was done in the window, not what will be needed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail policy suggest --key 1234abcd-12ab-34cd-56ef-1234567890ab sample-logs
  keytrail policy suggest --key '*34cd-56ef*' --policy policy.json logs/ > suggested.json")]
pub(super) struct SuggestArgs {
    /// Files, directories (searched recursively), s3://BUCKET/PREFIX, or `-` for standard input
    #[arg(value_name = "INPUT", required = true, help_heading = "Arguments")]
    pub(super) inputs: Vec<PathBuf>,

    /// The key: ARN, id, alias, or a pattern that only this key matches
    #[arg(long, value_name = "KEY", env = "KEYTRAIL_KEY")]
    pub(super) key: String,

    /// The present policy of the key, if it is not in the records; `-` for standard input
    #[arg(long, value_name = "FILE", env = "KEYTRAIL_POLICY")]
    pub(super) policy: Option<String>,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}
