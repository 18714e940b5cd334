//! Patterns of rule files: an exact text, or a regular expression with a cheap prefilter.
//!
//! Most texts do not match, and most expressions contain a literal that every match contains. That
//! literal is searched for before the expression runs. It is extracted from the parsed expression,
//! so the user's own rules are as fast as the built-in ones.

use memchr::{memchr2, memmem};
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::error::RuleError;

/// What the text of a field is compared with.
#[derive(Debug)]
pub(super) enum TextPattern {
    Exact(String),
    Regex(Box<PrefilteredRegex>),
}

impl TextPattern {
    /// Reads a pattern as rule files spell it: a regular expression between slashes, or else an
    /// exact text.
    pub(super) fn new(spelling: &str) -> Result<Self, RuleError> {
        match spelling.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(expression) => {
                let regex = Regex::new(expression).map_err(|error| RuleError::Pattern {
                    pattern: spelling.to_owned(),
                    source: Box::new(error),
                })?;
                let literal = RequiredLiteral::extract(expression);
                Ok(Self::Regex(Box::new(PrefilteredRegex { literal, regex })))
            }
            None => Ok(Self::Exact(spelling.to_owned())),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => text == expected,
            Self::Regex(regex) => regex.matches(text),
        }
    }

    /// Whether every text that matches is, or contains, a text that can be looked up.
    pub(super) fn has_literal(&self) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Regex(regex) => regex.literal.is_some(),
        }
    }

    /// The text, or the expression.
    pub(super) fn spelling(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::Regex(regex) => regex.regex.as_str(),
        }
    }

    /// Whether matching costs no more than a comparison.
    pub(super) fn is_cheap(&self) -> bool {
        matches!(self, Self::Exact(_))
    }
}

/// A regular expression with a literal to search for first.
#[derive(Debug)]
pub(super) struct PrefilteredRegex {
    literal: Option<RequiredLiteral>,
    regex: Regex,
}

impl PrefilteredRegex {
    /// The literal that every match contains.
    pub(super) fn literal(&self) -> Option<&RequiredLiteral> {
        self.literal.as_ref()
    }

    fn matches(&self, text: &str) -> bool {
        match &self.literal {
            None => self.regex.is_match(text),
            Some(literal) if literal.is_in(text) => literal.is_whole_expression || self.regex.is_match(text),
            // Some non-ASCII letters have an ASCII letter as their other case (`ſ` for `s`).
            Some(literal) => literal.ignores_case && !text.is_ascii() && self.regex.is_match(text),
        }
    }
}

/// A literal that every match of an expression contains.
#[derive(Debug)]
pub(super) struct RequiredLiteral {
    bytes: Vec<u8>,
    finder: memmem::Finder<'static>,
    /// ASCII case does not matter.
    ignores_case: bool,
    /// Every match begins with the literal, at the start of the text.
    is_prefix: bool,
    /// The expression consists of the literal only: a text that contains it matches.
    is_whole_expression: bool,
}

impl RequiredLiteral {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether ASCII case does not matter.
    pub(super) fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// The most selective literal of an expression: a prefix, or else the longest one.
    fn extract(expression: &str) -> Option<Self> {
        let hir = regex_syntax::parse(expression).ok()?;
        let mut parts = Vec::new();
        flatten(&hir, &mut parts);
        let part_count = parts.len();
        let (is_anchored, parts) = match parts.split_first() {
            Some((Part::Start, rest)) => (true, rest),
            _ => (false, parts.as_slice()),
        };
        let mut may_be_prefix = is_anchored;
        let mut best: Option<(bool, &[Part])> = None;
        for run in parts.split(|part| !matches!(part, Part::Letter { .. })) {
            let is_prefix = std::mem::take(&mut may_be_prefix) && !run.is_empty();
            // A prefix needs no search; otherwise, longer literals are rarer.
            if best.is_none_or(|(prefix, best)| !prefix && run.len() > best.len()) {
                best = Some((is_prefix, run));
            }
        }
        let (is_prefix, run) = best.filter(|(_, run)| !run.is_empty())?;
        let letters = || {
            run.iter().filter_map(|part| match part {
                Part::Letter { byte, ignores_case } => Some((*byte, *ignores_case)),
                Part::Start | Part::Other => None,
            })
        };
        let ignores_case = letters().any(|(_, ignores_case)| ignores_case);
        let bytes: Vec<u8> = letters().map(|(byte, _)| byte).collect();
        // A literal that is case-sensitive in part is searched for in any case; then the
        // expression decides.
        let has_uniform_case =
            letters().all(|(byte, any)| any == ignores_case || !byte.is_ascii_alphabetic());
        Some(Self {
            is_whole_expression: has_uniform_case && run.len() + usize::from(is_prefix) == part_count,
            finder: memmem::Finder::new(&bytes).into_owned(),
            bytes,
            ignores_case,
            is_prefix,
        })
    }

