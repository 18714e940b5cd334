//! Wildcards of policies: `*` for any text, `?` for any character.

/// Whether the case of letters matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Matters,
    Ignored,
}

/// The longest action, and the longest pattern, that are compared.
const LONGEST: usize = 256;

/// Whether a pattern of actions, as `sagemaker:Describe*`, may match an action. The case of letters
/// does not matter. A pattern that is longer than any action may match.
pub fn matches_pattern(pattern: &str, action: &str) -> bool {
    pattern.len() > LONGEST || glob(pattern, action.get(..LONGEST).unwrap_or(action), Case::Ignored)
}

/// Whether a pattern matches all of `text`. Takes time in the product of their lengths at most.
pub(super) fn glob(pattern: &str, text: &str, case: Case) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let is_same = |a: u8, b: u8| a == b || case == Case::Ignored && a.eq_ignore_ascii_case(&b);
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text after the last `*` does not match.
    let mut retry = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
            }
            Some(wanted) if *wanted == b'?' || is_same(*wanted, *byte) => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after_star, at)) = retry else { return false };
                (p, t) = (after_star, at + 1);
                retry = Some((p, t));
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abcbc", true),
            ("a*b*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**a", "bba", true),
            ("A", "a", false),
        ] {
            assert_eq!(glob(pattern, text, Case::Matters), expected, "{pattern} {text}");
        }
        assert!(glob("kms:DE*", "KMS:decrypt", Case::Ignored));
    }
}
