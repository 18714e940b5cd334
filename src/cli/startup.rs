//! What every command that reads archives does first.

use clap::CommandFactory;
use indicatif::ProgressBar;

use super::args::Args;
use super::error::CliError;
use super::options::CommonOptions;
use super::{log, progress, variables};
use keytrail::format::json::Backend;

/// Checks `KEYTRAIL_SIMD`, starts the messages and returns the progress bar they are printed above.
pub(super) fn start(common: &CommonOptions) -> Result<ProgressBar, CliError> {
    let bar = check(common)?;
    log::start(common, &bar);
    variables::warn_of_unknown(&Args::command());
    Ok(bar)
}

/// As [`start`], where another program takes the messages.
pub(super) fn check(common: &CommonOptions) -> Result<ProgressBar, CliError> {
    Backend::requested().map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(progress::bar(common))
}
