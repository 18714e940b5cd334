//! What calls show about key policies, as a page for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::summary::Style;
use super::text::{number, printable, time_to_seconds, wrap};
use crate::audit::{PolicyLine, PolicyStatus};
use crate::policy::Origin;

/// Where details begin.
const INDENT: usize = 8;

/// The lines of each key and policy: statement by statement, then callers that no statement names.
/// A line of the page stands for all permissions of one principal with one status and one detail.
pub fn policy_page(lines: &[&PolicyLine<'_>], style: Style) -> String {
    let mut text = String::new();
    let mut last: Option<&PolicyLine<'_>> = None;
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let is_same_policy =
            |line: &PolicyLine<'_>| line.key == first.key && std::ptr::eq(line.version, first.version);
        let is_same_statement = |line: &&&PolicyLine<'_>| {
            is_same_policy(line)
                && place(line) == place(first)
                && (place(line).is_some() || line.principal.is_some() == first.principal.is_some())
        };
        if !last.is_some_and(is_same_policy) {
            heading(first, style, &mut text);
        }
        let group = rest.iter().take_while(is_same_statement).count();
        statement(&rest[..group], style, &mut text);
        last = Some(first);
        rest = &rest[group..];
    }
    text
}

fn place(line: &PolicyLine<'_>) -> Option<usize> {
    line.statement.map(|(place, _)| place)
}

// Writing to a String cannot fail.
fn heading(line: &PolicyLine<'_>, style: Style, text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", style.bold(&printable(line.key)));
    let policy = match &line.version.origin {
        Origin::File(file) => format!("policy of the file {file}, taken for the whole input"),
        Origin::Record { event_name, by, .. } => {
            let from = line.version.from.map_or_else(|| "-".to_owned(), time_to_seconds);
            let until = line.version.until.map_or_else(|| "the end".to_owned(), time_to_seconds);
            format!("policy set by {event_name}, from {from} to {until}, by {by}")
        }
    };
    let _ = writeln!(text, "{}", wrap(&printable(&policy), style.width, 0));
}

fn statement(lines: &[&PolicyLine<'_>], style: Style, text: &mut String) {
    let Some(first) = lines.first() else { return };
    let title = match first.statement {
        Some((place, one)) => {
            let sid = one.sid.as_deref().unwrap_or("(no Sid)");
            format!("{place}. {} {}", one.effect, printable(sid))
        }
        None if first.principal.is_none() => "The policy".to_owned(),
        None => "Callers".to_owned(),
    };
    let _ = writeln!(text, "  {}", style.bold(&title));
    // One line for each principal, status and detail, in the order of the first of them.
    let mut order: Vec<Group<'_>> = Vec::new();
    let mut known: BTreeMap<Group<'_>, Vec<&PolicyLine<'_>>> = BTreeMap::new();
    for line in lines {
        let group = (line.principal.as_deref(), line.status, line.detail.as_deref());
        let members = known.entry(group).or_default();
        if members.is_empty() {
            order.push(group);
        }
        members.push(line);
    }
    let mut principal = None;
    for group in order {
        if principal != Some(group.0) {
            let name = group.0.unwrap_or("(all of it)");
            let _ = writeln!(text, "    {}", printable(name));
            principal = Some(group.0);
        }
        permissions(group, known.get(&group).map_or(&[], Vec::as_slice), style, text);
    }
}

/// Principal, status and detail.
type Group<'l> = (Option<&'l str>, PolicyStatus, Option<&'l str>);

fn permissions((_, status, detail): Group<'_>, lines: &[&PolicyLine<'_>], style: Style, text: &mut String) {
    let permission = |line: &&PolicyLine<'_>| {
        let name = line.permission.as_deref().unwrap_or("all permissions");
        match line.records.count {
            0 => name.to_owned(),
            count => format!("{name} ({})", number(count)),
        }
    };
    let names: Vec<String> = lines.iter().map(permission).collect();
    let last = lines.iter().filter_map(|line| line.records.times).map(|(_, last)| last).max();
    let when = last.map_or(String::new(), |last| format!("; last {}", time_to_seconds(last)));
    let label = status.in_words();
    let asks = status <= PolicyStatus::NoEffect;
    let shown = if asks { style.warn(label) } else { label.to_owned() };
    let list =
        wrap(&printable(&format!("{}{when}", names.join(", "))), style.width, INDENT + label.len() + 2);
    let _ = writeln!(text, "{:6}{shown}: {list}", "");
    if let Some(detail) = detail {
        let _ = writeln!(text, "{:INDENT$}{}", "", wrap(&printable(detail), style.width, INDENT));
    }
}
