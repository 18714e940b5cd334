//! Patterns on keys and principals, in the forms that people paste: ARNs of keys, roles and
//! sessions, ids, aliases, names.

use regex::Regex;
use thiserror::Error;

use crate::model::{Arn, KmsEvent, Principal};

/// A pattern of `*` and `?` over a whole text; `*` also matches `/` and `:`.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    text: String,
}

/// A pattern that cannot be used.
#[derive(Debug, Error)]
#[error("pattern {pattern:?} is too long")]
pub struct PatternError {
    pattern: String,
}

/// Whether upper and lower case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Ignored,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is too long to be matched quickly.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        Self::with_case(pattern, Case::Exact)
    }

    fn with_case(pattern: &str, case: Case) -> Result<Self, PatternError> {
        let body = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        let flags = if case == Case::Ignored { "is" } else { "s" };
        Regex::new(&format!("^(?{flags}:{body})$"))
            .map(|regex| Self { regex, text: pattern.to_owned() })
            .map_err(|_| PatternError { pattern: pattern.to_owned() })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Which keys are asked for: a pattern on the key's ARN, id or alias.
///
/// Upper and lower case are the same in ARNs and ids of keys, and in the word `alias/`. `key/` may
/// precede an id. An ARN may lack its beginning, as in the summary (`REGION:ACCOUNT:key/ID`), and
/// its account may be written with dashes. An alias also selects the keys that it pointed to.
#[derive(Debug, Clone)]
pub struct KeyPattern {
    pattern: Pattern,
    alias: Option<AliasPattern>,
}

/// Which aliases are asked for.
#[derive(Debug, Clone)]
enum AliasPattern {
    /// A pattern on the part of an alias ARN from `alias/` on.
    Name(Pattern),
    /// A pattern on the whole ARN.
    Arn(Pattern),
}

impl KeyPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is too long to be matched quickly.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let wanted = completed_arn(&with_alias_in_lower_case(&uncut(text.trim())));
        let as_given = |pattern: Pattern| Pattern { text: text.to_owned(), ..pattern };
        if wanted.contains("alias/") {
            // Names of aliases differ by case.
            let pattern = Pattern::new(&wanted)?;
            let alias = match wanted.starts_with("alias/") {
                true => AliasPattern::Name(pattern.clone()),
                false => AliasPattern::Arn(pattern.clone()),
            };
            return Ok(Self { pattern: as_given(pattern), alias: Some(alias) });
        }
        let is_name = !has_wildcard(&wanted) && !wanted.contains([':', '/']);
        let alias = is_name.then(|| Pattern::new(&format!("alias/{wanted}"))).transpose()?;
        let id = wanted.strip_prefix("key/").unwrap_or(&wanted);
        let pattern = as_given(Pattern::with_case(id, Case::Ignored)?);
        Ok(Self { pattern, alias: alias.map(AliasPattern::Name) })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.pattern.as_str()
    }

    /// Whether the event names the key or alias. `alias` is the alias's ARN.
    pub(super) fn matches(&self, event: &KmsEvent<'_>, alias: Option<&str>) -> bool {
        let names = [&event.key.arn, &event.key.id, &event.key.alias, &event.destination_key_arn];
        names.into_iter().flatten().any(|name| self.pattern.matches(name))
            || [alias, event.key.alias.as_deref()]
                .into_iter()
                .flatten()
                .any(|alias| self.matches_alias(alias))
    }

    /// Whether a key, given by its ARN or id, is asked for.
    pub fn matches_key(&self, key: &str) -> bool {
        let id = key.rsplit_once("key/").map_or(key, |(_, id)| id);
        self.pattern.matches(key) || self.pattern.matches(id)
    }

    /// Whether an alias, given by its ARN or by its name, is asked for as such.
    pub(super) fn matches_alias(&self, alias: &str) -> bool {
        let name = alias.find("alias/").and_then(|at| alias.get(at..)).unwrap_or(alias);
        match &self.alias {
            Some(AliasPattern::Name(pattern)) => pattern.matches(name),
            Some(AliasPattern::Arn(pattern)) => pattern.matches(alias),
            None => false,
        }
    }
}

/// A pattern for a key as the summary prints it on a narrow terminal: `us-west-2:1234ab…7890ab`.
fn uncut(text: &str) -> String {
    if !text.contains('…') {
        return text.to_owned();
    }
    let pattern = text.replace('…', "*");
    match pattern.rsplit_once(':') {
        Some((scope, id)) => format!("*{}*key/{id}", scope.replace(':', "*")),
        None => pattern,
    }
}

/// The text with `alias/`, however it is capitalized, in lower case.
fn with_alias_in_lower_case(text: &str) -> String {
    const WORD: &str = "alias/";
    let lower = text.to_ascii_lowercase();
    // What is before the name of the alias; the ARN's parts have no such word.
    let start = lower.find(WORD).filter(|at| *at == 0 || lower[..*at].ends_with([':', '*', '?']));
    match start {
        Some(at) => format!("{}{WORD}{}", &lower[..at], &text[at + WORD.len()..]),
        None => text.to_owned(),
    }
}

