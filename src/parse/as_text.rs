//! Text in the place of an object or a list.
//!
//! Many tools write the nested members of a record as JSON text; `format::rebuild` turns them back
//! into objects. What other tools print there (`@{type=AssumedRole}`) cannot be read, and such a
//! record must not pass for one without these members.

/// Whether a member that is an object or a list in CloudTrail's records is text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum AsText {
    /// It is not text, or the text says that there is no value.
    #[default]
    No,
    /// Text of any kind.
    Text,
    /// Text that shows an object or a list in some notation.
    Structure,
}

impl AsText {
    pub(super) fn of(text: &str) -> Self {
        // What PowerShell, Go and Python print for an object: `@{…}`, `map[…]`, `OrderedDict(…)`.
        const OPENINGS: [&str; 7] = ["{", "[", "@{", "System.", "map[", "OrderedDict(", "Row("];
        let text = text.trim_start();
        let is_nothing = matches!(text.trim_end(), "" | "null" | "NULL" | "None" | "NaN" | "nan" | "-");
        // A number is no object either, and one of the readers passes numbers as text.
        if is_nothing || text.parse::<f64>().is_ok() {
            Self::No
        } else if OPENINGS.iter().any(|opening| text.starts_with(opening)) {
            Self::Structure
        } else {
            Self::Text
        }
    }

    pub(super) fn is_structure(self) -> bool {
        self == Self::Structure
    }
}
