//! One archive, from its first byte to its last: decode, unwrap, split, parse, classify.

use std::borrow::Cow;
use std::io::Read;

use tracing::{debug, info};

use super::condense::{self, End};
use super::input::{Give, Purpose, Run, Subject, last, reason_of, unreadable};
use super::learn::Known;
use super::part::Part;
use super::supply::{Reached, Supply};
use super::window::Window;
use crate::aggregate::{Counts, Coverage, InputSummary, Selected, Status, StatusReason};
use crate::format::container::{self, ContainerReader, Envelope, Extracted, Step};
use crate::format::decode::{Buffers, DecodeError, Format};
use crate::model::{RejectReason, Rejection, SkipReason};
use crate::parse::{self, Parsed};
use crate::source::Family;

/// Memory of events gathered before they are handed on, bytes.
const BATCH: usize = 1 << 20;
/// Rejects gathered before they are handed on.
const REJECTS: usize = 256;
/// Rejects kept back as long as nothing shows that the input is an archive at all.
const UNRECOGNISED: usize = 4096;

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
pub(super) struct Reading<'p> {
    pub(super) run: Run<'p>,
    subject: Subject,
    input: InputSummary,
    coverage: Coverage,
    part: Part,
    first_reject: Option<RejectReason>,
    reported_bytes: u64,
    /// For the text of records that are held in strings.
    text: Vec<u8>,
    /// Decoding stopped early.
    broke: bool,
    /// Parts have been handed on: it is too late to call the input no archive.
    committed: bool,
}

impl<'p> Reading<'p> {
    pub(super) fn new(run: Run<'p>, subject: Subject) -> Self {
        let mut part = Part::new();
        if matches!(run.purpose, Purpose::Condense) {
            condense::head(&subject, &mut part.kept);
        }
        Self {
            run,
            input: subject.blank(),
            subject,
            coverage: Coverage::default(),
            part,
            first_reject: None,
            reported_bytes: 0,
            text: Vec::new(),
            broke: false,
            committed: false,
        }
    }

    pub(super) fn run<R: Read>(mut self, mut content: Supply<R>, buffers: &mut Buffers, give: Give<'_>) {
        let mut unwrapper = ContainerReader::new(self.run.plan.limits.record_bytes);
        let foreign = match content.format() {
            Format::Foreign(reason) => Some(reason),
            Format::Gzip | Format::Zstd | Format::Deflate | Format::Plain => None,
        };
        if foreign.is_none() {
            let mut window = match content.take_whole() {
                Some(whole) => Window::whole(whole),
                None => Window::new(),
            };
            let ending = if self.teaches_nothing(&window) {
                Ending::Read(None)
            } else {
                self.read(&mut content, &mut window, &mut unwrapper, give)
            };
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
        self.finish(reached, content.sha256(), unwrapper.shape().as_str(), skip, give);
        content.finish(buffers);
    }

    /// What is not JSON may be a damaged archive: a compressed one, and a member of a container, is read to its end, where checksums tell.
    fn verify<R: Read>(&mut self, content: &mut Supply<R>, mut error: Option<DecodeError>) {
        self.broke = false;
        let tells = content.format() != Format::Plain || self.subject.container.is_some();
        let mut rest = vec![0; 64 << 10];
        while error.is_none() && tells {
            match content.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => self.report_bytes(content.reached().compressed_bytes),
                Err(found) => error = Some(found),
            }
        }
        use DecodeError::{Corrupt, MemberCorrupt, MemberCut, Truncated};
        if let Some(error @ (Truncated { .. } | Corrupt { .. } | MemberCut { .. } | MemberCorrupt { .. })) =
            error
        {
            self.broke = true;
            self.reject(None, reason_of(&error), error.to_string());
        }
    }

