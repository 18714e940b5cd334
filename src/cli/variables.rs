//! The environment variables of options: empty ones count as not set, and names that no option has
//! are reported.

use clap::Command;
use tracing::warn;

use super::similar::most_similar;
use keytrail::format::json::Backend;

const PREFIX: &str = "KEYTRAIL_";
/// A name that no variable has.
const NONE: &str = "";

/// The command without the variables that are set but empty: clap would take the empty text for the
/// value of the option.
pub(super) fn ignore_empty(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) { arg.env(NONE).hide_env(true) } else { arg }
    });
    command.mut_subcommands(ignore_empty)
}

/// Warns of every variable that begins like those of options but is not one.
pub(super) fn warn_of_unknown(command: &Command) {
    let mut known = vec![Backend::ENV_VAR.to_owned()];
    collect(command, &mut known);
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let mut unknown: Vec<String> = set
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .collect();
    unknown.sort_unstable();
    for name in unknown {
        match most_similar(&name, known.iter().map(String::as_str)) {
            Some(similar) => warn!("the environment variable {name} has no effect; did you mean {similar}?"),
            None => warn!("the environment variable {name} has no effect: there is no such option"),
        }
    }
}

fn collect(command: &Command, names: &mut Vec<String>) {
    let variables = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    names.extend(variables.map(str::to_owned));
    command.get_subcommands().for_each(|command| collect(command, names));
}
