//! What to say about a pattern that matched no KMS event: which one, and what would match.

use super::similar::distance;
use keytrail::engine::{Filter, UnmatchedPattern};
use keytrail::model::counted;

/// Values listed when none is like the pattern.
const LISTED: usize = 3;
/// The most characters that may differ.
const TYPOS: usize = 3;

/// A sentence for each pattern.
pub(super) fn sentences(unmatched: &[UnmatchedPattern]) -> Vec<String> {
    unmatched.iter().map(sentence).collect()
}

fn sentence(unmatched: &UnmatchedPattern) -> String {
    let UnmatchedPattern { filter, pattern, values, .. } = unmatched;
    let what = format!("{} {pattern:?} matches no KMS event", filter.option());
    if values.is_empty() {
        let noun = filter.option().trim_start_matches('-');
        let article = if noun.starts_with('a') { "an" } else { "a" };
        return format!("{what}: none of them names {article} {noun}");
    }
    let similar = values.iter().filter_map(|(value, n)| Some((unlikeness(pattern, value)?, value, n)));
    if let Some((_, value, _)) =
        similar.min_by_key(|(unlikeness, _, n)| (*unlikeness, std::cmp::Reverse(**n)))
    {
        let offer = as_pattern(*filter, value);
        let is_offered = |value: &str| match offer.strip_prefix('*') {
            Some(end) => value.ends_with(end),
            None => as_pattern(*filter, value) == offer,
        };
        let events: u64 = values.iter().filter(|(value, _)| is_offered(value)).map(|(_, n)| n).sum();
        return format!("{what}; did you mean {offer:?} ({})?", counted(events, "event"));
    }
    let listed: Vec<String> =
        values.iter().take(LISTED).map(|(value, n)| format!("{value} ({})", counted(*n, "event"))).collect();
    let more = if values.len() > LISTED { ", and others" } else { "" };
    format!("{what}; there are {}{more}", listed.join(", "))
}

/// How unlike a pattern and a value are; `None` when they have too little in common.
fn unlikeness(pattern: &str, value: &str) -> Option<usize> {
    let core = last_part(pattern.trim_matches(['*', '?'])).to_lowercase();
    let name = last_part(value).to_lowercase();
    if core.is_empty() {
        return None;
    }
    let is_part = core.len() >= 4 && name.contains(&core) || name.len() >= 4 && core.contains(&name);
    if name == core {
        return Some(0);
    }
    if is_part {
        return Some(1);
    }
    let distance = distance(&core, &name);
    (distance <= TYPOS.min(core.chars().count() / 3)).then_some(1 + distance)
}

/// What to write to select the value.
fn as_pattern(filter: Filter, value: &str) -> String {
    match filter {
        Filter::Principal if value.starts_with("arn:") && value.contains('/') => {
            format!("*{}", last_part(value))
        }
        Filter::Key if value.starts_with("arn:") && value.contains(":key/") => last_part(value).to_owned(),
        Filter::Key => value.find("alias/").and_then(|at| value.get(at..)).unwrap_or(value).to_owned(),
        _ => value.to_owned(),
    }
}

/// The part that names most: of a session, its role; else what is after the last `/`, else after
/// the last `:`.
fn last_part(text: &str) -> &str {
    let text = match text.split_once("assumed-role/") {
        Some((_, session)) => session.split('/').next().unwrap_or(session),
        None => text,
    };
    let text = text.rsplit('/').next().unwrap_or(text);
    text.rsplit(':').next().unwrap_or(text)
}
