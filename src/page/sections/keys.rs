//! Keys: all in a table, and a part for each of those that matter most.

use std::collections::BTreeMap;

use super::review;
use crate::model::{Arn, EventTime, counted, number};
use crate::page::budget::Budget;
use crate::page::charts::{Bars, Life, lifelines};
use crate::page::content::{Block, Item, KeyHead, Section};
use crate::page::error::PageError;
use crate::page::keys::{KEY_PARTS, SEVERITIES};
use crate::page::overview::Overview;
use crate::page::rows::{Row, Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, TableRow, literal, row, short_key};
use crate::report::{
    ACCESS, AccessTable, DAILY, DailyTable, FINDINGS, FindingsTable, GRANTS, GrantsTable, POLICY_STATEMENTS,
    PolicyStatementsTable, USAGE, UsageTable, printable,
};

/// Keys in the table at most.
const LISTED: usize = 2_000;
/// Rows in each table of a key at most.
const ROWS: usize = 100;
/// Findings that a key's part names.
const FINDINGS_SHOWN: usize = 20;

/// What the part of one key is made of.
struct Part {
    id: String,
    bars: Bars,
    callers: BTreeMap<Caller, Calls>,
    access: Smallest<(u64, u64), TableRow>,
    grants: Smallest<(Option<EventTime>, Option<String>), (Life, TableRow)>,
    statements: Smallest<u64, TableRow>,
    findings: Smallest<(usize, String), (String, String)>,
    last_used: Option<(EventTime, String, String)>,
}

/// Principal, workload and call.
type Caller = (String, String, String);

#[derive(Debug, Default)]
struct Calls {
    succeeded: u64,
    refused: u64,
    failed: u64,
    sessions: u64,
    users: u64,
    times: Option<(EventTime, EventTime)>,
}

pub(crate) fn keys(
    source: &Source<'_>,
    overview: &Overview,
    places: &BTreeMap<String, String>,
    budget: &mut Budget,
) -> Result<Vec<Section>, PageError> {
    let t = source.texts;
    if overview.keys.totals.is_empty() {
        return Ok(Vec::new());
    }
    let mut section = Section::new("keys", t.keys);
    section.breaks = true;
    section.add(Block::Table(Box::new(list(source, overview, places, budget))));
    let named = overview.keys.totals.keys().flatten().count();
    if named > KEY_PARTS {
        section.text(format!("{} {KEY_PARTS} / {named}.", t.key_parts));
    }
    let mut sections = vec![section];
    let mut parts = read(source, places)?;
    let sheets = review::sheets(source, places)?;
    for (key, totals) in overview.keys.ordered() {
        let Some(key) = key else { continue };
        let Some(part) = parts.remove(key) else { continue };
        let mut section = Section::new(&part.id, "");
        section.breaks = true;
        let head = KeyHead { name: printable(&short_key(key)), arn: printable(key) };
        section.add(Block::Key(Box::new(head)));
        let arn = Arn::parse(key);
        let place = |stored: &Option<String>, of_arn: Option<&str>| {
            printable(stored.as_deref().or(of_arn).filter(|text| !text.is_empty()).unwrap_or(t.not_known))
        };
        let mut facts = vec![
            (t.account.to_owned(), place(&totals.account, arn.as_ref().map(|arn| arn.account))),
            (t.region.to_owned(), place(&totals.region, arn.as_ref().map(|arn| arn.region))),
            (t.events_selected.to_owned(), number(totals.events())),
        ];
        if let Some((time, who, call)) = &part.last_used {
            let time = super::glance::seconds(&time.to_rfc3339());
            facts.push((t.last_used.to_owned(), format!("{time} UTC, {call}, {}", printable(who))));
        }
        section.add(Block::Facts(facts));
        let id = part.id.clone();
        add_part(&mut section, source, key, part, overview, budget);
        if let Some(rows) = sheets.get(key) {
            section.add(Block::Table(Box::new(review::sheet(&id, key, rows, budget, source))));
        }
        sections.push(section);
    }
    Ok(sections)
}

