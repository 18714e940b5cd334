//! What the part of a key is made of, as the tables are read.

use std::collections::BTreeMap;

use crate::model::{EventTime, number};
use crate::page::charts::{Bars, Life};
use crate::page::error::PageError;
use crate::page::keys::SEVERITIES;
use crate::page::rows::{Row, Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, TableRow, row};
use crate::page::texts::Texts;
use crate::report::{
    ACCESS, AccessTable, DAILY, DailyTable, FINDINGS, FindingsTable, GRANTS, GrantsTable, Kept,
    POLICY_STATEMENTS, PolicyStatementsTable, USAGE, UsageTable,
};

/// Rows in each table of a key at most.
pub(super) const ROWS: usize = 100;
/// Bytes of the rows that each of them is made of.
const ROOM: usize = 200 << 10;
/// Findings that a key's part names.
const FINDINGS_SHOWN: usize = 20;

/// The columns of `usage.parquet` that are read.
const OF_USAGE: [usize; 13] = [
    at!(USAGE, "key_arn"),
    at!(USAGE, "principal"),
    at!(USAGE, "workload"),
    at!(USAGE, "event_name"),
    at!(USAGE, "event_count"),
    at!(USAGE, "outcome"),
    at!(USAGE, "session_count"),
    at!(USAGE, "user_count"),
    at!(USAGE, "first_event_time"),
    at!(USAGE, "last_event_time"),
    at!(USAGE, "key_last_used_time"),
    at!(USAGE, "key_last_used_by"),
    at!(USAGE, "key_last_used_event_name"),
];
/// The same of `usage_daily.parquet`.
const OF_DAILY: [usize; 4] =
    [at!(DAILY, "key_arn"), at!(DAILY, "day"), at!(DAILY, "workload"), at!(DAILY, "event_count")];
/// The same of `access.parquet`.
const OF_ACCESS: [usize; 8] = [
    at!(ACCESS, "key_arn"),
    at!(ACCESS, "principal"),
    at!(ACCESS, "event_name"),
    at!(ACCESS, "outcome"),
    at!(ACCESS, "error_code"),
    at!(ACCESS, "record_count"),
    at!(ACCESS, "first_event_time"),
    at!(ACCESS, "last_event_time"),
];
/// The same of `policy_statements.parquet`.
const OF_POLICIES: [usize; 9] = [
    at!(POLICY_STATEMENTS, "key_arn"),
    at!(POLICY_STATEMENTS, "status"),
    at!(POLICY_STATEMENTS, "statement"),
    at!(POLICY_STATEMENTS, "sid"),
    at!(POLICY_STATEMENTS, "effect"),
    at!(POLICY_STATEMENTS, "principal"),
    at!(POLICY_STATEMENTS, "permission"),
    at!(POLICY_STATEMENTS, "record_count"),
    at!(POLICY_STATEMENTS, "detail"),
];
/// The same of `findings.parquet`.
const OF_FINDINGS: [usize; 7] = [
    at!(FINDINGS, "key_arn"),
    at!(FINDINGS, "finding_id"),
    at!(FINDINGS, "status"),
    at!(FINDINGS, "severity"),
    at!(FINDINGS, "rule_id"),
    at!(FINDINGS, "title"),
    at!(FINDINGS, "detail"),
];

/// What the part of one key is made of.
pub(super) struct Part {
    pub(super) id: String,
    pub(super) bars: Bars,
    pub(super) callers: BTreeMap<Caller, Calls>,
    pub(super) access: Smallest<(u64, u64), TableRow>,
    pub(super) grants: Smallest<(Option<EventTime>, Option<String>), (Life, TableRow)>,
    pub(super) statements: Smallest<u64, TableRow>,
    pub(super) findings: Smallest<(usize, String), (String, String)>,
    pub(super) last_used: Option<(EventTime, String, String)>,
}

/// Principal, workload and call.
pub(super) type Caller = (String, String, String);

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) succeeded: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) sessions: u64,
    pub(super) users: u64,
    pub(super) times: Option<(EventTime, EventTime)>,
}

