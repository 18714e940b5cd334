//! One archive, from its first byte to its last: decode, find the records, parse, keep their facts.

use std::borrow::Cow;
use std::io::Read;

use tracing::{debug, warn};

use super::input::{Subject, reason_of, unreadable};
use super::lost::{self, HEAD_BYTES, WATCHED_BYTES};
use super::scanner::{Again, Keep, Scanner};
use super::supply::{Reached, Supply};
use super::window::Window;
use crate::aggregate::{Counts, Coverage, InputStatus, InputSummary, StatusReason};
use crate::format::container::{
    self, ContainerReader, Envelope, Extracted, NameWatch, RecordSearch, SearchSummary, Step,
};
use crate::format::decode::{Buffers, DecodeError, Encoding};
use crate::format::rebuild::{Fidelity, restored_record};
use crate::model::{KmsEvent, RejectReason, Rejection, SkipReason};
use crate::parse::{self, RecordKind};
use crate::source::Family;

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
pub(super) struct Reading<'r, 's> {
    pub(super) scanner: &'r mut Scanner<'s>,
    subject: Subject,
    input: InputSummary,
    coverage: Coverage,
    first_reject: Option<RejectReason>,
    reported_bytes: u64,
    /// For the text of records that are held in strings.
    text: Vec<u8>,
    /// For values that are neither records nor one of the known envelopes.
    search: RecordSearch,
    /// A record was rebuilt, and may lack something.
    pub(super) is_lossy: bool,
    /// Names of records in content that is not recognised, and how far that has been looked at.
    watch: NameWatch,
    watched: u64,
    /// The first bytes of the content.
    head: Vec<u8>,
    /// Decoding stopped early.
    broke: bool,
    /// Facts have been emitted: it is too late to call the input no archive.
    committed: bool,
}

impl<'r, 's> Reading<'r, 's> {
    pub(super) fn new(scanner: &'r mut Scanner<'s>, subject: Subject) -> Self {
        scanner.builder.begin(&subject.uri);
        let limits = scanner.plan.limits;
        Self {
            search: RecordSearch::new(limits.record_bytes, limits.archive_bytes),
            is_lossy: false,
            scanner,
            input: subject.blank(),
            subject,
            coverage: Coverage::default(),
            first_reject: None,
            reported_bytes: 0,
            text: Vec::new(),
            watch: NameWatch::default(),
            watched: 0,
            head: Vec::new(),
            broke: false,
            committed: false,
        }
    }

    pub(super) fn run<R: Read>(mut self, mut content: Supply<R>, buffers: &mut Buffers) {
        let mut reader = ContainerReader::new(self.scanner.plan.limits.record_bytes);
        let foreign = match content.format() {
            Encoding::Unsupported(reason) => Some(reason),
            Encoding::Gzip | Encoding::Zstd | Encoding::Deflate | Encoding::Plain => None,
        };
        if foreign.is_none() {
            let mut window = match content.take_whole() {
                Some(whole) => Window::whole(whole),
                None => Window::new(),
            };
            let ending = self.read(&mut content, &mut window, &mut reader);
            if !reader.is_recognised() {
                self.watch(&window, u64::MAX);
            }
            buffers.recycle(window.into_buffer());
            match ending {
                Ending::Stopped => return,
                Ending::Read(None) => {}
                Ending::Read(Some(DecodeError::Read { source: error, .. }))
                    if content.reached().content_bytes == 0 =>
                {
                    let input = unreadable(self.input, &error);
                    return self.scanner.end(input, self.coverage, Again::Maybe);
                }
                // What broke the stream without breaking a record: between records, or behind the last.
                Ending::Read(Some(error)) => self.reject(None, reason_of(&error), error.detail()),
                Ending::NotJson(error) => self.verify(&mut content, error),
            }
        }
        // A stream that broke may have hidden what would have shown it to be an archive.
        let other = !reader.is_recognised() && !self.broke && !self.committed;
        let skip = foreign.or_else(|| other.then(|| reader.skip_reason()));
        let reached = content.reached();
        let content = content.into_content();
        self.finish(reached, content.sha256(), reader.shape().as_str(), skip);
        content.finish(buffers);
    }

    /// Looks for names of records in content that is about to be forgotten: what is before `end`.
    fn watch(&mut self, window: &Window, end: u64) {
        let view = window.view();
        if view.start == 0 && self.head.is_empty() {
            self.head = view.bytes[..view.bytes.len().min(HEAD_BYTES)].to_vec();
        }
        let bytes = view.slice(&(self.watched.max(view.start)..end));
        self.watch.feed(bytes);
        self.watched = self.watched.max(end.min(view.start + view.bytes.len() as u64));
    }

