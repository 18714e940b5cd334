//! Everything that depends on all inputs: duplicates, aggregates, the accounting. Takes one
//! resolved batch after the other, in input order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::{debug, error, info, warn};

use super::digest_options::Disbelieved;
use super::error::RunError;
use super::input_rows::InputRows;
use super::owners_copies::OwnersCopies;
use super::pending::{NewCopy, PendingCopies, PendingCopy, StoredCopy};
use super::plan::Plan;
use super::progress::Progress;
use super::replaced::ReplacedArchives;
use super::resolved::{Duplicates, ResolvedBatch, ResolvedEvent};
use super::result::Run;
use super::run_knowledge::RunKnowledge;
use super::shown::Shown;
use super::superseded::SupersededRows;
use crate::aggregate::{
    Access, Activity, Counts, Coverage, Decision, Deduplicator, GrantUseCounter, InputStatus, InputSummary,
    InputTotals, KeyCalls, Observations, PolicyUses, SampleText, Selected, ShareLedger, StatusReason, Usage,
    complete_from,
};
use crate::facts::{InputEnd, decode_event};
use crate::integrity::{IntegrityRow, IntegrityTally};
use crate::knowledge::Facts;
use crate::model::{IntegrityStatus, SkipReason, TrailChange, TrailEffect};
use crate::report::{
    EVENTS, EncodedRow, EventStep, INTEGRITY, RowOrder, Sink, SupersededAs, SupersededRow, column_position,
    encode_row,
};

pub(super) struct Merge<'m> {
    plan: &'m Plan,
    knowledge: &'m RunKnowledge,
    sink: &'m mut dyn Sink,
    progress: &'m Progress,
    deduplicator: Deduplicator,
    pending: PendingCopies,
    usage: Usage,
    observations: Observations,
    coverage: Coverage,
    activity: Activity,
    access: Access,
    grant_uses: GrantUseCounter,
    key_calls: KeyCalls,
    policy_uses: PolicyUses,
    owners_copies: OwnersCopies,
    counts: Counts,
    inputs: InputTotals,
    rows: InputRows,
    integrity: IntegrityTally,
    /// What digests say of the archives in which grants were created.
    grant_archives: HashMap<Arc<str>, Option<IntegrityStatus>>,
    current: CurrentInput,
    /// Events that have been merged, and how many there may be before memory is looked at again.
    merged: u64,
    next_check: u64,
    /// Days of events, each of which has a file; and the last one.
    days: HashSet<i32>,
    last_day: Option<i32>,
}

/// About the bytes of the writer of a day's file.
const DAY: usize = 12 << 10;

/// Memory of grants' uses by key owners' copies that are added together, bytes.
const OWNERS_COPIES: usize = 1 << 20;

/// Events between the first looks at memory.
const CHECK_EVERY: u64 = 1024;

/// The input whose batches are being merged.
#[derive(Default)]
struct CurrentInput {
    /// What resolve and merge decided about its events.
    decided: Counts,
    /// Its duplicates that are pending.
    pending: u64,
}

impl<'m> Merge<'m> {
    pub(super) fn new(
        plan: &'m Plan,
        knowledge: &'m RunKnowledge,
        sink: &'m mut dyn Sink,
        progress: &'m Progress,
    ) -> Self {
        Self {
            plan,
            knowledge,
            sink,
            progress,
            deduplicator: Deduplicator::default(),
            pending: PendingCopies::new(),
            usage: Usage::default(),
            observations: Observations::default(),
            coverage: Coverage::default(),
            activity: Activity::default(),
            access: Access::default(),
            grant_uses: GrantUseCounter::default(),
            key_calls: KeyCalls::default(),
            policy_uses: PolicyUses::default(),
            owners_copies: OwnersCopies::default(),
            counts: Counts::default(),
            inputs: InputTotals::default(),
            rows: InputRows::new(),
            integrity: IntegrityTally::new(&knowledge.judge.book),
            grant_archives: knowledge
                .grant_archives
                .values()
                .map(|archive| (archive.clone(), None))
                .collect(),
            current: CurrentInput::default(),
            merged: 0,
            next_check: CHECK_EVERY,
            days: HashSet::new(),
            last_day: None,
        }
    }

    /// Fails if the tables that grow with what is found, and cannot be written to disk, take more
    /// than the run may use. The tables are looked at more rarely as they grow.
    fn check_memory(&mut self, events: usize) -> Result<(), RunError> {
        self.merged += events as u64;
        if self.merged < self.next_check {
            return Ok(());
        }
        self.next_check = self.merged + CHECK_EVERY.max(self.merged / 16);
        let copies = self.owners_copies.bytes() + self.pending.bytes() + self.key_calls.bytes();
        let tables = self.deduplicator.bytes() + self.usage.bytes() + self.grant_uses.bytes();
        let tables = tables + copies + self.days.len() * DAY;
        self.plan.check_tables(self.knowledge.facts_bytes + tables as u64)
    }