/// Reads what the parts are made of.
pub(super) fn read(
    source: &Source<'_>,
    places: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Part>, PageError> {
    let mut parts: BTreeMap<String, Part> =
        places.iter().map(|(key, id)| (key.clone(), Part::new(id.clone()))).collect();
    let mut of = |row: &Row<'_>, key: usize, take: &dyn Fn(&mut Part, &Row<'_>)| {
        if let Some(part) = row.text(key).and_then(|key| parts.get_mut(key)) {
            take(part, row);
        }
    };
    let (texts, kept) = (source.texts, &source.kept);
    source.read::<UsageTable>(&OF_USAGE, |row| {
        of(&row, at!(USAGE, "key_arn"), &|part: &mut Part, row: &Row<'_>| part.usage(row, kept));
    })?;
    source.read::<DailyTable>(&OF_DAILY, |row| {
        of(&row, at!(DAILY, "key_arn"), &|part: &mut Part, row: &Row<'_>| part.daily(row, kept));
    })?;
    source.read::<AccessTable>(&OF_ACCESS, |row| of(&row, at!(ACCESS, "key_arn"), &Part::access))?;
    source.read::<GrantsTable>(&Vec::from_iter(0..GRANTS.len()), |row| {
        of(&row, at!(GRANTS, "key_arn"), &|part: &mut Part, row: &Row<'_>| part.grant(row, texts));
    })?;
    source.read::<PolicyStatementsTable>(&OF_POLICIES, |row| {
        of(&row, at!(POLICY_STATEMENTS, "key_arn"), &Part::statement);
    })?;
    source.read::<FindingsTable>(&OF_FINDINGS, |row| {
        of(&row, at!(FINDINGS, "key_arn"), &|part: &mut Part, row: &Row<'_>| part.finding(row, source));
    })?;
    Ok(parts)
}

impl Part {
    fn new(id: String) -> Self {
        Self {
            id,
            bars: Bars::default(),
            callers: BTreeMap::new(),
            access: Smallest::new(ROWS, ROOM),
            grants: Smallest::new(ROWS, ROOM),
            statements: Smallest::new(ROWS, ROOM),
            findings: Smallest::new(FINDINGS_SHOWN, ROOM),
            last_used: None,
        }
    }

    fn usage(&mut self, usage: &Row<'_>, kept: &Kept) {
        let text = |position| usage.owned(position).unwrap_or_default();
        let caller =
            (text(at!(USAGE, "principal")), text(at!(USAGE, "workload")), text(at!(USAGE, "event_name")));
        let calls = self.callers.entry(caller).or_insert_with(|| kept.made(usage.bytes()));
        let events = usage.count(at!(USAGE, "event_count"));
        match usage.text(at!(USAGE, "outcome")) {
            Some("success") => calls.succeeded += events,
            Some("denied") => calls.refused += events,
            _ => calls.failed += events,
        }
        calls.sessions = calls.sessions.max(usage.count(at!(USAGE, "session_count")));
        calls.users = calls.users.max(usage.count(at!(USAGE, "user_count")));
        let times = usage.time(at!(USAGE, "first_event_time")).zip(usage.time(at!(USAGE, "last_event_time")));
        if let Some((first, last)) = times {
            let (from, to) = calls.times.unwrap_or((first, last));
            calls.times = Some((from.min(first), to.max(last)));
        }
        let used = usage.time(at!(USAGE, "key_last_used_time"));
        if let Some(time) = used.filter(|time| self.last_used.as_ref().is_none_or(|(known, ..)| time > known))
        {
            let (who, call) =
                (text(at!(USAGE, "key_last_used_by")), text(at!(USAGE, "key_last_used_event_name")));
            self.last_used = Some((time, who, call));
        }
    }

    fn daily(&mut self, daily: &Row<'_>, kept: &Kept) {
        let workload = daily.text(at!(DAILY, "workload")).unwrap_or_default();
        if let Some(day) = daily.day(at!(DAILY, "day")) {
            self.bars.add(day, workload, daily.count(at!(DAILY, "event_count")), kept);
        }
    }

    fn access(&mut self, access: &Row<'_>) {
        let text = |column, kind, position| Field::text(column, kind, access.text(position));
        let records = access.count(at!(ACCESS, "record_count"));
        // Of rows with as many records, in the order of the file.
        self.access.push((u64::MAX - records, self.access.pushed()), access.bytes(), || {
            row([
                vec![text("principal", Kind::Code, at!(ACCESS, "principal"))],
                vec![text("event_name", Kind::Code, at!(ACCESS, "event_name"))],
                vec![
                    text("outcome", Kind::Word, at!(ACCESS, "outcome")),
                    text("error_code", Kind::Note, at!(ACCESS, "error_code")),
                ],
                vec![Some(Field::count("record_count", records))],
                vec![
                    Field::time("first_event_time", access.time(at!(ACCESS, "first_event_time"))),
                    Field::time("last_event_time", access.time(at!(ACCESS, "last_event_time"))),
                ],
            ])
        });
    }

    fn grant(&mut self, grant: &Row<'_>, t: &Texts) {
        let text = |column, kind, position| Field::text(column, kind, grant.text(position));
        let state = grant.text(at!(GRANTS, "state")).unwrap_or_default();
        let grantee = grant.text(at!(GRANTS, "grantee")).unwrap_or("?");
        let uses = grant.optional_count(at!(GRANTS, "consistent_use_count"));
        let created = grant.time(at!(GRANTS, "created_time"));
        let life = Life {
            name: grantee.rsplit_once('/').map_or(grantee, |(_, end)| end).to_owned(),
            tip: format!(
                "{grantee} {} {} {}",
                grant.text(at!(GRANTS, "operations")).unwrap_or_default(),
                state,
                uses.map_or_else(String::new, |uses| format!("{}{}", t.life_uses, number(uses)))
            ),
            created,
            ended: grant.time(at!(GRANTS, "ended_time")),
            is_open: state == "open",
            first_use: grant.time(at!(GRANTS, "first_consistent_use")),
            last_use: grant.time(at!(GRANTS, "last_consistent_use")),
        };
        let cells = row([
            vec![
                text("grantee", Kind::Code, at!(GRANTS, "grantee")),
                text("grant_id", Kind::Note, at!(GRANTS, "grant_id")),
            ],
            vec![
                text("operations", Kind::Code, at!(GRANTS, "operations")),
                text("constraints", Kind::Note, at!(GRANTS, "constraints")),
            ],
            vec![text("state", Kind::Word, at!(GRANTS, "state"))],
            vec![
                Field::time("created_time", created),
                Field::time("ended_time", grant.time(at!(GRANTS, "ended_time"))),
                text("created_by", Kind::Note, at!(GRANTS, "created_by")),
            ],
            vec![uses.map(|uses| Field::count("consistent_use_count", uses))],
            vec![Field::time("last_consistent_use", grant.time(at!(GRANTS, "last_consistent_use")))],
            vec![text("operations_not_seen", Kind::Code, at!(GRANTS, "operations_not_seen"))],
        ]);
        self.grants.push((created, grant.owned(at!(GRANTS, "grant_id"))), grant.bytes(), || (life, cells));
    }

    fn statement(&mut self, statement: &Row<'_>) {
        let text = |column, kind, position| Field::text(column, kind, statement.text(position));
        let place = statement.optional_count(at!(POLICY_STATEMENTS, "statement"));
        let cells = row([
            vec![text("status", Kind::Word, at!(POLICY_STATEMENTS, "status"))],
            vec![
                place.map(|place| Field::count("statement", place)),
                text("sid", Kind::Text, at!(POLICY_STATEMENTS, "sid")),
                text("effect", Kind::Note, at!(POLICY_STATEMENTS, "effect")),
            ],
            vec![text("principal", Kind::Code, at!(POLICY_STATEMENTS, "principal"))],
            vec![text("permission", Kind::Code, at!(POLICY_STATEMENTS, "permission"))],
            vec![Some(Field::count("record_count", statement.count(at!(POLICY_STATEMENTS, "record_count"))))],
            vec![text("detail", Kind::Note, at!(POLICY_STATEMENTS, "detail")).map(Field::english)],
        ]);
        // In the order of the file.
        let place = self.statements.pushed();
        self.statements.push(place, statement.bytes(), || cells);
    }

    fn finding(&mut self, finding: &Row<'_>, source: &Source<'_>) {
        let id = finding.owned(at!(FINDINGS, "finding_id")).unwrap_or_default();
        if finding.text(at!(FINDINGS, "status")) == Some("muted") {
            return;
        }
        let severity = finding.text(at!(FINDINGS, "severity")).unwrap_or_default();
        let place = SEVERITIES.iter().position(|name| *name == severity).unwrap_or(SEVERITIES.len());
        let text = |position| finding.owned(position).unwrap_or_default();
        let rule = source.finding(finding.text(at!(FINDINGS, "rule_id")).unwrap_or_default());
        let title = rule.map_or_else(|| text(at!(FINDINGS, "title")), |words| words.title.to_owned());
        let words = (format!("{}: {title}", source.texts.severity(severity)), text(at!(FINDINGS, "detail")));
        self.findings.push((place, id), finding.bytes(), || words);
    }
}
