//! Selected events → duplicates, pairs, and the two usage tables.

use super::key;
use super::record::{self, Event};
use super::served;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An event that passed every filter, and where it stands.
pub struct Placed {
    pub event: Event,
    pub archive: String,
    pub offset: usize,
}

impl Placed {
    /// A text column; None for null.
    fn column(&self, name: &str) -> Option<&str> {
        self.event.columns.get(name).and_then(Value::as_str)
    }

    /// Exactly the columns of events.parquet.
    pub fn row(&self) -> Map<String, Value> {
        let mut row = self.event.columns.clone();
        let key = &self.event.key;
        let mut set = |name: &str, value: Value| row.insert(name.to_owned(), value);
        set("key_arn", json!(key.arn));
        set("key_id", json!(key.id));
        set("key_account_id", json!(key.account));
        set("key_region", json!(key.region));
        set("key_family", json!(key.family()));
        set("key_origin", json!(key.origin));
        set("key_alias", json!(key.alias));
        set("destination_key_arn", json!(key.destination));
        set("archive", json!(self.archive));
        set("record_offset", json!(self.offset));
        // An AWS service's own account says nothing; that of the resource it acts for does.
        let by_service = self.column("principal_type") == Some("AWSService");
        let caller = self.column(if by_service { "source_account_id" } else { "principal_account_id" });
        let accounts = key.account.as_deref().zip(caller);
        set("cross_account", json!(accounts.map(|(owner, caller)| owner != caller)));
        served::add(&mut row);
        row
    }

    /// What makes two copies the same: every column but those of the place and the workload.
    fn content(&self) -> String {
        let mut row = self.row();
        for name in ["archive", "record_offset", "workload", "workload_strength", "workload_rules"] {
            row.remove(name);
        }
        Value::Object(row).to_string()
    }
}

/// Which of the candidates (in archive, offset order) are further copies of an earlier one; and how
/// many others share an eventID and account with an earlier one but say something else.
pub fn duplicates(events: &[Placed], candidates: &[usize]) -> (BTreeSet<usize>, u64) {
    let mut seen: BTreeMap<(String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    let (mut duplicates, mut conflicts) = (BTreeSet::new(), 0);
    for (index, event) in candidates.iter().map(|index| (*index, &events[*index])) {
        let Some(id) = event.column("event_id") else { continue };
        let account = event.column("recipient_account_id").map(str::to_owned);
        let contents = seen.entry((id.to_owned(), account)).or_default();
        let is_first = contents.is_empty();
        if !contents.insert(event.content()) {
            duplicates.insert(index);
        } else if !is_first {
            conflicts += 1;
        }
    }
    (duplicates, conflicts)
}

/// Which events are the other account's copy of a call; the copy that stays learns what it lacks of
/// the key. `candidates` are the indices of the events that are not duplicates.
pub fn other_copies(events: &mut [Placed], candidates: &[usize]) -> BTreeSet<usize> {
    let mut calls: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in candidates {
        if let Some(id) = events[*index].column("shared_event_id") {
            calls.entry(id.to_owned()).or_default().push(*index);
        }
    }
    let mut others = BTreeSet::new();
    for copies in calls.into_values() {
        let kept =
            copies.iter().copied().find(|index| events[*index].event.is_callers_copy).unwrap_or(copies[0]);
        for copy in copies {
            if are_of_one_call(&events[copy], &events[kept]) {
                others.insert(copy);
                let lent = events[copy].event.key.clone();
                key::fill(&mut events[kept].event.key, &lent);
            }
        }
    }
    others
}

/// Can these be two accounts' records of one call? Each account is the caller's or that of a key,
/// as far as the records say whose these are.
fn are_of_one_call(copy: &Placed, kept: &Placed) -> bool {
    let recipients: BTreeSet<Option<&str>> =
        [copy, kept].iter().map(|placed| placed.column("recipient_account_id")).collect();
    let is_by_service = |placed: &&Placed| placed.column("principal_type") == Some("AWSService");
    let callers: BTreeSet<String> = [copy, kept]
        .into_iter()
        .filter(|placed| !is_by_service(placed))
        .filter_map(|placed| placed.column("principal_account_id").map(str::to_owned))
        .collect();
    let requests: BTreeSet<&str> = [copy, kept].iter().filter_map(|p| p.column("request_id")).collect();
    let mut owners = BTreeSet::new();
    let mut destinations = BTreeSet::new();
    for placed in [copy, kept] {
        let key = &placed.event.key;
        if key.origin != "assumed" && key.origin != "none" {
            owners.extend(key.account.clone());
        }
        destinations
            .extend(key.destination.iter().filter_map(|arn| arn.split(':').nth(4)).map(str::to_owned));
    }
    let has_two_keys = copy.column("event_name") == Some("ReEncrypt");
    if recipients.len() != 2 || callers.len() > 1 || requests.len() > 1 || (owners.len() > 1 && !has_two_keys)
    {
        return false;
    }
    let open = [callers.is_empty(), owners.is_empty(), has_two_keys && destinations.is_empty()];
    let unexplained = recipients.into_iter().flatten().filter(|account| {
        !callers.contains(*account) && !owners.contains(*account) && !destinations.contains(*account)
    });
    unexplained.count() <= open.into_iter().filter(|is_open| *is_open).count()
}

const GROUP: [&str; 18] = [
    "key_arn",
    "key_id",
    "key_account_id",
    "key_region",
    "key_family",
    "principal",
    "principal_type",
    "principal_account_id",
    "workload",
    "event_name",
    "outcome",
    "error_code",
    "region",
    "recipient_account_id",
    "invoked_by",
    "cross_account",
    "denied_action",
    "denied_by",
];

/// Null first, then bytewise; false before true. (Text and truth never meet in one column.)
fn sort_key(group: &[Value]) -> Vec<(bool, String)> {
    let part = |value: &Value| match value {
        Value::Null => (false, String::new()),
        Value::Bool(value) => (true, u8::from(*value).to_string()),
        other => (true, other.as_str().unwrap_or_default().to_owned()),
    };
    group.iter().map(part).collect()
}

type Groups<'a> = BTreeMap<Vec<(bool, String)>, (Vec<Value>, Vec<&'a Map<String, Value>>)>;

