//! A container: its members one after the other, each an input of its own; and a row for itself, which comes last.

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use tracing::{debug, info};

use super::input::{self, Give, GoOn, Run, Subject, last, reason_of, sha256_from_start, unreadable};
use super::supply::{Reached, Supply};
use crate::aggregate::{Coverage, InputSummary, Status, StatusReason};
use crate::format::archive::{self, Damage, Found, Kind, Stop};
use crate::format::decode::{Buffers, Content, DecodeError, Format};
use crate::model::{RejectReason, Rejection, SkipReason};
use crate::source::Archive;

/// So many containers may be around an archive.
pub(super) const DEEPEST: usize = 4;
/// Rejects of the container itself, which are kept until its end; if there is more to say, the last one says so.
const REJECTS: usize = 1000;

/// Reads a container. `archive`: the file it is, if it is one.
pub(super) fn read<R: Read>(
    run: Run<'_>,
    subject: &Subject,
    (kind, archive): (Kind, Option<&Archive>),
    content: Content<R>,
    go_on: GoOn<R>,
    buffers: &mut Buffers,
    give: Give<'_>,
) {
    let is_plain = content.format() == Format::Plain;
    let mut walk = Walk::new(run, subject, kind);
    let file = match archive {
        Some(archive) if kind == Kind::Zip && is_plain => archive.open_file(),
        _ => Ok(None),
    };
    let ended = match file {
        Ok(Some(file)) => {
            let (len, copy) = (file.metadata().map(|meta| meta.len()), file.try_clone());
            walk.passed = Some(0);
            let ended = archive::walk_file(file, &mut |found| walk.found(found, buffers, give));
            walk.input.compressed_bytes = len.unwrap_or_default();
            walk.input.content_bytes = walk.input.compressed_bytes;
            walk.report(walk.input.compressed_bytes.saturating_sub(walk.passed.unwrap_or_default()));
            if run.hashes() {
                walk.sha256 = copy.and_then(|file| sha256_from_start(&file)).ok();
            }
            ended
        }
        Ok(None) => {
            // What lies in the open is as large as it is; what is compressed can come to any size, and so can what is in a container.
            let unlimited = is_plain && subject.depth == 0;
            let content = if unlimited { content.without_limit() } else { content };
            let mut outer = Outer::new(go_on(Supply::new(content)), run, subject.depth == 0);
            let mut ended = archive::walk(kind, &mut outer, &mut |found| walk.found(found, buffers, give));
            if ended.is_ok() {
                // What follows its end can still show that the container was damaged.
                ended = io::copy(&mut outer, &mut io::sink()).map(drop).map_err(Stop::Broken);
            }
            let reached = outer.reached();
            walk.input.compressed_bytes = reached.compressed_bytes;
            walk.input.content_bytes = reached.content_bytes;
            walk.input.gzip_members = reached.members;
            if let Some((reason, detail)) = outer.broke.take() {
                walk.cut = None; // one cause, one reject
                walk.reject(reason, detail);
                ended =
                    ended.or_else(|stop| if matches!(stop, Stop::Broken(_)) { Ok(()) } else { Err(stop) });
            }
            let content = outer.supply.into_content();
            walk.sha256 = content.sha256();
            content.finish(buffers);
            ended
        }
        Err(error) => Err(Stop::Broken(error)),
    };
    match ended {
        Ok(()) => {}
        Err(Stop::Cancelled) => return,
        Err(Stop::Broken(error)) => match DecodeError::of_read(walk.input.compressed_bytes, error) {
            DecodeError::Read { error, .. } if !walk.any => {
                give(last(unreadable(walk.input, &error), Coverage::default()));
                return;
            }
            error => walk.reject(reason_of(&error), error.to_string()),
        },
    }
    walk.finish(give);
}

/// A container being walked.
struct Walk<'w> {
    run: Run<'w>,
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

