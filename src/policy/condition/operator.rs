//! Names of condition operators.
//!
//! Source: [Condition
//! operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).

/// How many values of a key have to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// The key has one value.
    Single,
    /// At least one value (`ForAnyValue:`).
    Any,
    /// All values, even none (`ForAllValues:`).
    All,
}

/// How two values are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a value is compared with an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    String,
    StringIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
    /// `ArnEquals` and `ArnLike` are the same.
    Arn,
    Null,
}

/// A condition operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(super) comparison: Comparison,
    pub(super) is_negated: bool,
    pub(super) if_exists: bool,
}

impl Operator {
    /// Reads a name; `None` when there is no such operator.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (comparison, is_negated) = match base {
            "StringEquals" => (Comparison::String, false),
            "StringNotEquals" => (Comparison::String, true),
            "StringEqualsIgnoreCase" => (Comparison::StringIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::StringIgnoreCase, true),
            "StringLike" => (Comparison::StringLike, false),
            "StringNotLike" => (Comparison::StringLike, true),
            "Bool" => (Comparison::Bool, false),
            "BinaryEquals" => (Comparison::Binary, false),
            "IpAddress" => (Comparison::IpAddress, false),
            "NotIpAddress" => (Comparison::IpAddress, true),
            "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
            // Absence is what it asks for.
            "Null" if !if_exists && quantifier == Quantifier::Single => (Comparison::Null, false),
            _ => ordered(base)?,
        };
        Some(Self { quantifier, comparison, is_negated, if_exists })
    }

    /// Whether policy variables are allowed in its operands.
    pub(super) fn takes_variables(self) -> bool {
        use Comparison::{Arn, String, StringIgnoreCase, StringLike};
        matches!(self.comparison, String | StringIgnoreCase | StringLike | Arn)
    }

    /// Whether `*` and `?` in its operands match other characters.
    pub(super) fn takes_wildcards(self) -> bool {
        matches!(self.comparison, Comparison::StringLike | Comparison::Arn)
    }
}

fn ordered(base: &str) -> Option<(Comparison, bool)> {
    let numeric = base.strip_prefix("Numeric");
    let (order, is_negated) = match numeric.or_else(|| base.strip_prefix("Date"))? {
        "Equals" => (Order::Equal, false),
        "NotEquals" => (Order::Equal, true),
        "LessThan" => (Order::Less, false),
        "LessThanEquals" => (Order::LessOrEqual, false),
        "GreaterThan" => (Order::Greater, false),
        "GreaterThanEquals" => (Order::GreaterOrEqual, false),
        _ => return None,
    };
    let comparison = if numeric.is_some() { Comparison::Numeric(order) } else { Comparison::Date(order) };
    Some((comparison, is_negated))
}
