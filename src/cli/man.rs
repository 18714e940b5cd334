//! `keytrail man`: a manual page, made from the same definitions as the help.

use clap::CommandFactory;

use super::args::{Args, ManArgs};
use super::error::CliError;
use super::exit::ExitStatus;
use super::terminal;
use keytrail::report::SinkError;

pub(super) fn run(args: &ManArgs) -> Result<ExitStatus, CliError> {
    let mut root = Args::command();
    root.build(); // gives the subcommands their full names
    let command = args.page.as_deref().and_then(|name| root.find_subcommand(name));
    let command = command.unwrap_or(&root).clone();
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| SinkError::File { path: "the manual page".to_owned(), source: error })?;
    terminal::write_stdout(&page)?;
    Ok(ExitStatus::Success)
}
