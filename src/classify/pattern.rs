//! Patterns of rule files: a text, or a regular expression with a cheaper question to ask first.
//!
//! Most texts do not match, and most expressions have a word that every match has: it is looked for before the expression is
//! asked. The word comes out of the parsed expression, so the user's own rules are as fast as the built-in ones.

use memchr::{memchr2, memmem};
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// What a field of an event is compared with.
#[derive(Debug)]
pub(super) enum Pattern {
    Exactly(String),
    Expression(Box<Expression>),
}

impl Pattern {
    /// Reads a pattern as rule files spell it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) => {
                let regex = Regex::new(pattern).map_err(|e| format!("{text}: {e}"))?;
                Ok(Self::Expression(Box::new(Expression { word: Word::of(pattern), regex })))
            }
            None => Ok(Self::Exactly(text.to_owned())),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::Expression(expression) => expression.matches(text),
        }
    }

    /// Whether asking costs no more than a comparison.
    pub(super) fn is_cheap(&self) -> bool {
        matches!(self, Self::Exactly(_))
    }
}

/// A regular expression, with a word to look for first.
#[derive(Debug)]
pub(super) struct Expression {
    word: Option<Word>,
    regex: Regex,
}

impl Expression {
    fn matches(&self, text: &str) -> bool {
        match &self.word {
            None => self.regex.is_match(text),
            Some(word) if word.is_in(text) => word.suffices || self.regex.is_match(text),
            // Unicode has letters whose other case is in ASCII (`ſ` for `s`).
            Some(word) => word.any_case && !text.is_ascii() && self.regex.is_match(text),
        }
    }
}

/// A word in everything that an expression matches.
#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    finder: memmem::Finder<'static>,
    /// ASCII case does not matter.
    any_case: bool,
    /// Matches begin with it.
    at_start: bool,
    /// The expression says nothing else.
    suffices: bool,
}

impl Word {
    /// The most telling word of an expression, if it has one.
    fn of(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut parts = Vec::new();
        flatten(&hir, &mut parts);
        let whole = parts.len();
        let (at_start, parts) = match parts.split_first() {
            Some((Part::Start, rest)) => (true, rest),
            _ => (false, parts.as_slice()),
        };
        let words = parts.split(|part| !matches!(part, Part::Letter { .. }));
        let mut first = at_start;
        let mut best: Option<(bool, &[Part])> = None;
        for word in words {
            let at_start = std::mem::take(&mut first) && !word.is_empty();
            // A beginning is told at once; otherwise, the longer the rarer.
            if best.is_none_or(|(fixed, best)| !fixed && word.len() > best.len()) {
                best = Some((at_start, word));
            }
        }
        let (at_start, word) = best.filter(|(_, word)| !word.is_empty())?;
        let letters = || {
            word.iter().filter_map(|part| match part {
                Part::Letter { byte, any_case } => Some((*byte, *any_case)),
                Part::Start | Part::Other => None,
            })
        };
        let any_case = letters().any(|(_, any_case)| any_case);
        let bytes: Vec<u8> = letters().map(|(byte, _)| byte).collect();
        Some(Self {
            // With both sorts of letters in it, the word is looked for in any case, and the expression decides.
            suffices: word.len() + usize::from(at_start) == whole
                && letters().all(|(byte, any)| any == any_case || !byte.is_ascii_alphabetic()),
            finder: memmem::Finder::new(&bytes).into_owned(),
            bytes,
            any_case,
            at_start,
        })
    }

    fn is_in(&self, text: &str) -> bool {
        let (text, word) = (text.as_bytes(), self.bytes.as_slice());
        match (self.at_start, self.any_case) {
            (true, false) => text.starts_with(word),
            (true, true) => text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)),
            (false, false) => self.finder.find(text).is_some(),
            (false, true) => self.is_in_any_case(text),
        }
    }

    fn is_in_any_case(&self, mut text: &[u8]) -> bool {
        let Some(first) = self.bytes.first() else { return true };
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        while let Some(at) = memchr2(lower, upper, text) {
            let here = text.get(at..at + self.bytes.len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(&self.bytes)) {
                return true;
            }
            text = text.get(at + 1..).unwrap_or_default();
        }
        false
    }
}

