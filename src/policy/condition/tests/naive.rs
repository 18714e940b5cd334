//! A second evaluator, written the slow, obvious way on texts, and every small world.
//!
//! A world is an operator with a quantifier and a suffix, no value, one or several, and operands.

use serde_json::json;

use super::super::*;

const BASES: [&str; 24] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
];

const TEXTS: [&str; 12] = [
    "",
    "a",
    "A*",
    "ab",
    "7",
    "07.0",
    "true",
    "10.0.0.1",
    "10.0.0.0/8",
    "2024-01-01",
    "arn:aws:s3:::b",
    "arn:*:s3:::*",
];

/// Tries every way in which the pattern may match.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|n| like(rest, &text[n..])),
        Some(('?', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((first, rest)) => text.first() == Some(first) && like(rest, &text[1..]),
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    like(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

fn parts(arn: &str) -> Option<Vec<String>> {
    let parts: Vec<String> = arn.split(':').map(str::to_owned).collect();
    (parts.len() >= 6 && parts[0] == "arn").then(|| {
        let mut six = parts[..5].to_vec();
        six.push(parts[5..].join(":"));
        six
    })
}

/// Seconds; the only date among the texts is a day, and whole numbers are seconds.
fn seconds(text: &str) -> Option<f64> {
    match text {
        "2024-01-01" => Some(1_704_067_200.0),
        "7" => Some(7.0),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    matches!(text, "7" | "07.0").then_some(7.0)
}

/// Whether `value` is what `base`, without its negation, asks for; `None`: nothing is true of it.
fn positive(base: &str, value: &str, operand: &str) -> Option<bool> {
    let ordered = |pair: (Option<f64>, Option<f64>)| {
        let (Some(value), Some(operand)) = pair else { return false };
        let operator = base.trim_start_matches("Numeric").trim_start_matches("Date");
        match operator {
            "Equals" | "NotEquals" => value == operand,
            "LessThan" => value < operand,
            "LessThanEquals" => value <= operand,
            "GreaterThan" => value > operand,
            "GreaterThanEquals" => value >= operand,
            other => panic!("{other}"),
        }
    };
    Some(match base {
        "StringEquals" | "StringNotEquals" | "BinaryEquals" => value == operand,
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => {
            value.to_lowercase() == operand.to_lowercase()
        }
        "StringLike" | "StringNotLike" => glob(operand, value),
        "Bool" => value == "true" && operand == "true",
        "IpAddress" | "NotIpAddress" => match value {
            // The only address among the texts, and the only two operands that contain it.
            "10.0.0.1" => ["10.0.0.1", "10.0.0.0/8"].contains(&operand),
            _ => return None,
        },
        base if base.starts_with("Arn") => {
            let value = parts(value)?;
            parts(operand).is_some_and(|six| six.iter().zip(&value).all(|(a, b)| glob(a, b)))
        }
        base if base.starts_with("Numeric") => ordered((number(value), number(operand))),
        _ => ordered((seconds(value), seconds(operand))),
    })
}

fn expected(
    quantifier: &str,
    base: &str,
    suffix: &str,
    values: Option<(&[&str], bool)>,
    operands: &[&str],
) -> bool {
    let is_negated = base.contains("Not");
    let Some((values, is_multivalued)) = values else {
        return match quantifier {
            "ForAllValues:" => true,
            "ForAnyValue:" => suffix == "IfExists",
            _ => is_negated || suffix == "IfExists",
        };
    };
    if quantifier.is_empty() && is_multivalued {
        return false;
    }
    let mut results = Vec::new();
    for value in values {
        let mut any = false;
        let mut is_malformed = false;
        for operand in operands {
            match positive(base, value, operand) {
                Some(found) => any |= found,
                None => is_malformed = true,
            }
        }
        results.push(!is_malformed && any != is_negated);
    }
    if quantifier == "ForAllValues:" { !results.contains(&false) } else { results.contains(&true) }
}

#[test]
fn both_evaluators_agree_on_every_small_world() {
    let mut worlds: Vec<Option<(Vec<&str>, bool)>> = vec![None];
    for (at, first) in TEXTS.into_iter().enumerate() {
        worlds.push(Some((vec![first], false)));
        worlds.push(Some((vec![first], true)));
        worlds.extend(TEXTS[at..].iter().map(|second| Some((vec![first, second], true))));
    }
    let mut operand_lists: Vec<Vec<&str>> = TEXTS.iter().map(|text| vec![*text]).collect();
    for (at, first) in TEXTS.into_iter().enumerate() {
        operand_lists.extend(TEXTS[at + 1..].iter().map(|second| vec![first, second]));
    }
    let mut cases = 0;
    for base in BASES {
        for (quantifier, suffix) in
            ["", "ForAnyValue:", "ForAllValues:"].into_iter().flat_map(|q| [(q, ""), (q, "IfExists")])
        {
            let name = format!("{quantifier}{base}{suffix}");
            for operands in &operand_lists {
                let condition = Condition::read(&name, "k", &json!(operands)).unwrap();
                for world in &worlds {
                    let value = match world {
                        None => ContextValue::Absent,
                        Some((values, false)) => ContextValue::One(values[0].into()),
                        Some((values, true)) => {
                            ContextValue::Many(values.iter().map(|v| (*v).into()).collect())
                        }
                    };
                    let found = condition.holds_for(value, Language::V2012, &|_| ContextValue::Absent);
                    let world = world.as_ref().map(|(values, many)| (&values[..], *many));
                    let expected = expected(quantifier, base, suffix, world, operands);
                    assert_eq!(found, Truth::from(expected), "{name} {operands:?} {world:?}");
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 1_000_000, "{cases}");
}
