//! What a run tells those who are not there: exit status, JSON lines, metrics, and the conditions
//! that raise an alarm.

mod alarms;
mod last_line;
mod metrics;

use std::path::Path;

use serde_json::Value;
use testkit::{Ran, keytrail, run};

/// The lines of standard error, every one of which must be a JSON object with the members that all
/// lines have.
fn json_lines(stderr: &str) -> Vec<Value> {
    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for line in &lines {
        assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok(), "{line}");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    lines
}

fn of_level<'l>(lines: &'l [Value], level: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["level"] == level).collect()
}

fn analyze(cwd: &Path, args: &[&str]) -> Ran {
    run(keytrail().current_dir(cwd).args(["analyze", "--force", "-o", "report"]).args(args))
}
