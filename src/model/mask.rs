//! Names that were made unreadable before a record was given away.

/// What stands in the place of a name.
const MASKS: [&str; 7] =
    ["redacted", "masked", "hidden", "removed", "anonymized", "anonymised", "hidden_due_to_security_reasons"];
/// Length of the shortest run of one letter that is no name.
const MIN_RUN: usize = 4;

/// Whether a part of an ARN, of an id or of an account is masked: `***`, `XXXXXXXXXXXX`,
/// `<account>`, `[REDACTED]`. AWS writes none of these in names. Several names may be behind a
/// mask.
pub fn is_masked(name: &str) -> bool {
    name.split([':', '/', '@']).any(is_mask)
}

fn is_mask(part: &str) -> bool {
    let part = part.trim();
    let Some(first) = part.bytes().next() else { return false };
    let is_run = || part.len() >= MIN_RUN && part.bytes().all(|byte| byte == first);
    let is_bracketed = |open, close| first == open && part.len() > 2 && part.bytes().last() == Some(close);
    match first {
        b'<' if is_bracketed(b'<', b'>') => true,
        b'[' if is_bracketed(b'[', b']') => true,
        b'{' if is_bracketed(b'{', b'}') => true,
        b'X' | b'x' | b'#' if is_run() => true,
        _ => part.contains('*') || MASKS.iter().any(|mask| mask.eq_ignore_ascii_case(part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_told_from_names() {
        for name in [
            "***",
            "arn:aws:iam::***:role/Reader",
            "arn:aws:iam::111122223333:role/***",
            "arn:aws:iam::XXXXXXXXXXXX:role/Reader",
            "arn:aws:iam::<account>:user/<redacted>",
            "arn:aws:sts::1111********:assumed-role/Reader/session",
            "111122223333:[REDACTED]",
            "111122223333:REDACTED",
            "Masked",
            "####",
        ] {
            assert!(is_masked(name), "{name}");
        }
        for name in [
            "unknown",
            "arn:aws:iam::111122223333:role/Reader",
            "arn:aws:iam::111122223333:role/redacted-exports",
            "arn:aws:iam::111122223333:user/xxl",
            "arn:aws:iam::111122223333:user/Xavier",
            "sagemaker.amazonaws.com",
            "111122223333:AROAEXAMPLE71099242",
            "",
        ] {
            assert!(!is_masked(name), "{name}");
        }
    }
}
