//! `keytrail policy`: compares key policies with calls, and writes one that fits.

mod check;
mod files;
mod suggest;

use super::error::CliError;
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::policy_args::{PolicyArgs, PolicyCommand};
use super::reporter::ExitReporter;

pub(super) fn run(
    args: &PolicyArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    match &args.command {
        PolicyCommand::Check(args) => check::run(args, interrupt, reporter),
        PolicyCommand::Suggest(args) => suggest::run(args, interrupt, reporter),
    }
}
