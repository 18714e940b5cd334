//! Reads one archive from its first byte to its last: decodes it, finds the records, parses them,
//! and adds their facts to the batch.

mod ending;

use std::io::Read;

use memchr::memmem;
use tracing::debug;

use super::digest::read_digest;
use super::lost::HEAD_BYTES;
use super::stream::DecodeStream;
use super::subject::{Subject, reason_of, unreadable};
use super::window::Window;
use crate::aggregate::{Coverage, InputSummary};
use crate::engine::scanner::{Learn, Outcome, Retain, Scanner};
use crate::format::container::{ContainerReader, Envelope, MayMatch, NameWatch, RecordSearch, Step};
use crate::format::decode::{Buffers, DecodeError, Encoding};
use crate::format::rebuild::{Fidelity, may_have_quoted_texts, restored_record};
use crate::model::{
    Fact, KeyOrigin, KmsEvent, LONGEST_NAME, RejectReason, Rejection, SkipReason, TooLong, is_masked,
};
use crate::parse::{self, NoFacts, ParsedRecord, RecordKind, SourcePlace};

/// Rejects held back as long as nothing shows that the input is an archive.
const UNRECOGNISED: usize = 4096;

/// How reading an input ended.
enum Ending {
    /// At the end of what could be decoded; the error, unless a damaged record already named it.
    Read(Option<DecodeError>),
    /// At its beginning: it is not JSON; the error, if decoding stopped there.
    NotJson(Option<DecodeError>),
    /// The run is over.
    Stopped,
}

/// An input being read.
pub(super) struct InputReader<'r, 's> {
    pub(super) scanner: &'r mut Scanner<'s>,
    subject: Subject,
    input: InputSummary,
    coverage: Coverage,
    first_reject: Option<RejectReason>,
    reported_bytes: u64,
    /// The text of a record that is inside a string.
    pub(super) text: Vec<u8>,
    /// Finds records in values that are neither records nor one of the known envelopes.
    pub(super) search: RecordSearch,
    /// A record was rebuilt, and may lack something.
    pub(super) is_lossy: bool,
    /// A KMS call does not say who called.
    pub(super) lacks_caller: bool,
    /// The columns of a table say neither with which key nor for what.
    pub(super) lacks_key_columns: bool,
    /// Rows without a record that are rejects because they name what only records have.
    pub(super) unknown_rows: u64,
    /// Names of records in content that is not recognised, and how far that was looked at.
    pub(super) watch: NameWatch,
    watched: u64,
    /// The first bytes of content that is not recognised.
    head: Vec<u8>,
    source_place: SourcePlace,
    /// Decoding stopped early.
    is_broken: bool,
    /// Facts have been emitted: the input can no longer be skipped as no archive.
    is_committed: bool,
    /// Its facts stand in several batches.
    is_split: bool,
    /// Bytes follow its compressed stream.
    is_trailed: bool,
}

impl<'r, 's> InputReader<'r, 's> {
    pub(super) fn new(scanner: &'r mut Scanner<'s>, subject: Subject) -> Self {
        scanner.builder.begin(&subject.uri);
        let limits = scanner.plan.limits;
        Self {
            search: RecordSearch::new(limits.record_bytes, subject.budget.clone()),
            scanner,
            input: subject.summary(),
            subject,
            coverage: Coverage::default(),
            first_reject: None,
            reported_bytes: 0,
            text: Vec::new(),
            is_lossy: false,
            lacks_caller: false,
            lacks_key_columns: false,
            unknown_rows: 0,
            watch: NameWatch::default(),
            watched: 0,
            source_place: SourcePlace::default(),
            head: Vec::new(),
            is_broken: false,
            is_committed: false,
            is_split: false,
            is_trailed: false,
        }
    }