    fn read<R: Read>(
        &mut self,
        content: &mut Supply<R>,
        window: &mut Window,
        unwrapper: &mut ContainerReader,
        give: Give<'_>,
    ) -> Ending {
        let mut broken: Option<DecodeError> = None;
        loop {
            match unwrapper.step(window.view()) {
                Step::Value { range, wrapping, may_match } => {
                    let value = window.view().slice(&range);
                    let sound = match wrapping {
                        Envelope::None => self.record(value, range.start, may_match),
                        _ => self.wrapped(value, range.start, wrapping, unwrapper),
                    };
                    if !sound {
                        unwrapper.reconsider(&range, window.view());
                    }
                }
                Step::Message { .. } => self.foreign(),
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
                    if self.run.plan.is_cancelled() {
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

    /// Whether there is nothing to learn from all of the content, which is asked faster than of each record.
    fn teaches_nothing(&self, window: &Window) -> bool {
        let view = window.view();
        matches!(self.run.purpose, Purpose::Learn) && view.last && !parse::may_contain_facts(view.bytes)
    }

    /// Learns from one record; false when it is not valid JSON.
    fn learn(&mut self, bytes: &[u8], offset: u64) -> bool {
        if !parse::may_contain_facts(bytes) {
            return true;
        }
        let Ok(lessons) = parse::facts(bytes) else { return false };
        for lesson in lessons {
            self.part.lessons.learn(lesson, &self.subject.uri, offset);
        }
        true
    }

    /// Counts, or learns from, a value that wraps a record; false when the value is not valid JSON.
    fn wrapped(
        &mut self,
        value: &[u8],
        offset: u64,
        wrapping: Envelope,
        unwrapper: &mut ContainerReader,
    ) -> bool {
        // What a row does not name may not have been asked for.
        let may_count = || wrapping == Envelope::LakeRow || parse::may_match_inside(value);
        let may_matter = match self.run.purpose {
            Purpose::Learn => parse::may_contain_facts(value),
            Purpose::Condense | Purpose::Count(_) => may_count(),
        };
        if !may_matter && matches!(self.run.purpose, Purpose::Condense) {
            return self.teaching(value, offset, wrapping);
        }
        if !may_matter {
            self.foreign();
            return true;
        }
        let mut buffer = std::mem::take(&mut self.text);
        let sound = match container::record_in(value, wrapping, &mut buffer) {
            Extracted::Record { text, at, lossy } => {
                if lossy {
                    unwrapper.note_lossy();
                }
                // What is wrong inside a text says nothing against what is around it.
                self.record(text, offset + at as u64, None);
                true
            }
            Extracted::Foreign => {
                self.foreign();
                true
            }
            Extracted::Unreadable { reason, detail } => {
                self.reject(Some(offset), reason, detail.into_owned());
                reason != RejectReason::JsonSyntax
            }
        };
        self.text = buffer;
        sound || matches!(self.run.purpose, Purpose::Learn) && !may_count()
    }

    /// Keeps the record in a value that does not count, if it may teach. What is wrong with it is not looked for.
    fn teaching(&mut self, value: &[u8], offset: u64, wrapping: Envelope) -> bool {
        let mut buffer = std::mem::take(&mut self.text);
        match parse::may_contain_facts(value).then(|| container::record_in(value, wrapping, &mut buffer)) {
            Some(Extracted::Record { text, at, .. }) => self.condense(text, offset + at as u64, Some(false)),
            _ => {
                self.foreign();
                true
            }
        };
        self.text = buffer;
        true
    }

    /// Counts what stands where a record stands and is none of KMS.
    pub(super) fn foreign(&mut self) {
        self.input.counts.records += 1;
        self.input.counts.other_source += 1;
    }

    /// Counts one record, or learns from it; false when it is not valid JSON.
    pub(super) fn record(&mut self, bytes: &[u8], offset: u64, may_match: Option<bool>) -> bool {
        let known = match self.run.purpose {
            // A record that is not of KMS is not looked at for damage, whatever it could teach: all passes see the same records.
            Purpose::Learn => {
                let names_kms = || may_match.unwrap_or_else(|| parse::may_match(bytes));
                return self.learn(bytes, offset) || !names_kms();
            }
            Purpose::Condense => return self.condense(bytes, offset, may_match),
            Purpose::Count(known) => known,
        };
        let index = self.input.counts.records;
        if !may_match.unwrap_or_else(|| parse::may_match(bytes)) {
            self.foreign();
            return true;
        }
        self.input.counts.records += 1;
        match parse::parse(bytes) {
            Ok(outline) => {
                if outline.repeated_field {
                    debug!(archive = %self.subject.uri, offset, "a field is given twice; the last one counts");
                }
                self.parsed(known, outline.parsed, offset, bytes);
                true
            }
            Err(error) => {
                self.input.counts.records -= 1; // `reject` counts it
                self.reject_at(Some((offset, index)), error.reason, error.detail);
                error.reason != RejectReason::JsonSyntax
            }
        }
    }

    /// Keeps one record, if it may count or teach; false when it is not valid JSON.
    fn condense(&mut self, bytes: &[u8], offset: u64, may_match: Option<bool>) -> bool {
        let may_count = may_match.unwrap_or_else(|| parse::may_match(bytes));
        if may_count && let Err(error) = parse::parse(bytes) {
            self.reject_at(Some((offset, self.input.counts.records)), error.reason, error.detail);
            return error.reason != RejectReason::JsonSyntax;
        }
        let may_contain_facts = parse::may_contain_facts(bytes);
        if may_contain_facts {
            self.learn(bytes, offset);
        }
        if may_count || may_contain_facts {
            self.input.counts.records += 1;
            condense::record(bytes, offset, may_contain_facts, &mut self.part.kept);
        } else {
            self.foreign();
        }
        true
    }

    fn parsed(&mut self, known: &Known, parsed: Parsed<'_>, offset: u64, record: &[u8]) {
        let selection = &self.run.plan.selection;
        let counts = &mut self.input.counts;
        let mut event = match parsed {
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
        known.complete(&mut event);
        if !selection.wants_circumstances(&event) {
            counts.filtered += 1;
            return;
        }
        let evidence = self.run.plan.classifier.classify(&event, &known.learned);
        if !selection.workloads.intersects(evidence.workload) {
            counts.other_workload += 1;
            let hidden = event.s3_bucket.is_some() && event.s3_object_key.is_none() && !event.log_delivery;
            self.coverage.unattributed += u64::from(hidden && !evidence.workload.is_particular());
            return;
        }
        if !self.run.plan.keep_duplicates && known.corrections.supersede(&event) {
            counts.duplicate += 1;
            counts.corrected += 1;
            return;
        }
        let selected = Selected { event: &event, evidence: &evidence, archive: &self.subject.uri, offset };
        self.part.add(&selected, record, !self.run.plan.keep_duplicates);
    }

    /// Counts again what has been kept of a reading: rejects, and records that are left out.
    pub(super) fn again(&mut self, rejects: Vec<Rejection>, foreign: u64) {
        let counts = &mut self.input.counts;
        counts.records += rejects.len() as u64 + foreign;
        counts.rejected += rejects.len() as u64;
        counts.other_source += foreign;
        self.first_reject = self.first_reject.or(rejects.first().map(|rejection| rejection.reason));
        self.part.rejects.extend(rejects);
    }

    pub(super) fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
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

    pub(super) fn report_bytes(&mut self, now: u64) {
        if self.subject.container.is_none() {
            self.run.progress.add_bytes(now - self.reported_bytes);
        }
        self.reported_bytes = now;
    }

    pub(super) fn is_full(&self) -> bool {
        self.part.bytes() >= BATCH || self.part.rejects.len() >= REJECTS
    }

    pub(super) fn hand_on(&mut self, give: Give<'_>) -> bool {
        let mut part = std::mem::replace(&mut self.part, Part::new());
        part.archive = Some(self.subject.uri.clone());
        if matches!(self.run.purpose, Purpose::Condense) {
            condense::rejects(&mut part);
            return give(part);
        }
        for rejection in &part.rejects {
            info!(archive = %self.subject.uri, %rejection, "rejected");
        }
        give(part)
    }

    /// Hands on the last part.
    pub(super) fn finish(
        mut self,
        reached: Reached,
        sha256: Option<String>,
        shape: impl Into<Cow<'static, str>>,
        skip: Option<SkipReason>,
        give: Give<'_>,
    ) {
        self.report_bytes(reached.compressed_bytes);
        let shape = shape.into();
        if matches!(self.run.purpose, Purpose::Condense) {
            if skip.is_some() {
                // As below: what looked like records or damage was neither.
                std::mem::replace(&mut self.part, Part::new()).recycle();
                condense::head(&self.subject, &mut self.part.kept);
                self.input.counts = Counts::default();
            }
            condense::rejects(&mut self.part);
            let foreign = self.input.counts.other_source;
            condense::end(End { foreign, reached, sha256, shape, skip }, &mut self.part.kept);
            self.hand_on(give);
            return;
        }
        let input = &mut self.input;
        input.compressed_bytes = reached.compressed_bytes;
        input.content_bytes = reached.content_bytes;
        input.gzip_members = reached.members;
        input.shape = shape;
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
            let facts = &self.subject.facts;
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
