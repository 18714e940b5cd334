//! Counts what was judged, and says what is missing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use super::book::IntegrityBook;
use super::chain::JudgedDigest;
use super::file::{Content, InputFile, JudgedBy, Verdict};
use super::name::{stem, time_in};
use super::row::{FileKind, IntegrityRow};
use super::scope::Scope;
use crate::model::{EventTime, IntegrityStatus, counted, number};

/// How many files have which status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegritySummary {
    /// Files by what they are and by their status.
    pub counts: BTreeMap<(FileKind, IntegrityStatus), u64>,
    /// Digests of the input, and how many of them public keys confirm.
    pub signed_digests: u64,
    /// The time from the first to the last digest of the input.
    pub period: Option<(EventTime, EventTime)>,
    /// The same of the digests that public keys confirm, and of those of the hour after one.
    pub signed_period: Option<(EventTime, EventTime)>,
    /// Public keys were given.
    pub has_keys: bool,
}

impl AddAssign for IntegritySummary {
    fn add_assign(&mut self, other: Self) {
        for (what, n) in other.counts {
            *self.counts.entry(what).or_default() += n;
        }
        self.signed_digests += other.signed_digests;
        self.period = united(self.period, other.period);
        self.signed_period = united(self.signed_period, other.signed_period);
        self.has_keys |= other.has_keys;
    }
}

impl IntegritySummary {
    /// How many files of this kind have this status.
    pub fn count(&self, kind: FileKind, status: IntegrityStatus) -> u64 {
        self.counts.get(&(kind, status)).copied().unwrap_or_default()
    }

    /// How many of both kinds have this status.
    pub fn both(&self, status: IntegrityStatus) -> u64 {
        self.count(FileKind::Digest, status) + self.count(FileKind::Log, status)
    }

    /// Whether the input has no digests.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many files show that evidence was changed, removed or added.
    pub fn broken(&self) -> u64 {
        use IntegrityStatus::{Invalid, Missing, Unlisted};
        [Invalid, Missing, Unlisted].into_iter().map(|status| self.both(status)).sum()
    }

    /// The one sentence to quote.
    ///
    /// `1,204 of 1,206 log files between … and … verified by 72 signed digests; 1 missing, 1
    /// unlisted`
    pub fn sentence(&self) -> String {
        use IntegrityStatus as Is;
        let Some((from, to)) = self.signed_period.or(self.period) else {
            let digests = counted(self.count(FileKind::Digest, Is::Invalid), "digest");
            return format!("no log file is verified: none of {digests} can be read");
        };
        let logs = |status| self.count(FileKind::Log, status);
        let expected = [Is::Valid, Is::Invalid, Is::Unverifiable, Is::Missing, Is::Unlisted];
        let expected: u64 = expected.into_iter().map(logs).sum();
        let period = format!("between {} and {}", minutes(from), minutes(to));
        let files = counted(expected, "log file");
        let mut text = if self.has_keys {
            let by = counted(self.signed_digests, "signed digest");
            format!("{} of {files} {period} verified by {by}", number(logs(Is::Valid)))
        } else {
            format!("{files} {period}, none of them verified, since no public keys were given")
        };
        let others = [
            (Is::Invalid, "invalid"),
            (Is::Missing, "missing"),
            (Is::Unlisted, "unlisted"),
            (Is::Unverifiable, "unverifiable"),
        ];
        let others = if self.has_keys { &others[..] } else { &others[..3] };
        let mut notes = Vec::new();
        for (status, word) in others.iter().copied() {
            let digests = self.count(FileKind::Digest, status);
            if logs(status) > 0 {
                notes.push(format!("{} {word}", number(logs(status))));
            }
            if digests > 0 {
                notes.push(format!("{} {word}", counted(digests, "digest")));
            }
        }
        let outside = logs(Is::NotYetCovered) + logs(Is::NoDigest);
        if outside > 0 {
            notes.push(format!("{} more that no digest covers", number(outside)));
        }
        if !notes.is_empty() {
            text.push_str("; ");
            text.push_str(&notes.join(", "));
        }
        text
    }
}

