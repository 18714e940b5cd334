//! The findings on the page: the worst first, and how many there are.

use std::collections::BTreeMap;

use super::page::Page;
use crate::audit::{Finding, FindingSeverity, FindingStatus, Findings};
use crate::model::counted;
use crate::report::text::{number, printable};

/// Lines of findings: each is a rule, with its first finding.
const SHOWN: usize = 8;

/// Adds the findings that are open or cannot be decided. Those that are only information are
/// counted.
pub(super) fn findings(page: &mut Page, findings: &Findings) {
    let shown = |finding: &&Finding| {
        finding.status != FindingStatus::Muted && finding.rule.severity != FindingSeverity::Info
    };
    let mut by_rule: BTreeMap<(FindingSeverity, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings.list.iter().filter(shown) {
        by_rule.entry((finding.rule.severity, finding.rule.id)).or_default().push(finding);
    }
    if by_rule.is_empty() {
        return;
    }
    page.heading("Findings");
    let mut items: Vec<String> = by_rule.iter().take(SHOWN).map(|(_, list)| line(list)).collect();
    if by_rule.len() > SHOWN {
        items
            .push(format!("{} of other rules", counted_of(by_rule.values().skip(SHOWN).map(Vec::len).sum())));
    }
    let count = |status| -> u64 { findings.count(status).values().sum() };
    let muted = count(FindingStatus::Muted);
    if muted > 0 {
        items.push(format!("{} muted", counted_of(usize::try_from(muted).unwrap_or(usize::MAX))));
    }
    for (rule, n) in &findings.left_out {
        items.push(format!("{} more of {rule} left out", number(*n)));
    }
    page.items(items);
}

fn counted_of(n: usize) -> String {
    counted(n as u64, "finding")
}

/// `high  Key that is needed is disabled (2): us-west-2:111122223333:key/…`
fn line(list: &[&Finding]) -> String {
    let Some(first) = list.first() else { return String::new() };
    let number = if list.len() > 1 { format!(" ({})", number(list.len() as u64)) } else { String::new() };
    let about = [&first.key, &first.resource, &first.principal].into_iter().flatten().next();
    let about = about.map_or("", |name| name.split_once(":kms:").map_or(name, |(_, rest)| rest));
    let about = if about.is_empty() { String::new() } else { format!(": {}", printable(about)) };
    format!("{}: {}{number}{about}", first.rule.severity.as_str(), first.rule.title)
}
