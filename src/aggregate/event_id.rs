//! An `eventID` in little memory.

use std::fmt;

/// An `eventID` that is kept for each of many calls: most are UUIDs.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EventId(Form);

#[derive(Clone, PartialEq, Eq, Default)]
enum Form {
    /// The record has none.
    #[default]
    None,
    /// A UUID in its usual spelling: lower case, with hyphens.
    Uuid([u8; 16]),
    /// Another text.
    Text(Box<str>),
}

/// Where the hyphens of a UUID are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl EventId {
    pub(super) fn new(id: Option<&str>) -> Self {
        Self(match id {
            None => Form::None,
            Some(id) => uuid(id).map_or_else(|| Form::Text(id.into()), Form::Uuid),
        })
    }

    /// The text; `None` when the record has none.
    pub fn to_text(&self) -> Option<String> {
        match &self.0 {
            Form::None => None,
            Form::Uuid(bytes) => {
                let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                HYPHENS.into_iter().for_each(|at| text.insert(at, '-'));
                Some(text)
            }
            Form::Text(text) => Some(text.to_string()),
        }
    }
}

fn uuid(id: &str) -> Option<[u8; 16]> {
    if id.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, byte) in id.bytes().enumerate() {
        if HYPHENS.contains(&at) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was() {
        for id in [
            "11111115-00eb-00ce-0e00-ea000fb0fba0",
            "11111115-00EB-00ce-0e00-ea000fb0fba0",
            "11111115-00eb-00ce-0e00-ea000fb0fba",
            "11111115000eb-00ce-0e00-ea000fb0fba0",
            "1111111g-00eb-00ce-0e00-ea000fb0fba0",
            "",
            "größe",
        ] {
            assert_eq!(EventId::new(Some(id)).to_text().as_deref(), Some(id));
        }
        assert_eq!(EventId::new(None).to_text(), None);
        assert!(matches!(EventId::new(Some("11111115-00eb-00ce-0e00-ea000fb0fba0")).0, Form::Uuid(_)));
    }
}
