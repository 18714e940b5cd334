//! Copies that wait for a better one of the same call: put aside as their records' bytes, on disk when they become many.

use std::collections::BTreeMap;
use std::io;

use crate::aggregate::PendingId;
use crate::base::SpillFile;

/// A copy that was put aside.
pub(super) struct Kept {
    /// The input it was in, by its place among all.
    pub(super) input: u64,
    /// The day of its event.
    pub(super) day: i32,
    /// That input's URI.
    pub(super) archive: String,
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) record: Vec<u8>,
    /// Records of other copies of the call, to complete it from.
    pub(super) others: Vec<Vec<u8>>,
    /// It has been found to be the one that counts.
    pub(super) settled: bool,
}

/// What is remembered of one in memory: 24 bytes, those of hashes not included.
struct Entry {
    place: u64,
    input: u64,
    day: i32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    /// It counts, and comes late.
    Counts,
    /// Another copy counts.
    Gone,
}

/// All copies put aside, in input order: the first is number 0.
pub(super) struct Aside {
    spool: SpillFile,
    entries: Vec<Entry>,
    others: BTreeMap<PendingId, Vec<u64>>,
}

impl Aside {
    pub(super) fn new() -> Self {
        Self { spool: SpillFile::new(), entries: Vec::new(), others: BTreeMap::new() }
    }

    /// Puts the next one aside.
    pub(super) fn push(
        &mut self,
        input: u64,
        day: i32,
        (archive, offset): (&str, u64),
        record: &[u8],
    ) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(record.len() + archive.len() + 16);
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&(archive.len() as u64).to_le_bytes());
        bytes.extend_from_slice(archive.as_bytes());
        bytes.extend_from_slice(record);
        let place = self.spool.push(&bytes)?;
        self.entries.push(Entry { place, input, day, state: State::Hold });
        Ok(())
    }

    /// Keeps the record of another copy, to complete that one from.
    pub(super) fn join(&mut self, number: PendingId, record: &[u8]) -> io::Result<()> {
        let place = self.spool.push(record)?;
        self.others.entry(number).or_default().push(place);
        Ok(())
    }

    /// That one counts; the input it was in.
    pub(super) fn settle(&mut self, number: PendingId) -> u64 {
        self.entries[number].state = State::Counts;
        self.entries[number].input
    }

    /// Takes that one out, since another counts.
    pub(super) fn take(&mut self, number: PendingId) -> io::Result<Kept> {
        let kept = self.read(number)?;
        self.entries[number].state = State::Gone;
        Ok(kept)
    }

    /// The next one from `number` on that has not been taken out, with its number.
    pub(super) fn next_from(&mut self, number: PendingId) -> io::Result<Option<(PendingId, Kept)>> {
        let left = self.entries.iter().skip(number);
        let Some(n) = left.enumerate().find(|(_, e)| e.state != State::Gone).map(|(n, _)| number + n) else {
            return Ok(None);
        };
        self.read(n).map(|kept| Some((n, kept)))
    }

    fn read(&mut self, number: PendingId) -> io::Result<Kept> {
        let Entry { place, input, day, state } = self.entries[number];
        let bytes = self.spool.read(place)?;
        let damaged = || io::Error::other("a temporary file has been changed");
        let (offset, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let (len, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(io::Error::other)?;
        let (archive, record) = rest.split_at_checked(len).ok_or_else(damaged)?;
        let places = self.others.get(&number).cloned().unwrap_or_default();
        Ok(Kept {
            input,
            day,
            archive: String::from_utf8_lossy(archive).into_owned(),
            offset: u64::from_le_bytes(*offset),
            record: record.to_owned(),
            others: places.into_iter().map(|place| self.spool.read(place)).collect::<io::Result<_>>()?,
            settled: state == State::Counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_comes_back_until_it_is_taken() {
        let mut aside = Aside::new();
        let record = |n: usize| vec![n as u8; n];
        for n in 0..25 {
            aside.push(n as u64 / 2, 7, (&format!("archive {n}"), n as u64), &record(n)).unwrap();
        }
        aside.join(3, b"other").unwrap();
        assert_eq!(aside.settle(3), 1);
        assert_eq!(aside.take(0).unwrap().record, record(0));
        let (mut from, mut seen) = (0, Vec::new());
        while let Some((n, kept)) = aside.next_from(from).unwrap() {
            assert_eq!((kept.archive, kept.offset), (format!("archive {n}"), n as u64));
            assert_eq!((kept.record, kept.day), (record(n), 7));
            assert_eq!(kept.settled, n == 3);
            assert_eq!(kept.others.len(), usize::from(n == 3));
            seen.push(n);
            from = n + 1;
        }
        assert_eq!(seen, (1..25).collect::<Vec<_>>());
    }
}
