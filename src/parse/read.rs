//! A record's bytes → [`Record`], with strict checks of UTF-8 and JSON.

use super::error::ParseError;
use super::json::{Fallback, Surrogates};
use super::member::read_fast;
use super::prefilter;
use super::record::Record;
use crate::model::{JsonError, RejectReason};

/// The record as text.
pub(super) fn utf8(record: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(record).map_err(|error| {
        let detail = format!("not UTF-8 from byte {} of the record on", error.valid_up_to());
        ParseError::new(RejectReason::InvalidUtf8, detail)
    })
}

/// Reads the members of a record. All of its text is checked, also members that are not used.
pub(super) fn record(text: &str) -> Result<Record<'_>, ParseError> {
    let mut record = Record::default();
    match read_fast(text, &mut record) {
        Ok(Surrogates::Absent) => Ok(record),
        Ok(Surrogates::Unchecked) => check_surrogates(text).map(|()| record),
        Err(Fallback) => record_with_serde_json(text),
    }
}

/// [`record`] for what the fast reader does not read. serde_json also says what is wrong with it.
#[cold]
pub(super) fn record_with_serde_json(text: &str) -> Result<Record<'_>, ParseError> {
    check_surrogates(text)?;
    serde_json::from_str(text).map_err(|error| {
        let JsonError { offset, message, .. } = JsonError::new(&error, text.as_bytes());
        let detail = format!("{message} (byte {offset} of the record)");
        ParseError::new(RejectReason::JsonSyntax, detail)
    })
}

/// JSON parsers do not check the surrogate escapes of strings that they skip.
fn check_surrogates(text: &str) -> Result<(), ParseError> {
    match prefilter::lone_surrogate(text.as_bytes()) {
        Some(at) => {
            let detail = format!("half a surrogate pair at byte {at} of the record");
            Err(ParseError::new(RejectReason::LoneSurrogate, detail))
        }
        None => Ok(()),
    }
}
