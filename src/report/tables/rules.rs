//! The output of `keytrail rules`: the workload rules in force.

use crate::aggregate::FactSupport;
use crate::model::{Strength, Workload};
use crate::report::cell::Cell;
use crate::report::table::table;

/// A workload rule in force, and where it comes from.
#[derive(Debug)]
pub struct RuleRow<'a> {
    /// Its id.
    pub rule: &'a str,
    /// The label it speaks for.
    pub workload: Workload,
    /// How much it proves.
    pub strength: Strength,
    /// `built-in`, `learned` or `own`.
    pub origin: &'static str,
    /// What it looks at.
    pub about: &'a str,
    /// What exactly, for a learned rule.
    pub particular: Option<&'a str>,
    /// The page or file it comes from.
    pub source: &'a str,
    /// How often and where first it was learned.
    pub support: Option<&'a FactSupport>,
}

table! {
    /// The output of `keytrail rules`: one row per built-in rule, rule of the user's own, and particular that was learned.
    RULES: RulesTable("rules") of RuleRow<'a>;

    "rule": Text,
        "Id of the rule, as in `workload_rules` of events.",
        |r| Cell::text(r.rule);
    "workload": Text,
        "Label it speaks for.",
        |r| Cell::text(r.workload.as_str());
    "strength": Text,
        "`definitive`, `strong`, `medium` or `weak`.",
        |r| Cell::text(r.strength.as_str());
    "origin": Text,
        "`built-in`; `own`: of the file given with `--rules`; `learned`: from a record of the \
        input.",
        |r| Cell::text(r.origin);
    "about": Text,
        "What it looks at.",
        |r| Cell::text(r.about);
    "particular": Text or null,
        "Learned rules: the role, key, path, bucket or session's role that the record names.",
        |r| Cell::optional_text(r.particular);
    "source": Text,
        "Where the rule comes from: a page of AWS, `inferred`, or the user's file.",
        |r| Cell::text(r.source);
    "records": Int or null,
        "Learned rules: records that teach it.",
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
        "URI of the archive it is in.",
        |r| Cell::optional_text(r.support.map(|b| &*b.first.archive));
    "record_offset": Int or null,
        "Its byte offset in the decompressed archive.",
        |r| r.support.map_or(Cell::Null, |b| Cell::count(b.first.offset));
}
