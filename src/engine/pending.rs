//! Pending duplicates: events that may be copies of a call whose better copy has not been seen yet.
//! Their facts are held as bytes, in a spill file when they become many.

use std::collections::BTreeMap;
use std::io;

use crate::aggregate::PendingId;
use crate::base::SpillFile;
use crate::model::IntegrityStatus;

/// A pending duplicate.
pub(super) struct PendingCopy {
    /// The number of its input.
    pub(super) input: u64,
    /// The day of its event, in days since 1970-01-01.
    pub(super) day: i32,
    /// The event.
    pub(super) copy: StoredCopy,
    /// Other copies of the call, which complete it.
    pub(super) others: Vec<StoredCopy>,
    /// It has been found to be the copy that counts.
    pub(super) counts: bool,
}

/// A copy of a call as it is stored.
pub(super) struct StoredCopy {
    /// The URI of its input.
    pub(super) archive: String,
    /// The offset of its record in the input's content, bytes.
    pub(super) offset: u64,
    /// What digests say of its input.
    pub(super) integrity: Option<IntegrityStatus>,
    /// Its encoded facts.
    pub(super) event: Vec<u8>,
}

impl StoredCopy {
    pub(super) fn as_new(&self) -> NewCopy<'_> {
        let Self { archive, offset, integrity, event } = self;
        NewCopy { archive, offset: *offset, integrity: *integrity, event }
    }
}

/// A copy of a call, and where its record is; `event`: its encoded facts.
#[derive(Clone, Copy)]
pub(super) struct NewCopy<'c> {
    pub(super) archive: &'c str,
    pub(super) offset: u64,
    pub(super) integrity: Option<IntegrityStatus>,
    pub(super) event: &'c [u8],
}

/// What is held in memory of a pending duplicate: 24 bytes, those of hash tables not included.
struct Entry {
    stored: u64,
    input: u64,
    day: i32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    /// It counts; its row is out of order.
    Counts,
    /// Another copy counts.
    Superseded,
}

/// All pending duplicates, in input order: the first is number 0.
pub(super) struct PendingCopies {
    spill: SpillFile,
    entries: Vec<Entry>,
    others: BTreeMap<PendingId, Vec<u64>>,
}

impl PendingCopies {
    pub(super) fn new() -> Self {
        Self { spill: SpillFile::new(), entries: Vec::new(), others: BTreeMap::new() }
    }

