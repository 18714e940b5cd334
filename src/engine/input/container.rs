//! Reads a container: its members one after the other, each an input of its own, and then a summary
//! of the container itself.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::ops::ControlFlow;

use super::stream::{DecodeStream, Origin, StreamPosition};
use super::subject::{Subject, end_failed, reason_of, unreadable};
use crate::aggregate::{InputStatus, InputSummary, StatusReason};
use crate::engine::progress::Progress;
use crate::engine::scanner::{Outcome, Scanner};
use crate::format::archive::{self, ArchiveFormat, ArchiveItem, DamageKind, WalkError};
use crate::format::decode::{Buffers, DecodeError, Decoder, Encoding, sha256_of};
use crate::model::{RejectReason, Rejection, SkipReason};
use crate::source::Family;

/// Rejects of the container itself, which are emitted at its end. The last one stands for all
/// others.
const REJECTS: usize = 1000;

/// Reads a member of a container.
pub(super) type ReadMember = fn(&mut Scanner<'_>, Subject, Decoder<&mut dyn Read>, &mut Buffers);

/// Reads a container.
pub(super) fn read<R: Read>(
    scanner: &mut Scanner<'_>,
    subject: &Subject,
    format: ArchiveFormat,
    content: Decoder<R>,
    origin: Origin<'_, R>,
    read_member: ReadMember,
    buffers: &mut Buffers,
) {
    let is_plain = content.encoding() == Encoding::Plain;
    // Something else may have been put in the place of a log file.
    let is_log = subject.name_fields.family == Some(Family::CloudTrail);
    let hash = scanner.plan.hash || is_log && subject.decode_options(scanner.plan, None).hash;
    let progress = scanner.progress;
    let mut walk = Walk::new(scanner, subject, format, read_member);
    let file = match origin.archive {
        Some(archive) if format == ArchiveFormat::Zip && is_plain => archive.open_file(),
        _ => Ok(None),
    };
    let ended = match file {
        Ok(Some(file)) => {
            let (len, copy) = (file.metadata().map(|meta| meta.len()), file.try_clone());
            walk.reported = Some(0);
            let ended = archive::walk_zip_file(file, &mut |found| walk.found(found, buffers));
            walk.input.compressed_bytes = len.unwrap_or_default();
            walk.input.content_bytes = walk.input.compressed_bytes;
            walk.report(walk.input.compressed_bytes.saturating_sub(walk.reported.unwrap_or_default()));
            if hash {
                walk.sha256 = copy.and_then(|file| sha256_from_start(&file)).ok();
            }
            ended
        }
        Ok(None) => {
            // A plain file is as large as it is. Compressed content can grow to any size, and so
            // can a member of a container.
            let unlimited = is_plain && subject.depth == 0;
            let content = if unlimited { content.without_limit() } else { content };
            let mut outer =
                Outer::new((origin.decode)(DecodeStream::new(content)), progress, subject.depth == 0);
            let mut ended = archive::walk(format, &mut outer, &mut |found| walk.found(found, buffers));
            if ended.is_ok() {
                // What follows its end can still show that the container is damaged.
                ended = io::copy(&mut outer, &mut io::sink()).map(drop).map_err(WalkError::Read);
            }
            let position = outer.position();
            walk.input.compressed_bytes = position.compressed_bytes;
            walk.input.content_bytes = position.content_bytes;
            walk.input.gzip_members = position.members;
            if let Some((reason, detail)) = outer.broken.take() {
                walk.truncated = None; // one cause, one reject
                walk.reject(reason, detail);
                ended =
                    ended.or_else(|stop| if matches!(stop, WalkError::Read(_)) { Ok(()) } else { Err(stop) });
            }
            let content = outer.stream.into_content();
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
            DecodeError::Read { source: error, .. } if !walk.has_items => {
                let input = unreadable(walk.input, &error);
                walk.scanner.input(input, Vec::new(), Outcome::MayChange);
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
    /// It ends early: a reject, unless another cause is found.
    truncated: Option<String>,
    sha256: Option<String>,
    /// Something was found in it.
    has_items: bool,
    /// Stored bytes of members reported as read, if the reader of the container does not report
    /// them.
    reported: Option<u64>,
    read_member: ReadMember,
}

impl<'w, 's> Walk<'w, 's> {
    fn new(
        scanner: &'w mut Scanner<'s>,
        subject: &'w Subject,
        format: ArchiveFormat,
        read_member: ReadMember,
    ) -> Self {
        let mut input = subject.summary();
        (input.shape, input.is_container) = (format.as_str().into(), true);
        // Only the name of an archive says these.
        (input.account_id, input.region, input.delivered) = (None, None, None);
        Self {
            scanner,
            subject,
            input,
            rejects: Vec::new(),
            first_reject: None,
            truncated: None,
            sha256: None,
            has_items: false,
            reported: None,
            read_member,
        }
    }

    /// Takes the next item.
    fn found(&mut self, found: ArchiveItem<'_>, buffers: &mut Buffers) -> ControlFlow<()> {
        self.has_items = true;
        match found {
            ArchiveItem::Member { name, size, stored_size: stored, content } => {
                let member = Subject::member_of(self.subject, name, size);
                self.member(member, content, buffers);
                if let Some(reported) = &mut self.reported {
                    *reported += stored;
                    self.report(stored);
                }
            }
            ArchiveItem::Unsupported { name, reason } => {
                let member = Subject::member_of(self.subject, name, None);
                let input = unreadable(member.summary(), &io::Error::other(reason));
                self.scanner.input(input, Vec::new(), Outcome::Permanent);
            }
            ArchiveItem::NotAFile { name } => {
                let input = Subject::member_of(self.subject, name, None).skipped(SkipReason::NotAFile);
                self.scanner.input(input, Vec::new(), Outcome::Permanent);
            }
            ArchiveItem::Damage { kind: DamageKind::Truncated, detail } => self.truncated = Some(detail),
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
        let options = member.decode_options(plan, member.size);
        match Decoder::new(content, options, buffers) {
            Ok(content) => {
                (self.read_member)(self.scanner, member, content, buffers);
            }
            Err(error) => end_failed(self.scanner, &member, error, StreamPosition::default()),
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

    /// Ends the container itself.
    fn finish(mut self) {
        if let Some(detail) = self.truncated.take() {
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
        self.scanner.input(input, self.rejects, Outcome::MayChange);
    }
}

/// A container's content. Remembers why reading stopped: the member being read gets only an I/O
/// error.
struct Outer<'p, R: Read> {
    stream: DecodeStream<R>,
    whole: Option<Cursor<Vec<u8>>>,
    progress: &'p Progress,
    reports: bool,
    reported: u64,
    broken: Option<(RejectReason, String)>,
}

impl<'p, R: Read> Outer<'p, R> {
    fn new(mut stream: DecodeStream<R>, progress: &'p Progress, reports: bool) -> Self {
        let whole = stream.take_whole().map(Cursor::new);
        Self { stream, whole, progress, reports, reported: 0, broken: None }
    }

    fn position(&self) -> StreamPosition {
        self.stream.position()
    }
}

impl<R: Read> Read for Outer<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.whole {
            Some(whole) => Ok(whole.read(buffer)?),
            None => self.stream.read(buffer),
        };
        if self.reports {
            let now = self.position().compressed_bytes;
            self.progress.add_bytes(now - self.reported);
            self.reported = now;
        }
        read.map_err(|error| {
            self.broken = Some((reason_of(&error), error.detail()));
            error.into()
        })
    }
}

/// The hash of a whole file.
pub(super) fn sha256_from_start(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    sha256_of(file)
}
