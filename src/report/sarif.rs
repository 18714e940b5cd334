//! Findings as SARIF 2.1.0, for tools that collect findings of many programs.
//!
//! Findings have no source files: their places are the records that show them, each an archive's
//! URI and a byte offset.
//!
//! Source: [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).

use serde_json::{Value, json};

use crate::audit::{FINDING_RULES, Finding, FindingRecord, FindingRule, FindingSeverity, FindingStatus};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The findings as a SARIF log. `baseline`: ids of the findings of an earlier report, which tell
/// what is new; `None`: there is none.
pub fn sarif(findings: &[&Finding], baseline: Option<&[String]>) -> Value {
    let is_used = |rule: &&&FindingRule| findings.iter().any(|finding| finding.rule.id == rule.id);
    let rules: Vec<&FindingRule> = FINDING_RULES.iter().filter(is_used).copied().collect();
    let place = |finding: &Finding| rules.iter().position(|rule| rule.id == finding.rule.id);
    let results: Vec<Value> =
        findings.iter().map(|finding| result(finding, place(finding), baseline)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "keytrail",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    })
}

fn level(severity: FindingSeverity) -> &'static str {
    match severity {
        FindingSeverity::Critical | FindingSeverity::High => "error",
        FindingSeverity::Medium => "warning",
        FindingSeverity::Low => "note",
        _ => "none",
    }
}

fn descriptor(rule: &FindingRule) -> Value {
    let controls: Vec<&str> = rule.controls.split(", ").filter(|text| !text.is_empty()).collect();
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.about},
        "help": {"text": format!("{} What the records do not show: {}", rule.remediation, rule.cannot_know)},
        "helpUri": rule.source,
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"security-severity": rule.severity.score(), "tags": controls},
    })
}

fn result(finding: &Finding, rule: Option<usize>, baseline: Option<&[String]>) -> Value {
    let names = [("key", &finding.key), ("principal", &finding.principal), ("resource", &finding.resource)];
    let logical: Vec<Value> = names
        .iter()
        .filter_map(|(kind, name)| Some(json!({"fullyQualifiedName": name.as_ref()?, "kind": kind})))
        .collect();
    let mut locations: Vec<Value> = finding.evidence.iter().filter_map(location).collect();
    match locations.first_mut() {
        Some(first) if !logical.is_empty() => first["logicalLocations"] = json!(logical),
        None if !logical.is_empty() => locations.push(json!({"logicalLocations": logical})),
        _ => {}
    }
    let kind = match (finding.status, finding.rule.severity) {
        (FindingStatus::Undecidable, _) => "review",
        (_, FindingSeverity::Info) => "informational",
        _ => "fail",
    };
    // Only a result of kind "fail" has a level.
    let level = if kind == "fail" { level(finding.rule.severity) } else { "none" };
    let mut result = json!({
        "ruleId": finding.rule.id,
        "kind": kind,
        "level": level,
        "message": {"text": format!("{}: {}", finding.rule.title, finding.detail)},
        "locations": locations,
        "partialFingerprints": {"keytrailFindingId/v1": finding.id},
        "properties": {
            "security-severity": finding.rule.severity.score(),
            "evidenceCount": finding.evidence_count,
            "coverage": finding.coverage,
        },
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    if finding.status == FindingStatus::Muted {
        let why = finding.mute.as_deref().unwrap_or_default();
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": why}]);
    }
    if let Some(baseline) = baseline {
        let state = if baseline.contains(&finding.id) { "unchanged" } else { "new" };
        result["baselineState"] = json!(state);
    }
    result
}

fn location(record: &FindingRecord) -> Option<Value> {
    let archive = record.archive.as_deref()?;
    let mut physical = json!({"artifactLocation": {"uri": uri(archive)}});
    if let Some(offset) = record.offset {
        physical["region"] = json!({"byteOffset": offset});
    }
    let id = record.event_id.as_deref().unwrap_or("unknown");
    Some(json!({"physicalLocation": physical, "message": {"text": format!("event {id}")}}))
}

/// A path or address as a URI reference: what has no place in one is escaped.
fn uri(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_in_a_uri_is_escaped() {
        assert_eq!(uri("s3://b/a b#é.gz"), "s3://b/a%20b%23%C3%A9.gz");
    }
}
