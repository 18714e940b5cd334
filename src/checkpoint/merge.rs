//! Merges segments: the archives of all of them in the order of their URIs. Of an archive that
//! several segments have, the one in the newest counts.

use std::cmp::Reverse;
use std::sync::Arc;

use super::error::CheckpointError;
use super::segment::{Run, Segment, SegmentReader, StoredBatch};

/// The rows of several segments, in the order of their archives.
///
/// A segment is opened when the archives that have come so far reach its first one. For each open
/// segment, one record batch is in memory, as it is stored.
pub struct Merged {
    open: Vec<OpenSegment>,
    /// Segments that are not open yet; the one with the first archive is the last.
    waiting: Vec<Aged>,
}

/// A segment, and its place among all: newer ones have greater ages.
struct Aged {
    age: usize,
    segment: Arc<Segment>,
}

struct OpenSegment {
    age: usize,
    reader: SegmentReader,
    batch: Arc<StoredBatch>,
    /// The next row of the batch.
    row: usize,
}

impl OpenSegment {
    fn open(Aged { age, segment }: &Aged) -> Result<Option<Self>, CheckpointError> {
        let mut reader = SegmentReader::open(segment)?;
        let batch = reader.next()?;
        Ok(batch.map(|batch| Self { age: *age, reader, batch: Arc::new(batch), row: 0 }))
    }

    fn uri(&self) -> &str {
        self.batch.archives.uri(self.row)
    }

    /// Goes on to a row of the batch, or to the next batch. False at the end.
    fn advance(&mut self, row: usize) -> Result<bool, CheckpointError> {
        self.row = row;
        if row < self.batch.archives.len() {
            return Ok(true);
        }
        let Some(batch) = self.reader.next()? else { return Ok(false) };
        (self.batch, self.row) = (Arc::new(batch), 0);
        Ok(true)
    }

    /// Skips the rows of an archive. False at the end.
    fn skip(&mut self, uri: &str) -> Result<bool, CheckpointError> {
        while self.uri() == uri {
            let end = self.batch.archives.end_of(self.row);
            if !self.advance(end)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Merged {
    /// The rows of these segments, the oldest of them first.
    pub fn new(segments: impl IntoIterator<Item = Arc<Segment>>) -> Self {
        let aged = |(age, segment)| Aged { age, segment };
        let mut waiting: Vec<Aged> = segments.into_iter().enumerate().map(aged).collect();
        waiting.sort_by(|a, b| b.segment.entry.first_archive.cmp(&a.segment.entry.first_archive));
        Self { open: Vec::new(), waiting }
    }

    /// The position of the open segment whose row comes next. Opens those that may come before.
    fn first(&mut self) -> Result<Option<usize>, CheckpointError> {
        loop {
            let open = self.open.iter().enumerate();
            let first =
                open.min_by(|(_, a), (_, b)| (a.uri(), Reverse(a.age)).cmp(&(b.uri(), Reverse(b.age))));
            let first = first.map(|(at, open)| (at, open.uri()));
            let is_reached = |waiting: &mut Aged| {
                first.is_none_or(|(_, uri)| &*waiting.segment.entry.first_archive <= uri)
            };
            let Some(waiting) = self.waiting.pop_if(is_reached) else { return Ok(first.map(|(at, _)| at)) };
            self.open.extend(OpenSegment::open(&waiting)?);
        }
    }

    fn next_run(&mut self) -> Result<Option<Run>, CheckpointError> {
        let Some(at) = self.first()? else { return Ok(None) };
        let mut first = self.open.swap_remove(at);
        let uri = first.uri().to_owned();
        // Older versions of the same archive do not count.
        let mut at = 0;
        while at < self.open.len() {
            if self.open[at].skip(&uri)? { at += 1 } else { drop(self.open.swap_remove(at)) }
        }
        // All rows up to the first one that another segment has.
        let end = first.batch.archives.end_of(first.row);
        let waiting = self.waiting.last().map(|waiting| &*waiting.segment.entry.first_archive);
        let limit = self.open.iter().map(OpenSegment::uri).chain(waiting).min();
        let end = first.batch.archives.partition(end, |uri| limit.is_none_or(|limit| uri < limit));
        let run = Run { batch: first.batch.clone(), rows: first.row..end };
        if first.advance(end)? {
            self.open.push(first);
        }
        Ok(Some(run))
    }
}

impl Iterator for Merged {
    type Item = Result<Run, CheckpointError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_run().transpose()
    }
}