    /// Takes the next batch.
    pub(super) fn batch(&mut self, mut batch: ResolvedBatch) -> Result<(), RunError> {
        let groups = self.usage.merge_groups(std::mem::take(&mut batch.groups));
        self.current.decided += batch.counts;
        self.coverage.unattributed += batch.unattributed;
        self.observations.foreign_corrections += batch.foreign_corrections;
        self.observations.disbelieved_copies += batch.disbelieved_copies;
        self.activity += std::mem::take(&mut batch.activity);
        self.key_calls += std::mem::take(&mut batch.key_calls);
        self.add_shown(&mut batch);
        if let Some(archive) = batch.archive.clone() {
            let (callers, owners) = (&batch.callers_copies, &batch.owners_copies);
            self.owners_copies.add(&archive, callers, owners).map_err(RunError::Temporary)?;
            for event in &batch.events {
                let group = groups[event.measured.group];
                self.event(&archive, &batch, event, group)?;
            }
            for row in batch.superseded.rows() {
                self.sink.superseded(row)?;
            }
            for rejection in &batch.rejects {
                info!(%archive, %rejection, "rejected");
                self.inputs.add_reject(&archive, rejection);
                self.sink.reject(&archive, rejection)?;
            }
        }
        self.check_memory(batch.events.len())?;
        if let Some(end) = batch.end.take() {
            let InputEnd { summary, coverage } = *end;
            if coverage.contradicts(summary.account_id.as_deref(), summary.region.as_deref()) {
                self.inputs.add_disagreeing_name(&summary.archive);
            }
            self.coverage += coverage;
            self.end_input(summary)?;
        }
        batch.recycle();
        Ok(())
    }

    /// Adds what calls show whatever is selected.
    fn add_shown(&mut self, batch: &mut ResolvedBatch) {
        self.access += std::mem::take(&mut batch.access);
        self.grant_uses += batch.grant_uses.as_slice();
        self.policy_uses += std::mem::take(&mut batch.policy_uses);
    }

    fn event(
        &mut self,
        archive: &Arc<str>,
        batch: &ResolvedBatch,
        event: &ResolvedEvent,
        group: usize,
    ) -> Result<(), RunError> {
        let conflicts = self.deduplicator.conflicts();
        let print = event.fingerprint.as_ref();
        let decision = print.map_or(Decision::Count, |print| self.deduplicator.decide(print));
        self.current.decided.conflicts += self.deduplicator.conflicts() - conflicts;
        let (offset, integrity) = (event.offset, batch.integrity);
        let new = NewCopy { archive, offset, integrity, event: batch.copy(event) };
        match decision {
            Decision::Count => {
                self.current.decided.selected += 1;
                self.count(batch.row(event), event, group, RowOrder::InOrder)
            }
            Decision::Duplicate => {
                self.current.decided.duplicate += 1;
                Ok(())
            }
            Decision::OtherCopy(counted) => {
                self.current.decided.other_copy += 1;
                self.other_copy(new, counted.to_text().as_deref())
            }
            Decision::Hold(_) => {
                self.current.pending += 1;
                let (input, day) = (self.rows.current(), event.measured.time.day());
                self.sink.event(day, EventStep::Expected)?;
                self.pending.push(input, day, new).map_err(RunError::Temporary)
            }
            Decision::Attach(id) => {
                self.current.decided.other_copy += 1;
                self.pending.attach(id, new).map_err(RunError::Temporary)
            }
            Decision::Discard(id) => {
                self.current.decided.other_copy += 1;
                self.pending.attach(id, new).map_err(RunError::Temporary)?;
                let input = self.pending.mark_counted(id);
                self.select_pending(input);
                Ok(())
            }
            Decision::Supersede(id) => {
                self.current.decided.selected += 1;
                let PendingCopy { input, day, copy, mut others, .. } =
                    self.pending.remove(id).map_err(RunError::Temporary)?;
                self.discard_pending(input);
                self.sink.event(day, EventStep::NotExpected)?;
                others.insert(0, copy);
                self.count_completed(new, &others, RowOrder::InOrder)
            }
        }
    }

    /// Emits the row of another account's copy of a call.
    fn other_copy(&mut self, copy: NewCopy<'_>, by: Option<&str>) -> Result<(), RunError> {
        let NewCopy { archive, offset, event, .. } = copy;
        let Some(mut event) = decode_event(event) else { return Err(RunError::Temporary(damaged())) };
        self.knowledge.complete(&mut event);
        let mut rows = SupersededRows::default();
        let class = SupersededAs::OtherCopy;
        rows.push(&SupersededRow { event: &event, archive, offset, class, by });
        rows.rows().try_for_each(|row| self.sink.superseded(row))?;
        Ok(())
    }

