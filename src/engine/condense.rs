//! What is kept of an archive so that it need not be read again: records that may count or teach, rejects, and how it ended.
//!
//! It is written as chunks, each a kind, a length and that many bytes. `replay.rs` reads them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::input::Subject;
use super::part::Part;
use super::supply::Reached;
use crate::aggregate::{InputSummary, Status};
use crate::extract::{Shelf, State, StateError};
use crate::model::{RejectReason, Rejection, SkipReason, shared};
use crate::source::{Listed, Version};

/// An input begins: a [`Head`].
pub(super) const HEAD: u8 = b'H';
/// A record that may count: its offset and its bytes.
pub(super) const RECORD: u8 = b'R';
/// One that may teach, and may count.
pub(super) const LESSON: u8 = b'T';
/// A list of [`Rejection`]s.
pub(super) const REJECTS: u8 = b'J';
/// An input ends: an [`End`].
pub(super) const END: u8 = b'E';
/// An input of which there is nothing but its row: a [`Given`].
pub(super) const GIVEN: u8 = b'G';

/// What is known of an input when it begins.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(with = "shared::text")]
    pub(super) uri: Arc<str>,
    #[serde(with = "shared::maybe")]
    pub(super) container: Option<Arc<str>>,
    pub(super) version: Version,
}

/// How an input ended.
#[derive(Serialize, Deserialize)]
pub(super) struct End {
    /// Records that were left out: none of KMS, and nothing to learn from.
    pub(super) foreign: u64,
    pub(super) reached: Reached,
    pub(super) sha256: Option<String>,
    pub(super) shape: Cow<'static, str>,
    pub(super) skip: Option<SkipReason>,
}

/// An input that has no records of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) input: InputSummary,
    pub(super) rejects: Vec<Rejection>,
}

pub(super) fn head(subject: &Subject, to: &mut Vec<u8>) {
    let (uri, container) = (subject.uri.clone(), subject.container.clone());
    json(HEAD, &Head { uri, container, version: subject.version.clone() }, to);
}

pub(super) fn record(bytes: &[u8], offset: u64, may_contain_facts: bool, to: &mut Vec<u8>) {
    to.push(if may_contain_facts { LESSON } else { RECORD });
    to.extend_from_slice(&(bytes.len() as u64 + 8).to_le_bytes());
    to.extend_from_slice(&offset.to_le_bytes());
    to.extend_from_slice(bytes);
}

/// Moves a part's rejects to what is kept of it.
pub(super) fn rejects(part: &mut Part) {
    if !part.rejects.is_empty() {
        part.read_error = part.rejects.iter().any(is_read_error);
        json(REJECTS, &part.rejects, &mut part.kept);
        part.rejects.clear();
    }
}

fn is_read_error(rejection: &Rejection) -> bool {
    rejection.reason == RejectReason::ReadError
}

pub(super) fn end(end: End, to: &mut Vec<u8>) {
    json(END, &end, to);
}

fn json(kind: u8, value: &impl Serialize, to: &mut Vec<u8>) {
    to.push(kind);
    let len = to.len();
    to.extend_from_slice(&[0; 8]);
    // Plain structs of texts and numbers: there is nothing that could not be said in JSON.
    if serde_json::to_writer(&mut *to, value).is_ok() {
        let written = (to.len() - len - 8) as u64;
        to[len..len + 8].copy_from_slice(&written.to_le_bytes());
    }
}

/// Puts what one thread reads into a segment.
pub(super) struct Condenser<'s> {
    state: &'s State,
    shelf: Option<Shelf>,
    /// The archive being read can be told from other states of it, and has been read without errors of the system.
    stands: bool,
    kept: Vec<u8>,
}

impl<'s> Condenser<'s> {
    pub(super) fn new(state: &'s State) -> Self {
        Self { state, shelf: None, stands: false, kept: Vec::new() }
    }

    /// Begins what the listing names.
    pub(super) fn begin(&mut self, listed: &Listed) -> Result<(), StateError> {
        let uri = listed.uri();
        if self.shelf.as_ref().is_some_and(|shelf| shelf.is_full(uri)) {
            self.finish()?;
        }
        let (size, version) = match listed {
            Listed::Archive(archive) => (archive.size, archive.version.clone()),
            Listed::Skipped { .. } | Listed::Unreadable { .. } => (None, Version::default()),
        };
        self.stands = !version.is_unknown();
        let shelf = match &mut self.shelf {
            Some(shelf) => shelf,
            none => none.insert(self.state.begin()?),
        };
        shelf.write(|writer| writer.begin(uri, size, &version))
    }

    /// Takes what there is to keep of a part.
    pub(super) fn take(&mut self, part: &mut Part) -> Result<(), StateError> {
        self.stands &= !part.read_error && !part.rejects.iter().any(is_read_error);
        self.kept.clear();
        if let Some(done) = part.done.take() {
            let input = done.0;
            self.stands &= input.status != Status::Unreadable || part.closed;
            json(GIVEN, &Given { input, rejects: std::mem::take(&mut part.rejects) }, &mut self.kept);
        }
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        shelf.write(|writer| writer.push(&part.kept).and_then(|()| writer.push(&self.kept)))
    }

    /// Ends it.
    pub(super) fn end(&mut self) -> Result<(), StateError> {
        let stands = self.stands;
        self.shelf.as_mut().map_or(Ok(()), |shelf| shelf.write(|writer| writer.end(stands)))
    }

    /// Ends the segment.
    pub(super) fn finish(&mut self) -> Result<(), StateError> {
        self.shelf.take().map_or(Ok(()), |shelf| self.state.end(shelf))
    }
}
