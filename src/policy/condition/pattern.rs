//! The text of an operand, with its wildcards and policy variables.
//!
//! Source: [Policy
//! variables](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html).

use std::borrow::Cow;

use crate::policy::context::ContextValue;

/// A part of a pattern. `?` is one UTF-16 unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Literal(u16),
    One,
    Any,
}

/// What an operand is in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    Pattern(Vec<Unit>),
    /// Text without wildcards and variables.
    Text(String),
    /// A variable in it has no value.
    NoValue,
    /// A variable in it has a value that is not known: why.
    Unknown(Cow<'static, str>),
}

/// Whether the text of an operand has wildcards, and variables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub(super) wildcards: bool,
    pub(super) variables: bool,
}

fn literals(text: &str) -> impl Iterator<Item = Unit> {
    text.encode_utf16().map(Unit::Literal)
}

/// Resolves the text of an operand; `value` gives the value of a context key.
pub(super) fn resolve<'e>(text: &str, syntax: Syntax, value: impl Fn(&str) -> ContextValue<'e>) -> Resolved {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (part, after) = rest.split_at(first.len_utf8());
        match first {
            '*' if syntax.wildcards => units.push(Unit::Any),
            '?' if syntax.wildcards => units.push(Unit::One),
            '$' if syntax.variables && after.starts_with('{') => {
                let Some((inner, after)) = variable(after) else {
                    return Resolved::Unknown("a policy variable is not closed".into());
                };
                match substitute(inner, &value) {
                    Ok(text) => units.extend(literals(&text)),
                    Err(other) => return other,
                }
                rest = after;
                continue;
            }
            _ => units.extend(literals(part)),
        }
        rest = after;
    }
    Resolved::Pattern(units)
}

/// Splits `{inner}rest`. A default in quotes may contain a brace.
fn variable(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '\'' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Some((text.get(1..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn substitute<'e>(inner: &str, value: &impl Fn(&str) -> ContextValue<'e>) -> Result<String, Resolved> {
    if matches!(inner, "*" | "?" | "$") {
        return Ok(inner.to_owned());
    }
    let (key, default) = match inner.split_once(',') {
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let Some(default) = default else {
                return Err(Resolved::Unknown("the default of a policy variable has no quotes".into()));
            };
            (key, Some(default))
        }
        None => (inner, None),
    };
    match value(key.trim()) {
        ContextValue::One(text) => Ok(text.into_owned()),
        ContextValue::Absent => default.map(str::to_owned).ok_or(Resolved::NoValue),
        ContextValue::Many(_) => Err(Resolved::Unknown("a policy variable has several values".into())),
        ContextValue::Unknown(why) => Err(Resolved::Unknown(why)),
    }
}

/// Whether a text matches a pattern, in time linear in both for one `*`, and their product at most.
pub(super) fn matches(pattern: &[Unit], text: &[u16]) -> bool {
    let (mut at, mut read) = (0, 0);
    // After the last `*`: where to go on, and up to where it has matched.
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(Unit::Any) => {
                at += 1;
                retry = Some((at, read));
                continue;
            }
            Some(Unit::One) => {}
            Some(Unit::Literal(unit)) if text.get(read) == Some(unit) => {}
            _ => {
                let Some((after, matched)) = retry else { return false };
                at = after;
                read = matched + 1;
                retry = Some((after, read));
                continue;
            }
        }
        at += 1;
        read += 1;
    }
    pattern.get(at..).unwrap_or_default().iter().all(|unit| *unit == Unit::Any)
}

/// The pattern as text; wildcards are the characters themselves.
pub(super) fn to_text(pattern: &[Unit]) -> String {
    let units = pattern.iter().map(|unit| match unit {
        Unit::Literal(unit) => *unit,
        Unit::One => u16::from(b'?'),
        Unit::Any => u16::from(b'*'),
    });
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Resolved {
        let syntax = Syntax { wildcards: true, variables: true };
        resolve(text, syntax, |key| match key {
            "aws:username" => ContextValue::owned("a*b"),
            "aws:SourceVpc" => ContextValue::unknown("why"),
            _ => ContextValue::Absent,
        })
    }

    #[test]
    fn variables_are_literal_texts() {
        for (text, expected) in [
            ("${aws:username}", "a*b"),
            ("x/${aws:username}/y", "x/a*b/y"),
            ("${*}${?}${$}{}", "*?${}"),
            ("${aws:none, 'd}e'}", "d}e"),
            ("$x", "$x"),
        ] {
            let Resolved::Pattern(units) = resolved(text) else { panic!("{text}") };
            assert!(matches(&units, &expected.encode_utf16().collect::<Vec<_>>()), "{text}");
            assert!(units.iter().all(|unit| matches!(unit, Unit::Literal(_))), "{text}");
        }
        assert_eq!(resolved("${aws:none}"), Resolved::NoValue);
        assert_eq!(resolved("${aws:SourceVpc}"), Resolved::Unknown("why".into()));
        assert!(matches!(resolved("${aws:username"), Resolved::Unknown(_)));
    }
}
