//! Adds up events by a column: who did how much.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::cell::{Cell, EncodedRow};
use super::table::column_position;
use super::tables::{EVENTS, TotalRow};
use crate::base::keyed_hash;
use crate::model::EventTime;

/// What events are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TotalsBy {
    /// The caller.
    Principal,
    /// Its access key.
    AccessKey,
    /// The address, or the service, that the call came from.
    SourceIp,
    /// The key: its ARN, else its id, else the alias that the call named.
    Key,
    /// What the call was for, as the encryption context names it.
    Resource,
    /// The person or workload behind a role.
    User,
}

impl TotalsBy {
    /// The columns that are looked at, in this order: the first that is not null counts.
    fn columns(self) -> &'static [usize] {
        const KEYS: &[usize] = &[
            column_position(EVENTS, "key_arn"),
            column_position(EVENTS, "key_id"),
            column_position(EVENTS, "key_alias"),
        ];
        const USERS: &[usize] = &[
            column_position(EVENTS, "source_identity"),
            column_position(EVENTS, "on_behalf_of"),
            column_position(EVENTS, "user_name"),
            column_position(EVENTS, "web_identity"),
        ];
        match self {
            Self::Principal => const { &[column_position(EVENTS, "principal")] },
            Self::AccessKey => const { &[column_position(EVENTS, "access_key_id")] },
            Self::SourceIp => const { &[column_position(EVENTS, "source_ip")] },
            Self::Key => KEYS,
            Self::Resource => const { &[column_position(EVENTS, "resource")] },
            Self::User => USERS,
        }
    }

    fn value(self, row: EncodedRow<'_>) -> Option<&str> {
        self.columns().iter().find_map(|column| row.text_at(*column))
    }
}

/// Different values that are counted, over all rows: 16 bytes each, and their table.
const MOST_VALUES: usize = 2_000_000;

/// Rows that are kept.
const MOST_ROWS: usize = 200_000;

/// Adds up events. It keeps at most 200,000 rows, and counts at most 2 million different keys,
/// callers and addresses of them: some 200 MB.
pub struct Totals {
    by: TotalsBy,
    rows: HashMap<Option<String>, Total>,
    /// Different values so far, of all rows.
    values: usize,
    left_out: u64,
}

struct Total {
    first: EventTime,
    last: EventTime,
    calls: u64,
    denied: u64,
    failed: u64,
    /// Hashes of keys, callers and addresses; `None`: too many.
    different: [Option<HashSet<u128>>; 3],
    apis: BTreeSet<String>,
}

impl Totals {
    /// No event yet.
    pub fn new(by: TotalsBy) -> Self {
        Self { by, rows: HashMap::new(), values: 0, left_out: 0 }
    }

    /// Adds an event, a row of [`EVENTS`].
    pub fn event(&mut self, row: EncodedRow<'_>) {
        const TIME: usize = column_position(EVENTS, "event_time");
        const NAME: usize = column_position(EVENTS, "event_name");
        const OUTCOME: usize = column_position(EVENTS, "outcome");
        let value = self.by.value(row).map(str::to_owned);
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(&value) {
            self.left_out += 1;
            return;
        }
        let time = match row.cells().nth(TIME) {
            Some(Cell::Time(time)) => time,
            _ => EventTime(0), // the column is never null
        };
        let total = self.rows.entry(value).or_insert_with(|| Total {
            first: time,
            last: time,
            calls: 0,
            denied: 0,
            failed: 0,
            different: std::array::from_fn(|_| Some(HashSet::new())),
            apis: BTreeSet::new(),
        });
        total.first = total.first.min(time);
        total.last = total.last.max(time);
        total.calls += 1;
        match row.text_at(OUTCOME) {
            Some("success") => {}
            Some("denied") => total.denied += 1,
            _ => total.failed += 1,
        }
        let api = row.text_at(NAME).unwrap_or_default();
        if !total.apis.contains(api) {
            total.apis.insert(api.to_owned());
        }
        let counted = [TotalsBy::Key, TotalsBy::Principal, TotalsBy::SourceIp];
        for (seen, by) in total.different.iter_mut().zip(counted) {
            let (Some(set), Some(text)) = (&mut *seen, by.value(row)) else { continue };
            let hash = keyed_hash(text);
            if set.contains(&hash) {
                continue;
            }
            if self.values >= MOST_VALUES {
                *seen = None;
                continue;
            }
            set.insert(hash);
            self.values += 1;
        }
    }

    /// Events of values that were not kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The rows, those with the most calls first.
    pub fn into_rows(self) -> Vec<TotalRow> {
        let row = |(value, total): (Option<String>, Total)| {
            let [keys, principals, source_ips] =
                total.different.map(|set| set.map(|hashes| hashes.len() as u64));
            TotalRow {
                value,
                first_time: total.first,
                last_time: total.last,
                calls: total.calls,
                denied: total.denied,
                failed: total.failed,
                keys,
                principals,
                source_ips,
                apis: Vec::from_iter(total.apis).join(","),
            }
        };
        let mut rows: Vec<TotalRow> = self.rows.into_iter().map(row).collect();
        rows.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.value.cmp(&b.value)));
        rows
    }
}
