//! Ends an input: its summary, and what digests need to know of its content.

use std::borrow::Cow;

use tracing::warn;

use super::InputReader;
use crate::aggregate::{Counts, InputStatus, StatusReason};
use crate::engine::input::lost::{self, NoRecords};
use crate::engine::input::stream::StreamPosition;
use crate::engine::scanner::{Learn, Outcome};
use crate::model::{Digest, Fact, InputContent, Sha256, SkipReason};
use crate::source::Family;

impl InputReader<'_, '_> {
    /// Ends the input. `sha256`: of its content, if all of it was read.
    pub(crate) fn finish(
        self,
        position: StreamPosition,
        sha256: Option<String>,
        shape: impl Into<Cow<'static, str>>,
        skip: Option<SkipReason>,
    ) {
        self.end(position, sha256, shape, skip, None);
    }

    /// The same for an input that may be a digest.
    pub(super) fn end(
        mut self,
        position: StreamPosition,
        sha256: Option<String>,
        shape: impl Into<Cow<'static, str>>,
        skip: Option<SkipReason>,
        digest: Option<Digest>,
    ) {
        self.report_bytes(position.compressed_bytes);
        let input = &mut self.input;
        input.compressed_bytes = position.compressed_bytes;
        input.content_bytes = position.content_bytes;
        input.gzip_members = position.members;
        input.shape = shape.into();
        if let Some(reason) = skip {
            // Not an archive: what looked like a record or damage is neither.
            // What only looks like a digest may hold anything.
            let is_other = reason == SkipReason::Digest && digest.is_none();
            let watched = if is_other { SkipReason::OtherJson } else { reason };
            let (status, found) = lost::status(&NoRecords {
                reason: watched,
                uri: &self.subject.uri,
                fields: &self.subject.name_fields,
                watch: &self.watch,
                head: &self.head,
            });
            let reason =
                if found == StatusReason::Skipped(watched) { StatusReason::Skipped(reason) } else { found };
            if let Some(what) = lost::description(&reason, &self.head) {
                let archive = &input.archive;
                warn!(%archive, "skipped: it holds {what}");
            }
            (input.status, input.reason) = (status, Some(reason));
            input.counts = Counts::default();
            self.scanner.builder.discard();
        } else {
            if let Some(reason) = self.first_reject {
                (input.status, input.reason) = (InputStatus::Partial, Some(StatusReason::Rejected(reason)));
            } else if input.gzip_members > 1 {
                input.reason = Some(StatusReason::SeveralMembers);
            }
            let name = &self.subject.name_fields;
            if name.family == Some(Family::CloudTrail) {
                let scope = self.coverage.region_mut(name.account_id.as_deref(), name.region.as_deref());
                scope.archives += 1;
                scope.delivery_days.extend(name.delivery_day.map(|day| day.to_epoch_days()));
            }
        }
        input.content_sha256 = sha256;
        let has_more_members = input.gzip_members > 1 || self.is_trailed;
        if let Some(digest) = digest {
            let signature = self.subject.signature.get().map(str::to_owned);
            let digest = Digest { has_more_members, signature, ..digest };
            self.scanner.builder.learn(0, Fact::Digest(Box::new(digest)));
        }
        if (self.is_broken || self.is_split) && self.scanner.learn == Learn::Yes {
            let sha256 = input.content_sha256.as_deref().and_then(Sha256::from_hex);
            let is_damaged = self.is_broken;
            self.scanner
                .builder
                .learn(0, Fact::Content(InputContent { sha256, is_damaged, has_more_members }));
        }
        // What cannot be read in these bytes cannot be read in them later.
        let outcome = if skip.is_some() { Outcome::Permanent } else { Outcome::MayChange };
        self.scanner.end(self.input, self.coverage, outcome);
    }
}
