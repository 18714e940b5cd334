//! All digests of an input, judged, and ready to judge log files by them.

use std::collections::HashMap;
use std::sync::Arc;

use super::chain::{JudgedDigest, judge};
use super::coverage::Coverage;
use super::file::{Content, InputFile, JudgedBy, NamedAs, Verdict};
use super::keys::PublicKeys;
use super::missing::{MissingDigest, missing};
use super::name::{Found, stem};
use super::signatures::Signatures;
use crate::model::{Digest, EventTime, IntegrityReason, IntegrityStatus, ListedLog, RecordedPlace, Sha256};

/// All digests of an input.
///
/// Memory: about 300 bytes for each log file that a digest lists.
#[derive(Debug, Default)]
pub struct IntegrityBook {
    pub(super) digests: Vec<JudgedDigest>,
    pub(super) missing: Vec<MissingDigest>,
    /// Two members of a container can have one name.
    by_archive: HashMap<Arc<str>, Vec<usize>>,
    /// Where each listed log file stands: digests, and positions in their lists. A file can be
    /// listed more than once.
    pub(super) logs: Vec<Vec<(usize, usize)>>,
    by_name: HashMap<Box<str>, usize>,
    by_hash: HashMap<Sha256, usize>,
    missing_by_name: HashMap<Box<str>, usize>,
    /// Where each valid digest is, and when its hour ends.
    valid: HashMap<RecordedPlace, EventTime>,
    coverage: Coverage,
    pub(super) has_keys: bool,
}

/// Entries of one log file that are compared. Honest digests list a file once or twice.
const ENTRIES: usize = 16;

impl IntegrityBook {
    /// Judges `digests`, each with the URI of its input.
    pub fn new(digests: Vec<(Arc<str>, Digest)>, keys: &PublicKeys, signatures: &Signatures) -> Self {
        let digests = judge(digests, keys, signatures);
        let missing = missing(&digests);
        let mut book = Self {
            coverage: Coverage::new(&digests, &missing),
            has_keys: !keys.is_empty(),
            missing,
            ..Self::default()
        };
        for (n, missing) in book.missing.iter().enumerate() {
            book.missing_by_name.insert(stem(&missing.place.object).into(), n);
        }
        for (n, judged) in digests.iter().enumerate() {
            book.by_archive.entry(judged.archive.clone()).or_default().push(n);
        }
        // Those of valid digests first: what others list must not push them out.
        let is_valid = |judged: &JudgedDigest| judged.status == IntegrityStatus::Valid;
        for judged in digests.iter().filter(|judged| is_valid(judged)) {
            book.valid.insert(judged.digest.place.clone(), judged.digest.end);
        }
        for counts in [true, false] {
            for (n, judged) in digests.iter().enumerate().filter(|(_, judged)| is_valid(judged) == counts) {
                for (position, log) in judged.digest.logs.iter().enumerate() {
                    book.add_log((n, position), log);
                }
            }
        }
        book.digests = digests;
        book
    }

    fn add_log(&mut self, entry: (usize, usize), log: &ListedLog) {
        let name = stem(&log.place.object);
        let number = match self.by_name.get(name) {
            Some(number) => *number,
            None => {
                let number = self.logs.len();
                self.by_name.insert(name.into(), number);
                self.logs.push(Vec::with_capacity(1));
                number
            }
        };
        if self.logs[number].len() < ENTRIES {
            self.logs[number].push(entry);
        }
        if let Some(sha256) = log.sha256 {
            self.by_hash.entry(sha256).or_insert(number);
        }
    }

    /// Whether there are no digests.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether the digests may say more of a file if its content is hashed.
    pub fn needs_hash(&self, uri: &str, named_as: NamedAs) -> bool {
        match named_as {
            NamedAs::Log => self.by_name.contains_key(stem(uri)),
            NamedAs::Digest => false,
            NamedAs::Other => true,
        }
    }

    pub(super) fn log(&self, (digest, position): (usize, usize)) -> &ListedLog {
        &self.digests[digest].digest.logs[position]
    }

