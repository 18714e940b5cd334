use testkit::corpus::archive::Corpus;
use testkit::{ANY, root};

use crate::Made;

/// Words that stand one after the other in a sentence.
const SENTENCE: usize = 4;

/// Texts of a page that look like English sentences, where nothing marks them as English, as code
/// or as a query.
fn english(page: &str) -> Vec<String> {
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut found = Vec::new();
    let mut keep = |text: &str| {
        // A list of names has commas between them.
        let is_word = |word: &str| {
            if word.ends_with(',') {
                return false;
            }
            let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
            word.len() > 1
                && word.chars().all(|c| c.is_ascii_alphabetic())
                && word[1..] == word[1..].to_lowercase()
        };
        let mut run = 0;
        for word in text.split_whitespace() {
            run = if is_word(word) { run + 1 } else { 0 };
            if run == SENTENCE {
                found.push(text.trim().to_owned());
            }
        }
    };
    for piece in page.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        if let Some(name) = tag.strip_prefix('/') {
            while open.pop().is_some_and(|(opened, _)| opened != name) {}
        } else if !tag.starts_with('!') {
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            let is_kept = !tag.contains("lang=\"en\"")
                && !tag.contains("class=\"code")
                && !["code", "style", "script"].contains(&name)
                && open.last().is_none_or(|(_, is_kept)| *is_kept);
            if !["meta", "wbr", "br"].contains(&name) {
                open.push((name.to_owned(), is_kept));
            }
            if let (true, Some((_, label))) = (is_kept, tag.split_once("aria-label=\"")) {
                keep(label.split('"').next().unwrap_or_default());
            }
        }
        if open.last().is_some_and(|(_, is_kept)| *is_kept) {
            keep(text);
        }
    }
    found
}

#[test]
fn a_page_in_japanese_has_no_english_sentence_of_its_own() {
    let logs = tempfile::tempdir().unwrap();
    Corpus::sized(5, 2.0, 256, 0.6).write(logs.path()).unwrap();
    let japanese = ["--lang", "ja"];
    let all: Vec<&str> = ANY.iter().chain(&japanese).copied().collect();
    for (input, options) in [
        (root().join("sample-logs"), &japanese[..]),
        (root().join("sample-logs"), &all[..]),
        (logs.path().to_owned(), &all[..]),
        (root().join("tests/data/damaged"), &japanese[..]),
    ] {
        let page = Made::of(&input, options).page();
        assert_eq!(english(&page), Vec::<String>::new(), "{}", input.display());
        assert!(page.contains("検出事項") && page.contains("証明できないこと"));
    }
    // The test can tell.
    let page = Made::sample(&[]).page().replacen("<html lang=\"en\">", "<html>", 1);
    assert!(english(&page).len() > 30, "{:?}", english(&page));
}

#[test]
fn findings_and_caveats_are_in_japanese() {
    let page = Made::sample(&["--lang", "ja"]).page();
    let english = Made::sample(&[]).page();
    for rule in keytrail::audit::FINDING_RULES {
        let words = keytrail::audit::japanese_finding(rule.id).unwrap();
        assert_eq!(page.contains(words.title), english.contains(&format!(">{}<", rule.title)), "{}", rule.id);
    }
    assert!(page.contains("権限不足で拒否された呼び出し"), "a caveat of every run");
}
