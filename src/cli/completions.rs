//! `keytrail completions`: a completion script for a shell.

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs};
use super::error::CliError;
use super::exit::ExitStatus;
use super::terminal;

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitStatus, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "keytrail", &mut script);
    terminal::write_stdout(&script)?;
    Ok(ExitStatus::Success)
}
