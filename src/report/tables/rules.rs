//! The output of `keytrail rules`: the workload rules in force.

use crate::knowledge::FactSupport;
use crate::model::{Strength, Workload};
use crate::report::cell::Cell;
use crate::report::table::table;

/// A workload rule in force, and where it comes from.
#[derive(Debug)]
pub struct RuleRow<'a> {
    /// Its id.
    pub rule: &'a str,
    /// The label that it assigns.
    pub workload: Workload,
    /// How much it proves.
    pub strength: Strength,
    /// `built-in`, `learned` or `own`.
    pub origin: &'static str,
    /// What it compares.
    pub about: &'a str,
    /// For a learned rule: the role, key, path or bucket that it compares with.
    pub particular: Option<&'a str>,
    /// The page or file it comes from.
    pub source: &'a str,
    /// For a learned rule: the records that state it.
    pub support: Option<&'a FactSupport>,
}

table! {
    /// The output of `keytrail rules`: one row per built-in rule, per rule of the user, and per
    /// particular of a learned rule.
    RULES: RulesTable("rules") of RuleRow<'a>;

    "rule": Text,
        "Id of the rule, as in `workload_rules` of events.",
        |r| Cell::text(r.rule);
    "workload": Text,
        "Label that it assigns.",
        |r| Cell::text(r.workload.as_str());
    "strength": Text,
        "`definitive`, `strong`, `medium` or `weak`.",
        |r| Cell::text(r.strength.as_str());
    "origin": Text,
        "`built-in`; `own`: from the file given with `--rules`; `learned`: from a record in the \
        input.",
        |r| Cell::text(r.origin);
    "about": Text,
        "What it compares.",
        |r| Cell::text(r.about);
    "particular": Text or null,
        "Learned rules: the role, key, path, bucket or session's role that the record names.",
        |r| Cell::optional_text(r.particular);
    "source": Text,
        "Where the rule comes from: an AWS page, `inferred`, or the user's file.",
        |r| Cell::text(r.source);
    "records": Int or null,
        "Learned rules: records that state it.",
        |r| r.support.map_or(Cell::Null, |b| Cell::count(b.records));
    "first_event_name": Text or null,
        "Learned rules: API of the earliest of these records.",
        |r| Cell::optional_text(r.support.map(|b| b.first.record.event_name.as_str()));
    "first_event_time": Time or null,
        "Its `eventTime`.",
        |r| r.support.map_or(Cell::Null, |b| Cell::Time(b.first.record.time));
    "first_event_id": Text or null,
        "Its `eventID`.",
        |r| Cell::optional_text(r.support.and_then(|b| b.first.record.event_id.as_deref()));
    "archive": Text or null,
        "URI of the archive with that record.",
        |r| Cell::optional_text(r.support.map(|b| &*b.first.archive));
    "record_offset": Int or null,
        "Offset of that record in the decompressed archive, in bytes.",
        |r| r.support.map_or(Cell::Null, |b| Cell::count(b.first.offset));
}