/// What stands side by side in an expression.
enum Part {
    /// The beginning of the text.
    Start,
    /// One letter, in one case or in both.
    Letter { byte: u8, any_case: bool },
    /// Anything else.
    Other,
}

fn flatten(hir: &Hir, parts: &mut Vec<Part>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            parts.extend(literal.0.iter().map(|byte| Part::Letter { byte: *byte, any_case: false }));
        }
        HirKind::Concat(items) => items.iter().for_each(|item| flatten(item, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        HirKind::Look(Look::Start) => parts.push(Part::Start),
        HirKind::Class(class) => parts.push(letter(class).unwrap_or(Part::Other)),
        _ => parts.push(Part::Other),
    }
}

/// A class that is one ASCII letter in both cases, its relatives outside ASCII not counted.
fn letter(class: &Class) -> Option<Part> {
    let Class::Unicode(class) = class else { return None };
    let mut ascii = class
        .ranges()
        .iter()
        .filter(|range| range.start().is_ascii())
        .map(|range| (range.start() == range.end()).then(|| u8::try_from(range.start()).ok()).flatten());
    let pair = (ascii.next()??, ascii.next()??);
    let is_pair = ascii.next().is_none() && pair.0 != pair.1 && pair.0.eq_ignore_ascii_case(&pair.1);
    is_pair.then_some(Part::Letter { byte: pair.0, any_case: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn word(pattern: &str) -> Option<(String, bool, bool, bool)> {
        let word = Word::of(pattern)?;
        let text = String::from_utf8_lossy(&word.bytes).to_lowercase();
        Some((text, word.any_case, word.at_start, word.suffices))
    }

    #[test]
    fn expressions_have_words() {
        for (pattern, expected) in [
            ("(?i)geospatial", Some(("geospatial", true, false, true))),
            ("sagemaker", Some(("sagemaker", false, false, true))),
            ("^(?i:canvas)/", Some(("canvas/", true, true, true))),
            ("^(?i:can)vas", Some(("canvas", true, true, false))),
            ("^Role-[0-9]+(T[0-9]+)?$", Some(("role-", false, true, false))),
            (
                "(^|/)(a/)?sagemaker/[a-z]+/offline-store/.*-[0-9]/",
                Some(("/offline-store/", false, false, false)),
            ),
            ("(?m)^abc", Some(("abc", false, false, false))),
            ("a|b", None),
            ("(abc)?", None),
            ("[0-9]+$", None),
            ("", None),
        ] {
            let expected = expected.map(|(text, any, start, all)| (text.to_owned(), any, start, all));
            assert_eq!(word(pattern), expected, "{pattern}");
        }
    }

    proptest! {
        /// With its word or without, an expression matches the same texts.
        #[test]
        fn words_change_nothing(
            parts in prop::collection::vec(select(vec!["^", "$", "(?i)", "(?i:sk)", "s", "K", "ask", "(sa|k)", "(?:ka)", "[sS]", "[ks]", "[sSa]",
                "(?s:.)", "a?", "(?:as)*", "(k)", "é", "(?i:é)", "/", "[0-9]+", r"\b", "(?m:^)", "(?-u:s)"]), 0..6),
            texts in prop::collection::vec(
                prop::collection::vec(select(vec!["s", "S", "k", "K", "a", "A", "\u{17f}", "\u{212a}", "é", "É", "/", "0", "\n", "ask", "SK"]), 0..8),
                1..20),
        ) {
            let pattern = parts.concat();
            if let Ok(regex) = Regex::new(&pattern) {
                let with_word = Pattern::new(&format!("/{pattern}/")).unwrap();
                for text in texts {
                    let text = text.concat();
                    prop_assert_eq!(with_word.matches(&text), regex.is_match(&text), "/{}/ on {:?}", pattern, text);
                }
            }
        }
    }
}
