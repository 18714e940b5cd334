//! Commands for a program that embeds the command line, as the Python package does.
//!
//! Options, defaults and the sentences of errors are those of the command line: arguments are
//! parsed by the same parser. Nothing is printed but the progress bar, signals are left to the
//! program, and errors are returned.

use std::ffi::OsString;
use std::io::Write;
use std::sync::{Arc, Mutex};

use clap::ArgAction;
use clap::builder::ValueParser;
use clap::{Arg, CommandFactory};
use indicatif::ProgressBar;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

use super::args::{AnalyzeArgs, Args, Command};
use super::error::CliError;
use super::exit::ExitStatus;
use super::html_args::HtmlArgs;
use super::inputs::open_report;
use super::interrupt::Interrupt;
use super::options::CommonOptions;
use super::reporter::{ExitReporter, Message};
use super::row_output::check_columns;
use super::values::{ColorWhen, LogFormat};
use super::{analyze, event_source, events, plan, startup, variables};
use keytrail::base::{catch_panic, lock};
use keytrail::engine::RunError;
use keytrail::model::error_chain;
use keytrail::page::write_page;
use keytrail::report::{BatchTaker, EVENTS, FinishedReport, ReadError, SinkError, printable_lines};

/// Why a command has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What went wrong.
    pub kind: FailureKind,
    /// The sentence of the command line.
    pub sentence: String,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// An option has a wrong value, or does not go with another.
    Usage,
    /// No input can be opened, or a file that an option names cannot be read.
    Input,
    /// There is no report, or it cannot be read.
    Report,
    /// The report cannot be written.
    Output,
    /// S3 refused a request or cannot be reached.
    S3,
    /// The checkpoint of incremental runs cannot be used.
    Checkpoint,
    /// The run was asked to stop.
    Stopped,
    /// The program has a mistake.
    Internal,
    /// Something else, such as too little memory.
    Other,
}

/// What a command that has a result has to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// What could not be read; the command line would exit with status 1.
    pub unread: Option<String>,
    /// Conditions of `--max-age` and `--fail-on` that are met; the exit status would be 3.
    pub alarms: Vec<String>,
    /// What the command line would warn of.
    pub warnings: Vec<String>,
}

/// An option of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOption {
    /// Its name, without `--`.
    pub name: String,
    /// What it takes.
    pub takes: Takes,
    /// The first paragraph of its help.
    pub help: String,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Takes {
    /// Nothing: it is given, or not.
    Nothing,
    /// A whole number.
    Number,
    /// A text.
    Text,
    /// Any number of texts.
    Texts,
}

/// The options of a command, in the order of its help; none when there is no such command.
pub fn options(command: &str) -> Vec<CommandOption> {
    let all = Args::command();
    let arguments = all.find_subcommand(command).into_iter().flat_map(|command| command.get_arguments());
    arguments.filter_map(option).collect()
}

fn option(arg: &Arg) -> Option<CommandOption> {
    let numbers = [ValueParser::from(clap::value_parser!(u64)), ValueParser::from(clap::value_parser!(u16))];
    let is_number = || numbers.iter().any(|known| known.type_id() == arg.get_value_parser().type_id());
    let takes = match arg.get_action() {
        ArgAction::Set if is_number() => Takes::Number,
        ArgAction::Set => Takes::Text,
        ArgAction::Append => Takes::Texts,
        _ => Takes::Nothing,
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(CommandOption { name: arg.get_long()?.to_owned(), takes, help })
}

/// A command that runs on one thread and is stopped from another.
#[derive(Clone, Default)]
pub struct Runner {
    pub(super) interrupt: Interrupt,
}

impl Runner {
    /// Asks the command to stop, which takes some hundred milliseconds. A read that does not return
    /// delays it.
    pub fn stop(&self) {
        self.interrupt.ask_to_stop();
    }

    /// Removes what a command that does not stop has written so far.
    pub fn remove_unfinished(&self) {
        self.interrupt.remove_unfinished();
    }

    /// Runs `analyze` with these arguments, of which the first two are the program and `analyze`.
    ///
    /// # Errors
    /// When there is no report.
    pub fn analyze(&self, arguments: &[OsString]) -> Result<Ended, Failed> {
        self.with_analyze(arguments, |args, bar, reporter| {
            analyze::analyze(args, None, bar, &self.interrupt, reporter)
        })
    }

    /// Does `work` with the arguments of `analyze`.
    pub(super) fn with_analyze(
        &self,
        arguments: &[OsString],
        work: impl FnOnce(&AnalyzeArgs, &ProgressBar, &ExitReporter) -> Result<ExitStatus, CliError>,
    ) -> Result<Ended, Failed> {
        let mut command = parse(arguments)?;
        let Command::Analyze(args) = &mut command else { return Err(other_command()) };
        let bar = quiet(&mut args.common)?;
        args.summary = None;
        self.run(&command, |reporter| match &command {
            Command::Analyze(args) => work(args, &bar, reporter),
            _ => Ok(ExitStatus::Failure), // it is `analyze`
        })
    }

    /// Runs `events` with these arguments, of which the first two are the program and `events`.
    /// The columns are handed over when the inputs are known to be there.
    ///
    /// # Errors
    /// When the events cannot be read, or `taker` does not take them.
    pub fn events(&self, arguments: &[OsString], taker: impl BatchTaker) -> Result<Ended, Failed> {
        let mut command = parse(arguments)?;
        let Command::Events(args) = &mut command else { return Err(other_command()) };
        let bar = quiet(&mut args.common)?;
        self.run(&command, |reporter| {
            let Command::Events(args) = &command else { return Ok(ExitStatus::Failure) };
            check_columns(&args.rows.columns, EVENTS)?;
            let input = event_source::open_input(&args.events, &args.common, &self.interrupt)?;
            events::to_batches(args, &bar, input, reporter, taker)
        })
    }

    fn run(
        &self,
        command: &Command,
        work: impl FnOnce(&ExitReporter) -> Result<ExitStatus, CliError>,
    ) -> Result<Ended, Failed> {
        let reporter = ExitReporter::embedded(command);
        let (result, warnings) = collecting_warnings(|| {
            variables::warn_of_unknown(&Args::command());
            catch_panic(|| work(&reporter))
        });
        if let Err(error) = result.unwrap_or_else(|panic| Err(CliError::Internal(panic))) {
            reporter.failed(&error);
            return Err(failed(&error));
        }
        let mut ended = Ended { warnings, ..Ended::default() };
        for (message, text) in reporter.take_said() {
            match message {
                Message::ReadInPart => ended.unread = Some(text),
                Message::Alarm => ended.alarms.push(text),
                Message::NotFound => {} // there are no rows
                Message::NotWritten | Message::Failed | Message::Stopped => ended.warnings.push(text),
            }
        }
        Ok(ended)
    }
}

/// Opens a report, with the arguments of `keytrail html`.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn report(arguments: &[OsString]) -> Result<FinishedReport, Failed> {
    let args = html_args(arguments)?;
    let report =
        open_report(&args.report, &plan::buckets(&args.s3)).map_err(|error| failed(&error.into()))?;
    report.ok_or_else(|| {
        let path = args.report.display().to_string();
        let exists = path.starts_with("s3://") || args.report.exists();
        let why = if exists { "it has no run.json beside its tables" } else { "there is no such directory" };
        let sentence = printable_lines(&format!("{path} is not a report: {why}"));
        Failed { kind: FailureKind::Report, sentence }
    })
}

