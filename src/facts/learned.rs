//! What records say about calls of other records, as columns.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray, StructArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use serde::de::DeserializeOwned;

use super::FactsError;
use super::columns::child;
use crate::model::{
    CanvasKey, EventTime, Fact, KeyChange, LearnedCondition, LearnedRule, Outcome, Provenance, RoleSession,
    ShareCall, Text, TrailChange, TrailEffect,
};

/// One fact as columns; which of them it has depends on its kind.
#[derive(Default)]
struct Row<'a> {
    offset: u64,
    kind: &'static str,
    rule: Option<&'static str>,
    first: Option<&'a str>,
    second: Option<&'a str>,
    time: Option<EventTime>,
    event_name: Option<&'a str>,
    event_id: Option<&'a str>,
    account_id: Option<&'a str>,
    region: Option<&'a str>,
    effect: Option<&'a str>,
    error_code: Option<&'a str>,
    request_id: Option<&'a str>,
    original_request_id: Option<&'a str>,
    service: Option<&'a str>,
    detail: Option<String>,
}

/// The columns. `kind` is one of `role`, `role_and_key`, `key`, `path`, `canvas_folder`,
/// `offline_store_folder`, `bucket`, `sessions_on` (particulars of `rule`: `first`, and of
/// `role_and_key`, `path` and the folders `second`), `session` (of `rule`: access key, principal
/// id), `alias` (alias, key), `correction` (original event, its correction), `trail` (trail, who
/// changed it), `key_change` (key, who changed it; `detail` has what changed as JSON text),
/// `canvas_key` (bucket, path; `detail` has the key that settings name for Canvas's folder there),
/// `share_call` (account of the caller, who called; `request_id`: `sharedEventID`; `effect`: how it
/// ended; `detail`: what it did as JSON text), `digest` (its object; `detail` has the digest as
/// JSON text) and `content` (`detail` has the input's hash, whether it is damaged, and whether
/// something follows its first gzip member).
pub(super) fn fields() -> Fields {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("offset", DataType::UInt64, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("time", time, true),
    ];
    let texts = [
        "rule",
        "first",
        "second",
        "event_name",
        "event_id",
        "account_id",
        "region",
        "effect",
        "error_code",
        "request_id",
        "original_request_id",
        "service",
        "detail",
    ];
    fields.extend(texts.map(|name| Field::new(name, DataType::Utf8, true)));
    fields.into()
}