    pub(super) fn run<R: Read>(mut self, mut content: DecodeStream<R>, buffers: &mut Buffers) {
        let mut reader = ContainerReader::new(self.scanner.plan.limits.record_bytes);
        let foreign = match content.format() {
            Encoding::Unsupported(reason) => Some(reason),
            Encoding::Gzip | Encoding::Zstd | Encoding::Zlib | Encoding::Deflate | Encoding::Plain => None,
        };
        let mut digest = None;
        if foreign.is_none() {
            let mut window = match content.take_whole() {
                Some(whole) => Window::whole(whole),
                None if self.subject.may_be_digest => Window::retaining(),
                None => Window::new(),
            };
            let ending = self.read(&mut content, &mut window, &mut reader);
            if !reader.is_recognised() {
                self.watch(&window, u64::MAX);
            }
            if self.scanner.learn == Learn::Yes && reader.skip_reason() == SkipReason::Digest {
                digest = window.content().and_then(read_digest);
            }
            buffers.recycle(window.into_buffer());
            match ending {
                Ending::Stopped => return,
                Ending::Read(None) => {}
                Ending::Read(Some(DecodeError::Read { source: error, .. }))
                    if content.position().content_bytes == 0 =>
                {
                    let input = unreadable(self.input, &error);
                    return self.scanner.end(input, self.coverage, Outcome::MayChange);
                }
                // The stream broke between records, or behind the last.
                Ending::Read(Some(error)) => self.reject(None, reason_of(&error), error.detail()),
                Ending::NotJson(error) => self.verify(&mut content, error),
            }
        }
        // A broken stream may have lost what would have shown that it is an archive.
        let other = !reader.is_recognised() && !self.is_broken && !self.is_committed;
        let skip = foreign.or_else(|| other.then(|| reader.skip_reason()));
        let position = content.position();
        let content = content.into_content();
        let sha256 = content.sha256().filter(|_| foreign.is_none() && !self.is_broken);
        let digest = digest.filter(|_| skip == Some(SkipReason::Digest));
        self.end(position, sha256, reader.shape().as_str(), skip, digest);
        content.finish(buffers);
    }

    /// Looks for names of records in content that the window is about to drop: what is before
    /// `end`.
    fn watch(&mut self, window: &Window, end: u64) {
        let view = window.view();
        if view.start == 0 && self.head.is_empty() {
            self.head = view.bytes[..view.bytes.len().min(HEAD_BYTES)].to_vec();
        }
        self.watch.feed(view.slice(&(self.watched.max(view.start)..end)));
        self.watched = self.watched.max(end.min(view.start + view.bytes.len() as u64));
    }

    /// Looks for names of records in a table in which no record was found.
    pub(super) fn watch_bytes(&mut self, bytes: &[u8]) {
        self.watch.feed(bytes);
    }

    /// What is not JSON may be a damaged archive, or name records far behind its beginning: it is
    /// read to its end. There, checksums show damage, too.
    fn verify<R: Read>(&mut self, content: &mut DecodeStream<R>, mut error: Option<DecodeError>) {
        self.is_broken = false;
        let mut rest = vec![0; 64 << 10];
        while error.is_none() && !self.scanner.plan.is_cancelled() {
            match content.read(&mut rest) {
                Ok(0) => return,
                Ok(n) => {
                    self.watch.feed(&rest[..n]);
                    self.report_bytes(content.position().compressed_bytes);
                }
                Err(found) => error = Some(found),
            }
        }
        // Bytes behind a stream are none of it.
        if let Some(error) = error.filter(|error| !matches!(error, DecodeError::Trailing { .. })) {
            self.is_broken = true;
            self.reject(None, reason_of(&error), error.detail());
        }
    }