fn group_by<'a>(rows: &'a [Value], group_of: impl Fn(&Map<String, Value>) -> Vec<Value>) -> Groups<'a> {
    let mut groups = Groups::new();
    for row in rows.iter().filter_map(Value::as_object) {
        let group = group_of(row);
        groups.entry(sort_key(&group)).or_insert((group, Vec::new())).1.push(row);
    }
    groups
}

fn object(names: &[&str], values: Vec<Value>) -> Map<String, Value> {
    names.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

/// Of each key (by ARN) its successful cryptographic operations, the latest last: time; then what
/// tells apart those of one time, backwards.
pub type Uses = BTreeMap<String, BTreeSet<(i64, std::cmp::Reverse<[Option<String>; 3]>)>>;

/// Does this event use a key?
pub fn note_use(uses: &mut Uses, event: &record::Event) {
    let text = |name: &str| event.columns[name].as_str().map(str::to_owned);
    let operations = "Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair \
                      GenerateDataKeyPairWithoutPlaintext GenerateRandom Sign Verify GenerateMac VerifyMac \
                      DeriveSharedSecret";
    let name = text("event_name").unwrap_or_default();
    if text("outcome").as_deref() != Some("success")
        || !operations.split_whitespace().any(|known| known == name)
    {
        return;
    }
    for arn in [&event.key.arn, &event.key.destination].into_iter().flatten() {
        let call = [text("event_id"), text("principal"), Some(name.clone())];
        uses.entry(arn.clone()).or_default().insert((event.millis, std::cmp::Reverse(call)));
    }
}

/// usage.parquet, from the rows of events.parquet and the uses of all calls.
pub fn usage(rows: &[Value], uses: &Uses) -> Vec<Value> {
    let group_of = |row: &Map<String, Value>| GROUP.iter().map(|name| row[*name].clone()).collect();
    let groups = group_by(rows, group_of);
    let row = |(group, members): (Vec<Value>, Vec<_>)| {
        let mut row = measured(object(&GROUP, group), &members);
        let last = row["key_arn"].as_str().and_then(|arn| uses.get(arn)?.last());
        row["key_last_used_time"] = json!(last.map(|(millis, _)| record::time_text(*millis)));
        let names = ["key_last_used_event_id", "key_last_used_by", "key_last_used_event_name"];
        for (at, name) in names.into_iter().enumerate() {
            row[name] = json!(last.map(|(_, call)| call.0[at].clone()));
        }
        row
    };
    groups.into_values().map(row).collect()
}

fn measured(mut row: Map<String, Value>, members: &[&Map<String, Value>]) -> Value {
    let distinct = |name: &str| -> BTreeSet<String> {
        members.iter().filter_map(|row| row[name].as_str().map(str::to_owned)).collect()
    };
    // The smallest event id among the events at that time.
    let id_at = |time: &Option<String>| {
        let then = members.iter().filter(|row| row["event_time"].as_str() == time.as_deref());
        then.filter_map(|row| row["event_id"].as_str()).min()
    };
    let columns = ["source_identity", "on_behalf_of", "user_name", "web_identity"];
    let users: BTreeSet<Vec<Option<&str>>> = members
        .iter()
        .map(|row| columns.iter().map(|name| row[*name].as_str()).collect::<Vec<_>>())
        .filter(|users| users.iter().any(Option::is_some))
        .collect();
    // What all rows have in common; null counts as a value.
    let common = |name: &str| {
        let all: BTreeSet<Option<&str>> = members.iter().map(|row| row[name].as_str()).collect();
        all.first().filter(|_| all.len() == 1).copied().flatten()
    };
    let times = distinct("event_time");
    let (first, last) = (times.first().cloned(), times.last().cloned());
    let measures = json!({
        "event_count": members.len(),
        "session_count": distinct("session_name").len(),
        "source_ip_count": distinct("source_ip").len(),
        "user_count": users.len(),
        "service": common("service"),
        "resource": common("resource"),
        "resource_count": distinct("resource").len(),
        "distinct_exact": distinct("session_name").len() <= 1024
            && distinct("source_ip").len() <= 1024
            && users.len() <= 1024,
        "first_event_time": first,
        "last_event_time": last,
        "first_event_id": id_at(&first),
        "last_event_id": id_at(&last),
    });
    row.extend(measures.as_object().expect("written as an object").clone());
    Value::Object(row)
}

/// usage_daily.parquet, from the rows of events.parquet.
pub fn daily(rows: &[Value]) -> Vec<Value> {
    let names = [
        "day",
        "key_arn",
        "principal",
        "workload",
        "event_name",
        "outcome",
        "key_id",
        "key_account_id",
        "key_region",
        "region",
        "recipient_account_id",
    ];
    let group_of = |row: &Map<String, Value>| {
        let day = row["event_time"].as_str().unwrap_or_default().split('T').next();
        [json!(day)].into_iter().chain(names[1..].iter().map(|name| row[*name].clone())).collect()
    };
    let counted = |(group, members): (Vec<Value>, Vec<_>)| {
        let mut row = object(&names, group);
        row.insert("event_count".to_owned(), json!(members.len()));
        Value::Object(row)
    };
    group_by(rows, group_of).into_values().map(counted).collect()
}
