//! The documentation against the program: generated parts must be what the program says, examples
//! must run, lists must be complete.
//!
//! `UPDATE_DOCS=1 cargo test --test repo docs` rewrites the generated parts (tables of columns,
//! help, outputs). Read the difference.

mod examples;
mod generated;
mod joins;
mod links;
mod lists;
mod readme;
mod segments;
mod views;

use std::fs;
use std::sync::{Mutex, PoisonError};

use testkit::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The text between `<!-- marker -->` and `<!-- end -->` must be `expected`. With UPDATE_DOCS it is
/// replaced by it.
fn hold(name: &str, parts: &[(&str, String)]) {
    // Two tests may write parts of the same document.
    static WRITING: Mutex<()> = Mutex::new(());
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = read(name);
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for (marker, expected) in parts {
        let begin = format!("<!-- {marker} -->\n");
        let from = text.find(&begin).unwrap_or_else(|| panic!("{name} has no {begin}")) + begin.len();
        let to =
            from + text[from..].find("<!-- end -->").unwrap_or_else(|| panic!("{name}: {marker} has no end"));
        let expected = format!("\n{}\n\n", expected.trim_end());
        if update {
            text.replace_range(from..to, &expected);
        } else {
            let hint = "UPDATE_DOCS=1 cargo test --test repo docs rewrites it";
            assert_eq!(&text[from..to], expected, "{name}, {marker}: {hint}");
        }
    }
    if update {
        fs::write(root().join(name), text).unwrap();
    }
}

fn fenced(language: &str, text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    format!("```{language}\n{}\n```", lines.join("\n"))
}

/// Cells of the table rows between two headings.
fn rows<'t>(text: &'t str, from: &str, to: &str) -> Vec<Vec<&'t str>> {
    let text = text.split(from).nth(1).unwrap_or_else(|| panic!("no {from:?}")).split(to).next().unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}