    /// What the digests say of a file; `None`: it is neither a digest nor a log file.
    pub fn judge(&self, file: &InputFile<'_>) -> Option<Verdict> {
        use {IntegrityReason as Why, IntegrityStatus as Is};
        if let Some(n) = self.digest_of(file) {
            let judged = &self.digests[n];
            return Some(Verdict::new(judged.status, judged.reason, JudgedBy::Digest(n)));
        }
        if file.named_as == NamedAs::Digest {
            let reason = match file.content {
                _ if file.has_more_members => Why::TrailingData,
                Content::Damaged => Why::Damaged,
                Content::Hashed(_) | Content::NotHashed => Why::InvalidFormat,
            };
            return Some(Verdict::new(Is::Invalid, reason, JudgedBy::DigestName));
        }
        if let Some(log) = self.by_name.get(stem(file.uri)) {
            return Some(self.judge_listed(file, *log));
        }
        // A log file with a name that no digest lists was added, whatever it holds.
        if file.named_as == NamedAs::Other
            && let Content::Hashed(sha256) = file.content
            && let Some(log) = self.by_hash.get(&sha256)
        {
            return Some(self.judge_listed(file, *log));
        }
        match file.named_as {
            NamedAs::Log => {
                let (status, reason) = self.coverage.of(file.account_id, file.region, file.delivered);
                Some(Verdict::new(status, reason, JudgedBy::Nothing))
            }
            _ if file.is_archive => Some(Verdict::new(Is::NoDigest, Why::OtherName, JudgedBy::Nothing)),
            _ => None,
        }
    }

    /// The digest that a file is. Two members of a container can have one name: the content
    /// decides, and a file with records is no digest.
    fn digest_of(&self, file: &InputFile<'_>) -> Option<usize> {
        let named = self.by_archive.get(file.uri).filter(|_| !file.is_archive)?;
        let sha256 = |n: &usize| Content::Hashed(self.digests[*n].digest.sha256);
        match file.content {
            Content::Hashed(_) => named.iter().copied().find(|n| sha256(n) == file.content),
            // The worst of them: nothing says which one it is.
            _ => named.iter().copied().max_by_key(|n| self.digests[*n].status == IntegrityStatus::Invalid),
        }
    }

    /// Whether a digest is valid, or that of the hour after a valid one: the newest of a copy, of
    /// which the signature is not known.
    pub(super) fn is_of_signed_period(&self, digest: usize) -> bool {
        const LONGEST: i64 = 25 * 3_600_000;
        let JudgedDigest { digest, status, .. } = &self.digests[digest];
        let before = digest.previous.as_ref().and_then(|previous| self.valid.get(previous.place.as_ref()?));
        let follows = before == Some(&digest.start) && digest.end.0 - digest.start.0 <= LONGEST;
        *status == IntegrityStatus::Valid || *status == IntegrityStatus::Unverifiable && follows
    }

    /// Judges a log file by the best of the entries that digests have of it.
    fn judge_listed(&self, file: &InputFile<'_>, log: usize) -> Verdict {
        let verdicts = self.logs[log].iter().map(|entry| self.judge_entry(file, log, *entry));
        let best = verdicts.min_by_key(|verdict| match (verdict.status, verdict.reason) {
            (IntegrityStatus::Valid, _) => 0,
            (IntegrityStatus::Invalid, _) => 2,
            // An invalid digest says nothing.
            (_, Some(IntegrityReason::DigestInvalid)) => 3,
            _ => 1,
        });
        // There is no log without an entry.
        best.unwrap_or(Verdict::new(IntegrityStatus::NoDigest, None, JudgedBy::Nothing))
    }

    fn judge_entry(&self, file: &InputFile<'_>, log: usize, entry: (usize, usize)) -> Verdict {
        use {IntegrityReason as Why, IntegrityStatus as Is};
        let listed = self.log(entry);
        let digest = self.digests[entry.0].status;
        let (status, reason) = match file.content {
            _ if digest == Is::Invalid => (Is::Unverifiable, Some(Why::DigestInvalid)),
            _ if file.has_more_members => (Is::Invalid, Some(Why::TrailingData)),
            Content::Damaged => (Is::Invalid, Some(Why::Damaged)),
            Content::NotHashed => (Is::Unverifiable, Some(Why::NotHashed)),
            Content::Hashed(sha256) if Some(sha256) != listed.sha256 => {
                (Is::Invalid, Some(Why::HashMismatch))
            }
            Content::Hashed(_) if digest != Is::Valid => (Is::Unverifiable, Some(Why::DigestUnverifiable)),
            Content::Hashed(_) if Found::at(file.uri, &listed.place) != Found::AtItsPlace => {
                (Is::Valid, Some(Why::LocationDiffers))
            }
            Content::Hashed(_) => (Is::Valid, None),
        };
        Verdict::new(status, reason, JudgedBy::Log { log, digest: entry.0 })
    }

    /// A missing digest with this name.
    pub(super) fn missing_named(&self, name: &str) -> Option<&MissingDigest> {
        self.missing_by_name.get(name).map(|n| &self.missing[*n])
    }
}
