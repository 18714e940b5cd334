//! A container: its members one after the other, each an input of its own; and a row for itself, which comes last.

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use super::Progress;
use super::input::{self, GoOn, Subject, reason_of, sha256_from_start, unreadable};
use super::scanner::{Again, Scanner};
use super::supply::{Reached, Supply};
use crate::aggregate::{InputStatus, InputSummary, StatusReason};
use crate::format::archive::{self, ArchiveFormat, ArchiveItem, DamageKind, WalkError};
use crate::format::decode::{Buffers, DecodeError, DecodeOptions, Decoder, Encoding};
use crate::model::{RejectReason, Rejection, SkipReason};
use crate::source::Archive;

/// So many containers may be around an archive.
pub(super) const DEEPEST: usize = 4;
/// Rejects of the container itself, which are kept until its end; if there is more to say, the last one says so.
const REJECTS: usize = 1000;

/// Reads a container. `archive`: the file it is, if it is one.
pub(super) fn read<R: Read>(
    scanner: &mut Scanner<'_>,
    subject: &Subject,
    (kind, archive): (ArchiveFormat, Option<&Archive>),
    content: Decoder<R>,
    go_on: GoOn<R>,
    buffers: &mut Buffers,
) {
    let is_plain = content.encoding() == Encoding::Plain;
    let (hash, progress) = (scanner.plan.hash, scanner.progress);
    let mut walk = Walk::new(scanner, subject, kind);
    let file = match archive {
        Some(archive) if kind == ArchiveFormat::Zip && is_plain => archive.open_file(),
        _ => Ok(None),
    };
    let ended = match file {
        Ok(Some(file)) => {
            let (len, copy) = (file.metadata().map(|meta| meta.len()), file.try_clone());
            walk.passed = Some(0);
            let ended = archive::walk_zip_file(file, &mut |found| walk.found(found, buffers));
            walk.input.compressed_bytes = len.unwrap_or_default();
            walk.input.content_bytes = walk.input.compressed_bytes;
            walk.report(walk.input.compressed_bytes.saturating_sub(walk.passed.unwrap_or_default()));
            if hash {
                walk.sha256 = copy.and_then(|file| sha256_from_start(&file)).ok();
            }
            ended
        }
        Ok(None) => {
            // What lies in the open is as large as it is; what is compressed can come to any size, and so can what is in a container.
            let unlimited = is_plain && subject.depth == 0;
            let content = if unlimited { content.without_limit() } else { content };
            let mut outer = Outer::new(go_on(Supply::new(content)), progress, subject.depth == 0);
            let mut ended = archive::walk(kind, &mut outer, &mut |found| walk.found(found, buffers));
            if ended.is_ok() {
                // What follows its end can still show that the container was damaged.
                ended = io::copy(&mut outer, &mut io::sink()).map(drop).map_err(WalkError::Read);
            }
            let reached = outer.reached();
            walk.input.compressed_bytes = reached.compressed_bytes;
            walk.input.content_bytes = reached.content_bytes;
            walk.input.gzip_members = reached.members;
            if let Some((reason, detail)) = outer.broke.take() {
                walk.cut = None; // one cause, one reject
                walk.reject(reason, detail);
                ended =
                    ended.or_else(|stop| if matches!(stop, WalkError::Read(_)) { Ok(()) } else { Err(stop) });
            }
            let content = outer.supply.into_content();
            walk.sha256 = content.sha256();
            content.finish(buffers);
            ended
        }
        Err(error) => Err(WalkError::Read(error)),
    };
    match ended {
        Ok(()) => {}
        Err(WalkError::Cancelled) => return,
        Err(WalkError::Read(error)) => match DecodeError::from_read(walk.input.compressed_bytes, error) {
            DecodeError::Read { source: error, .. } if !walk.any => {
                let input = unreadable(walk.input, &error);
                walk.scanner.input(input, Vec::new(), Again::Maybe);
                return;
            }
            error => walk.reject(reason_of(&error), error.detail()),
        },
    }
    walk.finish();
}

/// A container being walked.
struct Walk<'w, 's> {
    scanner: &'w mut Scanner<'s>,
    subject: &'w Subject,
    input: InputSummary,
    rejects: Vec<Rejection>,
    first_reject: Option<RejectReason>,
    /// It ends early: to be told when no other cause of that has been found.
    cut: Option<String>,
    sha256: Option<String>,
    /// Something has been found in it.
    any: bool,
    /// Stored bytes of members that have been reported as read, if that is not done where they are read.
    passed: Option<u64>,
}

