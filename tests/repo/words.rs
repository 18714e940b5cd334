//! The field's words: coined ones do not come back.
//!
//! `docs/glossary.md` says which word stands for what.

use std::collections::BTreeSet;

use regex::Regex;

use crate::sources::sources;

/// Coined words, each with the field's word. No name may have one of them in it.
#[rustfmt::skip]
const COINED: &[(&str, &str)] = &[
    ("anew",      "rebuild"),
    ("arrival",   "completion"),
    ("aside",     "pending duplicates"),
    ("census",    "shape counter"),
    ("desk",      "scheduler"),
    ("lesson",    "fact"),
    ("lessons",   "facts"),
    ("mention",   "needle"),
    ("mentions",  "needles"),
    ("patience",  "retry policy"),
    ("shelf",     "segment writer"),
    ("spool",     "spill file"),
    ("standing",  "prune decision"),
    ("taught",    "provenance"),
    ("teach",     "may contain facts"),
    ("teaches",   "may contain facts"),
    ("trouble",   "request error"),
    ("unpack",    "archive"),
    ("unwrapper", "container reader"),
    ("vain",      "missing input"),
    ("wrapping",  "envelope"),
    ("wrappings", "envelopes"),
];

/// Coined names of types. As words of longer names they are plain English.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("Ahead",    "Prefetcher"),
    ("Copies",   "Deduplicator"),
    ("Course",   "PrefetchState"),
    ("Give",     "an emitting closure or trait of the stage"),
    ("Jobs",     "TaskQueue"),
    ("Joins",    "Attach"),
    ("Known",    "Knowledge"),
    ("Reach",    "ListContext"),
    ("Replaces", "Supersede"),
    ("Seen",     "SeenSet"),
    ("Supply",   "DecodeStream"),
    ("Told",     "PageResult"),
    ("Tries",    "Attempts"),
    ("Waits",    "Hold"),
    ("Want",     "ListRequest"),
    ("Wire",     "S3Client"),
    ("Yields",   "Discard"),
];

/// Coined names of modules.
const MODULES: &[&str] = &["event", "split", "store", "unpack", "unwrap"];

/// Words that are still there. Each goes from this list when its last name does.
const LEFT: &[&str] = &[];

/// The words of a name: `SpillFile` and `spill_file` are both "spill file".
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if c == '_' || c.is_uppercase() && lower {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if c != '_' {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
    }
    words
}

/// What one file declares under a coined name.
fn coined(code: &str) -> Vec<(String, String)> {
    let declared =
        Regex::new(r"\b(fn|struct|enum|union|trait|type|const|static|mod|let mut|let)\s+(\w+)").unwrap();
    let mut found = Vec::new();
    for declaration in declared.captures_iter(code) {
        let (kind, name) = (&declaration[1], &declaration[2]);
        found.extend(
            words(name)
                .into_iter()
                .filter(|word| COINED.iter().any(|(coined, _)| coined == word))
                .map(|word| (word, name.to_owned())),
        );
        let is_type = ["struct", "enum", "union", "trait", "type"].contains(&kind);
        let is_coined = is_type && TYPES.iter().any(|(coined, _)| *coined == name)
            || kind == "mod" && MODULES.contains(&name);
        if is_coined {
            found.push((name.to_owned(), name.to_owned()));
        }
    }
    found
}

#[test]
fn coined_words_do_not_come_back() {
    let (mut wrong, mut met) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        for (word, name) in coined(&source.all_code) {
            if LEFT.contains(&&*word) {
                met.insert(word);
            } else {
                let known = COINED.iter().chain(TYPES).find(|(coined, _)| *coined == word);
                let better = known.map_or("see docs/glossary.md", |(_, better)| better);
                wrong.push(format!("src/{}: {name}: not {word}, but {better}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let gone: Vec<_> = LEFT.iter().filter(|word| !met.contains(**word)).collect();
    assert!(gone.is_empty(), "no longer there, take them from the list: {gone:?}");
}

#[test]
fn coined_words_are_found() {
    let names = |code: &str| coined(code).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let code = "fn may_teach() {} struct SpoolFile; let census = 1; enum Told {} mod unwrap; mod unwrap2;";
    assert_eq!(names(code), ["may_teach", "SpoolFile", "census", "Told", "unwrap"]);
    assert_eq!(names("fn is_told() {} struct GiveUp; fn unwrap() {} let seen = Seen::new();"), [""; 0]);
}
