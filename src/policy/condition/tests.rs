//! Each row of what the IAM manual and recorded answers of AWS say of operators.

mod naive;

use serde_json::json;

use super::*;

fn one(text: &str) -> ContextValue<'static> {
    ContextValue::owned(text)
}

fn many(texts: &[&'static str]) -> ContextValue<'static> {
    ContextValue::many(texts.iter().map(|text| (*text).into()).collect())
}

fn lookup(key: &str) -> ContextValue<'static> {
    match key {
        "aws:PrincipalAccount" => one("111122223333"),
        "aws:username" => one("Al*ce"),
        "aws:PrincipalOrgID" => ContextValue::unknown("why"),
        _ => ContextValue::Absent,
    }
}

fn holds(operator: &str, operand: Value, value: ContextValue<'static>) -> Truth {
    let condition = Condition::read(operator, "k", &operand).unwrap();
    condition.holds_for(value, Language::V2012, &lookup)
}

#[test]
#[rustfmt::skip]
fn operators_do_what_is_documented() {
    let unknown = |text: &'static str| Truth::Unknown(text.into());
    for (operator, operand, value, expected) in [
        ("StringEquals", json!("a"), one("a"), Truth::Yes),
        ("StringEquals", json!("a*"), one("ab"), Truth::No),
        ("StringEquals", json!(["b", "a"]), one("a"), Truth::Yes),
        ("StringNotEquals", json!(["b", "a"]), one("a"), Truth::No),
        ("StringNotEquals", json!("a"), ContextValue::Absent, Truth::Yes),
        ("StringEquals", json!("a"), ContextValue::Absent, Truth::No),
        ("StringEqualsIfExists", json!("a"), ContextValue::Absent, Truth::Yes),
        ("StringEqualsIgnoreCase", json!("ÄB"), one("äb"), Truth::Yes),
        ("StringLike", json!("a*d?"), one("abcde"), Truth::Yes),
        ("StringLike", json!("?"), one("𝄞"), Truth::No),
        ("StringLike", json!("??"), one("𝄞"), Truth::Yes),
        ("StringLike", json!("A"), one("a"), Truth::No),
        ("NumericLessThan", json!(8), one("7"), Truth::Yes),
        ("NumericEquals", json!("7.0"), one("7"), Truth::Yes),
        ("NumericEquals", json!("x"), one("7"), Truth::No),
        ("NumericNotEquals", json!("x"), one("7"), Truth::Yes),
        ("NumericNotEquals", json!(7), one("inf"), Truth::Yes),
        ("DateLessThan", json!("2024-01-02"), one("2024-01-01T23:59:59Z"), Truth::Yes),
        ("DateEquals", json!("1704067200"), one("2024-01-01T00:00Z"), Truth::Yes),
        ("DateNotEquals", json!("soon"), one("2024-01-01T00:00:00Z"), Truth::Yes),
        ("Bool", json!(true), one("true"), Truth::Yes),
        ("Bool", json!("True"), one("true"), Truth::Yes),
        ("Bool", json!("x"), one("x"), Truth::No),
        ("BoolIfExists", json!("true"), ContextValue::Absent, Truth::Yes),
        ("BinaryEquals", json!("QUJD"), one("QUJD"), Truth::Yes),
        ("Null", json!("true"), ContextValue::Absent, Truth::Yes),
        ("Null", json!(false), many(&["a"]), Truth::Yes),
        ("Null", json!(true), one("a"), Truth::No),
        ("IpAddress", json!("203.0.113.5/24"), one("203.0.113.9"), Truth::Yes),
        ("IpAddress", json!("203.0.113.5"), one("203.0.113.9"), Truth::No),
        ("IpAddress", json!("0.0.0.0/0"), one("203.0.113.9"), Truth::Yes),
        ("IpAddress", json!("2001:db8::/32"), one("2001:db8::1"), Truth::Yes),
        ("IpAddress", json!("2001:db8::1/32"), one("2001:db8::1"), Truth::No),
        ("IpAddress", json!("::/0"), one("203.0.113.9"), Truth::No),
        ("IpAddress", json!("203.0.113.0/33"), one("203.0.113.9"), Truth::No),
        ("NotIpAddress", json!("203.0.113.0/24"), one("198.51.100.1"), Truth::Yes),
        ("NotIpAddress", json!("203.0.113.0/24"), one("nonsense"), Truth::No),
        ("ArnLike", json!("arn:aws:iam::*:role/a*"), one("arn:aws:iam::1:role/ab:c"), Truth::Yes),
        ("ArnEquals", json!("arn:aws:iam::1:role/*"), one("arn:aws:iam::1:role/ab"), Truth::Yes),
        ("ArnLike", json!("arn:aws:*:role/a"), one("arn:aws:iam::1:role/a"), Truth::No),
        ("ArnNotLike", json!("nonsense"), one("arn:aws:iam::1:role/a"), Truth::Yes),
        ("ArnNotLike", json!("arn:aws:iam::1:role/b"), one("nonsense"), Truth::No),
        ("StringEquals", json!("a"), many(&["a"]), Truth::No),
        ("StringNotEquals", json!("b"), many(&["a"]), Truth::No),
        ("StringEqualsIfExists", json!("a"), many(&["a"]), Truth::No),
        ("ForAnyValue:StringEquals", json!("a"), many(&["a", "b"]), Truth::Yes),
        ("ForAllValues:StringEquals", json!("a"), many(&["a", "b"]), Truth::No),
        ("ForAllValues:StringEquals", json!("a"), ContextValue::Absent, Truth::Yes),
        ("ForAnyValue:StringNotEquals", json!("a"), ContextValue::Absent, Truth::No),
        ("ForAnyValue:StringNotEquals", json!("a"), many(&["a", "b"]), Truth::Yes),
        ("ForAllValues:StringNotLike", json!("a*"), many(&["ab", "b"]), Truth::No),
        ("StringEquals", json!("${aws:PrincipalAccount}"), one("111122223333"), Truth::Yes),
        ("StringLike", json!("x${aws:username}"), one("xAlice"), Truth::No),
        ("StringEquals", json!("${aws:none, 'd'}"), one("d"), Truth::Yes),
        ("StringEquals", json!("${aws:none}"), one("d"), Truth::No),
        ("StringEquals", json!("${aws:PrincipalOrgID}"), one("d"), unknown("why")),
        ("StringEquals", json!(["${aws:PrincipalOrgID}", "d"]), one("d"), Truth::Yes),
        ("StringEquals", json!("${*}"), one("*"), Truth::Yes),
        ("StringEquals", json!("a"), ContextValue::unknown("why"), unknown("why")),
        ("StringEqual", json!("a"), one("a"), unknown("there is no condition operator StringEqual")),
    ] {
        assert_eq!(holds(operator, operand.clone(), value.clone()), expected, "{operator} {operand} {value:?}");
    }
}

#[test]
fn variables_are_literal_in_the_old_language() {
    let condition = Condition::read("StringEquals", "k", &json!("${aws:username}")).unwrap();
    assert_eq!(condition.holds_for(one("${aws:username}"), Language::V2008, &lookup), Truth::Yes);
    assert_eq!(condition.holds_for(one("Al*ce"), Language::V2008, &lookup), Truth::No);
}

#[test]
fn operands_are_scalars() {
    for operand in [json!({}), json!(null), json!([["a"]]), json!([null])] {
        assert!(Condition::read("StringEquals", "k", &operand).is_err(), "{operand}");
    }
    let condition = Condition::read("NumericEquals", "k", &json!([7, true])).unwrap();
    assert_eq!(condition.values(), ["7", "true"]);
}
