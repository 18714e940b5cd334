//! Records at the edges: hardly any content, or made to be mistaken for KMS usage. None may be
//! counted as it.

use super::everyday::gnarled;
use super::json::{Json, arr, obj};
use super::kms::Place;
use super::other::{Call, caller};
use super::rng::Rng;
use super::truth::time_text;

/// As little as a record can say.
pub fn tiny(rng: &mut Rng, place: &Place) -> Json {
    match rng.below(3) {
        0 => obj! {"eventVersion" => "1.08", "eventSource" => "health.amazonaws.com", "eventName" => "Ping"},
        1 => {
            obj! {
                "eventVersion" => "1.08",
                "userIdentity" => obj! {"type" => "AWSService", "invokedBy" => "ec2.amazonaws.com"},
                "eventTime" => time_text(place.time),
                "eventSource" => "ec2.amazonaws.com",
                "eventName" => "SharedSnapshotVolumeCreated",
                "awsRegion" => &place.region,
                "eventID" => rng.uuid(),
            }
        }
        _ => obj! {},
    }
}

/// A complete KMS record, for use where no record may stand.
fn look_alike(rng: &mut Rng, place: &Place) -> Json {
    super::workloads::geospatial(rng, place).json()
}

/// Records made to be mistaken for KMS usage.
pub fn trap(rng: &mut Rng, place: &Place) -> Json {
    let who = caller(rng, place);
    let inner = look_alike(rng, place);
    let call = match rng.below(6) {
        0 => Call::new(
            "sns.amazonaws.com",
            "Publish",
            who,
            obj! {"topicArn" => "arn:aws:sns:us-west-2:111122223333:audit", "message" => inner.to_text()},
        ),
        1 => {
            let entry = obj! {
                "source" => "aws.kms",
                "detail-type" => "AWS API Call via CloudTrail",
                "detail" => inner,
            };
            Call::new(
                "events.amazonaws.com",
                "PutEvents",
                who,
                obj! {"entries" => arr![entry.clone(), entry]},
            )
        }
        2 => {
            let document = obj! {"Records" => arr![inner.clone(), inner]};
            Call::new(
                "sqs.amazonaws.com",
                "SendMessage",
                who,
                obj! {"messageBody" => document.to_text(), "attributes" => document},
            )
        }
        3 => Call::new(
            "s3.amazonaws.com",
            "SelectObjectContent",
            who,
            obj! {
                "eventSource" => "kms.amazonaws.com",
                "eventName" => "Decrypt",
                "expression" => gnarled(rng),
            },
        ),
        4 => {
            // As deep as a recursive parser with the usual limit of 128 still reads.
            let nested = (0..90).fold(inner, |value, level| {
                if level % 2 == 0 {
                    arr![value]
                } else {
                    obj! {"eventSource" => value}
                }
            });
            Call::new("stepfunctions.amazonaws.com", "StartExecution", who, obj! {"input" => nested})
        }
        _ => {
            let message = format!("{}{}", gnarled(rng), inner.to_text());
            Call::new(
                "logs.amazonaws.com",
                "PutLogEvents",
                who,
                obj! {"message" => message, "eventSource\":\"kms.amazonaws.com" => gnarled(rng)},
            )
        }
    };
    call.record(rng, place)
}
