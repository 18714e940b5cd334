//! Files of Rust, and what of a file is code, comment and test.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::root;

/// A file of Rust.
pub struct Source {
    /// From the folder that was searched, with `/`: `format/json/mod.rs` in `src`.
    pub path: String,
    pub text: String,
    /// The code without comments, without the contents of string and character literals, and
    /// without unit tests. It has the lines and columns of the text.
    pub code: String,
    /// The code of unit tests included.
    pub all_code: String,
    /// The comments, in their places.
    pub comments: String,
}

impl Source {
    pub fn new(path: String, text: String) -> Self {
        let (code, comments) = separate(&text);
        Self { path, code: without_tests(&code), all_code: code, comments, text }
    }

    /// Files of unit tests may use what they like.
    pub fn is_test(&self) -> bool {
        let path = Path::new(&self.path);
        path.file_name().is_some_and(|name| name == "tests.rs") || path.iter().any(|folder| folder == "tests")
    }

    /// The contents of string and character literals, in their places.
    pub fn literals(&self) -> String {
        let rest = self.all_code.chars().zip(self.comments.chars());
        let literal = |(c, rest)| if rest == (' ', ' ') || c == '\n' { c } else { ' ' };
        self.text.chars().zip(rest).map(literal).collect()
    }

    /// The file's module: `format/json/mod.rs` is `["format", "json"]`.
    pub fn module(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        names.pop_if(|last| *last == "mod");
        names
    }
}

/// Every file below `src/`.
pub fn sources() -> Vec<Source> {
    let found = below("src");
    assert!(found.len() > 30, "the sources were found");
    found
}

/// Every file with code, by its path in the repository: `tests/repo/main.rs`.
pub fn all_code() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "python/src", "tests", "examples", "fuzz/src", "fuzz/fuzz_targets", "benches"] {
        let files = below(folder);
        assert!(!files.is_empty(), "no code in {folder}");
        found
            .extend(files.into_iter().map(|file| Source { path: format!("{folder}/{}", file.path), ..file }));
    }
    found
}

/// Every file below a folder of the repository, by its path in the folder.
fn below(folder: &str) -> Vec<Source> {
    let root = root().join(folder);
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source::new(name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Splits a text into code and comments. Both are as long as the text: a blank stands for every
/// character that belongs to the other, or to the content of a literal.
fn separate(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (blanks(&chars), blanks(&chars));
    let at = |n: usize| chars.get(n).copied().unwrap_or('\0');
    let mut n = 0;
    while n < chars.len() {
        let end = match (at(n), at(n + 1)) {
            ('/', '/') => (n..chars.len()).find(|n| chars[*n] == '\n').unwrap_or(chars.len()),
            ('/', '*') => end_of_block(&chars, n),
            ('"', _) => end_of_string(&chars, n),
            ('\'', _) => end_of_character(&chars, n),
            ('r', '"' | '#') if !in_word(&chars, n) => end_of_raw_string(&chars, n),
            _ => n + 1,
        };
        if at(n) == '/' && end > n + 1 {
            comments[n..end].copy_from_slice(&chars[n..end]);
        } else if end > n + 1 {
            // Of a literal the delimiters stay.
            code[n] = chars[n];
            code[end - 1] = chars[end - 1];
        } else {
            code[n] = chars[n];
        }
        n = end;
    }
    (code.into_iter().collect(), comments.into_iter().collect())
}

fn blanks(chars: &[char]) -> Vec<char> {
    chars.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }).collect()
}

/// Does the character at `n` continue a word? `b` and `c` before it begin a literal.
fn in_word(chars: &[char], n: usize) -> bool {
    let word = |n: usize| chars[n].is_alphanumeric() || chars[n] == '_';
    let prefix = |n: usize| matches!(chars[n], 'b' | 'c') && (n == 0 || !word(n - 1));
    n > 0 && word(n - 1) && !prefix(n - 1)
}

fn end_of_block(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut n = start;
    while n + 1 < chars.len() {
        match (chars[n], chars[n + 1]) {
            ('/', '*') => (depth, n) = (depth + 1, n + 2),
            ('*', '/') if depth == 1 => return n + 2,
            ('*', '/') => (depth, n) = (depth - 1, n + 2),
            _ => n += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut n = start + 1;
    while n < chars.len() && chars[n] != '"' {
        n += if chars[n] == '\\' { 2 } else { 1 };
    }
    (n + 1).min(chars.len())
}

/// A lifetime is no literal: it ends at once.
fn end_of_character(chars: &[char], start: usize) -> usize {
    if chars.get(start + 1) == Some(&'\\') {
        return (start + 3..chars.len()).find(|n| chars[*n] == '\'').map_or(chars.len(), |n| n + 1);
    }
    if chars.get(start + 2) == Some(&'\'') { start + 3 } else { start + 1 }
}

/// `r#word` is no literal either.
fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let first = start + 1 + hashes;
    if chars.get(first) != Some(&'"') {
        return start + 1;
    }
    let ends = |n: usize| {
        chars[n] == '"' && chars[n + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (first + 1..chars.len()).find(|n| ends(*n)).map_or(chars.len(), |n| n + 1 + hashes)
}

/// Blanks every module that is compiled for tests only.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let (before, item) = rest.split_at(start);
        let end = end_of_item(item);
        kept.push_str(before);
        kept.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    kept + rest
}

/// Where an item ends: at the brace that closes its first one, or at a semicolon before any.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0;
    for (n, byte) in item.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return n + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return n + 1,
            _ => {}
        }
    }
    item.len()
}

#[test]
fn literals_and_comments_are_told_apart() {
    let text = r####"let a = "http://x"; // one
let b = r#"" // no comment"#; let c = '"'; let d = '\''; let e: &'static str = b"\"//";
/* block /* in block */ "not code" */ let f = br"\"; let r#type = 1; // "two"
#[cfg(test)]
mod tests {
    fn f() { g("}").unwrap() }
}
fn after() {}
"####;
    let source = Source::new("x.rs".to_owned(), text.to_owned());
    let lines: Vec<&str> = source.code.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], r#"let a = "        ";"#);
    assert!(lines[1].starts_with("let b = r") && lines[1].contains("let c = '"), "{}", lines[1]);
    assert!(lines[1].contains("let d = '") && lines[1].contains("&'static str = b\""), "{}", lines[1]);
    assert!(lines[2].trim_start().starts_with("let f = br"), "{}", lines[2]);
    assert!(lines[2].ends_with("let r#type = 1;"), "{}", lines[2]);
    assert_eq!(lines[3..7], [""; 4]);
    assert_eq!(lines[7], "fn after() {}");
    let literals = source.literals();
    let literals: Vec<&str> = literals.lines().map(str::trim).collect();
    assert_eq!(literals[0], "http://x");
    assert!(literals[1].contains("// no comment") && !literals[1].contains("let"), "{}", literals[1]);
    let comments: Vec<&str> = source.comments.lines().map(str::trim).collect();
    assert_eq!(comments[..2], ["// one", ""]);
    assert!(comments[2].starts_with("/* block") && comments[2].ends_with("// \"two\""));
}
