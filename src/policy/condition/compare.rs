//! One value compared with one operand.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::operator::{Comparison, Order};
use super::pattern::{Unit, matches, to_text};
use crate::model::EventTime;

/// Whether a value can match at all. Of an address or ARN that is none, nothing is true, not even
/// that it differs.
pub(super) fn is_well_formed(comparison: Comparison, value: &str) -> bool {
    match comparison {
        Comparison::IpAddress => value.parse::<IpAddr>().is_ok(),
        Comparison::Arn => value.starts_with("arn:") && value.splitn(6, ':').count() == 6,
        _ => true,
    }
}

/// Whether a value matches an operand. An operand that is malformed matches nothing.
pub(super) fn is_match(comparison: Comparison, value: &str, operand: &[Unit]) -> bool {
    match comparison {
        Comparison::StringLike => matches(operand, &value.encode_utf16().collect::<Vec<_>>()),
        Comparison::Arn => is_arn_match(value, operand),
        _ => is_text_match(comparison, value, &to_text(operand)),
    }
}

pub(super) fn is_text_match(comparison: Comparison, value: &str, operand: &str) -> bool {
    match comparison {
        Comparison::StringIgnoreCase => value.to_lowercase() == operand.to_lowercase(),
        Comparison::Bool => {
            let is_bool =
                |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
            is_bool(value) && value.eq_ignore_ascii_case(operand)
        }
        Comparison::Numeric(order) => is_ordered(order, number(value), number(operand)),
        Comparison::Date(order) => is_ordered(order, date(value), date(operand)),
        Comparison::IpAddress => value.parse().is_ok_and(|address| is_in_network(address, operand)),
        _ => value == operand,
    }
}

/// Each of the six parts of an ARN is compared by itself.
fn is_arn_match(value: &str, operand: &[Unit]) -> bool {
    let parts: Vec<&[Unit]> = operand.splitn(6, |unit| *unit == Unit::Literal(u16::from(b':'))).collect();
    let is_arn = parts.len() == 6 && to_text(parts[0]) == "arn";
    let values = value.splitn(6, ':').map(|part| part.encode_utf16().collect::<Vec<_>>());
    is_arn && parts.iter().zip(values).all(|(pattern, part)| matches(pattern, &part))
}

fn is_ordered<T: PartialOrd>(order: Order, value: Option<T>, operand: Option<T>) -> bool {
    let Some(found) = value.zip(operand).and_then(|(value, operand)| value.partial_cmp(&operand)) else {
        return false;
    };
    match order {
        Order::Equal => found == Ordering::Equal,
        Order::Less => found == Ordering::Less,
        Order::LessOrEqual => found != Ordering::Greater,
        Order::Greater => found == Ordering::Greater,
        Order::GreaterOrEqual => found != Ordering::Less,
    }
}

/// An integer or a decimal number; nothing else that Rust reads as one.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then(|| text.parse().ok()).flatten()
}

/// Milliseconds: an ISO 8601 time or day, or seconds since 1970.
fn date(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let of_day = || EventTime::parse(&format!("{text}T00:00:00Z"));
    let of_minute = || EventTime::parse(&format!("{}:00Z", text.strip_suffix('Z')?));
    EventTime::parse(text).or_else(of_day).or_else(of_minute).map(|time| time.0)
}

fn is_in_network(address: IpAddr, network: &str) -> bool {
    let (base, prefix) = match network.split_once('/') {
        Some((base, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
            (base, prefix.parse().ok())
        }
        Some(_) => return false,
        None => (network, Some(u32::MAX)),
    };
    let Some(prefix) = prefix else { return false };
    match (address, base.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(base))) => {
            let Some(mask) = mask(prefix, 32) else { return false };
            let (address, base) = (u128::from(u32::from(address)), u128::from(u32::from(base)));
            address & mask == base & mask
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(base))) => {
            let Some(mask) = mask(prefix, 128) else { return false };
            // A network of IPv6 whose host bits are set contains nothing.
            u128::from(base) & !mask == 0 && u128::from(address) & mask == u128::from(base)
        }
        _ => false,
    }
}

/// The mask of a prefix in the low `bits`; `u32::MAX` stands for all.
fn mask(prefix: u32, bits: u32) -> Option<u128> {
    let prefix = if prefix == u32::MAX { bits } else { prefix };
    let host = bits.checked_sub(prefix)?;
    Some(u128::MAX.checked_shl(host).unwrap_or(0))
}
