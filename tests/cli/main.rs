//! The command line as a user meets it: the real program, its options and environment, what it
//! prints where, and what it leaves on disk.

#![cfg(unix)]

// A disk that is full, an output that cannot be written.
mod disk_full;
// `keytrail export`: workbook, CSV, Markdown.
mod export;
// `keytrail grants`, of archives and of a report.
mod grants;
// `--incremental`: any sequence of runs says what one run says.
mod incremental;
// What is named as input, and what cannot be read of it.
mod inputs;
// Filters, order, columns and files of `events`; `summary`.
mod look_up;
// What is printed for people.
mod messages;
// Inputs that cannot be opened, hold nothing, or are misspelled.
mod nothing;
// `--rules`: rules of one's own.
mod own_rules;
// Filters as people paste them.
mod pasted;
// `keytrail record`: the record behind a row.
mod record;
// The report of `analyze` on disk.
mod reports;
// `keytrail review`, of archives and of a report.
mod review;
// The options that select events.
mod select;
// `keytrail sharing`, of archives and of a report.
mod sharing;
// Signals stop a run.
mod signals;
// The formats of `events`, and pipes that break.
mod streams;
// What is different on a terminal.
#[cfg(target_os = "linux")]
mod terminal;
// The last line, metrics and alarms, for runs that nobody watches.
mod unattended;
// Help, manual, completions, and options that are refused.
mod usage;

// Who is behind a role, and tables that join.
mod users;

use testkit::{keytrail, root, run};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");

/// What a report consists of.
const PARTS: [&str; 15] = [
    "access.parquet",
    "events",
    "findings.parquet",
    "grants.parquet",
    "inputs.parquet",
    "integrity.parquet",
    "policy_statements.parquet",
    "rejects.parquet",
    "report.html",
    "run.json",
    "share_use.parquet",
    "shares.parquet",
    "superseded.parquet",
    "usage.parquet",
    "usage_daily.parquet",
];

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// `keytrail events` on these arguments, in the repository's folder; it must succeed.
fn events(args: &[&str]) -> Vec<u8> {
    let ran = run(keytrail().current_dir(root()).arg("events").args(args));
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
    ran.stdout
}