/// Writes the page of a report, with the arguments of `keytrail html`.
///
/// # Errors
/// When a table of the report cannot be read.
pub fn page(report: &FinishedReport, arguments: &[OsString], out: impl Write) -> Result<(), Failed> {
    let args = html_args(arguments)?;
    write_page(report, args.language.language, out).map_err(|error| failed(&error.into()))
}

fn html_args(arguments: &[OsString]) -> Result<HtmlArgs, Failed> {
    match parse(arguments)? {
        Command::Html(args) => Ok(args),
        _ => Err(other_command()),
    }
}

fn parse(arguments: &[OsString]) -> Result<Command, Failed> {
    let parsed = super::parse(&mut super::command(), arguments);
    parsed.map(|args| args.command).map_err(|error| usage(&error.render().to_string()))
}

/// What clap says, without the usage of a command that nobody typed.
fn usage(text: &str) -> Failed {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let is_said =
        |paragraph: &&str| !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more information");
    let said: Vec<&str> = text.trim_end().split("\n\n").filter(is_said).collect();
    Failed { kind: FailureKind::Usage, sentence: printable_lines(&said.join("\n")) }
}

fn other_command() -> Failed {
    Failed { kind: FailureKind::Internal, sentence: "the arguments are of another command".to_owned() }
}

/// Nothing is printed, whatever the environment says. The bar is as the options want it.
fn quiet(common: &mut CommonOptions) -> Result<ProgressBar, Failed> {
    common.log_format = LogFormat::Text;
    common.color = ColorWhen::Never;
    let bar = startup::check(common).map_err(|error| failed(&error))?;
    common.quiet = true;
    Ok(bar)
}

fn failed(error: &CliError) -> Failed {
    let kind = match error {
        CliError::Usage(_) | CliError::Rules(_) => FailureKind::Usage,
        CliError::NoInput(_) | CliError::Read { .. } => FailureKind::Input,
        CliError::Report(ReadError::Bucket(_))
        | CliError::Bucket(_)
        | CliError::Sink(SinkError::S3(_))
        | CliError::Run(RunError::Sink(SinkError::S3(_))) => FailureKind::S3,
        CliError::Report(_) | CliError::Page(_) => FailureKind::Report,
        CliError::Sink(_) | CliError::Run(RunError::Sink(_)) => FailureKind::Output,
        CliError::Checkpoint(_) | CliError::Run(RunError::Checkpoint(_)) => FailureKind::Checkpoint,
        CliError::Run(RunError::Cancelled) => FailureKind::Stopped,
        CliError::Internal(_) => FailureKind::Internal,
        CliError::Run(_) => FailureKind::Other,
    };
    Failed { kind, sentence: printable_lines(&error_chain(error)) }
}

/// Does `work` on this thread; also returns what it warns of.
fn collecting_warnings<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&said);
    let subscriber = fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(move || Lines(Arc::clone(&writer)))
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .finish()
        .with(Targets::new().with_target("keytrail", LevelFilter::WARN));
    let result = tracing::subscriber::with_default(subscriber, work);
    let said = std::mem::take(&mut *lock(&said));
    (result, said)
}

/// Takes messages. Each call of `write` is one message.
struct Lines(Arc<Mutex<Vec<String>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        lock(&self.0).push(printable_lines(text.trim()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
