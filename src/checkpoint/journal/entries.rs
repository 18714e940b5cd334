//! The archives that a journal names, and its text: a line of JSON for each of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::checkpoint::rows::ArchiveVersion;

/// After so many deaths of a run an archive is not read any more.
pub(super) const MAX_DEATHS: u32 = 2;
/// The line of a journal whose run is reading. Where a run finds it, an earlier one died.
const IS_READING: &str = "{\"run\":\"is reading\"}";

/// What a journal names.
#[derive(Debug, Default)]
pub(super) struct Entries {
    archives: BTreeMap<ArchiveId, Entry>,
    /// The run is over: nothing is in work any more.
    is_closed: bool,
}

/// One version of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ArchiveId {
    uri: Box<str>,
    size: Option<u64>,
    etag: Option<Box<str>>,
    modified: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Runs that died while it was in work.
    deaths: u32,
    /// Since when it has been in work.
    since: Option<Instant>,
}

/// A line of the text.
#[derive(Serialize, Deserialize)]
struct Line<A> {
    archive: A,
    deaths: u32,
    in_work: bool,
}

impl From<&ArchiveVersion> for ArchiveId {
    fn from(archive: &ArchiveVersion) -> Self {
        Self {
            uri: (*archive.uri).into(),
            size: archive.size,
            etag: archive.etag.clone(),
            modified: archive.modified.map(|time| time.0),
        }
    }
}

impl Entries {
    /// What an earlier run left behind, and whether it died. Archives that were in work then died
    /// with it.
    pub(super) fn of_earlier_run(text: &str) -> (Self, bool) {
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line<ArchiveId>>(line).ok());
        let archives = lines.map(|Line { archive, deaths, in_work }| {
            (archive, Entry { deaths: deaths.saturating_add(u32::from(in_work)), since: None })
        });
        let entries = Self { archives: archives.collect(), is_closed: false };
        (entries, text.lines().any(|line| line == IS_READING))
    }

    /// The text: without archives that have been in work for less than `age`, unless they are
    /// suspects.
    pub(super) fn text(&self, age: Duration) -> String {
        let is_old = |entry: &Entry| entry.since.is_some_and(|since| since.elapsed() >= age);
        let named = self.archives.iter().filter(|(_, entry)| entry.deaths > 0 || is_old(entry));
        let lines = named.filter_map(|(archive, entry)| {
            let Entry { deaths, since } = *entry;
            serde_json::to_string(&Line { archive, deaths, in_work: since.is_some() }).ok()
        });
        let is_reading = (!self.is_closed).then(|| IS_READING.to_owned());
        is_reading.into_iter().chain(lines).flat_map(|line| [line, "\n".to_owned()]).collect()
    }

    /// In how many deaths an archive was in work.
    pub(super) fn deaths(&self, archive: &ArchiveId) -> u32 {
        self.archives.get(archive).map_or(0, |entry| entry.deaths)
    }

    /// Notes that an archive is in work.
    pub(super) fn begin(&mut self, archive: ArchiveId) {
        if !self.is_closed {
            self.archives.entry(archive).or_default().since = Some(Instant::now());
        }
    }

    /// Notes that an archive was read to its end.
    pub(super) fn end(&mut self, archive: &ArchiveId) {
        if !self.is_closed {
            self.archives.remove(archive);
        }
    }

    /// Notes that the run is over. Of a run that read all archives, only those stay that were set
    /// aside. Of one that ended before, the suspects stay: it may not have come to them. Returns
    /// false if it was over before.
    pub(super) fn close(&mut self, has_read_all: bool) -> bool {
        let least = if has_read_all { MAX_DEATHS } else { 1 };
        if self.is_closed {
            return false;
        }
        self.is_closed = true;
        self.archives.retain(|_, entry| entry.deaths >= least);
        self.archives.values_mut().for_each(|entry| entry.since = None);
        true
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }
}
