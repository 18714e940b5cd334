//! One input, from its first byte to its last: decode, unwrap, split, parse, classify.

use std::cell::RefCell;
use std::io::Read;
use std::sync::Arc;

use tracing::{debug, info, warn};

use super::part::Part;
use super::supply::{Reached, Supply};
use super::window::Window;
use super::{Plan, Progress};
use crate::aggregate::{Counts, Coverage, InputSummary, Selected, Status, StatusReason};
use crate::decode::{Buffers, Content, DecodeError, Format};
use crate::event::{RejectReason, Rejection, SkipReason};
use crate::parse::{self, Parsed};
use crate::source::{Archive, Family, Listed};
use crate::unwrap::{Step, Unwrapper};

/// Memory of events gathered before they are handed on, bytes.
const BATCH: usize = 1 << 20;
/// Stored bytes from which an archive that is decoded in a stream is decoded ahead.
const LARGE: u64 = 4 << 20;
/// Rejects gathered before they are handed on.
const REJECTS: usize = 256;
/// Rejects kept back as long as nothing shows that the input is an archive at all.
const UNRECOGNISED: usize = 4096;

/// Takes a part; false when the run is over.
type Give<'g> = &'g mut dyn FnMut(Part) -> bool;

/// Works on one entry of the listing.
pub(super) fn process(plan: &Plan, listed: Listed, progress: &Progress, give: Give<'_>) {
    let archive = match listed {
        Listed::Archive(archive) => archive,
        Listed::Skipped { uri, reason } => {
            let mut input = blank(&uri);
            (input.status, input.reason) = (Status::Skipped, Some(StatusReason::Skipped(reason)));
            give(last(input, Coverage::default()));
            return;
        }
        Listed::Unreadable { uri, error } => {
            give(last(unreadable(blank(&uri), &error), Coverage::default()));
            return;
        }
    };
    let mut input = blank(&archive.uri);
    input.account_id.clone_from(&archive.facts.account_id);
    input.region.clone_from(&archive.facts.region);
    input.delivered = archive.facts.delivered;
    BUFFERS.with_borrow_mut(|buffers| {
        let content = archive.open().and_then(|reader| {
            Content::new(reader, archive.size, plan.limits.archive_bytes, plan.hash, buffers)
        });
        match content {
            Ok(content) => {
                Reading::new(plan, progress, archive, input).run(Supply::new(content), buffers, give);
            }
            Err(error) => {
                give(last(unreadable(input, &error), Coverage::default()));
            }
        }
    });
}

thread_local! {
    /// Each worker's memory for stored bytes and content: an archive is too short to ask the system for it anew.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

fn blank(uri: &Arc<str>) -> InputSummary {
    InputSummary {
        archive: uri.clone(),
        status: Status::Complete,
        reason: None,
        shape: crate::unwrap::Shape::Unknown.as_str(),
        compressed_bytes: 0,
        content_bytes: 0,
        content_sha256: None,
        gzip_members: 0,
        account_id: None,
        region: None,
        delivered: None,
        counts: Counts::default(),
    }
}

fn unreadable(mut input: InputSummary, error: &std::io::Error) -> InputSummary {
    warn!(archive = %input.archive, %error, "cannot be read");
    (input.status, input.reason) = (Status::Unreadable, Some(StatusReason::Error(error.to_string())));
    input
}

fn last(input: InputSummary, coverage: Coverage) -> Part {
    let mut part = Part::default();
    part.archive = Some(input.archive.clone());
    part.done = Some(Box::new((input, coverage)));
    part
}

/// How reading an input ended.
enum Ending {
    /// At the end of what could be decoded; the error, if no damaged record has been blamed on it.
    Read(Option<DecodeError>),
    /// At its beginning: it is not JSON; the error, if decoding had already stopped.
    NotJson(Option<DecodeError>),
    /// The run is over.
    Stopped,
}

/// An input being read.
struct Reading<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    archive: Archive,
    input: InputSummary,
    coverage: Coverage,
    part: Part,
    first_reject: Option<RejectReason>,
    reported_bytes: u64,
    /// Decoding stopped early.
    broke: bool,
    /// Parts have been handed on: it is too late to call the input no archive.
    committed: bool,
}

impl<'p> Reading<'p> {
    fn new(plan: &'p Plan, progress: &'p Progress, archive: Archive, input: InputSummary) -> Self {
        Self {
            plan,
            progress,
            archive,
            input,
            coverage: Coverage::default(),
            part: Part::new(),
            first_reject: None,
            reported_bytes: 0,
            broke: false,
            committed: false,
        }
    }

