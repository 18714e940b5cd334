//! Policies as people paste them: samples of documentation, fragments, answers of `aws kms
//! get-key-policy`.
//!
//! What is repaired is always said. Records are never read this way: what CloudTrail has is what
//! AWS accepted.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value};

use super::document::Policy;
use super::error::PolicyError;

/// Deepest nesting that is repaired. A policy needs six levels.
const MAX_DEPTH: usize = 60;

/// Most bytes of a file that is read. Blanks count here, and not for KMS.
const MAX_BYTES: usize = 1 << 20;

/// A policy as a file has it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct PastedPolicy {
    /// The policy; its notes say what was repaired.
    pub policy: Policy,
    /// `PolicyName` of an answer of `get-key-policy`.
    pub name: Option<String>,
}

impl PastedPolicy {
    /// Reads the content of a file: a policy, one statement or a list of them, or the answer of
    /// `aws kms get-key-policy`. What is not valid JSON is repaired where there is one way to do
    /// so.
    ///
    /// # Errors
    /// When it is no policy even then.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError::TooLong(text.len()));
        }
        let mut notes = Vec::new();
        let value = parse(text, &mut notes)?;
        let (value, name) = answer(value, &mut notes)?;
        let mut value = whole_policy(value, &mut notes);
        clean_principals(&mut value, &mut notes);
        let mut policy = Policy::from_value(&value)?;
        notes.append(&mut policy.notes);
        policy.notes = notes;
        Ok(Self { policy, name })
    }
}

/// Parses text, and repairs it if it must.
fn parse(text: &str, notes: &mut Vec<String>) -> Result<Value, PolicyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut repair = Repair::default();
    repair.run(text);
    match serde_json::from_str(&repair.out) {
        Ok(value) => {
            notes.push(format!("it is not valid JSON ({error}); {}", repair.said.join(", ")));
            Ok(value)
        }
        Err(_) => Err(PolicyError::Json(error)),
    }
}

/// The policy in an answer of `get-key-policy`, and its name.
fn answer(value: Value, notes: &mut Vec<String>) -> Result<(Value, Option<String>), PolicyError> {
    let Some(inner) = value.get("Policy") else { return Ok((value, None)) };
    let name = value.get("PolicyName").and_then(Value::as_str).map(str::to_owned);
    let policy = match inner {
        Value::String(text) => parse(text, notes)?,
        other => other.clone(),
    };
    Ok((policy, name))
}

/// Completes a statement, or a list of statements, to a policy.
fn whole_policy(value: Value, notes: &mut Vec<String>) -> Value {
    let is_statement = |value: &Value| value.get("Effect").is_some() && value.get("Statement").is_none();
    let statements = match value {
        Value::Array(list) if !list.is_empty() && list.iter().all(is_statement) => {
            notes.push("it is a list of statements, read as a policy".to_owned());
            Value::Array(list)
        }
        one if is_statement(&one) => {
            notes.push("it is one statement, read as a policy".to_owned());
            Value::Array(vec![one])
        }
        other => return with_version(other, notes),
    };
    let mut members = Map::new();
    members.insert("Statement".to_owned(), statements);
    with_version(Value::Object(members), notes)
}

/// A sample without `Version` is meant as every policy today.
fn with_version(mut value: Value, notes: &mut Vec<String>) -> Value {
    if let Value::Object(members) = &mut value
        && members.contains_key("Statement")
        && !members.contains_key("Version")
    {
        notes.push("it has no Version, read as \"2012-10-17\"".to_owned());
        members.insert("Version".to_owned(), "2012-10-17".into());
    }
    value
}

/// Removes marks of emphasis and angle brackets around principals.
fn clean_principals(policy: &mut Value, notes: &mut Vec<String>) {
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(list)) => list.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for (n, statement) in statements.into_iter().enumerate() {
        for member in ["Principal", "NotPrincipal"] {
            let Some(Value::Object(kinds)) = statement.get_mut(member) else { continue };
            for value in kinds.values_mut() {
                let texts = match value {
                    Value::Array(list) => list.iter_mut().collect(),
                    one => vec![one],
                };
                for text in texts {
                    clean_principal(text, n + 1, notes);
                }
            }
        }
    }
}

