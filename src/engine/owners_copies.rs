//! The key owners' records of cross-account calls, until it is known whether the callers' records
//! are in the input: of the two records of one call, what all calls show comes from the caller's.
//!
//! Memory: some 40 bytes for each such record of either account; the records themselves go to a
//! temporary file when they become many.

use std::io;
use std::sync::Arc;

use hashbrown::HashSet;

use crate::base::SpillFile;
use crate::facts::encode_event;
use crate::model::KmsEvent;

/// Those of one batch: the call, the offset of the record, and the end of its facts in the bytes.
#[derive(Default)]
pub(super) struct BatchCopies {
    list: Vec<(u128, u64, usize)>,
    bytes: Vec<u8>,
}

impl BatchCopies {
    /// Adds the record at `offset`.
    pub(super) fn push(&mut self, call: u128, event: &KmsEvent<'_>, offset: u64) {
        encode_event(event, &mut self.bytes);
        self.list.push((call, offset, self.bytes.len()));
    }

    /// About the bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.list.len() * size_of::<(u128, u64, usize)>()
    }
}

/// Those of a run.
#[derive(Default)]
pub(super) struct OwnersCopies {
    /// Calls of which the input has the caller's record.
    callers: HashSet<u128>,
    /// The others, and where their records are in the file.
    held: Vec<(u128, u64)>,
    file: SpillFile,
}

/// A record that was held back.
pub(super) struct HeldCopy {
    pub(super) archive: Arc<str>,
    pub(super) offset: u64,
    /// Its encoded facts.
    pub(super) event: Vec<u8>,
}

impl OwnersCopies {
    /// Adds the callers' records of a batch, and the others, which are in `archive`.
    pub(super) fn add(&mut self, archive: &str, callers: &[u128], owners: &BatchCopies) -> io::Result<()> {
        self.callers.extend(callers);
        let mut start = 0;
        for (call, offset, end) in &owners.list {
            let event = owners.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            if self.callers.contains(call) {
                continue;
            }
            let mut bytes = Vec::with_capacity(event.len() + archive.len() + 16);
            bytes.extend_from_slice(&offset.to_le_bytes());
            bytes.extend_from_slice(&(archive.len() as u64).to_le_bytes());
            bytes.extend_from_slice(archive.as_bytes());
            bytes.extend_from_slice(event);
            self.held.push((*call, self.file.push(&bytes)?));
        }
        Ok(())
    }

    /// About the bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.callers.capacity() * (size_of::<u128>() + 1) + self.held.capacity() * size_of::<(u128, u64)>()
    }

    /// The next record of a call of which the input does not have the caller's record.
    pub(super) fn pop(&mut self) -> io::Result<Option<HeldCopy>> {
        while let Some((call, at)) = self.held.pop() {
            if !self.callers.contains(&call) {
                let damaged = || io::Error::other("another program changed the temporary file");
                let bytes = self.file.read(at)?;
                let (offset, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
                let (len, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
                let len = usize::try_from(u64::from_le_bytes(*len)).map_err(io::Error::other)?;
                let (archive, event) = rest.split_at_checked(len).ok_or_else(damaged)?;
                return Ok(Some(HeldCopy {
                    archive: String::from_utf8_lossy(archive).into(),
                    offset: u64::from_le_bytes(*offset),
                    event: event.to_owned(),
                }));
            }
        }
        Ok(None)
    }
}