fn list(
    source: &Source<'_>,
    overview: &Overview,
    places: &BTreeMap<String, String>,
    budget: &mut Budget,
) -> Table {
    let t = source.texts;
    let ordered = overview.keys.ordered();
    let total = ordered.len() as u64;
    let rows = ordered.into_iter().take(LISTED).map(|(key, totals)| {
        let link = key.as_ref().and_then(|key| places.get(key)).map(|place| format!("#{place}"));
        let name = Field::text("key_arn", Kind::Key, key.as_deref()).map(|field| field.linked(link));
        let account =
            key.as_deref().and_then(Arn::parse).map(|arn| format!("{} {}", arn.account, arn.region));
        row([
            vec![
                Some(name.unwrap_or_else(|| Field::words(Kind::Text, t.key_not_named))),
                account.map(|account| Field::words(Kind::Note, &printable(&account))),
            ],
            vec![Some(Field::count("findings", totals.findings))],
            vec![Some(Field::count("succeeded", totals.succeeded))],
            vec![Some(Field::count("refused", totals.refused))],
            vec![Some(Field::count("failed", totals.failed))],
            vec![Some(Field::count("principals", totals.principals()))],
            vec![Some(Field::count("open_grants", totals.open_grants))],
            vec![Field::time("last", totals.last)],
        ])
    });
    let heads = [
        (t.key, false),
        (t.findings, true),
        (t.succeeded, true),
        (t.refused, true),
        (t.failed, true),
        (t.principals, true),
        (t.open_grants, true),
        (t.last, false),
    ];
    Table::new("keys-table", t.keys, &heads).fill(budget.part(600_000), rows, total, list_query(source))
}

fn list_query(source: &Source<'_>) -> Query {
    let mut known = vec!["select distinct key_arn from 'usage.parquet'"];
    let (mut grants, mut findings) =
        ("select null::varchar as key_arn, 0::bigint as n where false".to_owned(), String::new());
    if source.has::<GrantsTable>() {
        known.push("select key_arn from 'grants.parquet' where key_arn is not null");
        grants =
            "select key_arn, count(*) as n from 'grants.parquet' where state = 'open' group by 1".to_owned();
    }
    if source.has::<FindingsTable>() {
        known.push("select key_arn from 'findings.parquet' where key_arn is not null");
        let names: Vec<String> = SEVERITIES.iter().map(|name| format!("'{name}'")).collect();
        findings = format!(
            "select key_arn, count(*) as n, min(list_position([{}], severity)) as worst \
             from 'findings.parquet' where status = 'open' group by 1",
            names.join(", ")
        );
    }
    if findings.is_empty() {
        findings =
            "select null::varchar as key_arn, 0::bigint as n, 0::bigint as worst where false".to_owned();
    }
    if !source.has::<UsageTable>() {
        return Query::default();
    }
    let known = known.join(" union ");
    Query::new(format!(
        "with k as ({known}), u as (select key_arn, sum(event_count) filter (outcome = 'success') as s, \
         sum(event_count) filter (outcome = 'denied') as d, sum(event_count) as e, count(distinct principal) as p, \
         max(last_event_time) as last from 'usage.parquet' group by 1), g as ({grants}), f as ({findings}) \
         select k.key_arn, coalesce(f.n, 0)::bigint as findings, coalesce(s, 0)::bigint as succeeded, \
         coalesce(d, 0)::bigint as refused, (coalesce(e, 0) - coalesce(s, 0) - coalesce(d, 0))::bigint as failed, \
         coalesce(p, 0)::bigint as principals, coalesce(g.n, 0)::bigint as open_grants, u.last from k \
         left join u on k.key_arn is not distinct from u.key_arn left join g on k.key_arn = g.key_arn \
         left join f on k.key_arn = f.key_arn \
         order by coalesce(f.worst, 9), coalesce(e, 0) desc, k.key_arn nulls first"
    ))
}

/// Reads what the parts are made of.
fn read(source: &Source<'_>, places: &BTreeMap<String, String>) -> Result<BTreeMap<String, Part>, PageError> {
    let mut parts: BTreeMap<String, Part> =
        places.iter().map(|(key, id)| (key.clone(), Part::new(id.clone()))).collect();
    let mut of = |row: &Row<'_>, key: usize, take: &dyn Fn(&mut Part, &Row<'_>)| {
        if let Some(part) = row.text(key).and_then(|key| parts.get_mut(key)) {
            take(part, row);
        }
    };
    source.read::<UsageTable>(|row| of(&row, at!(USAGE, "key_arn"), &Part::usage))?;
    source.read::<DailyTable>(|row| of(&row, at!(DAILY, "key_arn"), &Part::daily))?;
    source.read::<AccessTable>(|row| of(&row, at!(ACCESS, "key_arn"), &Part::access))?;
    source.read::<GrantsTable>(|row| of(&row, at!(GRANTS, "key_arn"), &Part::grant))?;
    source
        .read::<PolicyStatementsTable>(|row| of(&row, at!(POLICY_STATEMENTS, "key_arn"), &Part::statement))?;
    source.read::<FindingsTable>(|row| of(&row, at!(FINDINGS, "key_arn"), &Part::finding))?;
    Ok(parts)
}

