//! What clap's help and errors do not say by themselves.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Examples come before the options: they are what most people look for.
const TEMPLATE: &str = "{about}{after-help}\n\n{usage-heading} {usage}\n\n{all-args}";

/// The command with the examples of each subcommand before its options.
pub(super) fn examples_first(command: Command) -> Command {
    command.mut_subcommands(|sub| {
        let has_examples = sub.get_after_help().is_some();
        let sub = examples_first(sub);
        if has_examples { sub.help_template(TEMPLATE) } else { sub }
    })
}

/// The command whose short help leaves out what the long one has: variables of the environment.
pub(super) fn short_help(command: Command) -> Command {
    let command = command.mut_args(|arg| arg.hide_env(true));
    command.mut_subcommands(short_help)
}

/// Words of other programs, and the options that mean the same here.
const MEANT: &[(&str, &str)] = &[
    ("action", "--event"),
    ("api", "--event"),
    ("arn", "--key"),
    ("caller", "--principal"),
    ("cidr", "--source-ip"),
    ("csv", "--format"),
    ("date", "--day"),
    ("denied", "--outcome"),
    ("end", "--until"),
    ("end-time", "--until"),
    ("error-code", "--error"),
    ("event-name", "--event"),
    ("fields", "--columns"),
    ("file", "--output"),
    ("from", "--since"),
    ("head", "--limit"),
    ("identity", "--principal"),
    ("json", "--format"),
    ("max", "--limit"),
    ("order", "--sort"),
    ("out", "--output"),
    ("role", "--principal"),
    ("search", "--grep"),
    ("select", "--columns"),
    ("start", "--since"),
    ("start-time", "--since"),
    ("status", "--outcome"),
    ("to", "--until"),
    ("username", "--user"),
    ("who", "--principal"),
];

/// The error with the option of this program that an unknown one may mean.
pub(super) fn with_meant_option(
    mut error: clap::Error,
    command: &Command,
    arguments: &[OsString],
) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else { return error };
    let word = wrong.trim_start_matches('-').split('=').next().unwrap_or_default().to_ascii_lowercase();
    let Some(sub) = arguments.get(1).and_then(|name| command.find_subcommand(name)) else {
        return error;
    };
    let options = || sub.get_arguments().filter_map(|arg| arg.get_long());
    let is_option = |name: &&str| options().any(|long| name.strip_prefix("--") == Some(long));
    let known = MEANT.iter().find(|(other, _)| *other == word).map(|(_, option)| *option);
    let part = || options().find(|long| !word.is_empty() && long.split('-').any(|part| part == word));
    let meant = known.filter(is_option).map(str::to_owned).or_else(|| part().map(|long| format!("--{long}")));
    if let Some(option) = meant {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(option));
    }
    error
}
