//! Errors that stop a command.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::exit::ExitStatus;
use keytrail::checkpoint::CheckpointError;
use keytrail::classify::RulesError;
use keytrail::engine::RunError;
use keytrail::page::PageError;
use keytrail::report::{ReadError, SinkError};
use keytrail::s3::{Address, S3Error};

/// Why a command failed as a whole.
#[derive(Debug, Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Report(#[from] ReadError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    /// A file named by an option cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        error: io::Error,
    },
    /// None of the inputs can be opened.
    #[error("{}", unopened(.0))]
    NoInput(Vec<UnopenedInput>),
    /// The program has a mistake.
    #[error("an internal error happened, please report it: {0}")]
    Internal(String),
    /// The arguments do not fit together. The text says what to write instead.
    #[error("{0}")]
    Usage(String),
}

/// An input that cannot be opened.
#[derive(Debug)]
pub(super) struct UnopenedInput {
    name: String,
    error: io::Error,
    /// What was probably meant.
    meant: Option<String>,
}

impl UnopenedInput {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        let name = path.display().to_string();
        let meant = may_be_bucket(&name).then(|| format!("s3://{name}"));
        Self { meant: meant.filter(|_| error.kind() == io::ErrorKind::NotFound), name, error }
    }

    pub(super) fn missing_object(address: &Address) -> Self {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no such object");
        Self { name: address.to_string(), error, meant: None }
    }
}

/// Whether a path looks like a bucket and a prefix of CloudTrail's, without `s3://`.
fn may_be_bucket(name: &str) -> bool {
    let mut parts = name.split('/');
    let bucket = parts.next().unwrap_or_default();
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(is_name)
        && !bucket.starts_with('.')
        && !Path::new(bucket).exists()
        && parts.any(|part| part == "AWSLogs" || part == "CloudTrail")
}

/// Inputs named in the error.
const LISTED: usize = 5;

fn unopened(inputs: &[UnopenedInput]) -> String {
    let text = |input: &UnopenedInput| {
        let meant = input.meant.as_ref().map(|meant| format!("; did you mean {meant}?"));
        format!("{}: {}{}", input.name, input.error, meant.unwrap_or_default())
    };
    if let [input] = inputs {
        return format!("cannot open {}", text(input));
    }
    let mut lines = vec!["none of the inputs can be opened:".to_owned()];
    lines.extend(inputs.iter().take(LISTED).map(|input| format!("  {}", text(input))));
    if inputs.len() > LISTED {
        lines.push(format!("  and {} more", inputs.len() - LISTED));
    }
    lines.join("\n")
}

impl CliError {
    /// The exit status of a command that ends with this error.
    pub(super) fn status(&self) -> ExitStatus {
        match self {
            Self::Run(RunError::Cancelled) => ExitStatus::Interrupted,
            Self::Sink(SinkError::Closed) | Self::Run(RunError::Sink(SinkError::Closed)) => {
                ExitStatus::Success
            }
            _ => ExitStatus::Failure,
        }
    }
}
