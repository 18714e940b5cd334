//! What becomes of a check that this machine cannot do.

use std::ffi::OsString;
use std::fmt::Display;

/// Skips a check, and says which and why; with `KEYTRAIL_REQUIRE_ALL=1` the test fails instead.
///
/// Every test that returns early for want of a tool, a right or a server calls this:
///
/// ```no_run
/// let Ok(output) = std::process::Command::new("jq").arg("--version").output() else {
///     return testkit::skip("the commands with jq", "jq is not installed");
/// };
/// ```
#[track_caller]
pub fn skip(check: &str, why: impl Display) {
    let required = std::env::var_os("KEYTRAIL_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "KEYTRAIL_REQUIRE_ALL is set, but {check} cannot be checked: {why}");
    println!("SKIPPED {check}: {why}");
}

/// The Python that has the second readers: `KEYTRAIL_PYTHON`, or `python3`.
pub fn python() -> OsString {
    std::env::var_os("KEYTRAIL_PYTHON").unwrap_or_else(|| "python3".into())
}
