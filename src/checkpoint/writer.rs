//! Writes the facts of archives to segments, on one thread.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tempfile::SpooledTempFile;

use super::builder::SegmentBuilder;
use super::catalog::{Catalog, new_name};
use super::error::CheckpointError;
use super::limits::CommitLimits;
use super::message::{Encoder, schema_message};
use super::rows::{self, ArchiveVersion};
use super::segment::Segment;
use super::segment_store::NewFile;
use crate::facts::{Batch, FactsError};

/// Bytes of one archive's facts that are kept in memory until the archive ends.
const IN_MEMORY: usize = 4 << 20;

/// Writes segments with the facts of archives that one thread reads one after the other.
///
/// Many archives share a record batch: the caller builds a batch over several of them. Facts of an
/// archive that must be read again go to a segment that counts in this run only.
pub struct SegmentWriter<'c> {
    catalog: &'c Catalog,
    limits: CommitLimits,
    encoder: Option<Encoder>,
    /// Segments are complete; what becomes of them?
    target: Target<'c>,
    permanent: Option<(String, SegmentBuilder<NewFile>)>,
    of_this_run: Option<SegmentBuilder<File>>,
    /// When the first archive began that is not committed yet.
    begun: Option<Instant>,
    /// Archives of the batch that the caller builds. Only the last one may be unfinished.
    archives: Vec<Begun>,
    /// Messages of the unfinished archive that have been pushed already.
    unfinished: SpooledTempFile,
}

/// What becomes of a complete segment.
enum Target<'c> {
    /// It is committed.
    Commit,
    /// It is collected, to replace others.
    Replace { generation: u64, segments: &'c mut Vec<Arc<Segment>> },
}

struct Begun {
    archive: ArchiveVersion,
    /// Its first stretch in the batch.
    start: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unfinished,
    Reusable,
    /// The next run has to read it again.
    OfThisRun,
}

impl<'c> SegmentWriter<'c> {
    pub(super) fn new(catalog: &'c Catalog, limits: CommitLimits) -> Self {
        Self::with(catalog, limits, Target::Commit)
    }

    /// For a compaction: all segments get this generation, and are collected.
    pub(super) fn collecting(
        catalog: &'c Catalog,
        limits: CommitLimits,
        generation: u64,
        segments: &'c mut Vec<Arc<Segment>>,
    ) -> Self {
        Self::with(catalog, limits, Target::Replace { generation, segments })
    }

    fn with(catalog: &'c Catalog, limits: CommitLimits, target: Target<'c>) -> Self {
        Self {
            catalog,
            limits,
            encoder: None,
            target,
            permanent: None,
            of_this_run: None,
            begun: None,
            archives: Vec::new(),
            unfinished: SpooledTempFile::new(IN_MEMORY),
        }
    }

    /// Whether the segment has to be [committed](Self::commit) before this archive begins: it is
    /// full, or old, or archives do not come in order.
    pub fn is_due(&self, uri: &str) -> bool {
        let last = self.archives.last().map(|begun| &*begun.archive.uri);
        let in_order = last.is_none_or(|last| last < uri)
            && self.permanent.as_ref().is_none_or(|(_, segment)| segment.accepts(uri))
            && self.of_this_run.as_ref().is_none_or(|segment| segment.accepts(uri));
        let is_full = self.permanent.as_ref().is_some_and(|(_, s)| s.bytes() >= self.limits.bytes);
        !in_order || is_full || self.begun.is_some_and(|begun| begun.elapsed() >= self.limits.age)
    }

    /// Begins an archive: its facts start with this stretch of the batch that the caller builds.
    pub fn begin(&mut self, archive: ArchiveVersion, start: usize) {
        self.begun.get_or_insert_with(Instant::now);
        self.archives.push(Begun { archive, start, state: State::Unfinished });
    }

    /// Ends the archive that was begun. `reusable`: reading it again would give the same facts.
    pub fn end(&mut self, reusable: bool) {
        if let Some(begun) = self.archives.last_mut() {
            begun.state = if reusable { State::Reusable } else { State::OfThisRun };
        }
    }