impl<'w, 's> Walk<'w, 's> {
    fn new(scanner: &'w mut Scanner<'s>, subject: &'w Subject, kind: ArchiveFormat) -> Self {
        let mut input = subject.blank();
        (input.shape, input.is_container) = (kind.as_str().into(), true);
        // The grammar of names is that of archives.
        (input.account_id, input.region, input.delivered) = (None, None, None);
        let (rejects, first_reject, cut, sha256) = (Vec::new(), None, None, None);
        Self { scanner, subject, input, rejects, first_reject, cut, sha256, any: false, passed: None }
    }

    /// Reads what has been found.
    fn found(&mut self, found: ArchiveItem<'_>, buffers: &mut Buffers) -> ControlFlow<()> {
        self.any = true;
        match found {
            ArchiveItem::Member { name, size, stored_size: stored, content } => {
                let member = Subject::member_of(self.subject, name, size);
                self.member(member, content, buffers);
                if let Some(passed) = &mut self.passed {
                    *passed += stored;
                    self.report(stored);
                }
            }
            ArchiveItem::Unsupported { name, reason } => {
                let member = Subject::member_of(self.subject, name, None);
                let input = unreadable(member.blank(), &io::Error::other(reason));
                self.scanner.input(input, Vec::new(), Again::Never);
            }
            ArchiveItem::NotAFile { name } => {
                let input = Subject::member_of(self.subject, name, None).skipped(SkipReason::NotAFile);
                self.scanner.input(input, Vec::new(), Again::Never);
            }
            ArchiveItem::Damage { kind: DamageKind::Truncated, detail } => self.cut = Some(detail),
            ArchiveItem::Damage { kind: DamageKind::Corrupt, detail } => {
                self.reject(RejectReason::ContainerCorrupt, detail);
            }
            ArchiveItem::Damage { kind: DamageKind::Trailing, detail } => {
                self.reject(RejectReason::TrailingBytes, detail);
            }
        }
        if self.scanner.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn member(&mut self, member: Subject, content: &mut dyn Read, buffers: &mut Buffers) {
        let plan = self.scanner.plan;
        let options =
            DecodeOptions { stored_size: member.size, limit: plan.limits.archive_bytes, hash: plan.hash };
        match Decoder::new(content, options, buffers) {
            Ok(content) => {
                input::read(self.scanner, member, content, (None, std::convert::identity), buffers);
            }
            Err(error) => input::failed(self.scanner, &member, error, Reached::default()),
        }
    }

    fn report(&self, bytes: u64) {
        if self.subject.depth == 0 {
            self.scanner.progress.add_bytes(bytes);
        }
    }

    fn reject(&mut self, reason: RejectReason, detail: String) {
        self.first_reject.get_or_insert(reason);
        if self.rejects.len() < REJECTS {
            self.rejects.push(Rejection { offset: None, index: None, reason, detail });
        } else if let Some(last) = self.rejects.last_mut() {
            last.detail = "more damage of this kind, of which the places are not listed".to_owned();
        }
    }

    /// Hands on the container's own part.
    fn finish(mut self) {
        if let Some(detail) = self.cut.take() {
            self.reject(RejectReason::ContainerTruncated, detail);
        }
        let mut input = self.input;
        input.counts.records = self.rejects.len() as u64;
        input.counts.rejected = input.counts.records;
        if let Some(reason) = self.first_reject {
            (input.status, input.reason) = (InputStatus::Partial, Some(StatusReason::Rejected(reason)));
        } else {
            input.content_sha256 = self.sha256;
            input.reason = (input.gzip_members > 1).then_some(StatusReason::SeveralMembers);
        }
        self.scanner.input(input, self.rejects, Again::Maybe);
    }
}

/// A container's content, remembering why it could not be read on: the member that is being read then gets the error.
struct Outer<'p, R: Read> {
    supply: Supply<R>,
    whole: Option<Cursor<Vec<u8>>>,
    progress: &'p Progress,
    reports: bool,
    reported: u64,
    broke: Option<(RejectReason, String)>,
}

impl<'p, R: Read> Outer<'p, R> {
    fn new(mut supply: Supply<R>, progress: &'p Progress, reports: bool) -> Self {
        let whole = supply.take_whole().map(Cursor::new);
        Self { supply, whole, progress, reports, reported: 0, broke: None }
    }

    fn reached(&self) -> Reached {
        self.supply.reached()
    }
}

impl<R: Read> Read for Outer<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.whole {
            Some(whole) => Ok(whole.read(buffer)?),
            None => self.supply.read(buffer),
        };
        if self.reports {
            let now = self.reached().compressed_bytes;
            self.progress.add_bytes(now - self.reported);
            self.reported = now;
        }
        read.map_err(|error| {
            self.broke = Some((reason_of(&error), error.detail()));
            error.into()
        })
    }
}
