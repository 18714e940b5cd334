//! Merges segments, so that reading all of them needs little memory however many runs there were.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::Catalog;
use super::error::CheckpointError;
use super::limits::CommitLimits;
use super::merge::Merged;
use super::segment::Segment;
use super::writer::SegmentWriter;
use crate::facts::BatchBuilder;

/// About the bytes of a record batch in memory.
const BATCH: usize = 1 << 20;

/// Merges the newest segments until neither more of them overlap nor there are more runs with
/// segments than the limit says.
pub(super) fn compact(catalog: &Catalog, limits: CommitLimits) -> Result<(), CheckpointError> {
    let mut at_least = 1;
    loop {
        let segments = catalog.known();
        if overlap(&segments).max(sizes(&segments).len()) <= limits.unmerged {
            return Ok(());
        }
        let from = first_to_merge(&segments, at_least);
        merge(catalog, limits, from)?;
        if from == 0 {
            return Ok(()); // all of them are one now
        }
        at_least += 1;
    }
}

/// The most segments whose ranges of archives have one archive in common.
fn overlap(segments: &[Arc<Segment>]) -> usize {
    // Ranges include both ends: of equal URIs, beginnings come first.
    let begins = segments.iter().map(|segment| (&segment.entry.first_archive, 0));
    let ends = segments.iter().map(|segment| (&segment.entry.last_archive, 1));
    let mut bounds: Vec<(&String, u8)> = begins.chain(ends).collect();
    bounds.sort_unstable();
    let (mut open, mut most) = (0, 0);
    for (_, bound) in bounds {
        if bound == 0 {
            open += 1
        } else {
            open -= 1
        }
        most = most.max(open);
    }
    most
}

/// Bytes of the segments of each run.
fn sizes(segments: &[Arc<Segment>]) -> BTreeMap<u64, u64> {
    let mut sizes = BTreeMap::new();
    for segment in segments {
        *sizes.entry(segment.entry.generation).or_default() += segment.entry.bytes;
    }
    sizes
}

/// The first segment to merge with all newer ones: of the newest runs, those that are not larger
/// than all newer ones together. So a fact is not written more often than the number of runs has
/// binary digits.
fn first_to_merge(segments: &[Arc<Segment>], at_least: usize) -> usize {
    let (mut newer, mut taken, mut oldest) = (0, 0, u64::MAX);
    for (generation, bytes) in sizes(segments).into_iter().rev() {
        if taken >= at_least && bytes > newer {
            break;
        }
        (newer, taken, oldest) = (newer + bytes, taken + 1, generation);
    }
    segments.iter().position(|segment| segment.entry.generation >= oldest).unwrap_or(0)
}

fn merge(catalog: &Catalog, limits: CommitLimits, from: usize) -> Result<(), CheckpointError> {
    let old = catalog.known().split_off(from);
    let generation = old.iter().map(|segment| segment.entry.generation).max().unwrap_or(1);
    let mut new = Vec::new();
    let mut writer = SegmentWriter::collecting(catalog, limits, generation, &mut new);
    let mut builder = BatchBuilder::default();
    let mut last = None;
    let mut is_begun = false;
    for run in Merged::new(old) {
        let run = run?;
        let mut row = 0;
        while row < run.len() {
            let end = run.end_of_archive(row);
            let continues = last.as_deref() == Some(run.uri(row));
            if !continues && writer.is_due(run.uri(row)) {
                writer.push(&builder.finish())?;
                writer.commit()?;
            }
            if !continues || !is_begun {
                let archive = run.archive(row);
                last = Some(archive.uri.clone());
                writer.begin(archive, builder.stretches());
            }
            builder.append(run.slice(row..end).all_facts()?);
            writer.end(true);
            is_begun = builder.bytes() < BATCH;
            if !is_begun {
                writer.push(&builder.finish())?;
            }
            row = end;
        }
    }
    writer.push(&builder.finish())?;
    writer.finish()?;
    catalog.replace(from, new)
}
