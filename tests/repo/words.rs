//! The field's words: coined ones do not come back.
//!
//! `docs/glossary.md` says which word stands for what.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;
use testkit::{root, sorted};

use crate::sources::{Source, all_code};

/// Coined words, each with the field's word. No name may have one of them in it.
#[rustfmt::skip]
const COINED: &[(&str, &str)] = &[
    ("anew",      "rebuild"),
    ("arrival",   "completion"),
    ("aside",     "pending duplicates"),
    ("census",    "shape counter"),
    ("condense",  "write facts"),
    ("condensed", "facts"),
    ("desk",      "scheduler"),
    ("lesson",    "fact"),
    ("lessons",   "facts"),
    ("mention",   "needle"),
    ("mentions",  "needles"),
    ("patience",  "retry policy"),
    ("replay",    "read facts"),
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

/// Names of the standard library that have a coined word in them.
const STD: &[&str] = &["Wrapping", "wrapping_add", "wrapping_mul", "wrapping_neg", "wrapping_sub"];

/// Words that comments, messages and documents do not use, either. Other coined words have a plain
/// meaning, too.
#[rustfmt::skip]
const NOT_IN_PROSE: &[&str] = &[
    "anew", "census", "condense", "condensed", "desk", "lesson", "lessons",
    "replay", "replayed", "shelf", "spool", "taught", "teach", "teaches", "unpack", "unpacks",
    "unwrapper", "vain", "wrapping", "wrappings",
];

/// Where a coined word has its plain meaning: a file, and the word.
#[rustfmt::skip]
const PLAIN: &[(&str, &str)] = &[
    // What a user does with a file.
    ("src/audit/caveats.rs",                  "unpack"),
    // The name of a session.
    ("tests/testkit/src/corpus/workloads.rs", "desk"),
];

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

/// The coined names in the code of one file, each with the coined word in it. Coined words are
/// looked for in every name: of items, fields, parameters and variables, in patterns and where they
/// are used.
fn coined(code: &str) -> BTreeSet<(String, String)> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Za-z_]\w*").unwrap());
    let mut found = BTreeSet::new();
    for name in NAME.find_iter(code).map(|found| found.as_str()) {
        let is_std = STD.contains(&name);
        found.extend(
            words(name)
                .into_iter()
                .filter(|word| !is_std && COINED.iter().any(|(coined, _)| coined == word))
                .map(|word| (word, name.to_owned())),
        );
    }
    static DECLARED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(struct|enum|union|trait|type|mod)\s+(\w+)").unwrap());
    for declaration in DECLARED.captures_iter(code) {
        let (kind, name) = (&declaration[1], &declaration[2]);
        let is_coined = match kind {
            "mod" => MODULES.contains(&name),
            _ => TYPES.iter().any(|(coined, _)| *coined == name),
        };
        if is_coined {
            found.insert((name.to_owned(), name.to_owned()));
        }
    }
    found
}

/// Ids of reasons and caveats with a coined word in them, which reports already have.
const IDS: &str = "unreadable_wrapping";

/// The coined words in a text.
fn coined_in_prose(text: &str) -> BTreeSet<String> {
    let text = text.replace(&format!("{IDS}s"), "").replace(IDS, "");
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("[A-Za-z]+").unwrap());
    let words = WORD.find_iter(&text).map(|word| word.as_str().to_lowercase());
    words.filter(|word| NOT_IN_PROSE.contains(&&**word)).collect()
}

/// What is coined in the code, the comments and the messages of a file: words, and where they are.
fn coined_in(file: &Source) -> BTreeSet<(String, String)> {
    let mut found = coined(&file.all_code);
    for (text, place) in [(&file.comments, "a comment"), (&file.literals(), "a text")] {
        found.extend(coined_in_prose(text).into_iter().map(|word| (word, place.to_owned())));
    }
    found
}

#[test]
fn coined_words_do_not_come_back() {
    let (mut wrong, mut met) = (Vec::new(), BTreeSet::new());
    // This file has all of them.
    for file in all_code().iter().filter(|file| file.path != "tests/repo/words.rs") {
        for (word, name) in coined_in(file) {
            let plain = PLAIN.iter().position(|(path, plain)| file.path == *path && word == *plain);
            if let Some(plain) = plain {
                met.insert(plain);
            } else {
                let known = COINED.iter().chain(TYPES).find(|(coined, _)| *coined == word);
                let better = known.map_or("see docs/glossary.md", |(_, better)| better);
                wrong.push(format!("{}: {name}: not {word}, but {better}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let gone: Vec<_> = (0..PLAIN.len()).filter(|n| !met.contains(n)).map(|n| PLAIN[n]).collect();
    assert!(gone.is_empty(), "no longer there, take them from the list: {gone:?}");
}

#[test]
fn documents_use_no_coined_words() {
    let mut files =
        ["README.md", "CONTRIBUTING.md", "fuzz/README.md", "justfile"].map(PathBuf::from).to_vec();
    files.extend(sorted(&root().join("docs")).into_iter().filter(|path| path.is_file()));
    for file in files {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let found = coined_in_prose(&text);
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn coined_words_are_found() {
    let names = |code: &str| coined(code).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let code = "fn may_teach() {} struct SpoolFile; enum Told {} mod unwrap; mod unwrap2;";
    assert_eq!(names(code), ["Told", "SpoolFile", "may_teach", "unwrap"]);
    let code =
        "let (a, mut census) = f(); struct S { is_aside: bool } fn g(shelf: u8) {} if let Some(desk) = x {}";
    assert_eq!(names(code), ["is_aside", "census", "desk", "shelf"]);
    assert_eq!(names("fn is_told() {} struct GiveUp; fn unwrap() {} let seen = Seen::new();"), [""; 0]);
    assert_eq!(names("let hash = hash.wrapping_mul(3);"), [""; 0]);
    let found = coined_in_prose("/// Lessons that an archive teaches. // `named_in_vain` ");
    assert_eq!(Vec::from_iter(found), ["lessons", "teaches", "vain"]);
    assert!(coined_in_prose("// Nobody waits aside.").is_empty());
}
