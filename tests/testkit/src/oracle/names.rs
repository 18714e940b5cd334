//! ARNs, service names, role names: the text forms every other room of the oracle asks about.

use regex::Regex;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Patterns compile once and for good: they are few, the records many.
fn regex(pattern: &str) -> &'static Regex {
    static COMPILED: Mutex<BTreeMap<String, &'static Regex>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compile = || Regex::new(pattern).expect("every pattern is a literal of the oracle's");
    compiled.entry(pattern.to_owned()).or_insert_with(|| Box::leak(Box::new(compile())))
}

pub fn matches(pattern: &str, text: &str) -> bool {
    regex(pattern).is_match(text)
}

/// The text with every match replaced.
pub fn replace(pattern: &str, text: &str, by: &str) -> String {
    regex(pattern).replace_all(text, by).into_owned()
}

/// The first match and where it ends.
pub fn find<'a>(pattern: &str, text: &'a str) -> Option<(&'a str, usize)> {
    regex(pattern).find(text).map(|found| (found.as_str(), found.end()))
}

/// The groups of the first match, the whole match first; a group that did not take part is empty.
pub fn captures(pattern: &str, text: &str) -> Option<Vec<String>> {
    let found = regex(pattern).captures(text)?;
    Some(found.iter().map(|group| group.map_or(String::new(), |group| group.as_str().to_owned())).collect())
}

/// The form of a region: 2-4 letters, then `-letters` one or more times, then `-digits`.
pub const REGION: &str = "[a-z]{2,4}(?:-[a-z]+)+-[0-9]+";

/// `arn:partition:service:region:account:resource`
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

pub fn arn(text: &str) -> Option<Arn> {
    let parts: Vec<String> = text.splitn(6, ':').map(str::to_owned).collect();
    let [head, partition, service, region, account, resource] = <[String; 6]>::try_from(parts).ok()?;
    (head == "arn").then_some(Arn { partition, service, region, account, resource })
}

/// A KMS ARN whose resource part is `kind/name`, and the name.
pub fn kms_arn(text: &str, kind: &str) -> Option<(Arn, String)> {
    let arn = arn(text)?;
    let name = arn.resource.strip_prefix(kind)?.strip_prefix('/')?.to_owned();
    (arn.service == "kms" && !name.is_empty()).then_some((arn, name))
}

/// Service normalisation: only names that end `.amazonaws.com[.cn]` (any case) change.
pub fn normalise_service(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if !matches(r"\.amazonaws\.com(\.cn)?$", &lower) || name.starts_with("arn:") {
        return name.to_owned();
    }
    let lower = lower.strip_prefix("fas.").unwrap_or(&lower);
    let region_label = regex(&format!(r"\.{REGION}(\.amazonaws\.com(?:\.cn)?)$"));
    region_label.replace(lower, "$1").into_owned()
}

/// Is this, normalised, the service principal of `service`? `.cn` counts too.
pub fn is_service(name: Option<&str>, service: &str) -> bool {
    let Some(name) = name.map(normalise_service) else { return false };
    name == format!("{service}.amazonaws.com") || name == format!("{service}.amazonaws.com.cn")
}

/// `arn:P:sts::A:assumed-role/NAME[/SESSION]` → the role's ARN (path unknown) and the session.
pub fn assumed_role(text: &str) -> Option<(String, Option<String>)> {
    let arn = arn(text)?;
    let rest = arn.resource.strip_prefix("assumed-role/")?;
    let (name, session) = rest.split_once('/').unwrap_or((rest, ""));
    if arn.service != "sts" || name.is_empty() {
        return None;
    }
    let role = format!("arn:{}:iam::{}:role/{name}", arn.partition, arn.account);
    Some((role, Some(session.to_owned()).filter(|session| !session.is_empty())))
}

/// `arn:P:iam::A:role/[PATH/]NAME` → the name.
pub fn role_name(text: &str) -> Option<String> {
    let arn = arn(text)?;
    let path = arn.resource.strip_prefix("role/")?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    (arn.service == "iam").then(|| name.to_owned())
}

/// `--key` and `--principal`: anchored, `*` is anything, `?` is one character.
pub fn glob(pattern: &str, text: &str) -> bool {
    fn walk(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', more)), None) => walk(more, text),
            (Some(('*', more)), Some((_, rest))) => walk(more, text) || walk(pattern, rest),
            (Some(('?', more)), Some((_, rest))) => walk(more, rest),
            (Some((wanted, more)), Some((found, rest))) => wanted == found && walk(more, rest),
            (Some(_), None) => false,
        }
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    walk(&pattern, &text)
}