    fn count(
        &mut self,
        row: EncodedRow<'_>,
        event: &ResolvedEvent,
        group: usize,
        order: RowOrder,
    ) -> Result<(), RunError> {
        let day = Some(event.measured.time.day());
        if day != self.last_day {
            self.last_day = day;
            self.days.extend(day);
        }
        self.usage.add(group, &event.measured, |text| {
            row.text_at(match text {
                SampleText::EventId => EVENT_ID,
                SampleText::Service => SERVICE,
                SampleText::Resource => RESOURCE,
            })
        });
        self.observations += event.flags;
        self.progress.add_selected();
        self.sink.event(event.measured.time.day(), EventStep::Row(row, order))?;
        Ok(())
    }

    /// Counts an event, completed from other copies of the same call. Its workload is decided by
    /// the event alone.
    fn count_completed(
        &mut self,
        copy: NewCopy<'_>,
        others: &[StoredCopy],
        order: RowOrder,
    ) -> Result<(), RunError> {
        let NewCopy { archive, offset, integrity, event } = copy;
        let Some(mut event) = decode_event(event) else { return Err(RunError::Temporary(damaged())) };
        self.knowledge.complete(&mut event);
        let evidence = self.plan.classifier.classify(&event, &self.knowledge.knowledge);
        for mut other in others.iter().filter_map(|other| decode_event(&other.event)) {
            self.knowledge.complete(&mut other);
            complete_from(&mut event, other);
        }
        let mut batch = ResolvedBatch::default();
        let by = event.event_id.as_deref();
        others.iter().try_for_each(|other| self.other_copy(other.as_new(), by))?;
        let served = event.served();
        let selected =
            Selected { event: &event, evidence: &evidence, archive, offset, served: &served, integrity };
        batch.add(&selected, Duplicates::Count);
        let groups = self.usage.merge_groups(std::mem::take(&mut batch.groups));
        batch
            .events
            .iter()
            .try_for_each(|event| self.count(batch.row(event), event, groups[event.measured.group], order))
    }

    /// A pending duplicate of that input counts.
    fn select_pending(&mut self, input: u64) {
        if input == self.rows.current() {
            self.current.pending -= 1;
            self.current.decided.selected += 1;
        } else {
            self.counts.selected += 1;
            self.rows.select_late(input);
        }
    }

    /// A pending duplicate of that input is the other copy of a call that counts.
    fn discard_pending(&mut self, input: u64) {
        if input == self.rows.current() {
            self.current.pending -= 1;
            self.current.decided.other_copy += 1;
        } else {
            self.counts.other_copy += 1;
            self.rows.discard_late(input);
        }
    }

    fn end_input(&mut self, mut input: InputSummary) -> Result<(), RunError> {
        let CurrentInput { decided, pending } = std::mem::take(&mut self.current);
        input.counts += decided;
        let archive = &input.archive;
        if input.status != InputStatus::Unreadable {
            debug!(%archive, status = input.status.as_str(), records = input.counts.records, "read");
        }
        match (input.status, &input.reason) {
            (InputStatus::Partial, Some(reason)) => {
                let (reason, rejected) = (reason.as_str(), input.counts.rejected);
                warn!(%archive, reason, rejected, "read in part");
            }
            (InputStatus::Unreadable, Some(reason)) => {
                error!(%archive, error = %reason.message(), "cannot be read");
            }
            (InputStatus::Skipped, Some(StatusReason::Skipped(SkipReason::NoArchive))) => {
                warn!(%archive, "no archive found");
            }
            _ => {}
        }
        self.judge(&mut input)?;
        self.progress.add_archive();
        self.counts += input.counts;
        self.inputs += &input;
        self.rows.push(&input, pending, self.sink)
    }

