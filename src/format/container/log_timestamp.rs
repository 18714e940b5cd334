//! The timestamp at the beginning of each line in CloudWatch Logs exports.

/// The result of [`parse_timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timestamp {
    /// A timestamp; the message begins after this number of bytes.
    Complete(usize),
    /// The bytes end inside what may be a timestamp.
    Incomplete,
    /// Not a timestamp.
    Invalid,
}

/// `2024-01-01T00:00:00`; a fraction, `Z` and a space or tab follow.
const SECONDS: &[u8] = b"0000-00-00T00:00:00";
/// Maximum number of digits in the fraction of a second.
const FRACTION: usize = 9;
/// Length of the longest timestamp, with the space after it.
const MAX_LEN: usize = SECONDS.len() + 1 + FRACTION + 2;

/// Looks for a timestamp at the start of `bytes`.
pub(super) fn parse_timestamp(bytes: &[u8]) -> Timestamp {
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if !bytes.iter().zip(SECONDS).all(fits) {
        return Timestamp::Invalid;
    }
    let Some(rest) = bytes.get(SECONDS.len()..) else { return Timestamp::Incomplete };
    let fraction = match rest.strip_prefix(b".") {
        Some(digits) => 1 + digits.iter().take(FRACTION).take_while(|byte| byte.is_ascii_digit()).count(),
        None => 0,
    };
    match rest[fraction..] {
        [b'Z', b' ' | b'\t', ..] => Timestamp::Complete(SECONDS.len() + fraction + 2),
        [] | [b'Z'] => Timestamp::Incomplete,
        _ => Timestamp::Invalid,
    }
}

/// Whether `before` ends with a timestamp at the beginning of a line, so that a message follows.
pub(super) fn ends_with_timestamp(before: &[u8]) -> bool {
    if !matches!(before, [.., b'Z', b' ' | b'\t']) {
        return false;
    }
    let tail = &before[before.len().saturating_sub(MAX_LEN + 1)..];
    let line = tail.iter().rposition(|byte| *byte == b'\n').map_or(tail, |at| &tail[at + 1..]);
    parse_timestamp(line) == Timestamp::Complete(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_recognised() {
        for (text, expected) in [
            ("2024-01-01T00:00:00.000Z {", Timestamp::Complete(25)),
            ("2024-01-01T00:00:00Z {", Timestamp::Complete(21)),
            ("2024-01-01T00:00:00.123456789Z x", Timestamp::Complete(31)),
            ("2024-01-01T00:00:00.1234567890Z x", Timestamp::Invalid),
            ("2024-01-01 00:00:00Z x", Timestamp::Invalid),
            ("2024-01-01T00:00:00+00:00 x", Timestamp::Invalid),
            ("2024-01-01T00:00:00.000Z", Timestamp::Incomplete),
            ("2024-01-01T00:00:00.00", Timestamp::Incomplete),
            ("2024-01-", Timestamp::Incomplete),
            ("", Timestamp::Incomplete),
            ("7", Timestamp::Incomplete),
            ("17,", Timestamp::Invalid),
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), expected, "{text}");
        }
        for before in ["2024-01-01T00:00:00.000Z ", "x\n2024-01-01T00:00:00Z "] {
            assert!(ends_with_timestamp(before.as_bytes()), "{before}");
        }
        for before in ["x 2024-01-01T00:00:00Z ", "2024-01-01T00:00:00Z", "Z ", "", "2024-01-01T00:00:00Z  "]
        {
            assert!(!ends_with_timestamp(before.as_bytes()), "{before}");
        }
    }
}
