//! `findings.parquet`: what an auditor should look at.

use crate::audit::Finding;
use crate::report::cell::Cell;
use crate::report::table::table;

table! {
    /// `findings.parquet`: one row per finding, the worst first.
    FINDINGS: FindingsTable("findings") of &'a Finding;

    "finding_id": Text,
        "The same in every run: a hash of the rule and of what the finding is about, without times and \
        counts.",
        |r| Cell::text(&r.id);
    "rule_id": Text,
        "The rule, as in docs/findings.md.",
        |r| Cell::text(r.rule.id);
    "severity": Text,
        "`critical`, `high`, `medium`, `low` or `info`.",
        |r| Cell::text(r.rule.severity.as_str());
    "status": Text,
        "`open`; `undecidable`: options leave out calls that may have decided it; `muted`: accepted in the \
        file of `--mute`.",
        |r| Cell::text(r.status.as_str());
    "key_arn": Text or null,
        "ARN of the key, or its id or alias where the records give no more. Null: it is about no key, or the \
        records name none.",
        |r| Cell::optional_text(r.key.as_deref());
    "principal": Text or null,
        "Principal, or grantee of the grant.",
        |r| Cell::optional_text(r.principal.as_deref());
    "grant_id": Text or null,
        "Grant.",
        |r| Cell::optional_text(r.grant.as_deref());
    "resource_arn": Text or null,
        "What else it is about: a trail, as its records name it, or `account ID`.",
        |r| Cell::optional_text(r.resource.as_deref());
    "title": Text,
        "What the rule's findings are called.",
        |r| Cell::text(r.rule.title);
    "detail": Text,
        "What was found, with names and dates.",
        |r| Cell::text(&r.detail);
    "evidence_count": Int,
        "Records that show it. Every delivered copy counts.",
        |r| Cell::count(r.evidence_count);
    "evidence": Text,
        "At most 20 of these records, the first and the last by time, as JSON text: `event_id`, `archive` and \
        `offset`, which are null where they are not known.",
        |r| Cell::Text(r.evidence_json().into());
    "first_time": Time or null,
        "`eventTime` of the first of them.",
        |r| r.times.map_or(Cell::Null, |(first, _)| Cell::Time(first));
    "last_time": Time or null,
        "`eventTime` of the last of them.",
        |r| r.times.map_or(Cell::Null, |(_, last)| Cell::Time(last));
    "remediation": Text,
        "What to do about it.",
        |r| Cell::text(r.rule.remediation);
    "controls": Text or null,
        "Controls that it is evidence for, joined with commas.",
        |r| Cell::optional_text(Some(r.rule.controls).filter(|text| !text.is_empty()));
    "coverage": Text or null,
        "What a finding that something did not happen rests on. Null: it says what did happen.",
        |r| Cell::optional_text(r.coverage.as_deref());
    "mute": Text or null,
        "Why, by whom and until when it is muted, or which mute has expired.",
        |r| Cell::optional_text(r.mute.as_deref());
}