    fn is_in(&self, text: &str) -> bool {
        let (text, literal) = (text.as_bytes(), self.bytes.as_slice());
        match (self.is_prefix, self.ignores_case) {
            (true, false) => text.starts_with(literal),
            (true, true) => {
                text.get(..literal.len()).is_some_and(|start| start.eq_ignore_ascii_case(literal))
            }
            (false, false) => self.finder.find(text).is_some(),
            (false, true) => self.is_in_ignoring_case(text),
        }
    }

    fn is_in_ignoring_case(&self, mut text: &[u8]) -> bool {
        let Some(first) = self.bytes.first() else { return true };
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        while let Some(at) = memchr2(lower, upper, text) {
            let candidate = text.get(at..at + self.bytes.len());
            if candidate.is_some_and(|candidate| candidate.eq_ignore_ascii_case(&self.bytes)) {
                return true;
            }
            text = text.get(at + 1..).unwrap_or_default();
        }
        false
    }
}

/// An element of an expression's top-level sequence.
enum Part {
    /// The start of the text.
    Start,
    /// One byte of a literal, in one case or in both.
    Letter { byte: u8, ignores_case: bool },
    /// Anything else.
    Other,
}

fn flatten(hir: &Hir, parts: &mut Vec<Part>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            parts.extend(bytes.map(|byte| Part::Letter { byte: *byte, ignores_case: false }));
        }
        HirKind::Concat(items) => items.iter().for_each(|item| flatten(item, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        HirKind::Look(Look::Start) => parts.push(Part::Start),
        HirKind::Class(class) => parts.push(letter(class).unwrap_or(Part::Other)),
        _ => parts.push(Part::Other),
    }
}

/// A class of one ASCII letter in both cases. Its non-ASCII case variants do not count.
fn letter(class: &Class) -> Option<Part> {
    let Class::Unicode(class) = class else { return None };
    let mut ascii = class
        .ranges()
        .iter()
        .filter(|range| range.start().is_ascii())
        .map(|range| (range.start() == range.end()).then(|| u8::try_from(range.start()).ok()).flatten());
    let (first, second) = (ascii.next()??, ascii.next()??);
    let is_pair = ascii.next().is_none() && first != second && first.eq_ignore_ascii_case(&second);
    is_pair.then_some(Part::Letter { byte: first, ignores_case: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// The literal in lower case, and whether it ignores case, is a prefix, and is all there is.
    fn literal(pattern: &str) -> Option<(String, bool, bool, bool)> {
        let literal = RequiredLiteral::extract(pattern)?;
        let text = String::from_utf8_lossy(&literal.bytes).to_lowercase();
        Some((text, literal.ignores_case, literal.is_prefix, literal.is_whole_expression))
    }

    #[test]
    fn the_most_selective_literal_is_extracted() {
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
            let expected = expected.map(|(text, ignores_case, is_prefix, is_whole)| {
                (text.to_owned(), ignores_case, is_prefix, is_whole)
            });
            assert_eq!(literal(pattern), expected, "{pattern}");
        }
    }

    proptest! {
        /// The prefilter does not change which texts an expression matches.
        #[test]
        fn the_prefilter_changes_nothing(
            parts in prop::collection::vec(select(vec!["^", "$", "(?i)", "(?i:sk)", "s", "K", "ask", "(sa|k)", "(?:ka)", "[sS]", "[ks]", "[sSa]",
                "(?s:.)", "a?", "(?:as)*", "(k)", "é", "(?i:é)", "/", "[0-9]+", r"\b", "(?m:^)", "(?-u:s)"]), 0..6),
            texts in prop::collection::vec(
                prop::collection::vec(select(vec!["s", "S", "k", "K", "a", "A", "\u{17f}", "\u{212a}", "é", "É", "/", "0", "\n", "ask", "SK"]), 0..8),
                1..20),
        ) {
            let pattern = parts.concat();
            if let Ok(regex) = Regex::new(&pattern) {
                let prefiltered = TextPattern::new(&format!("/{pattern}/")).unwrap();
                for text in texts {
                    let text = text.concat();
                    prop_assert_eq!(prefiltered.matches(&text), regex.is_match(&text), "/{}/ on {:?}", pattern, text);
                }
            }
        }
    }
}
