//! What is shared with other accounts, and who uses it.

use std::collections::BTreeMap;

use crate::page::budget::Budget;
use crate::page::charts::{Pair, ShareLine, map};
use crate::page::content::{Block, Section};
use crate::page::error::PageError;
use crate::page::rows::{Row, Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, TableRow, row};
use crate::report::{SHARE_USE, SHARES, ShareUseTable, SharesTable};

/// Rows of each table that are shown at most.
const SHOWN: usize = 1_000;
/// Bytes of the rows that they are made of.
const ROOM: usize = 8 << 20;
/// Lines between an owner and a consumer that are drawn at most.
const PAIRS: usize = 400;

pub(crate) fn sharing(source: &Source<'_>, budget: &mut Budget) -> Result<Option<Section>, PageError> {
    let t = source.texts;
    let mut lines: BTreeMap<Pair, ShareLine> = BTreeMap::new();
    let mut shares = Smallest::new(SHOWN, ROOM);
    let mut place = 0_u64;
    source.read::<SharesTable>(&Vec::from_iter(0..SHARES.len()), |share| {
        place += 1;
        let text = |position| share.owned(position).unwrap_or_default();
        let has_ended = matches!(share.text(at!(SHARES, "state")), Some("ended" | "rejected" | "expired"));
        let pair = (text(at!(SHARES, "owner_account_id")), text(at!(SHARES, "consumer")), has_ended);
        if lines.len() < PAIRS || lines.contains_key(&pair) {
            let line = lines.entry(pair).or_insert_with(|| source.kept.made(share.bytes()));
            line.shares += 1;
            line.used += share.count(at!(SHARES, "use_count"));
            line.refused += share.count(at!(SHARES, "refused_count"));
        }
        shares.push(place, share.bytes(), || share_row(&share));
    })?;
    let mut uses = Smallest::new(SHOWN, ROOM);
    let mut place = 0_u64;
    source.read::<ShareUseTable>(&Vec::from_iter(0..SHARE_USE.len()), |used| {
        place += 1;
        uses.push(place, used.bytes(), || use_row(&used));
    })?;
    let ((share_rows, share_total), (use_rows, use_total)) = (shares.finish(), uses.finish());
    if share_total + use_total == 0 {
        return Ok(None);
    }
    let mut section = Section::new("sharing", t.sharing);
    section.breaks = true;
    section.text(t.sharing_intro);
    section.add_drawing(map(&lines, t), budget, t);
    if share_total > 0 {
        let heads = [
            (t.resource, false),
            (t.owner, false),
            (t.consumer, false),
            (t.state, false),
            (t.asked_ended, false),
            (t.uses_head, true),
            (t.late_uses, true),
            (t.refused, true),
            (t.detail, false),
        ];
        let query = "select resource_arn, resource_kind, owner_account_id, consumer, consumer_kind, state, made_by, \
                     requested_time, accepted_time, ended_time, use_count, late_use_count, refused_count, permission, actions, \
                     note from 'shares.parquet'";
        let table = Table::new("shares-table", t.shares, &heads);
        section.add(Block::Table(Box::new(table.fill(
            budget.part(1_000_000),
            share_rows,
            share_total,
            Query::new(query),
        ))));
    }
    if use_total > 0 {
        let heads = [
            (t.resource, false),
            (t.consumer, false),
            (t.principal, false),
            (t.call, false),
            (t.result, false),
            (t.events, true),
            (t.visible_shares, true),
            (t.first_last, false),
        ];
        let query = "select resource_arn, owner_account_id, consumer_account_id, principal, event_name, use_kind, outcome, \
                     error_code, event_count, visible_share_count, first_event_time, last_event_time from 'share_use.parquet'";
        let table = Table::new("share-use-table", t.share_use, &heads);
        section.add(Block::Table(Box::new(table.fill(
            budget.part(1_000_000),
            use_rows,
            use_total,
            Query::new(query),
        ))));
    }
    Ok(Some(section))
}

fn share_row(share: &Row<'_>) -> TableRow {
    let text = |column, kind, position| Field::text(column, kind, share.text(position));
    row([
        vec![
            text("resource_arn", Kind::Code, at!(SHARES, "resource_arn")),
            text("resource_kind", Kind::Note, at!(SHARES, "resource_kind")),
        ],
        vec![text("owner_account_id", Kind::Text, at!(SHARES, "owner_account_id"))],
        vec![
            text("consumer", Kind::Code, at!(SHARES, "consumer")),
            text("consumer_kind", Kind::Note, at!(SHARES, "consumer_kind")),
        ],
        vec![
            text("state", Kind::Word, at!(SHARES, "state")),
            text("made_by", Kind::Note, at!(SHARES, "made_by")),
        ],
        vec![
            Field::time("requested_time", share.time(at!(SHARES, "requested_time"))),
            Field::time("accepted_time", share.time(at!(SHARES, "accepted_time"))),
            Field::time("ended_time", share.time(at!(SHARES, "ended_time"))),
        ],
        vec![Some(Field::count("use_count", share.count(at!(SHARES, "use_count"))))],
        vec![Some(Field::count("late_use_count", share.count(at!(SHARES, "late_use_count"))))],
        vec![Some(Field::count("refused_count", share.count(at!(SHARES, "refused_count"))))],
        vec![
            text("permission", Kind::Code, at!(SHARES, "permission")),
            text("actions", Kind::Note, at!(SHARES, "actions")),
            text("note", Kind::Note, at!(SHARES, "note")).map(Field::english),
        ],
    ])
}

fn use_row(used: &Row<'_>) -> TableRow {
    let text = |column, kind, position| Field::text(column, kind, used.text(position));
    row([
        vec![
            text("resource_arn", Kind::Code, at!(SHARE_USE, "resource_arn")),
            text("owner_account_id", Kind::Note, at!(SHARE_USE, "owner_account_id")),
        ],
        vec![text("consumer_account_id", Kind::Text, at!(SHARE_USE, "consumer_account_id"))],
        vec![text("principal", Kind::Code, at!(SHARE_USE, "principal"))],
        vec![
            text("event_name", Kind::Code, at!(SHARE_USE, "event_name")),
            text("use_kind", Kind::Note, at!(SHARE_USE, "use_kind")),
        ],
        vec![
            text("outcome", Kind::Word, at!(SHARE_USE, "outcome")),
            text("error_code", Kind::Note, at!(SHARE_USE, "error_code")),
        ],
        vec![Some(Field::count("event_count", used.count(at!(SHARE_USE, "event_count"))))],
        vec![
            used.optional_count(at!(SHARE_USE, "visible_share_count"))
                .map(|n| Field::count("visible_share_count", n)),
        ],
        vec![
            Field::time("first_event_time", used.time(at!(SHARE_USE, "first_event_time"))),
            Field::time("last_event_time", used.time(at!(SHARE_USE, "last_event_time"))),
        ],
    ])
}
