//! Batches of facts, in memory.

use std::ops::Range;
use std::sync::Arc;

use super::{Events, EventsBuilder};
use crate::aggregate::{Activity, Coverage, InputSummary};
use crate::model::{Fact, KmsEvent, ListedLog, Rejection};

/// About the bytes of a summary, with its texts and tables.
const END: usize = size_of::<InputEnd>() + 512;
/// About the bytes of something learned, with its texts.
const LEARNED: usize = size_of::<(u64, Fact<'static>)>() + 200;

/// About the bytes of the log files that a digest lists.
fn listed_bytes(fact: &Fact<'_>) -> usize {
    const LOG: usize = size_of::<ListedLog>() + 160;
    match fact {
        Fact::Digest(digest) => digest.logs.len() * LOG,
        _ => 0,
    }
}

/// What is known of an input when all of it has been scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputEnd {
    /// Its row; the classes that resolve decides are still zero.
    pub summary: InputSummary,
    /// What its KMS records and its name cover.
    pub coverage: Coverage,
}

/// Facts of one input that stand together, in the order of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// URI of the input.
    pub uri: Arc<str>,
    /// Rows of its events in the batch.
    pub events: Range<usize>,
    /// What its records say about calls of other records, each with its record's offset.
    pub learned: Vec<(u64, Fact<'static>)>,
    /// What could not be read.
    pub rejects: Vec<Rejection>,
    /// What its calls show that were not retained, since this run can never select them.
    pub activity: Activity,
    /// With the last stretch of the input.
    pub end: Option<Box<InputEnd>>,
}

/// Facts of some inputs, in their order. An input may go on in the next batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In the order of the inputs.
    pub stretches: Vec<Stretch>,
    /// The KMS events of all of them, and maybe of others: batches may share them.
    pub events: Arc<Events>,
}

impl Batch {
    /// About the bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.events.bytes() + self.stretches.iter().map(Stretch::bytes).sum::<usize>()
    }
}

impl Stretch {
    fn bytes(&self) -> usize {
        let end = if self.end.is_some() { END } else { 0 };
        let learned = self.learned.iter().map(|(_, fact)| LEARNED + listed_bytes(fact)).sum::<usize>();
        let rejects = self.rejects.iter().map(|reject| size_of::<Rejection>() + reject.detail.len());
        size_of::<Self>() + end + learned + rejects.sum::<usize>()
    }
}

/// Builds batches. What its columns take in memory is used again.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    stretches: Vec<Stretch>,
    events: EventsBuilder,
    /// About the bytes of all but the events.
    others: usize,
}

impl BatchBuilder {
    /// From now on, facts are of this input.
    pub fn begin(&mut self, uri: &Arc<str>) {
        let start = self.events.len();
        self.others += size_of::<Stretch>();
        self.stretches.push(Stretch {
            uri: uri.clone(),
            events: start..start,
            learned: Vec::new(),
            rejects: Vec::new(),
            activity: Activity::default(),
            end: None,
        });
    }

    /// Adds an event of the current input.
    pub fn event(&mut self, event: &KmsEvent<'_>, offset: u64) {
        self.events.push(event, offset);
        let end = self.events.len();
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.events.end = end;
        }
    }

    /// Adds a call of the current input that is not retained.
    pub fn unretained(&mut self, event: &KmsEvent<'_>) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.activity.add(event);
        }
    }

    /// Adds what a record of the current input, at `offset`, says about other calls.
    pub fn learn(&mut self, offset: u64, fact: Fact<'static>) {
        if let Some(stretch) = self.stretches.last_mut() {
            self.others += LEARNED + listed_bytes(&fact);
            stretch.learned.push((offset, fact));
        }
    }

    /// Adds what could not be read of the current input.
    pub fn reject(&mut self, rejection: Rejection) {
        if let Some(stretch) = self.stretches.last_mut() {
            self.others += size_of::<Rejection>() + rejection.detail.len();
            stretch.rejects.push(rejection);
        }
    }

    /// Rejects of the current stretch.
    pub fn rejects(&self) -> usize {
        self.stretches.last().map_or(0, |stretch| stretch.rejects.len())
    }

    /// Ends the current input.
    pub fn end(&mut self, summary: InputSummary, coverage: Coverage) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.end = Some(Box::new(InputEnd { summary, coverage }));
            self.others += END;
        }
    }

    /// The current input, unless it has been ended.
    pub fn unfinished(&self) -> Option<&Arc<str>> {
        self.stretches.last().filter(|stretch| stretch.end.is_none()).map(|stretch| &stretch.uri)
    }

    /// Takes back what the current stretch holds.
    pub fn discard(&mut self) {
        if let Some(stretch) = self.stretches.last_mut() {
            self.events.truncate(stretch.events.start);
            stretch.events.end = stretch.events.start;
            stretch.learned.clear();
            stretch.rejects.clear();
            stretch.activity = Activity::default();
        }
    }

    /// Stretches of the batch so far.
    pub fn stretches(&self) -> usize {
        self.stretches.len()
    }

    /// Adds stretches of another batch.
    pub fn append(&mut self, batch: Batch) {
        for stretch in batch.stretches {
            self.begin(&stretch.uri);
            for row in stretch.events {
                self.event(&batch.events.event(row), batch.events.offset(row));
            }
            stretch.learned.into_iter().for_each(|(offset, fact)| self.learn(offset, fact));
            stretch.rejects.into_iter().for_each(|rejection| self.reject(rejection));
            if let Some(last) = self.stretches.last_mut() {
                last.activity += stretch.activity;
            }
            if let Some(end) = stretch.end {
                self.end(end.summary, end.coverage);
            }
        }
    }

    /// About the bytes of the batch so far.
    pub fn bytes(&self) -> usize {
        self.others + self.events.bytes()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The batch so far.
    pub fn finish(&mut self) -> Batch {
        self.others = 0;
        Batch { stretches: std::mem::take(&mut self.stretches), events: Arc::new(self.events.finish()) }
    }
}
