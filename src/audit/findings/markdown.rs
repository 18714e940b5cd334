//! The rules as text, for `docs/findings.md`.

use std::fmt::Write;

use super::rules::FINDING_RULES;

/// A table of all rules, and a section for each.
pub fn findings_markdown() -> String {
    let mut text = String::from("| rule | severity | finding |\n|---|---|---|\n");
    // Writing to a String cannot fail.
    for rule in FINDING_RULES {
        let (id, severity) = (rule.id, rule.severity.as_str());
        let _ = writeln!(text, "| [`{id}`](#{id}) | {severity} | {} |", rule.title);
    }
    for rule in FINDING_RULES {
        let _ = write!(
            text,
            "\n### {}\n\n**{}.** {}\n\n- Severity: {}. Source: [AWS]({}).\n- Controls: {}.\n\
             - What the records do not show: {}\n- When it is no problem: {}\n- What to do: {}\n",
            rule.id,
            rule.title,
            rule.about,
            rule.severity.as_str(),
            rule.source,
            rule.controls,
            rule.cannot_know,
            rule.false_positives,
            rule.remediation
        );
    }
    text
}