type Period = Option<(EventTime, EventTime)>;

/// The time from the first to the last moment of both.
fn united(one: Period, other: Period) -> Period {
    match (one, other) {
        (Some((from, to)), Some((start, end))) => Some((from.min(start), to.max(end))),
        (one, other) => one.or(other),
    }
}

/// A time without milliseconds.
fn minutes(time: EventTime) -> String {
    time.to_rfc3339().replace(".000Z", "Z")
}

/// Counts what is judged.
#[derive(Debug)]
pub struct IntegrityTally {
    summary: IntegritySummary,
    /// Which of the listed log files are in the input.
    found: Vec<bool>,
    /// Names of files that are named like digests and are none.
    unreadable: BTreeSet<String>,
}

impl IntegrityTally {
    /// Nothing was judged yet.
    pub fn new(book: &IntegrityBook) -> Self {
        let summary = IntegritySummary { has_keys: book.has_keys, ..IntegritySummary::default() };
        Self { summary, found: vec![false; book.logs.len()], unreadable: BTreeSet::new() }
    }

    /// Counts a file of the input that the book has judged. Its row, unless it is outside of the
    /// scope.
    pub fn add<'r>(
        &mut self,
        book: &'r IntegrityBook,
        scope: &Scope<'_>,
        file: &InputFile<'r>,
        verdict: Verdict,
    ) -> Option<IntegrityRow<'r>> {
        let row = |kind| IntegrityRow {
            kind,
            archive: file.uri.into(),
            recorded_location: None,
            account_id: file.account_id.map(Cow::Borrowed),
            region: file.region.map(Cow::Borrowed),
            trail: None,
            status: verdict.status,
            reason: verdict.reason,
            digest: None,
            start: None,
            end: None,
            sha256: match file.content {
                Content::Hashed(sha256) => Some(sha256),
                Content::NotHashed | Content::Damaged => None,
            },
            fingerprint: None,
            key_source: None,
        };
        let row = match verdict.by {
            JudgedBy::Digest(n) => {
                let judged = &book.digests[n];
                let named_by = judged.named_by.map(|next| book.digests[next].digest.place.to_string());
                IntegrityRow {
                    recorded_location: Some(judged.digest.place.to_string()),
                    sha256: Some(judged.digest.sha256),
                    digest: named_by,
                    ..of_chain(book, n, row(FileKind::Digest))
                }
            }
            JudgedBy::DigestName => {
                let name = stem(file.uri);
                self.unreadable.insert(name.to_owned());
                let row = row(FileKind::Digest);
                match book.missing_named(name) {
                    None => IntegrityRow { end: time_in(name), ..row },
                    Some(missing) => IntegrityRow {
                        recorded_location: Some(missing.place.to_string()),
                        trail: Some(missing.chain.trail.as_str().into()),
                        digest: Some(book.digests[missing.named_by].digest.place.to_string()),
                        start: missing.hour().map(|(start, _)| start),
                        end: missing.end,
                        ..row
                    },
                }
            }
            JudgedBy::Log { log, digest } => {
                self.found[log] = true;
                let entry = book.logs[log].iter().find(|entry| entry.0 == digest);
                IntegrityRow {
                    recorded_location: entry.map(|entry| book.log(*entry).place.to_string()),
                    digest: Some(book.digests[digest].digest.place.to_string()),
                    ..of_chain(book, digest, row(FileKind::Log))
                }
            }
            // Whether it was hashed depends on what was read before it.
            JudgedBy::Nothing => IntegrityRow { sha256: None, ..row(FileKind::Log) },
        };
        let (start, end) = (row.start.or(row.end).or(file.delivered), row.end.or(file.delivered));
        let is_outside =
            !scope.judges_all && start.zip(end).is_some_and(|(start, end)| !scope.overlaps(start, end));
        if let JudgedBy::Digest(n) = verdict.by
            && !is_outside
            && book.is_of_signed_period(n)
        {
            let JudgedDigest { digest, .. } = &book.digests[n];
            self.summary.signed_period = united(self.summary.signed_period, Some((digest.start, digest.end)));
        }
        (!is_outside).then(|| self.count(row))
    }

    fn count<'r>(&mut self, row: IntegrityRow<'r>) -> IntegrityRow<'r> {
        *self.summary.counts.entry((row.kind, row.status)).or_default() += 1;
        if row.kind == FileKind::Digest && row.status == IntegrityStatus::Valid {
            self.summary.signed_digests += 1;
        }
        if row.kind == FileKind::Digest
            && row.status != IntegrityStatus::Missing
            && let Some((start, end)) = row.start.zip(row.end)
        {
            self.summary.period = united(self.summary.period, Some((start, end)));
        }
        row
    }

    /// Counts what is missing, once all files of the input were judged. The rows: digests, then log
    /// files, by their places.
    pub fn missing<'r>(&mut self, book: &'r IntegrityBook, scope: &Scope<'_>) -> Vec<IntegrityRow<'r>> {
        let mut rows = Vec::new();
        for missing in &book.missing {
            let name = stem(&missing.place.object);
            if self.unreadable.contains(name) || !scope.expects(&missing.place, missing.hour()) {
                continue;
            }
            let place = missing.place.to_string();
            let row = IntegrityRow {
                kind: FileKind::Digest,
                archive: place.clone().into(),
                recorded_location: Some(place),
                account_id: Some(missing.chain.account_id.as_str().into()),
                region: Some(missing.chain.region.as_str().into()),
                trail: Some(missing.chain.trail.as_str().into()),
                status: IntegrityStatus::Missing,
                reason: missing.reason,
                digest: Some(book.digests[missing.named_by].digest.place.to_string()),
                start: missing.hour().map(|(start, _)| start),
                end: missing.end,
                sha256: missing.sha256,
                fingerprint: None,
                key_source: None,
            };
            rows.push(self.count(row));
        }
        let digests = rows.len();
        for (entries, _) in book.logs.iter().zip(self.found.clone()).filter(|(_, found)| !found) {
            let Some(entry) = entries.first() else { continue };
            let log = book.log(*entry);
            let judged = &book.digests[entry.0];
            let time = time_in(&log.place.object).map(|time| (time, EventTime(time.0 + 1)));
            let is_of_run =
                scope.expects(&log.place, time) && scope.overlaps(judged.digest.start, judged.digest.end);
            if !is_of_run {
                continue;
            }
            let place = log.place.to_string();
            let row = IntegrityRow {
                kind: FileKind::Log,
                archive: place.clone().into(),
                recorded_location: Some(place),
                account_id: None,
                region: None,
                trail: None,
                status: IntegrityStatus::Missing,
                reason: None,
                digest: Some(judged.digest.place.to_string()),
                start: None,
                end: None,
                sha256: log.sha256,
                fingerprint: None,
                key_source: None,
            };
            rows.push(self.count(of_chain(book, entry.0, row)));
        }
        rows[digests..].sort_by(|a, b| a.archive.cmp(&b.archive));
        rows
    }

    /// The counts.
    pub fn into_summary(self) -> IntegritySummary {
        self.summary
    }
}

/// A row with what is known of the digest that it is, or that lists it.
fn of_chain<'r>(book: &'r IntegrityBook, digest: usize, row: IntegrityRow<'r>) -> IntegrityRow<'r> {
    let judged = &book.digests[digest];
    let chain = &judged.chain;
    let text = |text: &'r str| (!text.is_empty()).then_some(Cow::Borrowed(text));
    IntegrityRow {
        account_id: row.account_id.or(text(&chain.account_id)),
        region: row.region.or(text(&chain.region)),
        trail: text(&chain.trail),
        start: Some(judged.digest.start),
        end: Some(judged.digest.end),
        fingerprint: text(&judged.digest.fingerprint),
        key_source: judged.key_source.as_deref().map(Cow::Borrowed),
        ..row
    }
}
