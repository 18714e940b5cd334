//! Findings that somebody has accepted: the file of `--mute`.

use serde::Deserialize;
use thiserror::Error;

use super::finding::{Finding, FindingStatus, Findings};
use crate::model::{Arn, EventTime};

/// Tells which rules there are.
pub type RuleName = fn(&str) -> bool;

/// An accepted finding.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mute {
    rule: String,
    key: Option<String>,
    principal: Option<String>,
    reason: String,
    owner: String,
    /// The first day on which it no longer counts, and the same as text.
    expiry: (EventTime, String),
}

/// The content of a mute file.
#[derive(Debug, Clone, Default)]
pub struct Mutes(Vec<Mute>);

/// A mute file that cannot be used.
#[derive(Debug, Error)]
#[error("{file}: not a mute file")]
#[non_exhaustive]
pub struct MuteFileError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    #[source]
    pub source: MuteError,
}

/// What is wrong with a mute file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MuteError {
    /// It is not TOML, or a member is missing or unknown.
    #[error(transparent)]
    Syntax(#[from] Box<toml::de::Error>),
    /// There is no such rule.
    #[error("mute {number}: there is no rule {rule:?}; docs/findings.md lists the rules")]
    UnknownRule {
        /// Which mute of the file, from 1.
        number: usize,
        /// The rule as written.
        rule: String,
    },
    /// The expiry is not a day.
    #[error("mute {number}: expiry {expiry:?} is not a day such as 2027-03-31")]
    NoDay {
        /// Which mute of the file, from 1.
        number: usize,
        /// The expiry as written.
        expiry: String,
    },
    /// A text that has to say something is empty.
    #[error("mute {number}: {member} is empty")]
    Empty {
        /// Which mute of the file, from 1.
        number: usize,
        /// The member.
        member: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    mute: Vec<MuteForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MuteForm {
    rule: String,
    key: Option<String>,
    principal: Option<String>,
    reason: String,
    owner: String,
    expiry: String,
}

impl Mutes {
    /// Reads the text of a mute file.
    ///
    /// # Errors
    /// When it is not a mute file, or names a rule that does not exist.
    pub fn read(file: &str, text: &str, is_rule: RuleName) -> Result<Self, MuteFileError> {
        let error = |source| MuteFileError { file: file.to_owned(), source };
        let form: FileForm = toml::from_str(text).map_err(|e| error(MuteError::Syntax(Box::new(e))))?;
        let mutes = (1..).zip(form.mute).map(|(number, mute)| mute.check(number, is_rule));
        Ok(Self(mutes.collect::<Result<_, _>>().map_err(error)?))
    }

    /// Mutes the findings that are accepted at `now`. A mute that has expired is said, and the
    /// finding stays open.
    pub fn apply(&self, findings: &mut Findings, now: EventTime) {
        for finding in &mut findings.list {
            let mut fits = self.0.iter().filter(|mute| mute.fits(finding));
            let expired = |mute: &Mute| format!("mute by {} expired on {}", mute.owner, mute.expiry.1);
            let valid = fits.clone().find(|mute| now < mute.expiry.0);
            if let Some(mute) = valid {
                finding.status = FindingStatus::Muted;
                finding.mute = Some(format!("{} ({}, until {})", mute.reason, mute.owner, mute.expiry.1));
            } else {
                finding.mute = fits.next_back().map(expired);
            }
        }
    }
}

impl MuteForm {
    fn check(self, number: usize, is_rule: RuleName) -> Result<Mute, MuteError> {
        let Self { rule, key, principal, reason, owner, expiry } = self;
        if !is_rule(&rule) {
            return Err(MuteError::UnknownRule { number, rule });
        }
        for (member, text) in [("reason", &reason), ("owner", &owner)] {
            if text.trim().is_empty() {
                return Err(MuteError::Empty { number, member });
            }
        }
        let day = chrono::NaiveDate::parse_from_str(&expiry, "%Y-%m-%d").ok();
        // It counts to the end of its last day.
        let end = day.and_then(|day| day.succ_opt()).map(EventTime::midnight);
        let Some(end) = end else { return Err(MuteError::NoDay { number, expiry }) };
        Ok(Mute { rule, key, principal, reason, owner, expiry: (end, expiry) })
    }
}

impl Mute {
    fn fits(&self, finding: &Finding) -> bool {
        let fits = |pattern: &Option<String>, text: &Option<String>| {
            pattern
                .as_deref()
                .is_none_or(|pattern| text.as_deref().is_some_and(|text| is_like(pattern, text)))
        };
        self.rule == finding.rule.id
            && fits(&self.key, &finding.key)
            && (fits(&self.principal, &finding.principal) || self.fits_role_of(finding.principal.as_deref()))
    }

    /// Records of other services than KMS name the session of a role, whose ARN lacks the role's
    /// path: a mute for the role is for all of them.
    fn fits_role_of(&self, session: Option<&str>) -> bool {
        let arn = session.and_then(Arn::parse).filter(|arn| arn.service == "sts");
        let role =
            arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("assumed-role/")?.split('/').next()?)));
        let (Some((arn, role)), Some(pattern)) = (role, self.principal.as_deref()) else { return false };
        let start = format!("arn:{}:iam::{}:role/", arn.partition, arn.account);
        let without_path = match (pattern.strip_prefix("arn:"), pattern.rsplit_once('/')) {
            (Some(_), Some((before, name))) if before.contains(":role/") => {
                let account = before.split(":role/").next().unwrap_or_default();
                format!("{account}:role/{name}")
            }
            _ => pattern.to_owned(),
        };
        is_like(&without_path, &format!("{start}{role}"))
    }
}

