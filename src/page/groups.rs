//! The largest groups of use, and what flows between workloads, principals and keys.

use std::collections::BTreeMap;

use super::charts::Link;
use super::rows::{Row, Smallest, at};
use super::table::{Field, Kind, TableRow, row};
use super::texts::Texts;
use crate::report::USAGE;

/// Groups that are shown at most.
const SHOWN: usize = 1_000;
/// Combinations of workload, principal and key that the flow is drawn of; the largest ones.
const FLOWS: usize = 5_000;
/// Bytes of rows that either is made of.
const ROOM: usize = 16 << 20;

/// Groups of most events, in the order of the file where they have as many.
pub(super) struct Groups {
    place: u64,
    flows: Smallest<(u64, u64), (Link, u64)>,
    shown: Smallest<(u64, u64), TableRow>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { place: 0, flows: Smallest::new(FLOWS, ROOM), shown: Smallest::new(SHOWN, ROOM) }
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} groups", self.place)
    }
}

/// What flows, with the number of events; rows of the table, and how many there are.
type Finished = (Vec<(Link, u64)>, (Vec<TableRow>, u64));

impl Groups {
    /// Adds a row of `usage.parquet`.
    pub(super) fn usage(&mut self, usage: &Row<'_>, t: &Texts) {
        self.place += 1;
        let events = usage.count(at!(USAGE, "event_count"));
        let order = (u64::MAX - events, self.place);
        self.flows.push(order, usage.bytes(), || (link(usage, t.key_not_named), events));
        self.shown.push(order, usage.bytes(), || group(usage));
    }

    /// `parts` has the places of keys in the page.
    pub(super) fn finish(self, parts: &BTreeMap<String, String>) -> Finished {
        let (mut rows, total) = self.shown.finish();
        let fields = rows.iter_mut().flat_map(|row| row.cells.iter_mut().flatten());
        for field in fields.filter(|field| field.kind == Kind::Key) {
            field.link = parts.get(&field.value).map(|place| format!("#{place}"));
        }
        (self.flows.finish().0, (rows, total))
    }
}

fn link(usage: &Row<'_>, key_not_named: &str) -> Link {
    let text = |position| usage.owned(position).unwrap_or_default();
    Link {
        workload: text(at!(USAGE, "workload")),
        principal: text(at!(USAGE, "principal")),
        key: usage.owned(at!(USAGE, "key_arn")).unwrap_or_else(|| key_not_named.to_owned()),
    }
}

fn group(usage: &Row<'_>) -> TableRow {
    let text = |column, kind, position| Field::text(column, kind, usage.text(position));
    row([
        vec![
            text("key_arn", Kind::Key, at!(USAGE, "key_arn")),
            text("key_account_id", Kind::Note, at!(USAGE, "key_account_id")),
            text("key_region", Kind::Note, at!(USAGE, "key_region")),
        ],
        vec![text("principal", Kind::Code, at!(USAGE, "principal"))],
        vec![
            text("workload", Kind::Text, at!(USAGE, "workload")),
            text("resource", Kind::Note, at!(USAGE, "resource")),
        ],
        vec![text("event_name", Kind::Code, at!(USAGE, "event_name"))],
        vec![
            text("outcome", Kind::Word, at!(USAGE, "outcome")),
            text("error_code", Kind::Note, at!(USAGE, "error_code")),
        ],
        vec![Some(Field::count("event_count", usage.count(at!(USAGE, "event_count"))))],
        vec![
            Field::time("first_event_time", usage.time(at!(USAGE, "first_event_time"))),
            Field::time("last_event_time", usage.time(at!(USAGE, "last_event_time"))),
        ],
    ])
}
