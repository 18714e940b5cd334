//! Yes, no, or not to be known.

use std::borrow::Cow;

/// An answer in Kleene's three-valued logic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// Why it cannot be known: one short clause.
    Unknown(Cow<'static, str>),
}

impl Truth {
    /// Both hold. Of two reasons why that cannot be known, the first is given.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (unknown, _) => unknown,
        }
    }

    /// At least one holds. Of two reasons why that cannot be known, the first is given.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) => other,
            (unknown, _) => unknown,
        }
    }

    /// It does not hold.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "the trait calls it")]
    pub fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        Self::not(self)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_kleenes() {
        let unknown = || Truth::Unknown("why".into());
        let all = || [Truth::No, unknown(), Truth::Yes];
        // With No < Unknown < Yes, `and` is the minimum and `or` the maximum.
        for (a, left) in all().into_iter().enumerate() {
            for (b, right) in all().into_iter().enumerate() {
                assert_eq!(left.clone().and(right.clone()), all()[a.min(b)]);
                assert_eq!(left.clone().or(right), all()[a.max(b)]);
            }
            assert_eq!(!left, all()[2 - a]);
        }
    }
}