impl<'a> Row<'a> {
    fn new(offset: u64, fact: &'a Fact<'static>) -> Self {
        let row = Self { offset, ..Self::default() };
        let of_record = |row: Self, by: &'a Provenance| Self {
            time: Some(by.time),
            event_name: Some(&by.event_name),
            event_id: by.event_id.as_deref(),
            account_id: by.account_id.as_deref(),
            ..row
        };
        match fact {
            Fact::Rule(rule, when, provenance) => {
                let (kind, first, second) = match when {
                    LearnedCondition::Role(role) => ("role", role, None),
                    LearnedCondition::RoleAndKey(role, key) => ("role_and_key", role, Some(key)),
                    LearnedCondition::Key(key) => ("key", key, None),
                    LearnedCondition::Path(bucket, path) => ("path", bucket, Some(path)),
                    LearnedCondition::CanvasFolder(bucket, path) => ("canvas_folder", bucket, Some(path)),
                    LearnedCondition::OfflineStoreFolder(bucket, path) => {
                        ("offline_store_folder", bucket, Some(path))
                    }
                    LearnedCondition::Bucket(bucket) => ("bucket", bucket, None),
                    LearnedCondition::SessionOn(role) => ("sessions_on", role, None),
                };
                let (rule, first) = (Some(rule.info().id), Some(&**first));
                of_record(Self { kind, rule, first, second: second.map(|text| &**text), ..row }, provenance)
            }
            Fact::Session(rule, RoleSession { access_key_id, principal_id }) => Self {
                kind: "session",
                rule: Some(rule.info().id),
                first: access_key_id.as_deref(),
                second: principal_id.as_deref(),
                ..row
            },
            Fact::Alias { alias, key, time } => {
                Self { kind: "alias", first: Some(alias), second: key.as_deref(), time: Some(*time), ..row }
            }
            Fact::Correction {
                original,
                by,
                account_id,
                time,
                event_name,
                original_request_id,
                request_id,
            } => Self {
                kind: "correction",
                first: Some(original),
                second: Some(by),
                account_id: account_id.as_deref(),
                time: Some(*time),
                event_name: Some(event_name),
                original_request_id: original_request_id.as_deref(),
                request_id: request_id.as_deref(),
                ..row
            },
            Fact::Trail(change) => {
                let row = of_record(row, &change.by);
                Self {
                    kind: "trail",
                    first: Some(&change.trail),
                    second: change.principal.as_deref(),
                    region: change.region.as_deref(),
                    effect: Some(change.effect.as_str()),
                    error_code: change.error_code.as_deref(),
                    ..row
                }
            }
            Fact::CanvasKey(folder) => {
                let (first, second) = (Some(&*folder.bucket), Some(&*folder.path));
                let detail = Some(folder.key.clone());
                of_record(Self { kind: "canvas_key", first, second, detail, ..row }, &folder.by)
            }
            Fact::Share(call) => {
                let row = of_record(row, &call.by);
                Self {
                    kind: "share_call",
                    first: call.caller_account.as_deref(),
                    second: Some(&call.principal),
                    region: call.region.as_deref(),
                    effect: Some(call.outcome.as_str()),
                    error_code: call.error_code.as_deref(),
                    request_id: call.shared_event_id.as_deref(),
                    // Texts and names of variants only: this cannot fail.
                    detail: serde_json::to_string(&call.effect).ok(),
                    ..row
                }
            }
            Fact::Key(change) => {
                let row = of_record(row, &change.by);
                Self {
                    kind: "key_change",
                    first: change.key.as_deref(),
                    second: Some(&change.principal),
                    service: change.service.as_deref(),
                    // Texts and names of variants only: this cannot fail.
                    detail: serde_json::to_string(&change.effect).ok(),
                    ..row
                }
            }
            Fact::Digest(digest) => Self {
                kind: "digest",
                first: Some(&digest.place.object),
                time: Some(digest.end),
                detail: serde_json::to_string(digest).ok(),
                ..row
            },
            Fact::Content(content) => {
                Self { kind: "content", detail: serde_json::to_string(content).ok(), ..row }
            }
        }
    }
}

/// The Arrow form.
pub(super) fn to_struct<'a>(
    learned: impl Iterator<Item = &'a (u64, Fact<'static>)>,
) -> Result<StructArray, FactsError> {
    let rows: Vec<Row<'_>> = learned.map(|(offset, fact)| Row::new(*offset, fact)).collect();
    let times: TimestampMillisecondArray = rows.iter().map(|row| row.time.map(|time| time.0)).collect();
    let text = |of: fn(&Row<'a>) -> Option<&'a str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let columns = vec![
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.offset))) as ArrayRef,
        text(|row| Some(row.kind)),
        Arc::new(times.with_timezone("UTC")) as ArrayRef,
        text(|row| row.rule),
        text(|row| row.first),
        text(|row| row.second),
        text(|row| row.event_name),
        text(|row| row.event_id),
        text(|row| row.account_id),
        text(|row| row.region),
        text(|row| row.effect),
        text(|row| row.error_code),
        text(|row| row.request_id),
        text(|row| row.original_request_id),
        text(|row| row.service),
        Arc::new(rows.iter().map(|row| row.detail.as_deref()).collect::<StringArray>()) as ArrayRef,
    ];
    Ok(StructArray::try_new_with_length(fields(), columns, None, rows.len())?)
}

/// What stands in the column `detail` as JSON text.
fn detail<T: DeserializeOwned>(details: &StringArray, row: usize) -> Result<T, FactsError> {
    let text = if details.is_valid(row) { details.value(row) } else { "" };
    serde_json::from_str(text).map_err(|_| FactsError::Column("detail"))
}