impl<'w> Walk<'w> {
    fn new(run: Run<'w>, subject: &'w Subject, kind: Kind) -> Self {
        let mut input = subject.blank();
        (input.shape, input.is_container) = (kind.as_str().into(), true);
        // The grammar of names is that of archives.
        (input.account_id, input.region, input.delivered) = (None, None, None);
        let (rejects, first_reject, cut, sha256) = (Vec::new(), None, None, None);
        Self { run, subject, input, rejects, first_reject, cut, sha256, any: false, passed: None }
    }

    /// Reads what has been found.
    fn found(&mut self, found: Found<'_>, buffers: &mut Buffers, give: Give<'_>) -> ControlFlow<()> {
        self.any = true;
        let mut over = false;
        let mut give = |part| {
            let go_on = give(part);
            over |= !go_on;
            go_on
        };
        match found {
            Found::Member { name, size, stored, content } => {
                let member = Subject::member_of(self.subject, name, size);
                self.member(member, content, buffers, &mut give);
                if let Some(passed) = &mut self.passed {
                    *passed += stored;
                    self.report(stored);
                }
            }
            Found::Closed { name, why } => {
                let member = Subject::member_of(self.subject, name, None);
                let mut part = last(unreadable(member.blank(), &io::Error::other(why)), Coverage::default());
                part.closed = true;
                give(part);
            }
            Found::NotAFile { name } => {
                give(Subject::member_of(self.subject, name, None).skipped(SkipReason::NotAFile));
            }
            Found::Damage { damage: Damage::Cut, detail } => self.cut = Some(detail),
            Found::Damage { damage: Damage::Corrupt, detail } => {
                self.reject(RejectReason::ContainerCorrupt, detail);
            }
            Found::Damage { damage: Damage::Trailing, detail } => {
                self.reject(RejectReason::TrailingBytes, detail);
            }
        }
        if over || self.run.plan.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn member(&self, member: Subject, content: &mut dyn Read, buffers: &mut Buffers, give: Give<'_>) {
        let plan = self.run.plan;
        match Content::new(content, member.size, plan.limits.archive_bytes, self.run.hashes(), buffers) {
            Ok(content) => {
                input::read(self.run, member, content, (None, std::convert::identity), buffers, give);
            }
            Err(error) => {
                give(member.failed(error));
            }
        }
    }

    fn report(&self, bytes: u64) {
        if self.subject.depth == 0 {
            self.run.progress.add_bytes(bytes);
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
    fn finish(mut self, give: Give<'_>) {
        if let Some(detail) = self.cut.take() {
            self.reject(RejectReason::ContainerTruncated, detail);
        }
        let mut input = self.input;
        input.counts.records = self.rejects.len() as u64;
        input.counts.rejected = input.counts.records;
        if let Some(reason) = self.first_reject {
            (input.status, input.reason) = (Status::Partial, Some(StatusReason::Rejected(reason)));
        } else {
            input.content_sha256 = self.sha256;
            input.reason = (input.gzip_members > 1).then_some(StatusReason::SeveralMembers);
        }
        for rejection in &self.rejects {
            info!(archive = %input.archive, %rejection, "rejected");
        }
        debug!(archive = %input.archive, status = input.status.as_str(), "read");
        let mut part = last(input, Coverage::default());
        part.rejects = self.rejects;
        give(part);
    }
}

/// A container's content, remembering why it could not be read on: the member that is being read then gets the error.
struct Outer<'p, R: Read> {
    supply: Supply<R>,
    whole: Option<Cursor<Vec<u8>>>,
    run: Run<'p>,
    reports: bool,
    reported: u64,
    broke: Option<(RejectReason, String)>,
}

impl<'p, R: Read> Outer<'p, R> {
    fn new(mut supply: Supply<R>, run: Run<'p>, reports: bool) -> Self {
        let whole = supply.take_whole().map(Cursor::new);
        Self { supply, whole, run, reports, reported: 0, broke: None }
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
            self.run.progress.add_bytes(now - self.reported);
            self.reported = now;
        }
        read.map_err(|error| {
            self.broke = Some((reason_of(&error), error.to_string()));
            error.into()
        })
    }
}
