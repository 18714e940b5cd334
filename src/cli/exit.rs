//! Exit statuses. The help of `keytrail` prints this table.

use std::process::ExitCode;

use keytrail::aggregate::InputTotals;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitStatus {
    /// Everything was read, or the program that reads our output closed the pipe.
    Success,
    /// There is a result, but some input could not be read.
    Partial,
    /// Everything was read, and nothing was found that was looked for.
    NothingFound,
    /// An error stopped the command, or a file could not be written.
    Failure,
    /// There is a result, and a condition of `--max-age` or `--fail-on` is met. Whether everything
    /// was read is in the result.
    Alarm,
    /// A signal stopped the command.
    Interrupted,
}

impl ExitStatus {
    /// All statuses, in the order of the help.
    const ALL: [Self; 6] =
        [Self::Success, Self::Partial, Self::NothingFound, Self::Failure, Self::Alarm, Self::Interrupted];

    /// The status of a command that has read these inputs and has a result.
    pub(super) fn of_inputs(inputs: &InputTotals) -> Self {
        if inputs.read_whole() { Self::Success } else { Self::Partial }
    }

    /// The number that the process returns.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Partial | Self::NothingFound => 1,
            Self::Failure => 2,
            Self::Alarm => 3,
            Self::Interrupted => 130,
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Success => "everything was read",
            Self::Partial => "there is a result, but some input could not be read",
            Self::NothingFound => "or `keytrail record` found no such record",
            Self::Failure => "an error, such as bad usage or an output that cannot be written",
            Self::Alarm => "there is a result, and a condition of --max-age or --fail-on is met",
            Self::Interrupted => "interrupted",
        }
    }

    /// The table of all statuses, for the help.
    pub(super) fn table() -> String {
        let row = |status: Self| {
            let code = if status == Self::NothingFound { String::new() } else { status.code().to_string() };
            format!("  {code:<3}  {}\n", status.meaning())
        };
        Self::ALL.map(row).concat()
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
