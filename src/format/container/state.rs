//! The states of the reader.

use std::ops::Range;

use super::container_kind::ContainerKind;
use super::document::Document;
use crate::format::json::{MayMatch, ValueScanner};

/// Where the reader is.
#[derive(Debug)]
pub(super) enum State {
    /// Before the first byte.
    Start,
    /// Between top-level values.
    Between,
    /// Inside a log message that is not JSON.
    Message {
        start: u64,
    },
    /// Inside the rest of a line that is not JSON.
    OtherLine {
        start: u64,
    },
    /// Inside a top-level string.
    Text {
        start: u64,
        scanner: ValueScanner,
    },
    /// Inside a top-level object, one level deep.
    Document(Document),
    /// Inside an array whose elements are records. `None` for a top-level array; otherwise the
    /// document that it belongs to, as for `parent` below.
    Array(Option<Document>),
    /// Inside an element of that array.
    Element {
        parent: Option<Document>,
        start: u64,
        scanner: ValueScanner,
    },
    /// After an element; what follows decides whether to accept it.
    AfterElement {
        parent: Option<Document>,
        range: Range<u64>,
        may_match: MayMatch,
    },
    /// Inside an element that is too large to keep.
    OversizedElement {
        parent: Option<Document>,
        start: u64,
        scanner: ValueScanner,
    },
    /// After damage, searching for the next record.
    Resync(Resync),
    Done,
}

/// Where a value is.
#[derive(Debug)]
pub(super) enum Scope {
    TopLevel,
    /// In a top-level array, or in the array of a document.
    Array(Option<Document>),
}

impl Scope {
    pub(super) fn container(&self) -> Option<ContainerKind> {
        match self {
            Self::Array(Some(document)) => document.container(),
            Self::TopLevel | Self::Array(None) => None,
        }
    }

    /// The state before the next value in this scope.
    pub(super) fn into_state(self) -> State {
        match self {
            Self::TopLevel => State::Between,
            Self::Array(parent) => State::Array(parent),
        }
    }
}

/// A search for the next record after damage.
#[derive(Debug)]
pub(super) struct Resync {
    /// Where the damage is.
    pub(super) scope: Scope,
    /// Offset of the damaged value.
    pub(super) start: u64,
    /// Where the search continues.
    pub(super) search_from: u64,
    /// What is wrong.
    pub(super) detail: String,
}
