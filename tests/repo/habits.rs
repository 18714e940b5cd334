//! What no source does: print, panic without a reason, use `unsafe`, grow too long.

use regex::Regex;

use crate::sources::{all_code, sources};

/// Lines of a file, tests included.
const LONGEST: usize = 500;
/// Characters of a line that is a comment.
const WIDEST: usize = 100;

/// The first folder or file of a path.
fn top(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn only_the_command_line_prints() {
    let printing = Regex::new(r"\be?print(ln)?!|\bdbg!|io::stdout\(\)|io::stderr\(\)").unwrap();
    let mut prints = 0;
    for source in sources() {
        let found = printing.is_match(&source.code);
        prints += u32::from(found);
        assert!(!found || ["cli", "main"].contains(&top(&source.path)), "{} prints", source.path);
    }
    assert!(prints > 0, "the search finds printing");
}

/// Whatever reaches a person goes through `report::printable`: names in records and file names are
/// chosen by others. A file that writes to a terminal calls it, or is listed with what it writes.
#[test]
fn what_is_shown_goes_through_one_function() {
    let writing = Regex::new(r"io::stdout\(\)|io::stderr\(\)|error\.print\(\)").unwrap();
    let asks = Regex::new(r"io::std(out|err)\(\)\.is_terminal\(\)").unwrap();
    let listed = [
        ("cli/grants.rs", "rows, by the encoders of report/formats; notes of report/summary"),
        ("cli/row_output.rs", "rows, by the encoders of report/formats"),
        ("cli/rules.rs", "rows, by the encoders of report/formats; notes of report/summary"),
        ("cli/summary.rs", "rows, by the encoders of report/formats; notes of cli/inputs"),
        ("cli/terminal.rs", "completions and the manual, which are the program's own text"),
    ];
    let mut found = Vec::new();
    for source in sources() {
        if writing.is_match(&asks.replace_all(&source.code, "")) && !source.code.contains("printable") {
            found.push(source.path.clone());
        }
    }
    found.sort();
    assert_eq!(found, listed.map(|(path, _)| path));
    for path in [
        "report/summary/mod.rs",
        "report/summary/notes.rs",
        "report/summary/tables.rs",
        "report/formats/csv.rs",
        "report/formats/line.rs",
        "report/formats/ndjson.rs",
        "report/formats/terminal.rs",
        "report/formats/tsv.rs",
        "report/markdown_text.rs",
    ] {
        assert!(sources().iter().any(|source| source.path == path && source.code.contains("printable(")));
    }
}

/// The compiler denies `unsafe` wherever it is not allowed, and clippy denies a block without its
/// argument. What is left to hold is where it is allowed, and that the places stay few.
#[test]
fn only_the_vector_instructions_are_unsafe() {
    let unsafe_code = Regex::new(r"\bunsafe\b").unwrap();
    let allowed = Regex::new(r"\b(allow|expect)\(\s*unsafe_code").unwrap();
    let (mut blocks, mut allowances) = (0, 0);
    for source in sources() {
        let found = unsafe_code.find_iter(&source.code).count();
        let in_simd = source.path.starts_with("format/json/simd");
        assert!(in_simd || found == 0, "{} is unsafe", source.path);
        blocks += found;
        allowances += allowed.find_iter(&source.code).count();
        let may_allow = source.path == "format/json/mod.rs";
        assert!(may_allow || !allowed.is_match(&source.code), "{} allows it", source.path);
    }
    assert_eq!(allowances, 1);
    assert!(
        (1..=8).contains(&blocks),
        "{blocks} unsafe blocks: loads, and calls of what is compiled for more instructions"
    );
}

/// A comment on the same line gives the reason.
#[test]
fn nothing_panics_without_a_reason() {
    let panics = Regex::new(r"\.unwrap\(\)|\.expect\(|panic!|unreachable!|todo!|unimplemented!").unwrap();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (code, comment) in source.code.lines().zip(source.comments.lines()) {
            let reason = !comment.trim().is_empty();
            assert!(!panics.is_match(code) || reason, "{}: {}", source.path, code.trim());
        }
    }
}

#[test]
fn files_fit_in_the_head() {
    let files = all_code();
    for file in &files {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines: split it", file.path);
    }
    assert!(files.iter().filter(|file| file.path.starts_with("tests/")).count() > 50, "the tests were found");
}

/// An address cannot be broken, so its line may be longer. Code in a comment is as wide as code.
#[test]
fn lines_of_comments_fit_in_a_window() {
    let mut wrong = Vec::new();
    for file in all_code() {
        let mut in_code = false;
        for (n, (line, comment)) in file.text.lines().zip(file.comments.lines()).enumerate() {
            let is_comment = !comment.trim().is_empty() && line.trim() == comment.trim();
            let width = line.chars().count();
            in_code = is_comment && (in_code != comment.contains("```"));
            if is_comment && !in_code && width > WIDEST && !line.contains("://") {
                wrong.push(format!("{}:{} has {width} characters", file.path, n + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "at most {WIDEST} characters:\n{}", wrong.join("\n"));
}

/// chrono's own panics when the clock is before 1970.
#[test]
fn the_time_comes_from_the_clock_of_base() {
    for source in sources() {
        assert!(!source.code.contains("Utc::now"), "{}: use base::now_millis", source.path);
    }
}