    /// Takes a batch. It holds the facts of all archives that have begun since the last one, and
    /// the rest of the archive that was unfinished then.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn push(&mut self, batch: &Batch) -> Result<(), CheckpointError> {
        let mut archives = std::mem::take(&mut self.archives);
        let ends = archives.iter().skip(1).map(|begun| begun.start).chain([batch.stretches.len()]);
        let ranges: Vec<Range<usize>> = archives.iter().zip(ends).map(|(b, end)| b.start..end).collect();
        self.finish_unfinished(archives.first())?;
        let mut from = 0;
        while let Some(first) = archives.get(from) {
            let state = first.state;
            let to = from + archives[from..].iter().take_while(|begun| begun.state == state).count();
            let stretches = ranges[from].start..ranges[to - 1].end;
            let rows: Vec<(&ArchiveVersion, usize)> = archives[from..to]
                .iter()
                .zip(&ranges[from..to])
                .map(|(b, r)| (&b.archive, r.len()))
                .collect();
            if !stretches.is_empty() {
                let message = self.encode(batch, stretches, &rows)?;
                let added = archives[from..to].iter().zip(&ranges[from..to]);
                let added: Vec<Arc<str>> =
                    added.filter(|(_, rows)| !rows.is_empty()).map(|(b, _)| b.archive.uri.clone()).collect();
                self.add(state, &added, &message)?;
            }
            from = to;
        }
        if let Some(last) = archives.pop().filter(|begun| begun.state == State::Unfinished) {
            self.archives.push(Begun { start: 0, ..last });
        }
        Ok(())
    }

    fn encode(
        &mut self,
        batch: &Batch,
        stretches: Range<usize>,
        rows: &[(&ArchiveVersion, usize)],
    ) -> Result<Vec<u8>, CheckpointError> {
        let encode = || {
            let encoder = match &mut self.encoder {
                Some(encoder) => encoder,
                none => none.insert(Encoder::new(&rows::schema())?),
            };
            Ok(encoder.encode(&rows::encode(batch, stretches, rows)?)?)
        };
        encode().map_err(|source: FactsError| CheckpointError::Encode { path: self.path(), source })
    }

    /// Adds a message with rows of these archives.
    fn add(&mut self, state: State, archives: &[Arc<str>], message: &[u8]) -> Result<(), CheckpointError> {
        let written = match state {
            State::Unfinished => self.unfinished.write_all(message),
            State::Reusable => {
                let segment = self.permanent()?;
                archives.iter().for_each(|uri| segment.add_archive(uri));
                segment.push(message)
            }
            State::OfThisRun => {
                let first = archives.first();
                let follows = |segment: &SegmentBuilder<File>| {
                    first.is_none_or(|uri| segment.accepts(uri) || segment.is_last(uri))
                };
                if !self.of_this_run.as_ref().is_none_or(follows) {
                    self.finish_of_this_run()?;
                }
                let segment = self.of_this_run()?;
                archives.iter().for_each(|uri| segment.add_archive(uri));
                segment.push(message)
            }
        };
        written.map_err(|source| CheckpointError::File { path: self.path(), source })
    }

    /// Moves what is there of the archive that was unfinished, if it has ended since.
    fn finish_unfinished(&mut self, begun: Option<&Begun>) -> Result<(), CheckpointError> {
        let Some(Begun { archive, state, .. }) = begun.filter(|begun| begun.state != State::Unfinished)
        else {
            return Ok(());
        };
        let mut unfinished = std::mem::replace(&mut self.unfinished, SpooledTempFile::new(IN_MEMORY));
        let failed = |source| CheckpointError::File { path: "a temporary file".to_owned(), source };
        unfinished.rewind().map_err(failed)?;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            let mut some = Read::by_ref(&mut unfinished).take(IN_MEMORY as u64);
            some.read_to_end(&mut chunk).map_err(failed)?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.add(*state, std::slice::from_ref(&archive.uri), &chunk)?;
        }
    }

    fn permanent(&mut self) -> Result<&mut SegmentBuilder<NewFile>, CheckpointError> {
        if self.permanent.is_none() {
            let name = new_name();
            let file = self.catalog.store.create(&name)?;
            self.permanent = Some((name, new_builder(file, || self.path())?));
        }
        match &mut self.permanent {
            Some((_, segment)) => Ok(segment),
            None => unreachable!(), // it was created above
        }
    }

    fn of_this_run(&mut self) -> Result<&mut SegmentBuilder<File>, CheckpointError> {
        if self.of_this_run.is_none() {
            let path = || "a temporary file (set TMPDIR to a folder with room)".to_owned();
            let file = tempfile::tempfile();
            let file = file.map_err(|source| CheckpointError::File { path: path(), source })?;
            self.of_this_run = Some(new_builder(file, path)?);
        }
        match &mut self.of_this_run {
            Some(segment) => Ok(segment),
            None => unreachable!(), // it was created above
        }
    }

    /// Where the segment is written, for people.
    fn path(&self) -> String {
        let store = &self.catalog.store;
        self.permanent.as_ref().map_or_else(String::new, |(name, _)| store.address(name))
    }

    /// Commits the segment: from now on later runs have it, too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn commit(&mut self) -> Result<(), CheckpointError> {
        self.begun = None;
        let path = self.path();
        let Some((name, segment)) = self.permanent.take() else { return Ok(()) };
        let generation = match &self.target {
            Target::Commit => self.catalog.generation,
            Target::Replace { generation, .. } => *generation,
        };
        let finished = segment.finish(name, generation);
        let finished = finished.map_err(|source| CheckpointError::File { path, source })?;
        let Some((file, entry)) = finished else { return Ok(()) };
        let segment = self.catalog.place(file, entry)?;
        match &mut self.target {
            Target::Commit => self.catalog.commit(segment),
            Target::Replace { segments, .. } => {
                segments.push(segment);
                Ok(())
            }
        }
    }

    /// Commits the last segment. An archive that has not ended is left out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), CheckpointError> {
        self.finish_of_this_run()?;
        self.commit()
    }

    fn finish_of_this_run(&mut self) -> Result<(), CheckpointError> {
        let Some(segment) = self.of_this_run.take() else { return Ok(()) };
        let finished = segment.finish(String::new(), self.catalog.generation);
        let failed = |source| CheckpointError::File { path: "a temporary file".to_owned(), source };
        if let Some((file, entry)) = finished.map_err(failed)? {
            self.catalog.add_of_this_run(file, entry);
        }
        Ok(())
    }
}

fn new_builder<F: super::builder::SegmentOutput>(
    file: F,
    path: impl Fn() -> String,
) -> Result<SegmentBuilder<F>, CheckpointError> {
    let schema = schema_message(&rows::schema());
    let schema = schema.map_err(|error| CheckpointError::Encode { path: path(), source: error.into() })?;
    SegmentBuilder::new(file, &schema).map_err(|source| CheckpointError::File { path: path(), source })
}
