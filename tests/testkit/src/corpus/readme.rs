//! The sample tree's files other than logs: its README with the expected answer, and a digest file.

use std::fmt::Write as _;

use serde_json::Value;

use super::sample::{CONSUMER, MAIN, MISSING, PLAIN};
use super::sharing_stories::PARTNER;
use super::stories::AUDITED;
use super::truth::Truth;

/// A digest lies beside the logs of every trail with validation turned on; it holds no events.
pub fn digest() -> (String, Value) {
    let object = format!(
        "AWSLogs/{MAIN}/CloudTrail-Digest/us-west-2/2023/03/28/{MAIN}_CloudTrail-Digest_us-west-2_management-events_us-west-2_20230328T230000Z.json.gz"
    );
    let digest = serde_json::json!({
        "awsAccountId": MAIN,
        "digestStartTime": "2023-03-28T22:00:00Z",
        "digestEndTime": "2023-03-28T23:00:00Z",
        "digestS3Bucket": "example-bucket",
        "digestS3Object": object,
        "digestPublicKeyFingerprint": "36b49878fd0da4c490c05a48f73f4a8c",
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": null,
        "oldestEventTime": null,
        "previousDigestS3Bucket": null,
        "previousDigestS3Object": null,
        "previousDigestHashValue": null,
        "previousDigestHashAlgorithm": null,
        "previousDigestSignature": null,
        "logFiles": [],
    });
    (object, digest)
}