    /// About the bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        const OTHER: usize = 60;
        self.entries.capacity() * size_of::<Entry>() + self.others.len() * OTHER
    }

    /// Adds a duplicate of the input with number `input`.
    pub(super) fn push(&mut self, input: u64, day: i32, copy: NewCopy<'_>) -> io::Result<()> {
        let stored = self.store(copy)?;
        self.entries.push(Entry { stored, input, day, state: State::Pending });
        Ok(())
    }

    fn store(&mut self, copy: NewCopy<'_>) -> io::Result<u64> {
        let NewCopy { archive, offset, integrity, event } = copy;
        let mut bytes = Vec::with_capacity(event.len() + archive.len() + 17);
        bytes.push(status_to_byte(integrity));
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&(archive.len() as u64).to_le_bytes());
        bytes.extend_from_slice(archive.as_bytes());
        bytes.extend_from_slice(event);
        self.spill.push(&bytes)
    }

    fn stored(&mut self, at: u64) -> io::Result<StoredCopy> {
        let bytes = self.spill.read(at)?;
        let damaged = || io::Error::other("another program changed the temporary file");
        let (status, bytes) = bytes.split_first().ok_or_else(damaged)?;
        let (offset, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let (len, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(io::Error::other)?;
        let (archive, event) = rest.split_at_checked(len).ok_or_else(damaged)?;
        Ok(StoredCopy {
            archive: String::from_utf8_lossy(archive).into_owned(),
            offset: u64::from_le_bytes(*offset),
            integrity: byte_to_status(*status),
            event: event.to_owned(),
        })
    }

    /// Adds another copy of the call, which completes that duplicate.
    pub(super) fn attach(&mut self, id: PendingId, copy: NewCopy<'_>) -> io::Result<()> {
        let stored = self.store(copy)?;
        self.others.entry(id).or_default().push(stored);
        Ok(())
    }

    /// Marks that duplicate as the one that counts; returns the number of its input.
    pub(super) fn mark_counted(&mut self, id: PendingId) -> u64 {
        self.entries[id].state = State::Counts;
        self.entries[id].input
    }

    /// Removes that duplicate, since another copy counts.
    pub(super) fn remove(&mut self, id: PendingId) -> io::Result<PendingCopy> {
        let copy = self.read(id)?;
        self.entries[id].state = State::Superseded;
        Ok(copy)
    }

    /// The first duplicate from `id` on that has not been removed.
    pub(super) fn next_from(&mut self, id: PendingId) -> io::Result<Option<(PendingId, PendingCopy)>> {
        let rest = self.entries.iter().enumerate().skip(id);
        let Some(found) = rest.into_iter().find(|(_, e)| e.state != State::Superseded).map(|(id, _)| id)
        else {
            return Ok(None);
        };
        self.read(found).map(|copy| Some((found, copy)))
    }

    fn read(&mut self, id: PendingId) -> io::Result<PendingCopy> {
        let Entry { stored, input, day, state } = self.entries[id];
        let others = self.others.get(&id).cloned().unwrap_or_default();
        Ok(PendingCopy {
            input,
            day,
            copy: self.stored(stored)?,
            others: others.into_iter().map(|stored| self.stored(stored)).collect::<io::Result<_>>()?,
            counts: state == State::Counts,
        })
    }
}

/// A status as it is stored: 0 for none, else its position from 1 on.
fn status_to_byte(status: Option<IntegrityStatus>) -> u8 {
    let position = |status| IntegrityStatus::ALL.iter().position(|known| *known == status);
    status.and_then(position).and_then(|n| u8::try_from(n + 1).ok()).unwrap_or_default()
}

fn byte_to_status(byte: u8) -> Option<IntegrityStatus> {
    IntegrityStatus::ALL.get(usize::from(byte).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_come_back_until_they_are_removed() {
        let mut pending = PendingCopies::new();
        let event = |n: usize| vec![n as u8; n];
        for n in 0..25 {
            let (archive, event) = (format!("archive {n}"), event(n));
            let integrity = IntegrityStatus::ALL.get(n % 9).copied();
            let copy = NewCopy { archive: &archive, offset: n as u64, integrity, event: &event };
            pending.push(n as u64 / 2, 7, copy).unwrap();
        }
        pending
            .attach(3, NewCopy { archive: "other archive", offset: 9, integrity: None, event: b"other" })
            .unwrap();
        assert_eq!(pending.mark_counted(3), 1);
        assert_eq!(pending.remove(0).unwrap().copy.event, event(0));
        let (mut from, mut seen) = (0, Vec::new());
        while let Some((n, copy)) = pending.next_from(from).unwrap() {
            let PendingCopy { day, copy: stored, others, counts, .. } = copy;
            assert_eq!(stored.integrity, IntegrityStatus::ALL.get(n % 9).copied());
            assert_eq!((stored.archive, stored.offset), (format!("archive {n}"), n as u64));
            assert_eq!((stored.event, day, counts), (event(n), 7, n == 3));
            let others: Vec<_> = others.into_iter().map(|o| (o.archive, o.offset, o.event)).collect();
            let expected = ("other archive".to_owned(), 9, b"other".to_vec());
            assert_eq!(others, if n == 3 { vec![expected] } else { Vec::new() });
            seen.push(n);
            from = n + 1;
        }
        assert_eq!(seen, (1..25).collect::<Vec<_>>());
    }
}
