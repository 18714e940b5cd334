//! The import table of `docs/architecture.md`, held against the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Each room and the rooms it may import.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("s3", &["model"]),
    ("source", &["model", "s3"]),
    ("extract", &["model", "source", "s3"]),
    ("format", &["model"]),
    ("parse", &["model"]),
    ("knowledge", &["model"]),
    ("classify", &["model", "knowledge"]),
    ("aggregate", &["model"]),
    ("facts", &["model", "aggregate"]),
    ("audit", &["model", "knowledge", "aggregate"]),
    ("report", &["model", "s3", "knowledge", "aggregate", "audit"]),
    (
        "engine",
        &[
            "model",
            "s3",
            "source",
            "extract",
            "facts",
            "format",
            "parse",
            "knowledge",
            "classify",
            "aggregate",
            "audit",
            "report",
        ],
    ),
];

/// Crates that only some rooms may know. Arrow and Parquet are both the form of reports and a form of input.
const ONLY_IN: [(&str, &[&str]); 19] = [
    ("flate2", &["format"]),
    ("libdeflater", &["format"]),
    ("sha2", &["format"]),
    ("tar", &["format"]),
    ("rawzip", &["format"]),
    ("arrow_array", &["report", "format", "facts"]),
    ("arrow_schema", &["report", "format", "facts"]),
    ("arrow_ipc", &["report", "facts"]),
    ("parquet", &["report", "format"]),
    ("walkdir", &["source"]),
    ("toml", &["classify"]),
    ("rayon", &["engine"]),
    ("object_store", &["s3"]),
    ("aws_config", &["s3"]),
    ("aws_credential_types", &["s3"]),
    ("tokio", &["s3"]),
    ("futures_util", &["s3"]),
    ("async_trait", &["s3"]),
    ("quick_xml", &["s3"]),
];

const LONGEST: usize = 500;

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 30, "the sources were found");
    found
}

/// The room a file belongs to: its folder, or its own name at the top.
fn room(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without comments and without unit tests, which may use what they like.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs") || path.iter().any(|folder| folder == "tests")
}

#[test]
fn rooms_import_only_what_they_may() {
    let imports = Regex::new(r"(?s)crate::(\{.*?\}|\w+)").unwrap();
    let name = Regex::new(r"\w+").unwrap();
    let rooms: BTreeSet<&str> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
    let mut seen = BTreeSet::new();
    for (path, text) in sources() {
        let room = room(&path);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else { continue };
        if is_test_file(&path) {
            continue;
        }
        for found in imports.captures_iter(&code(&text)) {
            for name in name.find_iter(&found[1]) {
                let other = name.as_str();
                if rooms.contains(other) && other != room {
                    assert!(allowed.contains(&other), "{} imports {other}", path.display());
                    seen.insert((room.clone(), other.to_owned()));
                }
            }
        }
    }
    assert!(seen.contains(&("engine".to_owned(), "format".to_owned())), "the search finds imports");
}

#[test]
fn crates_stay_in_their_rooms() {
    for (path, text) in sources() {
        let (room, code) = (room(&path), code(&text));
        for (name, homes) in ONLY_IN {
            let used =
                Regex::new(&format!(r"\b{name}::")).unwrap().is_match(&code.replace("report::parquet::", ""));
            let own_module = homes.contains(&&*room) || code.contains(&format!("mod {name};"));
            assert!(!used || own_module, "{} uses {name}, which belongs to {homes:?}", path.display());
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    let printing = Regex::new(r"\be?print(ln)?!|\bdbg!|io::stdout\(\)|io::stderr\(\)").unwrap();
    let mut prints = 0;
    for (path, text) in sources() {
        let found = printing.is_match(&code(&text));
        prints += u32::from(found);
        assert!(!found || ["cli", "main"].contains(&&*room(&path)), "{} prints", path.display());
    }
    assert!(prints > 0, "the search finds printing");
}

/// The compiler denies `unsafe` wherever it is not allowed, and clippy denies a block without its argument: what is left to hold is where it
/// is allowed, and that the places stay few.
#[test]
fn only_the_vector_instructions_are_unsafe() {
    let unsafe_code = Regex::new(r"\bunsafe\b").unwrap();
    let allowed = Regex::new(r"\b(allow|expect)\(\s*unsafe_code").unwrap();
    let (mut blocks, mut allowances) = (0, 0);
    for (path, text) in sources() {
        let code = code(&text);
        let found = unsafe_code.find_iter(&code).count();
        let in_simd = path.starts_with("format/json/simd");
        assert!(in_simd || found == 0, "{} is unsafe", path.display());
        blocks += found;
        allowances += allowed.find_iter(&code).count();
        assert!(
            path.ends_with("format/json/mod.rs") || !allowed.is_match(&code),
            "{} allows it",
            path.display()
        );
    }
    assert_eq!(allowances, 1);
    assert!(
        (1..=8).contains(&blocks),
        "{blocks} unsafe blocks: loads, and calls of what is compiled for more instructions"
    );
}

#[test]
fn nothing_panics_without_a_reason() {
    let panics = Regex::new(r"\.unwrap\(\)|\.expect\(|panic!|unreachable!|todo!|unimplemented!").unwrap();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        for line in text[..tests].lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!panics.is_match(line) || line.contains("// "), "{}: {line}", path.display());
        }
    }
}

#[test]
fn files_fit_in_the_head() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines: it is two rooms", path.display());
    }
}