impl Part {
    fn new(id: String) -> Self {
        Self {
            id,
            bars: Bars::default(),
            callers: BTreeMap::new(),
            access: Smallest::new(ROWS),
            grants: Smallest::new(ROWS),
            statements: Smallest::new(ROWS),
            findings: Smallest::new(FINDINGS_SHOWN),
            last_used: None,
        }
    }

    fn usage(&mut self, usage: &Row<'_>) {
        let text = |position| usage.owned(position).unwrap_or_default();
        let caller =
            (text(at!(USAGE, "principal")), text(at!(USAGE, "workload")), text(at!(USAGE, "event_name")));
        let calls = self.callers.entry(caller).or_default();
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
            self.last_used = Some((time, who, printable(&call)));
        }
    }

    fn daily(&mut self, daily: &Row<'_>) {
        let workload = printable(daily.text(at!(DAILY, "workload")).unwrap_or_default());
        if let Some(day) = daily.day(at!(DAILY, "day")) {
            self.bars.add(day, &workload, daily.count(at!(DAILY, "event_count")));
        }
    }

    fn access(&mut self, access: &Row<'_>) {
        let text = |column, kind, position| Field::text(column, kind, access.text(position));
        let records = access.count(at!(ACCESS, "record_count"));
        // Of rows with as many records, in the order of the file.
        self.access.push((u64::MAX - records, self.access.pushed()), || {
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

    fn grant(&mut self, grant: &Row<'_>) {
        let text = |column, kind, position| Field::text(column, kind, grant.text(position));
        let state = grant.text(at!(GRANTS, "state")).unwrap_or_default();
        let grantee = printable(grant.text(at!(GRANTS, "grantee")).unwrap_or("?"));
        let uses = grant.optional_count(at!(GRANTS, "consistent_use_count"));
        let created = grant.time(at!(GRANTS, "created_time"));
        let life = Life {
            name: grantee.rsplit_once('/').map_or(grantee.clone(), |(_, end)| end.to_owned()),
            tip: format!(
                "{grantee} {} {} {}",
                printable(grant.text(at!(GRANTS, "operations")).unwrap_or_default()),
                state,
                uses.map_or_else(String::new, |uses| counted(uses, "consistent use"))
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
        self.grants.push((created, grant.owned(at!(GRANTS, "grant_id"))), || (life, cells));
    }

    fn statement(&mut self, statement: &Row<'_>) {
        let text = |column, kind, position| Field::text(column, kind, statement.text(position));
        let number = statement.optional_count(at!(POLICY_STATEMENTS, "statement"));
        let cells = row([
            vec![text("status", Kind::Word, at!(POLICY_STATEMENTS, "status"))],
            vec![
                number.map(|number| Field::count("statement", number)),
                text("sid", Kind::Text, at!(POLICY_STATEMENTS, "sid")),
                text("effect", Kind::Note, at!(POLICY_STATEMENTS, "effect")),
            ],
            vec![text("principal", Kind::Code, at!(POLICY_STATEMENTS, "principal"))],
            vec![text("permission", Kind::Code, at!(POLICY_STATEMENTS, "permission"))],
            vec![Some(Field::count("record_count", statement.count(at!(POLICY_STATEMENTS, "record_count"))))],
            vec![text("detail", Kind::Note, at!(POLICY_STATEMENTS, "detail"))],
        ]);
        // In the order of the file.
        let place = self.statements.pushed();
        self.statements.push(place, || cells);
    }

    fn finding(&mut self, finding: &Row<'_>) {
        let id = finding.owned(at!(FINDINGS, "finding_id")).unwrap_or_default();
        if finding.text(at!(FINDINGS, "status")) == Some("muted") {
            return;
        }
        let severity = finding.text(at!(FINDINGS, "severity")).unwrap_or_default();
        let place = SEVERITIES.iter().position(|name| *name == severity).unwrap_or(SEVERITIES.len());
        let text = |position| printable(finding.text(position).unwrap_or_default());
        let words = (format!("{severity}: {}", text(at!(FINDINGS, "title"))), text(at!(FINDINGS, "detail")));
        self.findings.push((place, id), || words);
    }
}

fn add_part(
    section: &mut Section,
    source: &Source<'_>,
    key: &str,
    part: Part,
    overview: &Overview,
    budget: &mut Budget,
) {
    let key = &literal(key);
    let t = source.texts;
    let id = part.id;
    let (findings, total) = part.findings.finish();
    if total > 0 {
        section.add(Block::Heading(format!("{} ({total})", t.findings)));
        let item = |(text, detail)| Item { text, details: vec![detail], link: Some("#findings".to_owned()) };
        section.add(Block::Items(findings.into_iter().map(item).collect()));
    }
    if !part.bars.is_empty() {
        let condition = format!("key_arn = {key}");
        let title = t.calls_over_time.to_owned();
        let drawing = part.bars.draw(&format!("{id}-bars"), title, Some(&condition), &overview.workloads, t);
        section.add_drawing(Some(drawing));
    }
    if !part.callers.is_empty() {
        section.add(Block::Table(Box::new(callers(&id, key, part.callers, budget, source))));
    }
    let (grants, total) = part.grants.finish();
    if total > 0 {
        let (lives, rows): (Vec<Life>, Vec<TableRow>) = grants.into_iter().unzip();
        let window = overview.times.unwrap_or((EventTime(i64::MAX), EventTime(i64::MIN)));
        section.add_drawing(lifelines(&format!("{id}-lives"), &lives, window, t));
        let heads = [
            (t.grantee, false),
            (t.operations, false),
            (t.state, false),
            (t.created_ended, false),
            (t.consistent_uses, true),
            (t.last, false),
            (t.not_seen, false),
        ];
        let query = Query::new(format!(
            "select grantee, grant_id, operations, constraints, state, created_time, ended_time, created_by, \
                 consistent_use_count, last_consistent_use, operations_not_seen from 'grants.parquet' \
                 where key_arn = {key} order by created_time nulls first, grant_id nulls first"
        ));
        let table = Table::new(format!("{id}-grants"), t.grants, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
        section.text(t.grants_note);
    }
    let (rows, total) = part.statements.finish();
    if total > 0 {
        let heads = [
            (t.status, false),
            (t.statement, false),
            (t.principal, false),
            (t.permission, false),
            (t.records, true),
            (t.detail, false),
        ];
        let query = Query::new(format!(
            "select status, statement, sid, effect, principal, permission, record_count, detail \
                 from 'policy_statements.parquet' where key_arn = {key}"
        ));
        let table = Table::new(format!("{id}-policy"), t.policy, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
    }
    let (rows, total) = part.access.finish();
    if total > 0 {
        let heads = [
            (t.principal, false),
            (t.call, false),
            (t.result, false),
            (t.records, true),
            (t.first_last, false),
        ];
        let query = Query::new(format!(
            "select principal, event_name, outcome, error_code, record_count, first_event_time, last_event_time \
                 from read_parquet('access.parquet', file_row_number = true) where key_arn = {key} \
                 order by record_count desc, file_row_number"
        ));
        let table = Table::new(format!("{id}-access"), t.access, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
    }
}

fn callers(
    id: &str,
    key: &str,
    callers: BTreeMap<Caller, Calls>,
    budget: &mut Budget,
    source: &Source<'_>,
) -> Table {
    let t = source.texts;
    let total = callers.len() as u64;
    let mut callers: Vec<_> = callers.into_iter().collect();
    callers.sort_by(|a, b| {
        let events = |calls: &Calls| calls.succeeded + calls.refused + calls.failed;
        events(&b.1).cmp(&events(&a.1)).then_with(|| a.0.cmp(&b.0))
    });
    let rows = callers.iter().take(ROWS).map(|((principal, workload, call), calls)| {
        row([
            vec![Field::text("principal", Kind::Code, Some(principal))],
            vec![Field::text("workload", Kind::Text, Some(workload))],
            vec![Field::text("event_name", Kind::Code, Some(call))],
            vec![Some(Field::count("succeeded", calls.succeeded))],
            vec![Some(Field::count("refused", calls.refused))],
            vec![Some(Field::count("failed", calls.failed))],
            vec![Some(Field::count("sessions", calls.sessions))],
            vec![Some(Field::count("users", calls.users))],
            vec![
                Field::time("first", calls.times.map(|(first, _)| first)),
                Field::time("last", calls.times.map(|(_, last)| last)),
            ],
        ])
    });
    let heads = [
        (t.principal, false),
        (t.workload, false),
        (t.call, false),
        (t.succeeded, true),
        (t.refused, true),
        (t.failed, true),
        (t.sessions, true),
        (t.users, true),
        (t.first_last, false),
    ];
    let query = Query::new(format!(
        "select principal, workload, event_name, \
             coalesce(sum(event_count) filter (outcome = 'success'), 0)::bigint as succeeded, \
             coalesce(sum(event_count) filter (outcome = 'denied'), 0)::bigint as refused, \
             coalesce(sum(event_count) filter (outcome not in ('success', 'denied')), 0)::bigint as failed, \
             max(session_count) as sessions, max(user_count) as users, min(first_event_time) as first, \
             max(last_event_time) as last from 'usage.parquet' where key_arn = {key} \
             group by principal, workload, event_name \
             order by sum(event_count) desc, principal, workload, event_name"
    ));
    Table::new(format!("{id}-callers"), t.callers, &heads).fill(budget.part(120_000), rows, total, query)
}
