//! What is shared (domain §7), the slow way: each row asks all calls again. What keys protect is
//! absent, and so are answers that failed, and notes.

mod policies;
mod promotions;
mod rights;
mod rows;
mod shares;
mod uses;

use super::json::{self, Json};
use super::{names, outcome, record};
use serde_json::Value;
use std::collections::BTreeSet;

/// A call of AWS RAM or SageMaker. Order: by time, then by id.
pub struct Call {
    pub time: i64,
    pub id: Option<String>,
    pub recipient: Option<String>,
    pub caller: Option<String>,
    pub principal: String,
    pub region: String,
    pub source: String,
    pub name: String,
    pub shared_id: Option<String>,
    pub error: Option<String>,
    pub outcome: &'static str,
    pub root: Json,
}

/// The rows of `shares.parquet` that no key policy made, and those of `share_use.parquet` that are
/// not calls of KMS; each with the columns of `rows`.
pub fn tell<'a>(records: impl Iterator<Item = &'a [u8]>) -> (Vec<Value>, Vec<Value>) {
    let mut distinct = BTreeSet::new();
    let mut calls: Vec<Call> = records
        .filter_map(|bytes| json::parse(bytes).ok())
        .filter(|root| distinct.insert(format!("{root:?}")))
        .filter_map(call)
        .collect();
    calls.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    let mut policies = policies::all(&calls);
    let mut shares = shares::all(&calls);
    promotions::link(&calls, &mut shares, &mut policies);
    let mut rows: Vec<rows::Row> = policies.iter().flat_map(policies::Policy::rows).collect();
    rows.extend(shares.iter().filter(|share| !share.is_of_policy).flat_map(shares::Share::rows));
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    let uses = uses::join(&calls, &mut rows);
    (rows.iter().map(rows::Row::value).collect(), uses)
}

fn call(root: Json) -> Option<Call> {
    let text = |name: &str| root.text_at(&[name]);
    let source = text("eventSource")
        .filter(|source| source == "ram.amazonaws.com" || source == "sagemaker.amazonaws.com")?;
    if !record::is_supported_version(&root) {
        return None;
    }
    let who = record::identity(&root);
    let error = text("errorCode").map(|code| outcome::normalise_error(&code));
    let outcome = match error.as_deref() {
        Some("ResourceNotFound" | "UnknownResource" | "RecordNotFound") => "not_found",
        None if root
            .get("responseElements")
            .and_then(|answer| answer.text_at(&["returnValue"]))
            .as_deref()
            == Some("false") =>
        {
            "unknown" // it says itself that it did nothing
        }
        code => outcome::outcome(code, text("errorMessage").as_deref()),
    };
    Some(Call {
        time: record::millis(&text("eventTime")?)?,
        id: text("eventID"),
        recipient: text("recipientAccountId"),
        caller: who.account,
        principal: who.principal,
        region: text("awsRegion")?,
        source,
        name: text("eventName")?,
        shared_id: text("sharedEventID"),
        error,
        outcome,
        root,
    })
}

impl Call {
    pub fn is_success(&self) -> bool {
        self.outcome == "success"
    }

    fn part(&self, part: &str, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(self.root.get(part)?, |value, name| value.get_any_case(name))
    }

    pub fn asked(&self, path: &[&str]) -> Option<String> {
        self.part("requestParameters", path)?.text()
    }

    pub fn answered(&self, path: &[&str]) -> Option<String> {
        self.part("responseElements", path)?.text()
    }

    /// The texts of a list of the request.
    pub fn list(&self, name: &str) -> Vec<String> {
        let list = self.part("requestParameters", &[name]);
        list.map(Json::elements).unwrap_or_default().iter().filter_map(Json::text).collect()
    }

    /// `external` of the associations in the answer.
    pub fn external(&self) -> Vec<(String, String)> {
        let list = self.part("responseElements", &["resourceShareAssociations"]);
        let of = |item: &Json| Some((item.text_at(&["associatedEntity"])?, item.text_at(&["external"])?));
        list.map(Json::elements).unwrap_or_default().iter().filter_map(of).collect()
    }

    /// Every text in the request and in the answer.
    pub fn texts(&self) -> Vec<String> {
        fn collect(value: &Json, texts: &mut Vec<String>) {
            match value {
                Json::Text(text) => texts.push(text.clone()),
                Json::Array(items) => items.iter().for_each(|item| collect(item, texts)),
                Json::Object(members) => members.iter().for_each(|(_, member)| collect(member, texts)),
                _ => {}
            }
        }
        let mut texts = Vec::new();
        for part in ["requestParameters", "responseElements"] {
            self.root.get(part).iter().for_each(|value| collect(value, &mut texts));
        }
        texts
    }
}

/// The account in an ARN.
pub fn account_of(arn: &str) -> Option<String> {
    names::arn(arn).map(|arn| arn.account).filter(|account| !account.is_empty())
}

/// Since when something is in a share, until when. Calls that put it in (true) or take it out, in
/// the order of time. Within a second, nobody knows what came last.
#[derive(Clone, Default)]
pub struct Stay<'c> {
    pub since: Option<&'c Call>,
    pub until: Option<&'c Call>,
    /// All periods, the last one among them.
    pub periods: Vec<rights::Period>,
}

pub fn stay<'c>(calls: &[(bool, &'c Call)]) -> Stay<'c> {
    let mut stay = Stay::default();
    let seconds: BTreeSet<i64> = calls.iter().map(|(_, call)| call.time).collect();
    for second in seconds {
        let first = |is_put: bool| {
            calls.iter().find(|(put, call)| *put == is_put && call.time == second).map(|(_, call)| *call)
        };
        match (first(true), first(false)) {
            (Some(put), taken) => {
                if let Some(until) = stay.until.take() {
                    stay.periods.push((stay.since.map(|call| call.time), Some(until.time)));
                    stay.since = None;
                }
                stay.since = stay.since.or(Some(put));
                let _ = taken; // before or after: not known
            }
            (None, taken) => stay.until = stay.until.or(taken),
        }
    }
    let last = (stay.since, stay.until);
    stay.periods.push((last.0.map(|call| call.time), last.1.map(|call| call.time)));
    stay
}

/// With whom: the name as rows have it, and what it is.
pub type Consumer = (String, &'static str);

pub fn consumer(text: &str) -> Consumer {
    let named = |kind| (text.to_owned(), kind);
    if names::matches("^[0-9]+$", text) {
        return named("account");
    }
    match names::arn(text) {
        Some(arn) if arn.service == "iam" && arn.resource == "root" => (arn.account, "account"),
        Some(arn) if arn.service == "iam" && arn.resource.starts_with("role/") => named("role"),
        Some(arn) if arn.service == "organizations" && arn.resource.starts_with("organization/") => {
            named("organization")
        }
        None if text == "*" => named("everyone"),
        _ => named("unknown"),
    }
}

/// The account of a consumer, if it has one.
pub fn consumer_account((name, kind): &Consumer) -> Option<String> {
    match *kind {
        "account" => Some(name.clone()),
        "role" => account_of(name),
        _ => None,
    }
}