pub fn text(truth: &Truth) -> String {
    let mut out = format!(
        "# Sample logs

A small CloudTrail archive to try keytrail on, made by the project's own generator:
`cargo run --release --example generate -- --sample sample-logs --truth tests/data/sample-truth.json`.
The same command gives the same bytes again. All names, addresses and ids are invented or AWS's documentation ones.

| account | region | days | what happens |
|---|---|---|---|
| {MAIN} | us-west-2 | 2023-03-17 to 28 | geospatial jobs: the service by its grant, the execution role by itself; refusals in every documented wording; key administration |
| {MAIN} | us-east-1 | 2025-06-01 to 05 | Canvas, Forecast through Canvas, Forecast by itself, other SageMaker |
| {MAIN} | eu-central-1 | 2024-02-01 to 05 | an offline feature store, written and read |
| {CONSUMER} | us-west-2 | 2023-03-17 to 28 | reads the main account's offline store: calls that are in both accounts' logs |
| {PLAIN} | us-east-1, eu-central-1 | 2025-06-01 to 05, 2024-02-01 to 03 | no SageMaker at all: DynamoDB, Lambda, S3, people |
| {AUDITED} | eu-west-1, ap-south-1 | 2024-09-01 to 11-14, 2024-11-13 | a story for each finding, see below |
| {PARTNER} | eu-west-1 | 2024-09-02 to 11 | uses what {AUDITED} shares |

Made on purpose:

- The four events of AWS's page on geospatial KMS permissions are in it as documented (17, 24 and 28 March 2023; JSON
  defects mended, ids made distinct). So are the KMS samples of other AWS pages; those are moved to days of this tree.
- {}/{}/{} has no delivery.
- Three records of 24 March 2023 are delivered a second time on the 25th (00:20).
- Records of other services hold KMS records as text and as nested objects. None of those may be counted.
- One digest file holds no events and is skipped, as is this README.

## The stories of {AUDITED}

`keytrail findings sample-logs` tells them; [docs/findings.md](../docs/findings.md) has the rules.

| finding | what happens |
|---|---|
| `grant-stale` | QuarterlyReport has a grant from 1 September on, and never calls |
| `grant-wide` | Loader may decrypt, encrypt and generate data keys, and only decrypts |
| `grant-external`, `new-account` | 333344445555 gets a grant on 30 October, and uses the key on 12 November for the first time |
| `grant-orphaned` | Nightly gets the same grant on 1 and 30 September, with two ids: the role was deleted in between |
| `grant-without-constraints` | Loose may decrypt whatever the context |
| `grant-used-after-end` | Former's grant is revoked on 10 October; a Decrypt succeeds on the 20th |
| `key-pending-deletion-used`, `disable-then-delete`, `deletion-window-shortest`, `dead-key-asked-for` | Intruder disables Batch's key on 10 October and schedules its deletion, in 7 days, 20 minutes later; Batch asks twelve times more |
| `key-disabled-used` | the key of Reports is disabled on 20 October |
| `key-deleted-used` | the key of Archive is deleted on 5 October, a month after its last use |
| `rotation-enabled`, `rotation-disabled` | KeyOwner turns the rotation of two keys on, and of one off again |
| `admin-who-uses`, `lockout-check-bypassed` | KeyAdmin writes a key policy without the lockout check, and decrypts with the key |
| `new-principal` | Intern uses a key on 11 November that others have used since September |
| `new-region` | App calls in ap-south-1 on 13 November for the first time |
| `new-address` | Olga calls from 198.51.100.99 on 13 November, and from 203.0.113.7 before |
| `refused-repeatedly` | Guess is refused twelve times on 15 September |
| `canvas-key-mismatch` | KeyOwner names a key for what Canvas stores in S3 on 5 September; App stores under another key on 15 October |
| `trail-stopped`, `trail-excludes-kms` | Intruder stops a trail on 10 October, starts it again, and leaves KMS out the day after |

What {AUDITED} shares with {PARTNER} and with 999900001111, whose trail is not here; `keytrail sharing sample-logs`
shows it. No public record of these calls was found: their parameters and responses are those of the service models of
AWS RAM and SageMaker.

| finding | what happens |
|---|---|
| `pipeline-run-by-others` | {PARTNER} accepts the share of the pipeline demand on 3 September, and starts it on the 4th |
| `share-used-after-end`, `used-without-share` | the share of the pipeline old ends on 6 September, and {PARTNER} describes it on the 8th; no share is for the pipeline hidden |
| `share-external-by-default`, `share-untrusted`, `share-invitation-open`, `share-never-used` | the pipeline batch is shared with 999900001111, which never answers |
| `permission-changed-for-all` | a permission gets another default version on 9 September |
| `share-policy-wide`, `share-promotion-failed`, `share-not-discoverable` | the policy of the model package group churn lets a role do everything; AWS RAM does not promote it |
| `share-changed-by-others` | the role deletes churn's first version on 8 September |
| `share-never-promoted` | the policy of fraud in ap-south-1 lets {PARTNER} read, and nobody promotes it |
| `share-refused-by-kms` | the role makes a model of churn's first version, and is refused the key of its artifacts |
| `offline-store-misfit` | the feature group partner-customers has a role of {PARTNER}; {PARTNER} reads its offline store |

And of two key policies in 111122223333, which `keytrail policy check sample-logs` compares with the calls:

| finding | what happens |
|---|---|
| `policy-case` | the policy of Canvas's key names AmazonSageMakerCanvasForecastRole…, the role is called AmazonSagemaker… |
| `policy-missing` | so Forecast lacks all that it needs in the key policy |
| `policy-wide`, `policy-not-used` | OldProject may do everything with that key, and never called |
| `policy-without-effect`, `policy-retire-grant` | the statement Reports has no Resource; Forecast's has kms:RetireGrant |
| `policy-offline-store-via-sagemaker` | the statement Feature Store asks for SageMaker, and Amazon S3 calls |
| `policy-public` | the statement Readers is for everybody |

`grant-quota` needs 40,000 grants: only a test has them.

## The answer

{} records in {} files, {:.1} MiB of JSON; {} of them are KMS events. Every other number depends on the selection:

| class | default selection | `--workload any --event any` |
|---|--:|--:|
",
        MISSING.0,
        MISSING.1,
        MISSING.2,
        truth.records,
        truth.archives,
        truth.json_bytes as f64 / 1_048_576.0,
        truth.kms_records
    );
    let (default, any) = (&truth.default, &truth.any);
    for (class, a, b) in [
        ("selected", default.selected, any.selected),
        ("duplicate", default.duplicates, any.duplicates),
        ("other_copy", default.other_copies, any.other_copies),
        ("other_source", truth.other_source, truth.other_source),
        ("other_event", default.other_event, any.other_event),
        ("other_workload", default.other_workload, any.other_workload),
        ("filtered", 0, 0),
        ("not_usage", truth.not_usage, truth.not_usage),
        ("rejected", 0, 0),
        ("**records**", truth.records, truth.records),
    ] {
        let _ = writeln!(out, "| {class} | {a} | {b} |");
    }
    out.push_str(
        "
The usage groups of the default selection, one line per row of `usage.parquet`. Keys are shown by the end of their
ARN (`-` where the record does not tell), roles by their name; `tests/data/sample-truth.json` has every column, and
the groups of the other selection.

| workload | event | outcome | principal | invoked by | key | events | sessions |
|---|---|---|---|---|---|--:|--:|
",
    );
    let groups = default.groups_json();
    let mut lines: Vec<String> = groups.as_array().into_iter().flatten().map(line).collect();
    lines.sort();
    out.push_str(&lines.concat());
    out
}

fn line(group: &Value) -> String {
    let text = |name: &str| group[name].as_str().unwrap_or("-").to_owned();
    let principal = text("principal");
    let principal = principal.rsplit('/').next().unwrap_or(&principal);
    let key = match (group["key_region"].as_str(), group["key_id"].as_str()) {
        (Some(region), Some(id)) => format!("{region} …{}", &id[id.len() - 12..]),
        (Some(region), None) => format!("{region} alias"),
        _ => "-".to_owned(),
    };
    let invoked_by = text("invoked_by");
    format!(
        "| {} | {} | {} | {principal} | {} | {key} | {} | {} |\n",
        text("workload"),
        text("event_name"),
        text("outcome"),
        if invoked_by == principal { "itself" } else { &invoked_by },
        group["event_count"],
        group["session_count"]
    )
}