    /// Looks for names of records in a table in which none has been found.
    pub(super) fn watch_bytes(&mut self, bytes: &[u8]) {
        self.watch.feed(bytes);
    }

    /// What is not JSON may be a damaged archive: a compressed one, and a member of a container, is read to its end, where checksums tell.
    fn verify<R: Read>(&mut self, content: &mut Supply<R>, mut error: Option<DecodeError>) {
        self.broke = false;
        let tells = content.format() != Encoding::Plain || self.subject.container.is_some();
        let mut rest = vec![0; 64 << 10];
        while error.is_none() && (tells || self.watched < WATCHED_BYTES) {
            match content.read(&mut rest) {
                Ok(0) => return,
                Ok(n) => {
                    if self.watched < WATCHED_BYTES {
                        self.watch.feed(&rest[..n]);
                        self.watched += n as u64;
                    }
                    self.report_bytes(content.reached().compressed_bytes);
                }
                Err(found) => error = Some(found),
            }
        }
        if !tells {
            return;
        }
        use DecodeError::{Corrupt, MemberCorrupt, MemberTruncated, Truncated};
        if let Some(
            error @ (Truncated { .. } | Corrupt { .. } | MemberTruncated { .. } | MemberCorrupt { .. }),
        ) = error
        {
            self.broke = true;
            self.reject(None, reason_of(&error), error.detail());
        }
    }

    fn read<R: Read>(
        &mut self,
        content: &mut Supply<R>,
        window: &mut Window,
        reader: &mut ContainerReader,
    ) -> Ending {
        let mut broken: Option<DecodeError> = None;
        loop {
            match reader.step(window.view()) {
                Step::Value { range, envelope, may_match } => {
                    let value = window.view().slice(&range);
                    let sound = match envelope {
                        Envelope::None => self.record(value, range.start, may_match),
                        Envelope::Wrapped => self.searched(value, range.start, reader),
                        _ => self.wrapped(value, range.start, envelope, reader),
                    };
                    if std::mem::take(&mut self.is_lossy) {
                        reader.mark_lossy();
                    }
                    if !sound {
                        reader.resync_within(&range, window.view());
                    }
                }
                Step::Message { .. } => self.foreign(),
                Step::Damage { offset, reason, detail, to_end } => {
                    let (reason, detail) = name_damage(reason, detail, to_end, &mut broken);
                    self.reject(offset, reason, detail);
                }
                Step::NeedMore { keep_from: keep } => {
                    if !reader.is_recognised() {
                        self.watch(window, keep);
                    }
                    if let Err(error) = window.refill(keep, content) {
                        (broken, self.broke) = (Some(error), true);
                        window.close();
                    }
                    self.report_bytes(content.reached().compressed_bytes);
                    if self.scanner.plan.is_cancelled() {
                        return Ending::Stopped;
                    }
                }
                Step::End => return Ending::Read(broken),
                Step::NotJson => return Ending::NotJson(broken),
            }
            let hand_on =
                self.is_full() && reader.is_recognised() || self.scanner.builder.rejects() >= UNRECOGNISED;
            self.committed |= hand_on;
            if hand_on && !self.hand_on() {
                return Ending::Stopped;
            }
        }
    }

    /// Keeps what a record that is no KMS call says about KMS calls.
    fn learn(&mut self, bytes: &[u8], offset: u64) {
        if self.scanner.learn {
            let facts = match parse::may_contain_facts(bytes) && container::has_text_members(bytes) {
                // Its parameters may be settings.
                true => self.restored(bytes).map_or_else(Vec::new, |json| parse::facts_of_other(&json)),
                false => parse::facts_of_other(bytes),
            };
            facts.into_iter().for_each(|fact| self.scanner.builder.learn(offset, fact));
        }
    }

    /// Reads a value that wraps a record; false when the value is not valid JSON.
    fn wrapped(
        &mut self,
        value: &[u8],
        offset: u64,
        envelope: Envelope,
        reader: &mut ContainerReader,
    ) -> bool {
        // What a row does not name may not have been asked for.
        let may_count = envelope == Envelope::LakeRow || parse::may_match_inside(value);
        if !may_count {
            self.wrapped_other(value, offset, envelope);
            return true;
        }
        let mut buffer = std::mem::take(&mut self.text);
        let sound = match container::extract_record(value, envelope, &mut buffer) {
            Extracted::Record { json: text, offset: at, lossy } => {
                if lossy {
                    reader.mark_lossy();
                }
                // What is wrong inside a text says nothing against what is around it.
                self.record(text, offset + at as u64, None);
                true
            }
            Extracted::NoRecord => {
                self.foreign();
                true
            }
            Extracted::Unreadable { reason, detail } => {
                self.reject(Some(offset), reason, detail.into_owned());
                reason != RejectReason::JsonSyntax
            }
        };
        self.text = buffer;
        sound
    }