/// An ARN with the beginning that the summary leaves out, and with the account's digits alone.
fn completed_arn(text: &str) -> String {
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    match parts[..] {
        [region, account, rest]
            if region != "arn" && ["key/", "alias/"].iter().any(|kind| rest.starts_with(kind)) =>
        {
            with_digits(&format!("arn:*:kms:{region}:{account}:{rest}"))
        }
        _ => with_digits(text),
    }
}

/// An ARN with the account's digits alone: people write them with dashes.
fn with_digits(text: &str) -> String {
    const ACCOUNT: usize = 4;
    let mut parts: Vec<&str> = text.splitn(ACCOUNT + 2, ':').collect();
    let Some(account) = parts.get(ACCOUNT).filter(|_| parts[0] == "arn").and_then(|part| account_id(part))
    else {
        return text.to_owned();
    };
    parts[ACCOUNT] = &account;
    parts.join(":")
}

/// Which callers are asked for.
#[derive(Debug, Clone)]
pub struct PrincipalPattern {
    text: String,
    form: PrincipalForm,
}

#[derive(Debug, Clone)]
enum PrincipalForm {
    /// A pattern on the principal.
    Name(Pattern),
    /// The session of a role: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, or a part of it.
    Session { account: Option<Pattern>, role: Pattern, session: Option<Pattern> },
    /// The name of a role, user, session or service; or the end of an ARN, from a `/` or `:` on.
    End(String),
    /// The unique id of a role, user or session: `AROA…`, `AIDA…`, `AROA…:SESSION`.
    Id(String),
    /// An account.
    Account(String),
}

impl PrincipalPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is too long to be matched quickly.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Ok(Self { text: text.to_owned(), form: PrincipalForm::new(&with_digits(text.trim()))? })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, principal: &Principal<'_>) -> bool {
        match &self.form {
            PrincipalForm::Name(pattern) => pattern.matches(&principal.name),
            PrincipalForm::Session { account, role, session } => {
                let matches = |pattern: &Option<Pattern>, text: Option<&str>| {
                    pattern.as_ref().is_none_or(|pattern| text.is_some_and(|text| pattern.matches(text)))
                };
                let arn = Arn::parse(&principal.name);
                principal.role_name().is_some_and(|name| role.matches(name))
                    && matches(account, arn.map(|arn| arn.account))
                    && matches(session, principal.session_name.as_deref())
            }
            PrincipalForm::End(end) => {
                let before = principal.name.strip_suffix(end.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
                    || principal.session_name.as_deref() == Some(end.as_str())
            }
            PrincipalForm::Id(id) => principal.principal_id.as_ref().is_some_and(|found| {
                found.strip_prefix(id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }),
            PrincipalForm::Account(account) => principal.account_id.as_deref() == Some(account.as_str()),
        }
    }
}

impl PrincipalForm {
    fn new(text: &str) -> Result<Self, PatternError> {
        if let Some(session) =
            text.find("assumed-role/").and_then(|at| text.get(at + "assumed-role/".len()..))
        {
            let account = text.split(':').nth(4).filter(|account| !account.is_empty());
            let (role, session) = match session.split_once('/') {
                Some((role, session)) => (role, Some(session).filter(|session| !session.is_empty())),
                None => (session, None),
            };
            return Ok(Self::Session {
                account: account.map(Pattern::new).transpose()?,
                role: Pattern::new(role)?,
                session: session.map(Pattern::new).transpose()?,
            });
        }
        if has_wildcard(text) || text.starts_with("arn:") {
            return Pattern::new(text).map(Self::Name);
        }
        if is_unique_id(text) {
            return Ok(Self::Id(text.to_owned()));
        }
        if let Some(account) = account_id(text) {
            return Ok(Self::Account(account));
        }
        Ok(Self::End(text.to_owned()))
    }
}

/// Whether the text is the unique id of a role or user, or of a role's session (IAM User Guide,
/// "IAM identifiers").
fn is_unique_id(text: &str) -> bool {
    let id = text.split(':').next().unwrap_or_default();
    (id.starts_with("AROA") || id.starts_with("AIDA"))
        && id.len() >= 16
        && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The id of an account, which may be written with dashes or spaces (`1111-2222-3333`).
pub fn account_id(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    (digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_globs_and_nothing_more() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().matches(text);
        assert!(matches("*role/service-role/*", "arn:aws:iam::1:role/service-role/R"));
        assert!(matches("mrk-?", "mrk-1") && !matches("mrk-?", "mrk-12"));
        assert!(!matches("a.c", "abc") && matches("a.c", "a.c"));
        assert!(!matches("abc", "xabc") && !matches("[ab]", "a"));
    }

    #[test]
    fn accounts_are_read_with_and_without_dashes() {
        for text in ["111122223333", "1111-2222-3333", "1111 2222 3333"] {
            assert_eq!(account_id(text).as_deref(), Some("111122223333"));
        }
        assert_eq!((account_id("1111"), account_id("11112222333x")), (None, None));
    }
}
