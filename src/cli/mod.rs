//! The command line: arguments → [`crate`]'s plan, results → text. The only place that prints.
//!
//! One file per command; [`run`] gives the exit status. Only `interrupt` ends the process by itself.

mod alarms;
mod analyze;
mod args;
mod destination;
mod ending;
mod events;
mod interrupt;
mod log;
mod progress;
mod rules;
mod select;

use clap::{ColorChoice, CommandFactory, Parser};
use serde_json::json;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use thiserror::Error;

use args::{Args, Command, Common, EventFormat, Paint};
use ending::Ending;
use interrupt::Interrupt;
use keytrail::aggregate::InputTotals;
use keytrail::classify::RulesError;
use keytrail::engine::RunError;
use keytrail::extract::StateError;
use keytrail::format::json::Backend;
use keytrail::report::{OutputFormat, SinkError};
use keytrail::s3::S3Error;

/// Why a command failed as a whole.
#[derive(Debug, Error)]
enum CliError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    #[error("cannot read {path}: {error}")]
    Read { path: String, error: io::Error },
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// The one table from errors to exit statuses.
    fn status(&self) -> Status {
        match self {
            Self::Run(RunError::Cancelled) => Status::Interrupted,
            Self::Sink(SinkError::Closed) | Self::Run(RunError::Sink(SinkError::Closed)) => Status::Whole,
            _ => Status::Failed,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Everything was read, or the reader of our output had enough.
    Whole,
    /// There is a result, but something could not be read.
    InPart,
    /// Bad usage, or something could not be written.
    Failed,
    /// There is a result, and a condition of `--max-age` or `--fail-on` holds; whether everything was read, the result says.
    Alarm,
    /// Stopped by a signal.
    Interrupted,
}

impl Status {
    /// Of a command that has read these.
    fn of(inputs: &InputTotals) -> Self {
        if inputs.read_whole() { Self::Whole } else { Self::InPart }
    }

    /// The one table of exit statuses.
    fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::InPart => 1,
            Self::Failed => 2,
            Self::Alarm => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// Parses the command line, runs the command, and gives the exit status.
pub fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let ending = Ending::of(&args.command);
    let interrupt = Interrupt::listen(&ending);
    let backend = Backend::requested().map_err(|error| CliError::Usage(error.to_string()));
    let result = match args.command {
        Command::Analyze(command) => backend.and_then(|_| analyze::run(&command, &interrupt, &ending)),
        Command::Events(command) => backend.and_then(|_| events::run(&command, &interrupt, &ending)),
        Command::Rules(command) => backend.and_then(|_| rules::run(&command, &interrupt, &ending)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "keytrail", &mut script);
            print_bytes(&script)
        }
        Command::Man { page } => man(page.as_deref()),
    };
    result.unwrap_or_else(|error| ending.failed(&error)).into()
}

/// Help and version are no errors, and a closed pipe is none either.
fn usage(error: &clap::Error) -> ExitCode {
    let status = if error.use_stderr() { Status::Failed } else { Status::Whole };
    if status == Status::Failed && is_json_asked_for() {
        log::line(
            "ERROR",
            "failed",
            json!({"error": error.render().to_string(), "exit_status": status.code()}),
        );
    } else {
        let _ = error.print();
    }
    status.into()
}

/// Whether messages are to be JSON, as far as that can be known of options that could not be read.
fn is_json_asked_for() -> bool {
    let args: Vec<_> = std::env::args_os().collect();
    let by_option = |pair: &[OsString]| pair[0] == "--log-format" && pair[1] == "json";
    args.iter().any(|arg| arg == "--log-format=json")
        || args.windows(2).any(by_option)
        || std::env::var_os("KEYTRAIL_LOG_FORMAT").is_some_and(|format| format == "json")
}

fn man(page: Option<&str>) -> Result<Status, CliError> {
    let mut root = Args::command();
    root.build(); // gives the commands their full names
    let command = page.and_then(|name| root.find_subcommand(name)).unwrap_or(&root).clone();
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| SinkError::File { path: "the manual page".to_owned(), source: error })?;
    print_bytes(&text)
}

fn print_bytes(bytes: &[u8]) -> Result<Status, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(SinkError::File { path: "standard output".to_owned(), source: error }.into())
        }
        _ => Ok(Status::Whole),
    }
}

/// The output format asked for, or the one that suits where it goes.
fn format(asked: Option<EventFormat>, is_terminal: bool) -> Result<OutputFormat, CliError> {
    let format = match asked {
        Some(EventFormat::Table) => OutputFormat::Table,
        Some(EventFormat::Ndjson) => OutputFormat::Ndjson,
        Some(EventFormat::Csv) => OutputFormat::Csv,
        Some(EventFormat::Parquet) => OutputFormat::Parquet,
        Some(EventFormat::Arrow) => OutputFormat::Arrow,
        None if is_terminal => OutputFormat::Table,
        None => OutputFormat::Ndjson,
    };
    if is_terminal && matches!(format, OutputFormat::Parquet | OutputFormat::Arrow) {
        let text = "this format is not for a terminal; redirect standard output to a file or a program";
        return Err(CliError::Usage(text.to_owned()));
    }
    Ok(format)
}

/// Whether to use terminal escapes on a stream that is (or is not) a terminal.
fn paint(common: &Common, is_terminal: bool) -> bool {
    match common.color {
        Paint::Always => true,
        Paint::Never => false,
        Paint::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

impl From<Paint> for ColorChoice {
    fn from(paint: Paint) -> Self {
        match paint {
            Paint::Always => Self::Always,
            Paint::Never => Self::Never,
            Paint::Auto => Self::Auto,
        }
    }
}
