//! Rules out that a record of another service contains facts, from its raw bytes.
//!
//! Reading a record into general JSON costs more than everything else that is done with it, and
//! most records with one of the needles of [`may_contain_facts`](super::may_contain_facts) contain
//! no facts: `sagemaker.` also occurs in calls that SageMaker makes elsewhere, and in calls that
//! only list or describe. The bytes rule a record out only when no other reading of them is
//! possible.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr;
use memchr::memmem::Finder;

use super::any_case::any_case;
use super::error::NoFacts;
use super::facts::{facts, may_contain_facts};
use super::families::{FAMILIES, Interest, Word, family_of};
use super::prefilter::KMS;
use crate::model::Fact;

static SOURCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eventSource"));
static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eventName"));
/// Parameters that another tool has written as JSON text: words in it are spelled in another way.
static TEXT_PARAMETERS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""requestParameters":""#));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));
/// Parts of the families' words, in every case: for some short texts `aho_corasick` uses vector
/// instructions, for a search without regard to case it does not.
static PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = FAMILIES.iter().flat_map(|family| family.words);
    let parts: BTreeSet<&str> = words.filter_map(|word| word.text.get(word.part..word.part + 4)).collect();
    let parts = parts.into_iter().flat_map(any_case);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(parts).ok()
});

/// The texts of all families: parts of ARNs and values, which are spelled in one way.
static TEXTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let texts = FAMILIES.iter().flat_map(|family| family.texts);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(texts).ok()
});

/// Whether the record contains one of the texts of all families.
fn contains_text(record: &[u8]) -> bool {
    // If the searcher could not be built (it can be), any record may contain one.
    TEXTS.as_ref().is_none_or(|texts| texts.is_match(record))
}

/// Whether the record contains one of these words, in any case.
fn contains_any(record: &[u8], words: &[Word]) -> bool {
    let is_there = |part: usize| {
        words.iter().any(|Word { text: word, part: at }| {
            let start = part.checked_sub(*at);
            let text = start.and_then(|start| record.get(start..start + word.len()));
            text.is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    // If the searcher could not be built (it can be), any record may contain one.
    PARTS.as_ref().is_none_or(|parts| parts.find_iter(record).any(|found| is_there(found.start())))
}

/// Returns the [`facts`] of a record that is not a KMS call.
///
/// # Errors
/// As [`facts`].
pub fn facts_of_other(record: &[u8]) -> Result<Vec<Fact<'static>>, NoFacts> {
    if !may_contain_facts(record) || is_ruled_out(record) {
        return Ok(Vec::new());
    }
    facts(record)
}

/// Whether it is certain that [`facts`](super::facts) of the record are none. The record must not
/// be a KMS call.
fn is_ruled_out(record: &[u8]) -> bool {
    // An escape may hide a name.
    let Some(source) = only_value(record, &SOURCE).filter(|_| ESCAPE.find(record).is_none()) else {
        return false;
    };
    let Some(name) = only_value(record, &NAME) else { return false };
    let [Ok(source), Ok(name)] = [source, name].map(std::str::from_utf8) else { return false };
    let Some(family) = family_of(source) else { return true };
    source != KMS
        && match (family.interest)(name) {
            Interest::Never => true,
            Interest::IfItContains { words, texts } => {
                !contains_any(record, words)
                    && (texts.is_empty() || !contains_text(record))
                    && TEXT_PARAMETERS.find(record).is_none()
            }
            Interest::Always => false,
        }
}

/// The value of the only member with a name, if it is a string without escapes. `None` also when
/// the name occurs again, anywhere.
fn only_value<'r>(record: &'r [u8], name: &Finder<'_>) -> Option<&'r [u8]> {
    let at = name.find(record)?;
    let rest = record.get(at + name.needle().len()..)?;
    if at == 0 || record.get(at - 1) != Some(&b'"') || name.find(rest).is_some() {
        return None;
    }
    let value = rest.strip_prefix(br#"":""#)?;
    let value = value.get(..memchr(b'"', value)?)?;
    (!value.contains(&b'\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(source: &str, name: &str, request: &str) -> String {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"2024-01-01T00:00:00Z","eventSource":"{source}.amazonaws.com","eventName":"{name}","requestParameters":{request}}}"#
        )
    }

    #[test]
    fn words_are_found_in_any_case() {
        let words = family_of("sagemaker.amazonaws.com").unwrap().words;
        for Word { text: word, .. } in words {
            for text in [
                (*word).to_owned(),
                word.to_uppercase(),
                format!("x{}{}", &word[..3], word[3..].to_uppercase()),
            ] {
                assert!(contains_any(text.as_bytes(), words), "{text}");
                assert!(!contains_any(&text.as_bytes()[..text.len() - 1], words), "{text}");
            }
        }
    }

    #[test]
    fn calls_that_say_nothing_are_ruled_out() {
        for (source, name, request) in [
            ("s3", "PutObject", r#"{"a":"sagemaker.amazonaws.com"}"#),
            ("sagemaker", "ListEndpoints", "{}"),
            ("sagemaker", "CreatePipeline", r#"{"roleArn":"arn:aws:iam::111122223333:role/R"}"#),
            ("sagemaker", "CreatePipeline", r#"{"roleArn":"r","pipelineDefinition":"{\"KmsKeyId\":\"k\"}"}"#),
            ("sagemaker", "DeleteWorkteam", "{}"),
            ("sagemaker", "DescribePipeline", r#"{"pipelineName":"p"}"#),
            ("sagemaker", "Search", r#"{"crossAccountFilterOption":"SameAccount"}"#),
            ("sts", "GetCallerIdentity", "{}"),
            ("cloudtrail", "LookupEvents", "{}"),
        ] {
            let record = record(source, name, request);
            assert!(is_ruled_out(record.as_bytes()), "{record}");
            assert_eq!(facts(record.as_bytes()), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_may_be_read_in_another_way_is_not_ruled_out() {
        let plain = record("s3", "PutObject", "{}");
        for other in [
            plain.replace("eventSource\":", "eventSource\": "),
            plain.replace("{}", r#"{"eventSource":"x"}"#),
            plain.replace("{}", r#"{"eventName":"x"}"#),
            plain.replace("{}", r#"{"a":"\u0065"}"#),
            plain.replace("s3.", r"s3\/."),
            plain.replace("eventSource", "source"),
            record("sagemaker", "CreateDomain", r#"{"KMSKeyId":"k"}"#),
            record("sagemaker", "DescribeApp", r#"{"appName":"My-CANVAS"}"#),
            record("sagemaker", "DescribeFeatureGroup", "{}"),
            record("sagemaker-geospatial", "StartEarthObservationJob", r#"{"ExecutionRoleArn":"r"}"#),
            record("forecast", "CreateDataset", r#"{"encryptionConfig":{"KMSKeyArn":"k"}}"#),
            record("cloudtrail", "StopLogging", "{}"),
            record("ram", "ListResources", "{}"),
            record("sagemaker", "PutModelPackageGroupPolicy", "{}"),
            record("sagemaker", "DescribePipeline", r#"{"pipelineName":"arn:aws:sagemaker:r:1:pipeline/p"}"#),
            record("sagemaker", "Search", r#"{"crossAccountFilterOption":"CrossAccount"}"#),
        ] {
            assert!(!is_ruled_out(other.as_bytes()), "{other}");
        }
    }
}
