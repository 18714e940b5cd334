//! Facts in the checkpoint of an incremental run: written while its archives are scanned, read back by every later run.

use std::io::{self, Read};

use crate::extract::{Entry, Shelf, State, StateError};
use crate::facts::Batch;
use crate::source::{ListedInput, Version};

/// Puts what one thread scans into a segment.
pub(super) struct CheckpointWriter<'s> {
    state: &'s State,
    shelf: Option<Shelf>,
    /// The archive being scanned can be told from other states of it.
    is_known: bool,
}

impl<'s> CheckpointWriter<'s> {
    pub(super) fn new(state: &'s State) -> Self {
        Self { state, shelf: None, is_known: false }
    }

    /// Begins what the listing names.
    pub(super) fn begin(&mut self, listed: &ListedInput) -> Result<(), StateError> {
        let uri = listed.uri();
        if self.shelf.as_ref().is_some_and(|shelf| shelf.is_full(uri)) {
            self.finish()?;
        }
        let (size, version) = match listed {
            ListedInput::Archive(archive) => (archive.size, archive.version.clone()),
            ListedInput::Skipped { .. } | ListedInput::Unreadable { .. } => (None, Version::default()),
        };
        self.is_known = !version.is_unknown();
        let shelf = match &mut self.shelf {
            Some(shelf) => shelf,
            none => none.insert(self.state.begin()?),
        };
        shelf.write(|writer| writer.begin(uri, size, &version))
    }

    /// Takes the next batch.
    pub(super) fn push(&mut self, batch: &Batch) -> Result<(), StateError> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        shelf.write(|writer| {
            let bytes = batch.encode()?;
            writer.push(&(bytes.len() as u64).to_le_bytes())?;
            writer.push(&bytes)
        })
    }

    /// Ends it; `reusable`: scanning it again would give the same.
    pub(super) fn end(&mut self, reusable: bool) -> Result<(), StateError> {
        let reusable = reusable && self.is_known;
        self.shelf.as_mut().map_or(Ok(()), |shelf| shelf.write(|writer| writer.end(reusable)))
    }

    /// Ends the segment.
    pub(super) fn finish(&mut self) -> Result<(), StateError> {
        self.shelf.take().map_or(Ok(()), |shelf| self.state.end(shelf))
    }
}

/// Reads back the batches of an archive, as long as `take` says so.
///
/// # Errors
/// When they cannot be read.
pub(super) fn read(entry: &Entry, take: &mut dyn FnMut(Batch) -> bool) -> io::Result<()> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{} in {}: {e}", entry.uri, entry.segment()));
    read_unnamed(entry, take).map_err(named)
}

fn read_unnamed(entry: &Entry, take: &mut dyn FnMut(Batch) -> bool) -> io::Result<()> {
    let mut stored = entry.open()?;
    let mut bytes = Vec::new();
    let mut ended = false;
    loop {
        let mut len = [0; 8];
        if stored.read(&mut len[..1])? == 0 {
            // Whatever was listed has a row, so there is no entry without an end.
            return if ended { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        stored.read_exact(&mut len[1..])?;
        let len = u64::from_le_bytes(len);
        bytes.clear();
        if stored.by_ref().take(len).read_to_end(&mut bytes)? as u64 != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let batch = Batch::decode(&bytes)?;
        ended = batch.stretches.last().is_some_and(|stretch| stretch.end.is_some());
        if !take(batch) {
            return Ok(());
        }
    }
}