/// From the Arrow form.
pub(super) fn from_struct(learned: &StructArray) -> Result<Vec<(u64, Fact<'static>)>, FactsError> {
    let offsets: &UInt64Array = child(learned, "offset")?;
    let kinds: &StringArray = child(learned, "kind")?;
    let times: &TimestampMillisecondArray = child(learned, "time")?;
    let rules: &StringArray = child(learned, "rule")?;
    let firsts: &StringArray = child(learned, "first")?;
    let seconds: &StringArray = child(learned, "second")?;
    let event_names: &StringArray = child(learned, "event_name")?;
    let event_ids: &StringArray = child(learned, "event_id")?;
    let account_ids: &StringArray = child(learned, "account_id")?;
    let regions: &StringArray = child(learned, "region")?;
    let effects: &StringArray = child(learned, "effect")?;
    let error_codes: &StringArray = child(learned, "error_code")?;
    let request_ids: &StringArray = child(learned, "request_id")?;
    let original_request_ids: &StringArray = child(learned, "original_request_id")?;
    let services: &StringArray = child(learned, "service")?;
    let details: &StringArray = child(learned, "detail")?;
    let fact = |row: usize| {
        let text = |column: &StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
        let cow = |column| -> Option<Text<'static>> { text(column).map(Cow::Owned) };
        let rule = || {
            let id = text(rules);
            let rule = LearnedRule::ALL.into_iter().find(|rule| Some(rule.info().id) == id.as_deref());
            rule.ok_or(FactsError::Column("rule"))
        };
        let first = || cow(firsts).ok_or(FactsError::Column("first"));
        let second = || cow(seconds).ok_or(FactsError::Column("second"));
        let time = EventTime(times.value(row));
        let record = || Provenance {
            time,
            event_name: text(event_names).unwrap_or_default(),
            event_id: text(event_ids),
            account_id: text(account_ids),
        };
        let particulars = |when| Ok::<_, FactsError>(Fact::Rule(rule()?, when, record()));
        let fact = match kinds.value(row) {
            "role" => particulars(LearnedCondition::Role(first()?))?,
            "role_and_key" => particulars(LearnedCondition::RoleAndKey(first()?, second()?))?,
            "key" => particulars(LearnedCondition::Key(first()?))?,
            "path" => particulars(LearnedCondition::Path(first()?, second()?))?,
            "canvas_folder" => particulars(LearnedCondition::CanvasFolder(first()?, second()?))?,
            "offline_store_folder" => particulars(LearnedCondition::OfflineStoreFolder(first()?, second()?))?,
            "bucket" => particulars(LearnedCondition::Bucket(first()?))?,
            "sessions_on" => particulars(LearnedCondition::SessionOn(first()?))?,
            "session" => {
                let session = RoleSession { access_key_id: cow(firsts), principal_id: cow(seconds) };
                Fact::Session(rule()?, session)
            }
            "alias" => Fact::Alias { alias: first()?, key: cow(seconds), time },
            "correction" => Fact::Correction {
                original: first()?,
                by: second()?,
                account_id: cow(account_ids),
                time,
                event_name: cow(event_names).unwrap_or_default(),
                original_request_id: cow(original_request_ids),
                request_id: cow(request_ids),
            },
            "trail" => {
                let effect = text(effects);
                let effect =
                    TrailEffect::ALL.into_iter().find(|known| Some(known.as_str()) == effect.as_deref());
                Fact::Trail(TrailChange {
                    by: record(),
                    trail: first()?.into_owned(),
                    region: text(regions),
                    principal: text(seconds),
                    effect: effect.ok_or(FactsError::Column("effect"))?,
                    error_code: text(error_codes),
                })
            }
            "canvas_key" => Fact::CanvasKey(Box::new(CanvasKey {
                by: record(),
                bucket: first()?.into_owned(),
                path: second()?.into_owned(),
                key: text(details).ok_or(FactsError::Column("detail"))?,
            })),
            "key_change" => Fact::Key(Box::new(KeyChange {
                by: record(),
                key: text(firsts),
                principal: second()?.into_owned(),
                service: text(services),
                effect: detail(details, row)?,
            })),
            "digest" => Fact::Digest(Box::new(detail(details, row)?)),
            "content" => Fact::Content(detail(details, row)?),
            "share_call" => {
                let outcome = text(effects);
                let outcome =
                    Outcome::ALL.into_iter().find(|known| Some(known.as_str()) == outcome.as_deref());
                let detail = text(details).unwrap_or_default();
                Fact::Share(Box::new(ShareCall {
                    by: record(),
                    region: text(regions),
                    principal: second()?.into_owned(),
                    caller_account: text(firsts),
                    shared_event_id: text(request_ids),
                    outcome: outcome.ok_or(FactsError::Column("effect"))?,
                    error_code: text(error_codes),
                    effect: serde_json::from_str(&detail).map_err(|_| FactsError::Column("detail"))?,
                }))
            }
            _ => return Err(FactsError::Column("kind")),
        };
        Ok((offsets.value(row), fact))
    };
    (0..learned.len()).map(fact).collect()
}
