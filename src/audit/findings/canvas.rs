//! Findings about what SageMaker Canvas stores.

use std::collections::BTreeSet;

use super::calls::{Calls, date, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::{OtherKey, Span};
use crate::model::{CanvasKey, counted};

/// Names of principals and keys that a sentence has.
const NAMES: usize = 3;

pub(super) const KEY_MISMATCH: FindingRule = FindingRule {
    id: "canvas-key-mismatch",
    severity: FindingSeverity::Medium,
    title: "Canvas stores data under another key than its settings name",
    about: "The settings of a domain or user profile name a key for what Canvas stores in S3, and objects in \
        Canvas's folder there were encrypted or decrypted with another key: a bucket policy or the bucket's default \
        encryption may demand it. Users who lack permissions on that key fail, and access to the key of the \
        settings says nothing about the data.",
    source: "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html",
    controls: "NIST SC-12, NIST SC-28, PCI 3.6.1",
    cannot_know: "Settings from before the input begins. A key that settings once named and no longer do is no \
        finding, and neither is any key where settings name an alias. S3 Bucket Keys hide the folder. Volumes and \
        file systems of the domain are not compared.",
    false_positives: "Objects from before the settings were changed; domains that share a folder, of which one's \
        settings are not in the input.",
    remediation: "Name the same key in the domain's settings, the bucket's default encryption and its policy.",
    is_negative: false,
    find: |seen| {
        let calls = seen.context.access.other_keys();
        let folder = |call: &OtherKey| (call.key.clone(), call.bucket.clone(), call.path.clone());
        calls.chunk_by(|a, b| folder(a.0) == folder(b.0)).filter_map(|calls| mismatch(seen, calls)).collect()
    },
};

/// The finding about calls with one key in one folder.
fn mismatch(seen: &Calls<'_>, calls: &[(&OtherKey, &Span)]) -> Option<Draft> {
    let (first, _) = calls.first()?;
    let last = calls.iter().map(|(_, span)| span.last.time).max()?;
    let records: u64 = calls.iter().map(|(_, span)| span.records).sum();
    let slash = if first.path.is_empty() { "" } else { "/" };
    let folder = format!("s3://{}/{}{slash}Canvas/", first.bucket, first.path);
    let facts = &seen.context.facts.canvas_keys;
    let settings: Vec<_> = facts
        .iter()
        .filter(|(named, _)| {
            *named.bucket == *first.bucket && *named.path == *first.path && named.by.time <= last
        })
        .collect();
    let key = |(named, _): &(&CanvasKey, _)| short(&named.key).to_owned();
    let named: BTreeSet<String> = settings.iter().map(key).collect();
    let principals: BTreeSet<&str> = calls.iter().map(|(call, _)| short(&call.principal)).collect();
    let apis: BTreeSet<&str> = calls.iter().map(|(call, _)| &*call.event_name).collect();
    let mut draft = Draft::new(Some(&first.key), None);
    draft.detail = format!(
        "Settings name {} for {folder}, but {} there until {} used this key: {} by {}.",
        some(named.iter().map(String::as_str)),
        counted(records, "record"),
        date(last),
        some(apis.into_iter()),
        some(principals.into_iter()),
    );
    draft.resource = Some(folder);
    let draft = settings.iter().fold(draft, |draft, (named, place)| draft.fact(&named.by, place));
    Some(draft.spans(calls.iter().map(|(_, span)| *span)))
}

/// The first few names.
fn some<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.take(NAMES).collect::<Vec<_>>().join(", ") + &more
}