    /// Reads a value that is neither a record nor a known envelope; false when it is not valid JSON.
    fn searched(&mut self, value: &[u8], offset: u64, reader: &mut ContainerReader) -> bool {
        if let Some(error) = container::json_error(value) {
            if !parse::may_match_inside(value) {
                self.foreign();
                return true;
            }
            let detail = format!("{} (byte {} of what wraps the record)", error.message, error.offset);
            self.reject(Some(offset), RejectReason::JsonSyntax, detail);
            return false;
        }
        let found = self.search(value, offset);
        if found.records == 0 && !found.is_header {
            self.foreign();
        }
        reader.mark_searched(&found);
        true
    }

    /// Reads the records that a search finds in a value.
    pub(super) fn search(&mut self, value: &[u8], offset: u64) -> SearchSummary {
        let none = RecordSearch::new(0, 0);
        let mut search = std::mem::replace(&mut self.search, none);
        let found = search.search(value, &mut |extracted| match extracted {
            Extracted::Record { json, offset: at, .. } => {
                self.record(json, offset + at as u64, None);
            }
            Extracted::Unreadable { reason, detail } => {
                self.reject(Some(offset), reason, detail.into_owned());
            }
            Extracted::NoRecord => {}
        });
        self.search = search;
        found
    }

    /// The record with what is text in it turned back into objects; `None` when it is not JSON.
    fn restored(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (json, fidelity) = restored_record(bytes)?;
        self.is_lossy |= fidelity == Fidelity::Lossy;
        Some(json)
    }

    /// Reads a value whose record is no KMS call. What is wrong with it is not looked for.
    fn wrapped_other(&mut self, value: &[u8], offset: u64, envelope: Envelope) {
        self.foreign();
        if !self.scanner.learn || !parse::may_contain_facts(value) {
            return;
        }
        let mut buffer = std::mem::take(&mut self.text);
        if let Extracted::Record { json: text, offset: at, .. } =
            container::extract_record(value, envelope, &mut buffer)
        {
            self.learn(text, offset + at as u64);
        }
        self.text = buffer;
    }

    /// Counts what stands where a record stands and is none of KMS.
    pub(super) fn foreign(&mut self) {
        self.input.counts.records += 1;
        self.input.counts.other_source += 1;
    }

    /// Reads one record; false when it is not valid JSON.
    pub(super) fn record(&mut self, bytes: &[u8], offset: u64, may_match: Option<bool>) -> bool {
        let index = self.input.counts.records;
        if !may_match.unwrap_or_else(|| parse::may_match(bytes)) {
            // A record that is not of KMS is not looked at for damage.
            self.learn(bytes, offset);
            self.foreign();
            return true;
        }
        let mut restored = None;
        let mut parsed = parse::parse(bytes);
        let needs_restoring = match &parsed {
            Ok(record) => record.text_members,
            Err(error) => error.reason == RejectReason::BadEventTime,
        };
        if needs_restoring && let Some((json, fidelity)) = restored_record(bytes) {
            let again = parse::parse(restored.insert(json));
            if again.is_ok() || parsed.is_ok() {
                parsed = again;
                self.is_lossy |= fidelity == Fidelity::Lossy;
            }
        }
        match parsed {
            Ok(outline) if outline.text_members && matches!(outline.kind, RecordKind::Event(_)) => {
                let detail = "a member that is an object in CloudTrail's records is text that is not JSON: \
                              who called, or with which key, is lost";
                let reason = RejectReason::UnreadableMember;
                self.reject_at(Some((offset, index)), reason, detail.to_owned());
                true
            }
            Ok(outline) => {
                self.input.counts.records += 1;
                if outline.repeated_field {
                    debug!(archive = %self.subject.uri, offset, "a field is given twice; the last one counts");
                }
                match outline.kind {
                    RecordKind::Event(event) => self.event(&event, offset),
                    RecordKind::NotUsage => self.input.counts.not_usage += 1,
                    RecordKind::OtherSource { excludes_kms } => {
                        self.input.counts.other_source += 1;
                        self.coverage.kms_excluded_by.extend(excludes_kms);
                        self.learn(bytes, offset);
                    }
                }
                true
            }
            Err(error) => {
                self.reject_at(Some((offset, index)), error.reason, error.detail);
                error.reason != RejectReason::JsonSyntax
            }
        }
    }