    fn read<R: Read>(
        &mut self,
        content: &mut DecodeStream<R>,
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
                    // In a log file, this is CloudTrail's own doing; elsewhere, a query's.
                    let is_row = std::mem::take(&mut self.lacks_caller) && !reader.is_in_log_file();
                    if std::mem::take(&mut self.is_lossy) || is_row {
                        reader.mark_lossy();
                    }
                    if !sound {
                        reader.resync_within(&range, window.view());
                    }
                }
                Step::Beside { range } => self.beside(window.view().slice(&range), range.start, reader),
                Step::Message { range } => self.message(window.view().slice(&range), range.start, reader),
                Step::Damage { offset, reason, detail, to_end } => {
                    let (reason, detail) = name_damage(reason, detail, to_end, &mut broken);
                    self.reject(offset, reason, detail);
                }
                Step::NeedMore { keep_from: keep } => {
                    if !reader.is_recognised() {
                        self.watch(window, keep);
                    }
                    if let Err(error) = window.refill(keep, content) {
                        (broken, self.is_broken) = (Some(error), true);
                        window.close();
                    }
                    self.report_bytes(content.position().compressed_bytes);
                    if self.scanner.plan.is_cancelled() {
                        return Ending::Stopped;
                    }
                }
                Step::End => return Ending::Read(broken),
                Step::NotJson => return Ending::NotJson(broken),
            }
            let emit =
                self.is_full() && reader.is_recognised() || self.scanner.builder.rejects() >= UNRECOGNISED;
            self.is_committed |= emit;
            if emit && !self.emit() {
                return Ending::Stopped;
            }
        }
    }

    /// Adds what a record that is no KMS call says about KMS calls; an error if a name in it is too
    /// long to be kept.
    pub(super) fn learn(&mut self, bytes: &[u8], offset: u64) -> Result<(), TooLong> {
        if self.scanner.learn == Learn::No {
            return Ok(());
        }
        let facts = match parse::facts_of_other(bytes) {
            Err(NoFacts::Rewritten) => {
                let restored = self.restored(bytes).and_then(|json| parse::facts_of_other(&json).ok());
                // Who changed a trail, and when, is there without the parameters.
                restored.unwrap_or_else(|| parse::facts_without_texts(bytes))
            }
            facts => facts.unwrap_or_default(),
        };
        facts.iter().try_for_each(Fact::check_lengths)?;
        facts.into_iter().for_each(|fact| self.scanner.builder.learn(offset, fact));
        Ok(())
    }

    /// Counts a record of another service, and adds what it says about KMS calls.
    pub(super) fn other(&mut self, bytes: &[u8], offset: u64) {
        match self.learn(bytes, offset) {
            Ok(()) => self.foreign(),
            Err(long) => self.reject(Some(offset), RejectReason::FieldTooLong, long.to_string()),
        }
    }

    /// Counts a record that is not of KMS, or another value in a record's place.
    pub(super) fn foreign(&mut self) {
        self.input.counts.records += 1;
        self.input.counts.other_source += 1;
    }

    /// Reads one record; false when it is not valid JSON.
    pub(super) fn record(&mut self, bytes: &[u8], offset: u64, may_match: MayMatch) -> bool {
        let index = self.input.counts.records;
        if let Retain::Find(lookup) = self.scanner.retain {
            lookup.look(&self.subject.uri, offset, bytes);
        }
        let may_match = match may_match {
            MayMatch::Yes => true,
            MayMatch::IfSourceIsMissing => self.source_place.is_missing_in(bytes),
            MayMatch::Unknown => parse::may_match(bytes),
        };
        if !may_match {
            // Damage in a record that is not of KMS is not looked for.
            self.other(bytes, offset);
            return true;
        }
        let restored;
        let mut parsed = parse::parse(bytes);
        let needs_restoring = match &parsed {
            Ok(record) => {
                record.text_member.is_some()
                    || may_have_quoted_texts(bytes)
                    || lacks_members(&record.kind, bytes)
            }
            Err(error) => error.reason == RejectReason::BadEventTime || may_have_quoted_texts(bytes),
        };
        if needs_restoring && let Some((json, fidelity)) = restored_record(bytes) {
            restored = json;
            let again = parse::parse(&restored);
            if again.is_ok() || parsed.is_ok() {
                parsed = again;
                self.is_lossy |= fidelity == Fidelity::Lossy;
            }
        }
        let parsed = parsed.and_then(ParsedRecord::with_known_members);
        match parsed {
            Ok(outline) => {
                if outline.repeated_field {
                    debug!(archive = %self.subject.uri, offset, "a field is given twice; the last one counts");
                }
                match outline.kind {
                    RecordKind::Event(event) => match event.check_lengths() {
                        Ok(()) => {
                            self.input.counts.records += 1;
                            self.event(&event, offset);
                        }
                        Err(long) => {
                            self.reject(Some(offset), RejectReason::FieldTooLong, long.to_string());
                        }
                    },
                    RecordKind::NotUsage => match self.learn(bytes, offset) {
                        Ok(()) => {
                            self.input.counts.records += 1;
                            self.input.counts.not_usage += 1;
                        }
                        Err(long) => {
                            self.reject(Some(offset), RejectReason::FieldTooLong, long.to_string());
                        }
                    },
                    RecordKind::OtherSource { excludes_kms } => {
                        let is_kept = |trail: &String| trail.len() <= LONGEST_NAME;
                        self.coverage.kms_excluded_by.extend(excludes_kms.filter(is_kept));
                        self.other(bytes, offset);
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

    /// Adds a KMS call, unless this run can never select it.
    fn event(&mut self, event: &KmsEvent<'_>, offset: u64) {
        let principal = &event.principal;
        self.lacks_caller |= principal.name == "unknown";
        let accounts = [&principal.account_id, &event.recipient_account_id].into_iter().flatten();
        self.is_lossy |= is_masked(&principal.name) || accounts.into_iter().any(|id| is_masked(id));
        let scope = self.coverage.region_mut(event.account(), Some(&event.region));
        scope.kms_records += 1;
        let (first, last) = scope.event_times.unwrap_or((event.time, event.time));
        scope.event_times = Some((first.min(event.time), last.max(event.time)));
        if self.scanner.learn == Learn::Yes {
            parse::facts_of_event(event).for_each(|fact| self.scanner.builder.learn(offset, fact));
        }
        // Only resolve knows the key of an alias, and so which filters such an event matches.
        let is_key_unknown = event.key.arn.is_none() && event.key.alias.is_some();
        let is_asked_for = is_key_unknown && self.scanner.plan.filter_log().has_filters();
        let is_learning = self.scanner.learn == Learn::Yes;
        let counts = &mut self.input.counts;
        match self.scanner.retain {
            Retain::Selectable(_) if is_asked_for => return self.scanner.builder.event(event, offset),
            // What all calls show is only counted where facts are learned.
            Retain::Selectable(selection) if is_learning && selection.wants_scope(event) => {
                return self.scanner.builder.event(event, offset);
            }
            Retain::Selectable(selection) if !selection.wants_name(&event.name) => counts.other_event += 1,
            Retain::Selectable(selection) if !selection.wants_record(event) => counts.filtered += 1,
            Retain::Selectable(_) | Retain::All => return self.scanner.builder.event(event, offset),
            Retain::Nothing | Retain::Find(_) => return,
        }
        self.scanner.builder.unretained(event);
        let plan = self.scanner.plan;
        plan.filter_log().add(&plan.selection, event, is_key_unknown); // resolve does not see it
    }

    pub(super) fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        let place = offset.map(|offset| (offset, self.input.counts.records));
        self.reject_at(place, reason, detail);
    }

    fn reject_at(&mut self, place: Option<(u64, u64)>, reason: RejectReason, detail: String) {
        self.input.counts.records += 1;
        self.input.counts.rejected += 1;
        self.is_trailed |= reason == RejectReason::TrailingBytes;
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

    /// Bytes that may still be decoded out of the listed input.
    pub(super) fn content_left(&self) -> u64 {
        self.subject.budget.left()
    }

    /// Takes off them what a table was read from.
    pub(super) fn take_content(&self, bytes: u64) {
        self.subject.budget.take(bytes);
    }

    pub(super) fn is_full(&self) -> bool {
        self.scanner.is_full()
    }

    pub(super) fn has_rejects(&self) -> bool {
        self.first_reject.is_some()
    }

    /// Whether there are other rejects than these.
    pub(super) fn has_rejects_beside(&self, rejects: u64) -> bool {
        self.input.counts.rejected > rejects
    }

    /// Emits the batch; false when the run is over.
    pub(super) fn emit(&mut self) -> bool {
        self.is_split = true;
        self.scanner.flush_within(&self.subject.uri, self.input.counts)
    }
}

/// Whether a KMS call lacks the member that says who called, or the one that says with which key. A
/// row of a table may have what was in them under other names.
fn lacks_members(record: &RecordKind<'_>, bytes: &[u8]) -> bool {
    let RecordKind::Event(event) = record else { return false };
    let lacks = |name: &str| memmem::find(bytes, name.as_bytes()).is_none();
    event.principal.name == "unknown" && lacks("\"userIdentity\"")
        || event.key.origin == KeyOrigin::None && lacks("\"requestParameters\"")
}

/// The reject of a damaged record. At the end of a broken stream, the stream is the cause: one
/// cause, one reject.
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
