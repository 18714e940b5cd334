use std::process::Command;
use std::sync::{Mutex, PoisonError};

use testkit::{python, root, skip};

use crate::Made;
use crate::hostile::hostile;

/// Runs the checks of `browser.py` on the page of a report.
fn check(made: &Made, what: &[&str]) {
    let ready = Command::new(python()).args(["-c", "import selenium, duckdb"]).output();
    let has_browser = ["chromium", "chromedriver"]
        .iter()
        .all(|program| Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success()));
    if !has_browser || !ready.is_ok_and(|ran| ran.status.success()) {
        return skip("the page in a browser", "there is no chromium, chromedriver or selenium");
    }
    // One browser at a time: each takes more than one core.
    static BROWSER: Mutex<()> = Mutex::new(());
    let _turn = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(python());
    command.arg(root().join("tests/page/browser.py")).arg(made.report()).args(what);
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("ok\n"), "{text}");
}

#[test]
fn the_page_works_in_a_browser() {
    check(&Made::sample(&[]), &["requests", "filters", "sorting", "printing", "plain", "narrow", "axe"]);
}

#[test]
fn the_page_works_in_japanese() {
    check(&Made::sample(&["--lang", "ja"]), &["requests", "filters", "narrow", "axe"]);
}

#[test]
fn hostile_texts_do_nothing_in_a_browser() {
    check(&hostile(), &["requests", "hostile", "filters", "sorting", "narrow"]);
}
