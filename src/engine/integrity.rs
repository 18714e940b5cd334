//! Judges inputs by the digests among them.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;

use super::digest_options::DigestOptions;
use super::input::hash_of_content;
use super::plan::Plan;
use crate::aggregate::{InputStatus, InputSummary, StatusReason};
use crate::facts::Stretch;
use crate::integrity::{Content, InputFile, IntegrityBook, IntegrityRow, IntegrityTally, NamedAs, Scope};
use crate::knowledge::Facts;
use crate::model::{InputContent, IntegrityStatus, RejectReason, Sha256};
use crate::source::{Family, ListedInput, NameFields};

impl Plan {
    /// Which digests and log files are expected in the input.
    pub(super) fn scope<'s>(&self, lists: &'s dyn Fn(&str) -> bool) -> Scope<'s> {
        let (since, until) = (self.selection.since, self.selection.until);
        Scope { since, until, lists, judges_all: !self.digests.only_selected_time }
    }
}

/// The digests of a run, and what they are compared with.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) book: IntegrityBook,
    /// Contents of inputs whose facts stand in several batches, or that were hashed afterwards.
    contents: HashMap<Arc<str>, InputContent>,
}

impl Judge {
    /// Moves the digests and the contents out of `facts`.
    pub(super) fn new(plan: &Plan, facts: &mut Facts) -> Self {
        let DigestOptions { keys, signatures, .. } = &plan.digests;
        let digests = std::mem::take(&mut facts.digests).into_iter().collect();
        let book = IntegrityBook::new(digests, keys, signatures);
        Self { book, contents: std::mem::take(&mut facts.contents) }
    }

    /// Hashes inputs that digests may list and that came before the first digest: nothing showed
    /// then that they would have to be hashed. They are read a second time. In CloudTrail's own
    /// folders digests come first.
    pub(super) fn hash_early_inputs(&mut self, plan: &Plan) {
        let is_hashed =
            plan.hash || plan.digests.hash_all || plan.checkpoint.is_some() || plan.scanned.is_some();
        if self.book.is_empty() || is_hashed {
            return;
        }
        for listed in plan.listing() {
            let ListedInput::Archive(archive) = listed else { continue };
            let family = archive.name_fields.family;
            if family == Some(Family::Digest) || plan.is_cancelled() {
                return;
            }
            let needs_hash = self.book.needs_hash(&archive.uri, named_as(family));
            if needs_hash && !self.contents.contains_key(&archive.uri) {
                match hash_of_content(plan, &archive) {
                    Ok(Some(content)) => drop(self.contents.insert(archive.uri.clone(), content)),
                    Ok(None) => {}
                    Err(error) => warn!(archive = %archive.uri, %error, "cannot be read again to hash it"),
                }
            }
        }
    }

    /// What digests say of the input that a stretch is of; `None`: there are none, or it is no log
    /// file.
    pub(super) fn integrity_of(&self, stretch: &Stretch) -> Option<IntegrityStatus> {
        if self.book.is_empty() {
            return None;
        }
        let fields = NameFields::from_key(&stretch.uri);
        let summary = stretch.end.as_ref().map(|end| &end.summary);
        let file = input_file(&stretch.uri, &fields, summary, self.contents.get(&stretch.uri));
        self.book.judge(&file).map(|verdict| verdict.status)
    }

    /// Judges an input. Counts it, and gives its row to `emit`, if it is a digest or a log file.
    pub(super) fn judge_input(
        &self,
        plan: &Plan,
        input: &InputSummary,
        tally: &mut IntegrityTally,
        emit: &mut dyn FnMut(&IntegrityRow<'_>),
    ) -> Option<IntegrityStatus> {
        let fields = NameFields::from_key(&input.archive);
        if self.book.is_empty() && fields.family != Some(Family::Digest) {
            return None;
        }
        let file = input_file(&input.archive, &fields, Some(input), self.contents.get(&input.archive));
        let verdict = self.book.judge(&file)?;
        if let Some(row) = tally.add(&self.book, &plan.scope(&|_| true), &file, verdict) {
            emit(&row);
        }
        Some(verdict.status)
    }
}

fn named_as(family: Option<Family>) -> NamedAs {
    match family {
        Some(Family::CloudTrail) => NamedAs::Log,
        Some(Family::Digest) => NamedAs::Digest,
        _ => NamedAs::Other,
    }
}

fn input_file<'f>(
    uri: &'f Arc<str>,
    fields: &'f NameFields,
    summary: Option<&'f InputSummary>,
    content: Option<&InputContent>,
) -> InputFile<'f> {
    let hashed = |sha256: Option<Sha256>| sha256.map_or(Content::NotHashed, Content::Hashed);
    let status = summary.map(|summary| summary.status);
    let is_appended_to = |summary: &InputSummary| {
        summary.gzip_members > 1
            || summary.reason == Some(StatusReason::Rejected(RejectReason::TrailingBytes))
    };
    let (content, has_more_members) = match (content, summary) {
        (Some(InputContent { is_damaged: true, has_more_members, .. }), _) => {
            (Content::Damaged, *has_more_members)
        }
        (Some(content), _) => (hashed(content.sha256), content.has_more_members),
        (None, Some(summary))
            if summary.status == InputStatus::Unreadable && summary.content_sha256.is_none() =>
        {
            (Content::Damaged, false)
        }
        (None, Some(summary)) => {
            let sha256 = summary.content_sha256.as_deref().and_then(Sha256::from_hex);
            (hashed(sha256), is_appended_to(summary))
        }
        (None, None) => (Content::NotHashed, false),
    };
    InputFile {
        uri,
        named_as: named_as(fields.family),
        account_id: fields.account_id.as_deref(),
        region: fields.region.as_deref(),
        delivered: fields.delivered,
        content,
        has_more_members,
        is_archive: status
            .is_none_or(|status| matches!(status, InputStatus::Complete | InputStatus::Partial))
            && summary.is_none_or(|summary| !summary.is_container),
    }
}