    /// Notes what digests say of an input.
    fn judge(&mut self, input: &mut InputSummary) -> Result<(), RunError> {
        if !self.plan.hash && !self.plan.learn {
            input.content_sha256 = None; // it was hashed for runs that compare it with digests
        }
        let (mut row, mut has_row) = (Vec::new(), false);
        let mut encode = |found: &IntegrityRow<'_>| {
            encode_row(INTEGRITY, found, &mut row);
            has_row = true;
        };
        input.integrity =
            self.knowledge.judge.judge_input(self.plan, input, &mut self.integrity, &mut encode);
        if let Some(status) = self.grant_archives.get_mut(&input.archive) {
            *status = input.integrity;
        }
        if has_row {
            self.sink.integrity(EncodedRow::new(&row))?;
        }
        if !self.plan.hash {
            input.content_sha256 = None; // nobody asked for it here
        }
        Ok(())
    }

    /// Emits the rows of what digests name and the input does not have.
    fn emit_missing(&mut self) -> Result<(), RunError> {
        let prune = &self.plan.prune;
        let lists = |object: &str| prune.includes(object);
        let mut row = Vec::new();
        for missing in self.integrity.missing(&self.knowledge.judge.book, &self.plan.scope(&lists)) {
            row.clear();
            encode_row(INTEGRITY, &missing, &mut row);
            self.sink.integrity(EncodedRow::new(&row))?;
        }
        Ok(())
    }

    /// Adds what key owners' records show of calls of which the input has no other record.
    fn add_owners_copies(&mut self) -> Result<(), RunError> {
        let shown = Shown { plan: self.plan, knowledge: self.knowledge };
        let mut batch = ResolvedBatch::default();
        while let Some(copy) = self.owners_copies.pop().map_err(RunError::Temporary)? {
            let event = decode_event(&copy.event).ok_or_else(|| RunError::Temporary(damaged()))?;
            shown.add_counted(&event, &copy.archive, copy.offset, &mut batch);
            if batch.bytes() >= OWNERS_COPIES {
                if self.plan.is_cancelled() {
                    return Err(RunError::Cancelled);
                }
                self.add_shown(&mut batch);
                batch.grant_uses.clear();
            }
        }
        self.add_shown(&mut batch);
        Ok(())
    }

    /// Counts the duplicates that are still pending: no better copy can arrive. After this, the
    /// sink is given nothing more.
    pub(super) fn count_pending(&mut self) -> Result<(), RunError> {
        self.add_owners_copies()?;
        let mut from = 0;
        while let Some((id, copy)) = self.pending.next_from(from).map_err(RunError::Temporary)? {
            if self.plan.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            from = id + 1;
            let PendingCopy { input, copy, others, counts, .. } = copy;
            if !counts {
                let is_callers = decode_event(&copy.event).is_some_and(|event| event.is_callers_copy());
                self.observations.owner_copy_only += u64::from(!is_callers);
                self.select_pending(input);
            }
            self.count_completed(copy.as_new(), &others, RowOrder::OutOfOrder)?;
        }
        std::mem::replace(&mut self.rows, InputRows::new()).finish(self.sink)?;
        self.emit_missing()?;
        let plan = self.plan;
        self.sink.finish_rows(&|| !plan.is_cancelled())?;
        Ok(())
    }

    /// Checks the accounting and returns the result. `activity`: what the calls show that were not
    /// resolved.
    pub(super) fn finish(mut self, mut facts: Facts, activity: Activity) -> Result<Run, RunError> {
        let Disbelieved { corrections, facts: others } = self.knowledge.disbelieved;
        self.observations.disbelieved_corrections = corrections;
        self.observations.disbelieved_facts = others;
        self.activity += activity;
        self.activity.trim();
        self.access.trim();
        let excludes =
            |change: &&TrailChange| change.effect == TrailEffect::ExcludesKms && change.error_code.is_none();
        let excluding = facts.trails.keys().filter(excludes).map(|change| change.trail.clone());
        self.coverage.kms_excluded_by.extend(excluding);
        self.counts.check()?;
        let (usage, daily) = self.usage.into_rows(&self.activity);
        // The same number, counted where the rows are made.
        self.counts.check_rows(usage.iter().map(|row| row.stats.event_count).sum())?;
        self.counts.check_rows(daily.iter().map(|row| row.event_count).sum())?;
        let status_of = |archive| self.grant_archives.get(archive).copied().flatten();
        let archives = self.knowledge.grant_archives.iter();
        let grant_integrity =
            archives.filter_map(|(id, archive)| Some((id.clone(), status_of(archive)?))).collect();
        facts.shared_uses.trim();
        let shares = ShareLedger::new(&self.knowledge.shares, facts.shared_uses.groups(), self.key_calls);
        Ok(Run {
            shares,
            counts: self.counts,
            usage,
            daily,
            inputs: self.inputs,
            coverage: self.coverage,
            activity: self.activity,
            access: self.access,
            observations: self.observations,
            unmatched: self.plan.filter_log().unmatched(),
            replaced: ReplacedArchives::default(),
            facts,
            grants: self.knowledge.grants.clone(),
            grant_uses: self.grant_uses.finish(),
            policies: self.knowledge.policies.clone(),
            policy_uses: self.policy_uses,
            integrity: self.integrity.into_summary(),
            grant_integrity,
        })
    }
}

fn damaged() -> std::io::Error {
    std::io::Error::other("another program changed the temporary file")
}

const EVENT_ID: usize = column_position(EVENTS, "event_id");
const SERVICE: usize = column_position(EVENTS, "service");
const RESOURCE: usize = column_position(EVENTS, "resource");