/// Whether `text`, or what follows its last `/`, is like a pattern of `*` and `?`.
fn is_like(pattern: &str, text: &str) -> bool {
    let end = text.rsplit('/').next().unwrap_or(text);
    matches(pattern, text) || matches(pattern, end)
}

/// In time of the product of both lengths at most.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((from, at)) => {
                    star = Some((from, at + 1));
                    (p, t) = (from + 1, at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mutes, String> {
        let is_rule: RuleName = |id| id == "grant-stale";
        Mutes::read("mutes.toml", text, is_rule).map_err(|error| error.source.to_string())
    }

    #[test]
    fn a_mute_says_which_why_who_and_until_when() {
        let whole = "[[mute]]\nrule='grant-stale'\nreason='r'\nowner='o'\nexpiry='2027-03-31'\n";
        assert_eq!(read(whole).unwrap().0.len(), 1);
        assert!(read("").unwrap().0.is_empty());
        for (from, to, expected) in [
            ("grant-stale", "grant-stail", "there is no rule \"grant-stail\""),
            ("2027-03-31", "soon", "expiry \"soon\" is not a day"),
            ("'o'", "' '", "owner is empty"),
            ("owner='o'\n", "", "missing field `owner`"),
            ("reason", "raeson", "unknown field `raeson`"),
        ] {
            let error = read(&whole.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn patterns_match_whole_names_or_their_ends() {
        for (pattern, text, expected) in [
            ("*", "arn:x", true),
            ("Jane", "arn:aws:iam::111122223333:role/Jane", true),
            ("J?ne", "arn:aws:iam::111122223333:role/Jane", true),
            ("*:111122223333:*", "arn:aws:iam::111122223333:role/Jane", true),
            ("jane", "arn:aws:iam::111122223333:role/Jane", false),
            ("*ab*cd", "xxabyyabzzcd", true),
            ("*ab*cd", "xxabyyabzzcde", false),
            ("", "", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_mute_for_a_role_is_for_its_sessions() {
        let session = Some("arn:aws:sts::111122223333:assumed-role/Ops/jane");
        for (principal, expected) in [
            ("arn:aws:iam::111122223333:role/Ops", true),
            ("arn:aws:iam::111122223333:role/team/Ops", true),
            ("Ops", true),
            ("*:111122223333:role/O*", true),
            ("arn:aws:iam::444455556666:role/Ops", false),
            ("arn:aws:iam::111122223333:role/Op", false),
            ("jane", false),
        ] {
            let text = format!(
                "[[mute]]\nrule='grant-stale'\nprincipal='{principal}'\nreason='r'\nowner='o'\nexpiry='2027-03-31'\n"
            );
            assert_eq!(read(&text).unwrap().0[0].fits_role_of(session), expected, "{principal}");
        }
    }
}