    /// Keeps a KMS call, unless this run can never select it.
    fn event(&mut self, event: &KmsEvent<'_>, offset: u64) {
        let scope = self.coverage.region_mut(event.account(), Some(&event.region));
        scope.kms_records += 1;
        let (first, last) = scope.event_times.unwrap_or((event.time, event.time));
        scope.event_times = Some((first.min(event.time), last.max(event.time)));
        if self.scanner.learn {
            parse::facts_of_event(event).for_each(|fact| self.scanner.builder.learn(offset, fact));
        }
        let counts = &mut self.input.counts;
        match self.scanner.keep {
            Keep::Selectable(selection) if !selection.wants_name(&event.name) => counts.other_event += 1,
            Keep::Selectable(selection) if !selection.wants_record(event) => counts.filtered += 1,
            Keep::Selectable(_) | Keep::All => self.scanner.builder.event(event, offset),
            Keep::Nothing => {}
        }
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
        self.scanner.reject(Rejection { offset, index, reason, detail });
    }

    pub(super) fn report_bytes(&mut self, now: u64) {
        if self.subject.container.is_none() {
            self.scanner.progress.add_bytes(now - self.reported_bytes);
        }
        self.reported_bytes = now;
    }

    pub(super) fn is_full(&self) -> bool {
        self.scanner.is_full()
    }

    pub(super) fn has_rejects(&self) -> bool {
        self.first_reject.is_some()
    }

    /// Emits what there is; false when the run is over.
    pub(super) fn hand_on(&mut self) -> bool {
        self.scanner.flush_within(&self.subject.uri)
    }

    /// Ends the input.
    pub(super) fn finish(
        mut self,
        reached: Reached,
        sha256: Option<String>,
        shape: impl Into<Cow<'static, str>>,
        skip: Option<SkipReason>,
    ) {
        self.report_bytes(reached.compressed_bytes);
        let input = &mut self.input;
        input.compressed_bytes = reached.compressed_bytes;
        input.content_bytes = reached.content_bytes;
        input.gzip_members = reached.members;
        input.shape = shape.into();
        if let Some(reason) = skip {
            // Not an archive: what looked like records or damage was neither.
            let is_message = reason == SkipReason::NotJson && lost::is_validation_message(&self.head);
            let reason = if is_message { SkipReason::Notification } else { reason };
            let unread = lost::status_reason(reason, &self.subject.facts, &self.watch, &self.head);
            (input.status, input.reason) = match unread {
                Some(unread) => (InputStatus::Unreadable, Some(unread)),
                None => (InputStatus::Skipped, Some(StatusReason::Skipped(reason))),
            };
            tell(input, reason, &self.head);
            input.counts = Counts::default();
            self.scanner.builder.discard();
        } else {
            if let Some(reason) = self.first_reject {
                (input.status, input.reason) = (InputStatus::Partial, Some(StatusReason::Rejected(reason)));
            } else if input.gzip_members > 1 {
                input.reason = Some(StatusReason::SeveralMembers);
            }
            let facts = &self.subject.facts;
            if facts.family == Some(Family::CloudTrail) {
                let scope = self.coverage.region_mut(facts.account_id.as_deref(), facts.region.as_deref());
                scope.archives += 1;
                scope.delivery_days.extend(facts.delivery_day.map(|day| day.to_epoch_days()));
            }
        }
        if input.status == InputStatus::Complete {
            input.content_sha256 = sha256;
        }
        // What cannot be read in these bytes cannot be read in them later.
        let again = if skip.is_some() { Again::Never } else { Again::Maybe };
        self.scanner.end(self.input, self.coverage, again);
    }
}

/// Tells what a skipped input is, if its reason alone does not say that.
fn tell(input: &InputSummary, reason: SkipReason, head: &[u8]) {
    let archive = &input.archive;
    if input.status != InputStatus::Skipped {
        return;
    }
    if reason == SkipReason::Notification {
        warn!(%archive, "a notification that only names log files: it holds no records");
    } else if let Some(what) = lost::what_it_is(head) {
        warn!(%archive, "skipped: it holds {what}");
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
        Some(error) => (reason_of(&error), format!("{}; {detail}", error.detail())),
        None => (reason, detail),
    }
}
