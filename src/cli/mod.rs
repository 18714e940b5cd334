//! The command line: arguments → a plan for the library, results → text and an exit status.
//!
//! Nothing else in this crate prints. Each command has a file of its own with a `run` function, and
//! [`run`] below chooses between them. Only `interrupt` ends the process by itself. [`embedded`]
//! has what a program calls that takes results and errors itself, and [`distributed`] what it calls
//! to spread the reading over many processes.

mod alarms;
mod analyze;
mod args;
mod completions;
mod destination;
mod digest_files;
pub mod distributed;
pub mod embedded;
mod error;
mod event_args;
mod event_filter;
mod event_source;
mod events;
mod evidence;
mod evidence_args;
mod exit;
mod export;
mod export_args;
mod findings;
mod grants;
mod help;
mod html;
mod html_args;
mod inputs;
mod interrupt;
mod log;
mod man;
mod metrics_file;
mod options;
mod plan;
mod policy;
mod policy_args;
mod progress;
mod record;
mod record_args;
mod replaced_file;
mod reporter;
mod review;
mod row_output;
mod rules;
mod sharing;
mod similar;
mod sinks;
mod startup;
mod subject;
mod summary;
mod terminal;
mod times;
mod unmatched;
mod usage;
mod values;
mod variables;
mod verify;
mod verify_args;
mod window;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use error::CliError;
use interrupt::Interrupt;
use keytrail::base::catch_panic;
use reporter::ExitReporter;

/// The command line, as clap takes it.
fn command() -> clap::Command {
    variables::ignore_empty(help::examples_first(Args::command()))
}

fn parse(command: &mut clap::Command, arguments: &[OsString]) -> Result<Args, clap::Error> {
    let parsed = command.try_get_matches_from_mut(arguments).and_then(|matches| {
        let mut args = Args::from_arg_matches(&matches)?;
        args.note_given(&matches);
        Ok(args)
    });
    parsed.map_err(|error| help::with_meant_option(error.format(command), command, arguments))
}

/// Runs the command of these arguments, the first of which is the program's name, and returns its
/// exit status. It prints, and it takes over Ctrl-C and termination signals.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = command();
    if arguments.iter().any(|arg| arg == "-h") {
        command = help::short_help(command);
    }
    let args = match parse(&mut command, &arguments) {
        Ok(args) => args,
        Err(error) => return usage::report(&error, &arguments).into(),
    };
    let reporter = ExitReporter::new(&args.command);
    let interrupt = Interrupt::listen(&reporter);
    // The last line and the metrics are written even then.
    let result = catch_panic(|| match &args.command {
        Command::Analyze(args) => analyze::run(args, &interrupt, &reporter),
        Command::Events(args) => events::run(args, &interrupt, &reporter),
        Command::Summary(args) => summary::run(args, &interrupt, &reporter),
        Command::Record(args) => record::run(args, &interrupt, &reporter),
        Command::Grants(args) => grants::run(args, &interrupt, &reporter),
        Command::Review(args) => review::run(args, &interrupt, &reporter),
        Command::Sharing(args) => sharing::run(args, &interrupt, &reporter),
        Command::Policy(args) => policy::run(args, &interrupt, &reporter),
        Command::Findings(args) => findings::run(args, &interrupt, &reporter),
        Command::Verify(args) => verify::run(args, &interrupt, &reporter),
        Command::Html(args) => html::run(args, &reporter),
        Command::Evidence(args) => evidence::run(args, &reporter),
        Command::Export(args) => export::run(args, &reporter),
        Command::Rules(args) => rules::run(args, &interrupt, &reporter),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    });
    let result = result.unwrap_or_else(|panic| Err(CliError::Internal(panic)));
    result.unwrap_or_else(|error| reporter.failed(&error)).into()
}
