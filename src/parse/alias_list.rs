//! Reads the output of `aws kms list-aliases`, with which users can say where aliases point.

use serde::Deserialize;
use serde_json::{Deserializer, Value};

use super::error::AliasListError;
use crate::model::{Arn, EventTime};

/// An alias and the key that it pointed to when the list was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedAlias {
    /// ARN of the alias.
    pub alias: String,
    /// ARN of its key; `None` when the list names none (an AWS managed key that has not been
    /// created yet).
    pub key: Option<String>,
    /// `LastUpdatedDate`, else `CreationDate`; `None` when the list has no dates.
    pub since: Option<EventTime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAlias {
    alias_arn: Option<String>,
    target_key_id: Option<String>,
    creation_date: Option<Value>,
    last_updated_date: Option<Value>,
}

/// Reads one page of output, or several pages one after the other.
///
/// # Errors
/// When the text is not such output.
pub fn parse_alias_list(text: &str) -> Result<Vec<ListedAlias>, AliasListError> {
    let mut list = Vec::new();
    let mut pages = 0;
    for page in Deserializer::from_str(text).into_iter::<Value>() {
        let Value::Object(mut page) = page? else { return Err(AliasListError::NoAliases) };
        let Some(Value::Array(aliases)) = page.remove("Aliases") else {
            return Err(AliasListError::NoAliases);
        };
        pages += 1;
        for alias in aliases {
            let number = list.len() + 1;
            list.push(listed_alias(serde_json::from_value(alias)?, number)?);
        }
    }
    if pages == 0 { Err(AliasListError::NoAliases) } else { Ok(list) }
}

fn listed_alias(raw: RawAlias, number: usize) -> Result<ListedAlias, AliasListError> {
    let fail = |member| AliasListError::Alias { number, member };
    let alias = raw.alias_arn.ok_or_else(|| fail("AliasArn"))?;
    let arn = Arn::parse(&alias).filter(|arn| arn.service == "kms" && arn.resource.starts_with("alias/"));
    let Arn { partition, region, account, .. } = arn.ok_or_else(|| fail("AliasArn"))?;
    // A key is in the account and the region of its alias.
    let key = raw.target_key_id.map(|id| format!("arn:{partition}:kms:{region}:{account}:key/{id}"));
    let since = raw.last_updated_date.or(raw.creation_date);
    let since = since.map(|date| date_time(&date).ok_or_else(|| fail("LastUpdatedDate"))).transpose()?;
    Ok(ListedAlias { alias, key, since })
}

/// Seconds since the epoch (version 1 of the AWS CLI) or ISO 8601 (version 2).
fn date_time(date: &Value) -> Option<EventTime> {
    match date {
        Value::String(text) => EventTime::parse(text),
        // Event times have no fractions of a second.
        Value::Number(seconds) => Some(EventTime((seconds.as_f64()? as i64).checked_mul(1000)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIAS: &str = "arn:aws:kms:us-west-2:111122223333:alias/x";

    fn page(rest: &str) -> String {
        format!(r#"{{"Aliases":[{{"AliasName":"alias/x","AliasArn":"{ALIAS}"{rest}}}]}}"#)
    }

    #[test]
    fn both_versions_of_the_aws_cli_are_read() {
        let key = Some("arn:aws:kms:us-west-2:111122223333:key/k".to_owned());
        let since = EventTime::parse("2023-03-01T10:00:00Z");
        for (rest, key, since) in [
            (r#","TargetKeyId":"k","CreationDate":1.0,"LastUpdatedDate":1677664800.25"#, key.clone(), since),
            (r#","TargetKeyId":"k","LastUpdatedDate":"2023-03-01T12:00:00+02:00""#, key.clone(), since),
            (
                r#","TargetKeyId":"k","CreationDate":"2023-03-01T10:00:00.5Z""#,
                key.clone(),
                since.map(|t| EventTime(t.0 + 500)),
            ),
            (r#","TargetKeyId":"k""#, key, None),
            ("", None, None),
        ] {
            let expected = ListedAlias { alias: ALIAS.to_owned(), key, since };
            assert_eq!(parse_alias_list(&page(rest)).unwrap(), [expected]);
        }
        assert_eq!(parse_alias_list(&[page(""), page("")].join("\n")).unwrap().len(), 2, "pages");
    }

    #[test]
    fn other_files_are_rejected() {
        for (text, expected) in [
            ("", "no \"Aliases\" list"),
            ("[]", "no \"Aliases\" list"),
            (r#"{"Keys":[]}"#, "no \"Aliases\" list"),
            ("{", "not JSON"),
            (r#"{"Aliases":[{}]}"#, "alias 1 has no readable AliasArn"),
            (&page(r#","LastUpdatedDate":"lately""#), "alias 1 has no readable LastUpdatedDate"),
        ] {
            let error = parse_alias_list(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