fn clean_principal(value: &mut Value, number: usize, notes: &mut Vec<String>) {
    let Value::String(text) = value else { return };
    let inner = text.trim();
    let between = |open: char, close: char| {
        inner.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).filter(|rest| !rest.is_empty())
    };
    let cleaned = between('<', '>').or_else(|| between('*', '*')).map_or(inner, str::trim);
    if cleaned != text {
        notes.push(format!("statement {number}: principal {text:?} is read as {cleaned:?}"));
        *value = cleaned.into();
    }
}

/// Copies text, and mends what keeps it from being JSON.
#[derive(Default)]
struct Repair {
    out: String,
    /// Brackets that are open.
    open: Vec<char>,
    /// A value has ended, and neither a comma nor a colon has followed.
    after_value: bool,
    /// Where the last comma is, if nothing has followed it.
    last_comma: Option<usize>,
    said: Vec<&'static str>,
}

impl Repair {
    fn say(&mut self, what: &'static str) {
        if !self.said.contains(&what) {
            self.said.push(what);
        }
    }

    fn run(&mut self, text: &str) {
        // A fragment that begins with a member has lost the brackets around it.
        if text.starts_with('"') {
            self.say("brackets around it added");
            self.begin('{');
        }
        let mut chars = text.chars().peekable();
        while let Some(character) = chars.next() {
            match character {
                quote if is_quote(quote) => {
                    if quote != '"' {
                        self.say(TYPOGRAPHIC);
                    }
                    self.comma_before_value();
                    self.string(&mut chars, quote);
                    self.after_value = true;
                }
                '{' | '[' => {
                    self.comma_before_value();
                    self.begin(character);
                }
                '}' | ']' => self.end(character),
                ',' => {
                    self.last_comma = Some(self.out.len());
                    self.after_value = false;
                    self.out.push(',');
                }
                ':' => {
                    self.after_value = false;
                    self.out.push(':');
                }
                '/' if chars.peek() == Some(&'/') => {
                    self.say("comments removed");
                    while chars.next_if(|next| *next != '\n').is_some() {}
                }
                space if space.is_whitespace() => self.out.push(' '),
                other => {
                    // A number, true, false, null: or what is no JSON at all.
                    if !self.out.ends_with(|last: char| last.is_alphanumeric() || "+-.".contains(last)) {
                        self.comma_before_value();
                    }
                    self.last_comma = None;
                    self.after_value = true;
                    self.out.push(other);
                }
            }
        }
        while let Some(open) = self.open.last() {
            let close = if *open == '{' { '}' } else { ']' };
            if self.said.first() != Some(&"brackets around it added") {
                self.say("missing brackets added at the end");
            }
            self.end(close);
        }
    }

    fn begin(&mut self, open: char) {
        // Deeper text is no policy; it is left as it is.
        if self.open.len() < MAX_DEPTH {
            self.open.push(open);
        }
        (self.after_value, self.last_comma) = (false, None);
        self.out.push(open);
    }

    fn end(&mut self, close: char) {
        if let Some(comma) = self.last_comma.take() {
            self.say("trailing commas removed");
            self.out.replace_range(comma..=comma, " ");
        }
        self.open.pop();
        self.after_value = true;
        self.out.push(close);
    }

    fn comma_before_value(&mut self) {
        if self.after_value {
            self.say("missing commas added");
            self.out.push(',');
        }
        (self.after_value, self.last_comma) = (false, None);
    }