    fn run<R: Read + Send + 'static>(
        mut self,
        mut content: Supply<R>,
        buffers: &mut Buffers,
        give: Give<'_>,
    ) {
        let mut unwrapper = Unwrapper::new(self.plan.limits.record_bytes);
        let foreign = match content.format() {
            Format::Foreign(reason) => Some(reason),
            Format::Gzip | Format::Plain => None,
        };
        if foreign.is_none() {
            let mut window = match content.take_whole() {
                Some(whole) => Window::whole(whole),
                None => {
                    let large = self.archive.size.is_none_or(|size| size >= LARGE);
                    if large && rayon::current_num_threads() > 1 {
                        content = content.go_ahead();
                    }
                    Window::new()
                }
            };
            let ending = self.read(&mut content, &mut window, &mut unwrapper, give);
            buffers.give_back(window.into_buffer());
            match ending {
                Ending::Stopped => return,
                Ending::Read(None) => {}
                Ending::Read(Some(DecodeError::Read { error, .. }))
                    if content.reached().content_bytes == 0 =>
                {
                    give(last(unreadable(self.input, &error), self.coverage));
                    return;
                }
                // What broke the stream without breaking a record: between records, or behind the last.
                Ending::Read(Some(error)) => self.reject(None, reason_of(&error), error.to_string()),
                Ending::NotJson(error) => self.verify(&mut content, error),
            }
        }
        // A stream that broke may have hidden what would have shown it to be an archive.
        let other = !unwrapper.recognised() && !self.broke && !self.committed;
        let skip = foreign.or_else(|| other.then(|| unwrapper.skip_reason()));
        let reached = content.reached();
        let content = content.into_content();
        self.finish(reached, content.sha256(), &unwrapper, skip, give);
        content.finish(buffers);
    }

    /// What is not JSON may be a damaged archive: a compressed one is read to its end, where its checksum tells.
    fn verify<R: Read + Send + 'static>(&mut self, content: &mut Supply<R>, mut error: Option<DecodeError>) {
        self.broke = false;
        let mut rest = vec![0; 64 << 10];
        while error.is_none() && content.format() == Format::Gzip {
            match content.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => self.report_bytes(content.reached().compressed_bytes),
                Err(found) => error = Some(found),
            }
        }
        if let Some(error @ (DecodeError::Truncated { .. } | DecodeError::Corrupt { .. })) = error {
            self.broke = true;
            self.reject(None, reason_of(&error), error.to_string());
        }
    }

    fn read<R: Read + Send + 'static>(
        &mut self,
        content: &mut Supply<R>,
        window: &mut Window,
        unwrapper: &mut Unwrapper,
        give: Give<'_>,
    ) -> Ending {
        let mut broken: Option<DecodeError> = None;
        loop {
            match unwrapper.step(window.view()) {
                Step::Value { range, may_name_kms } => {
                    let sound = self.record(window.view().slice(&range), range.start, may_name_kms);
                    if !sound {
                        unwrapper.reconsider(&range, window.view());
                    }
                }
                Step::Damage { offset, reason, detail, to_end } => {
                    let (reason, detail) = name_damage(reason, detail, to_end, &mut broken);
                    self.reject(offset, reason, detail);
                }
                Step::More { keep } => {
                    if let Err(error) = window.refill(keep, content) {
                        (broken, self.broke) = (Some(error), true);
                        window.close();
                    }
                    self.report_bytes(content.reached().compressed_bytes);
                    if self.plan.is_cancelled() {
                        return Ending::Stopped;
                    }
                }
                Step::End => return Ending::Read(broken),
                Step::NotJson => return Ending::NotJson(broken),
            }
            let hand_on = self.is_full() && unwrapper.recognised() || self.part.rejects.len() >= UNRECOGNISED;
            self.committed |= hand_on;
            if hand_on && !self.hand_on(give) {
                return Ending::Stopped;
            }
        }
    }

    /// Counts one record; false when it is not valid JSON.
    fn record(&mut self, bytes: &[u8], offset: u64, may_name_kms: Option<bool>) -> bool {
        let index = self.input.counts.records;
        self.input.counts.records += 1;
        if !may_name_kms.unwrap_or_else(|| parse::may_name_kms(bytes)) {
            self.input.counts.other_source += 1;
            return true;
        }
        match parse::parse(bytes) {
            Ok(outline) => {
                if outline.repeated_field {
                    debug!(archive = %self.archive.uri, offset, "a field is given twice; the last one counts");
                }
                self.parsed(outline.parsed, offset, bytes);
                true
            }
            Err(error) => {
                self.input.counts.records -= 1; // `reject` counts it
                self.reject_at(Some((offset, index)), error.reason, error.detail);
                error.reason != RejectReason::JsonSyntax
            }
        }
    }

    fn parsed(&mut self, parsed: Parsed<'_>, offset: u64, record: &[u8]) {
        let selection = &self.plan.selection;
        let counts = &mut self.input.counts;
        let event = match parsed {
            Parsed::Event(event) => event,
            Parsed::NotUsage => {
                counts.not_usage += 1;
                return;
            }
            Parsed::OtherSource { excludes_kms } => {
                counts.other_source += 1;
                self.coverage.kms_excluded_by.extend(excludes_kms);
                return;
            }
        };
        let scope = self.coverage.scope(event.account(), Some(&event.region));
        scope.kms_records += 1;
        let (first, last) = scope.event_times.unwrap_or((event.time, event.time));
        scope.event_times = Some((first.min(event.time), last.max(event.time)));
        if !selection.wants_name(&event.name) {
            counts.other_event += 1;
            return;
        }
        if !selection.wants_circumstances(&event) {
            counts.filtered += 1;
            return;
        }
        let evidence = self.plan.classifier.classify(&event);
        if !selection.workloads.intersects(evidence.workload) {
            counts.other_workload += 1;
            let hidden = event.s3_bucket.is_some() && event.s3_object_key.is_none() && !event.log_delivery;
            self.coverage.unattributed += u64::from(hidden && !evidence.workload.is_particular());
            return;
        }
        let selected = Selected { event: &event, evidence: &evidence, archive: &self.archive.uri, offset };
        self.part.add(&selected, record, !self.plan.keep_duplicates);
    }

    fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        let place = offset.map(|offset| (offset, self.input.counts.records));
        self.reject_at(place, reason, detail);
    }

    fn reject_at(&mut self, place: Option<(u64, u64)>, reason: RejectReason, detail: String) {
        self.input.counts.records += 1;
        self.input.counts.rejected += 1;
        self.first_reject.get_or_insert(reason);
        let (offset, index) = place.unzip();
        self.part.rejects.push(Rejection { offset, index, reason, detail });
    }

    fn report_bytes(&mut self, now: u64) {
        self.progress.add_bytes(now - self.reported_bytes);
        self.reported_bytes = now;
    }

    fn is_full(&self) -> bool {
        self.part.bytes() >= BATCH || self.part.rejects.len() >= REJECTS
    }

    fn hand_on(&mut self, give: Give<'_>) -> bool {
        let mut part = std::mem::replace(&mut self.part, Part::new());
        part.archive = Some(self.archive.uri.clone());
        for rejection in &part.rejects {
            info!(archive = %self.archive.uri, %rejection, "rejected");
        }
        give(part)
    }

    /// Hands on the last part.
    fn finish(
        mut self,
        reached: Reached,
        sha256: Option<String>,
        unwrapper: &Unwrapper,
        skip: Option<SkipReason>,
        give: Give<'_>,
    ) {
        self.report_bytes(reached.compressed_bytes);
        let input = &mut self.input;
        input.compressed_bytes = reached.compressed_bytes;
        input.content_bytes = reached.content_bytes;
        input.gzip_members = reached.members;
        input.shape = unwrapper.shape().as_str();
        if let Some(reason) = skip {
            // Not an archive: what looked like records or damage was neither.
            (input.status, input.reason) = (Status::Skipped, Some(StatusReason::Skipped(reason)));
            input.counts = Counts::default();
            std::mem::replace(&mut self.part, Part::new()).recycle();
        } else {
            if let Some(reason) = self.first_reject {
                (input.status, input.reason) = (Status::Partial, Some(StatusReason::Rejected(reason)));
            } else if input.gzip_members > 1 {
                input.reason = Some(StatusReason::SeveralMembers);
            }
            let facts = &self.archive.facts;
            if facts.family == Some(Family::CloudTrail) {
                let scope = self.coverage.scope(facts.account_id.as_deref(), facts.region.as_deref());
                scope.archives += 1;
                scope.delivery_days.extend(facts.delivery_day.map(|day| day.to_epoch_days()));
            }
        }
        if input.status == Status::Complete {
            input.content_sha256 = sha256;
        }
        debug!(archive = %input.archive, status = input.status.as_str(), records = input.counts.records, "read");
        let done = Box::new((self.input.clone(), std::mem::take(&mut self.coverage)));
        self.part.done = Some(done);
        self.hand_on(give); // if nobody wants it, the run is over anyway
    }
}

/// Damage that reaches the end of a broken stream is the stream's: one cause, one reject.
fn name_damage(
    reason: RejectReason,
    detail: String,
    to_end: bool,
    broken: &mut Option<DecodeError>,
) -> (RejectReason, String) {
    match broken.take_if(|_| to_end) {
        Some(error) => (reason_of(&error), format!("{error}; {detail}")),
        None => (reason, detail),
    }
}

fn reason_of(error: &DecodeError) -> RejectReason {
    match error {
        DecodeError::Truncated { .. } => RejectReason::GzipTruncated,
        DecodeError::Corrupt { .. } => RejectReason::GzipCorrupt,
        DecodeError::Trailing { .. } => RejectReason::TrailingBytes,
        DecodeError::TooLarge { .. } => RejectReason::ArchiveTooLarge,
        DecodeError::Read { .. } => RejectReason::ReadError,
    }
}