    /// Copies a text that began with this quotation mark, to the mark that ends it. Pages and word
    /// processors replace some of the marks only.
    fn string(&mut self, chars: &mut Peekable<Chars<'_>>, begin: char) {
        self.out.push('"');
        while let Some(character) = chars.next() {
            match character {
                '"' if begin == '"' => break,
                quote if is_quote(quote) && ends_text(begin, quote, chars) => {
                    self.say(TYPOGRAPHIC);
                    break;
                }
                '"' => self.out.push_str("\\\""),
                '\\' => {
                    self.out.push('\\');
                    self.out.extend(chars.next());
                }
                // JSON has no line breaks in texts; a pasted page has.
                '\n' | '\r' | '\t' => self.out.push(' '),
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}

/// What is said of them.
const TYPOGRAPHIC: &str = "typographic quotation marks replaced";

/// Marks that stand for `"`.
fn is_double(character: char) -> bool {
    matches!(character, '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '＂')
}

/// Marks that people see as quotation marks around a text.
fn is_quote(character: char) -> bool {
    is_double(character) || matches!(character, '‘' | '’' | '‚' | '‛')
}

/// Whether a mark ends a text that began with another, by what follows.
fn ends_text(begin: char, mark: char, following: &Peekable<Chars<'_>>) -> bool {
    let next = following.clone().find(|next| !next.is_whitespace());
    let is_end = next.is_none_or(|next| matches!(next, ',' | ':' | '}' | ']'));
    is_double(begin) == is_double(mark) && (is_end || begin != '"' && next.is_some_and(is_quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let pasted = PastedPolicy::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let principals = pasted.policy.statements.iter().flat_map(|one| one.principals.elements());
        (principals.map(|element| element.text.clone()).collect(), pasted.policy.notes)
    }

    /// Samples of AWS's pages have all of this.
    #[test]
    fn pasted_samples_are_repaired_and_this_is_said() {
        // Trailing commas, blanks before colons, no brackets around it.
        let fragment = r#""Statement" : [ { "Effect" : "Allow", "Principal" : { "AWS" : "<Execution Role ARN>" },
            "Action" : ["kms:Decrypt"], "Resource" : "*", }, ]"#;
        let (principals, notes) = read(fragment);
        assert_eq!(principals, ["Execution Role ARN"]);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].ends_with("brackets around it added, trailing commas removed"), "{notes:?}");
        assert_eq!(
            notes[2],
            r#"statement 1: principal "<Execution Role ARN>" is read as "Execution Role ARN""#
        );

        // A missing comma between texts, and one too many; one statement.
        let statement = r#"{ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:role/R" },
            "Action": [ "kms:GenerateDataKey" "kms:Decrypt", ], "Resource": "*" }"#;
        let (principals, notes) = read(statement);
        assert_eq!(principals, ["arn:aws:iam::111122223333:role/R"]);
        assert!(notes[0].ends_with("missing commas added, trailing commas removed"), "{notes:?}");
        assert_eq!(notes[1], "it is one statement, read as a policy");

        // Marks of emphasis.
        let marked = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":
            ["*arn:aws:iam::444455556666:root*", "*"]},"Action":"kms:*","Resource":"*"}}"#;
        let (principals, notes) = read(marked);
        assert_eq!(principals, ["arn:aws:iam::444455556666:root", "*"]);
        assert_eq!(notes.len(), 1, "{notes:?}");

        // Typographic marks, comments, a byte order mark, an end that was cut off.
        let pasted = "\u{feff}{“Version”: “2012-10-17”, // today\n “Statement”: [{“Effect”: “Deny”,
            “Principal”: “*”, “Action”: “kms:*”, “Resource”: “*”}";
        let (principals, notes) = read(pasted);
        assert_eq!(principals, ["*"]);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn quotation_marks_that_were_replaced_in_part_are_read() {
        for text in [
            r#"{“Effect": "Allow”, ‘Principal’: {“AWS": ”arn:aws:iam::111122223333:role/R"}, “Action”: “kms:*”, "Resource": "*"}"#,
            r#"{«Effect»: „Allow“, "Principal": {"AWS": ["arn:aws:iam::111122223333:role/R”]}, "Action": "kms:*", "Resource": "*"}"#,
            // A mark inside of a text stays.
            r#"{“Sid”: “the “old” one's”, "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/R"}, "Action": "kms:*", "Resource": "*"}"#,
        ] {
            let (principals, notes) = read(text);
            assert_eq!(principals, ["arn:aws:iam::111122223333:role/R"], "{text}");
            assert!(notes[0].contains("typographic quotation marks replaced"), "{notes:?}");
        }
    }

    #[test]
    fn answers_of_the_command_line_are_read() {
        let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let answer = serde_json::json!({"Policy": policy, "PolicyName": "default"}).to_string();
        let pasted = PastedPolicy::parse(&answer).unwrap();
        assert_eq!(pasted.name.as_deref(), Some("default"));
        assert!(pasted.policy.notes.is_empty());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "{", "[]", "{}", "null", "policy", r#"{"Statement":[{}]}"#, "\"", "}{", "{\"a\":}"] {
            assert!(PastedPolicy::parse(text).is_err(), "{text}");
        }
        assert!(PastedPolicy::parse(&"[".repeat(1 << 20)).is_err());
        assert!(PastedPolicy::parse(&"\"a\":{".repeat(1 << 18)).is_err());
    }
}
