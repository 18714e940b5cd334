//! What is a call at all, and what of it CloudTrail left out.

use super::*;

pub fn records_that_are_no_calls() -> Vec<Case> {
    let not_usage = || json!({"class": "not_usage"});
    let aggregated = json!({"eventVersion": "1.0", "accountId": "111122223333", "eventId": "e", "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent", "awsRegion": "us-west-2", "eventSource": "kms.amazonaws.com",
        "timeWindow": {"windowStart": "2024-03-05T10:00:00Z", "windowEnd": "2024-03-05T10:05:00Z", "windowSize": "PT5M"},
        "summary": {"primaryDimension": {"dimension": "eventName", "statistics": []}, "details": []},
        "eventName": null, "eventTime": null, "eventID": null, "userIdentity": null, "recipientAccountId": null});
    let insight = |source: &str| {
        json!({"eventVersion": "1.07", "eventSource": null, "eventName": null, "userIdentity": null,
            "eventType": "AwsCloudTrailInsight", "eventCategory": "Insight", "sharedEventID": "i-1",
            "insightDetails": {"state": "Start", "eventSource": source, "eventName": "Decrypt",
                "insightType": "ApiCallRateInsight", "insightContext": {"statistics": {}}}})
    };
    vec![
        case("an ordinary call", json!({}), json!({"class": "event"})),
        case("old records have no category", json!({"eventCategory": null}), json!({"class": "event"})),
        case(
            "a service event is an event",
            json!({"eventType": "AwsServiceEvent"}),
            json!({"class": "event"}),
        ),
        case(
            "network activity, as records spell it",
            json!({"eventType": "AwsVpceEvent", "eventCategory": null}),
            not_usage(),
        ),
        case(
            "network activity, as the list of fields spells it",
            json!({"eventType": "AwsVpceEvents", "eventCategory": null}),
            not_usage(),
        ),
        case(
            "network activity by its category",
            json!({"eventType": null, "eventCategory": "NetworkActivity"}),
            not_usage(),
        ),
        case(
            "network activity that was denied",
            json!({"eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity", "errorCode": "VpceAccessDenied"}),
            not_usage(),
        ),
        case(
            "an insight into calls of KMS has no source of its own",
            insight("kms.amazonaws.com"),
            not_usage(),
        ),
        case(
            "an insight into calls of another service",
            insight("autoscaling.amazonaws.com"),
            json!({"class": "other_source"}),
        ),
        case(
            "an insight by its type alone",
            json!({"eventType": "AwsCloudTrailInsight", "eventCategory": null}),
            not_usage(),
        ),
        case(
            "an insight by its category alone",
            json!({"eventType": null, "eventCategory": "Insight"}),
            not_usage(),
        ),
        case(
            "details of an insight do not make one",
            json!({
                "eventSource": null,
                "eventName": "RunInstances",
                "insightDetails": {"eventSource": "kms.amazonaws.com"},
                "requestParameters": null,
                "resources": null,
                "responseElements": null,
            }),
            json!({"class": "other_source"}),
        ),
        case(
            "without a source, a key says that it is a KMS call",
            json!({"eventSource": null}),
            json!({"class": "rejected", "reason": "missing_field"}),
        ),
        case("an aggregate has neither name nor time", aggregated, not_usage()),
        case(
            "an aggregate by its type alone",
            json!({"eventType": "AwsAggregatedEvent", "eventCategory": null, "eventName": null}),
            not_usage(),
        ),
        case(
            "an aggregate by its category alone",
            json!({"eventType": null, "eventCategory": "Aggregated", "eventTime": null}),
            not_usage(),
        ),
        case("a dry run", json!({"requestParameters": {"dryRun": true, "keyId": KEY}}), not_usage()),
        case(
            "a dry run in text",
            json!({"requestParameters": {"dryRun": "true", "keyId": KEY}}),
            not_usage(),
        ),
        case("a dry run by its error", json!({"errorCode": "DryRunOperationException"}), not_usage()),
        case(
            "a dry run that would have been refused",
            json!({"requestParameters": {"dryRun": true}, "errorCode": "AccessDenied"}),
            not_usage(),
        ),
        case("no dry run", json!({"requestParameters": {"dryRun": false}}), json!({"class": "event"})),
        case(
            "a call without a name cannot be counted",
            json!({"eventName": null}),
            json!({"class": "rejected", "reason": "missing_field"}),
        ),
        case(
            "a call without a time cannot be counted",
            json!({"eventTime": null}),
            json!({"class": "rejected", "reason": "missing_field"}),
        ),
        case(
            "another major version may mean anything",
            json!({"eventVersion": "2.0", "eventCategory": "Insight"}),
            json!({"class": "rejected", "reason": "unsupported_version"}),
        ),
    ]
}

/// `{"reason":"requestParameters too large","omitted":true,"originalSize":119183}` stands in place
/// of what was left out.
pub fn what_cloudtrail_left_out() -> Vec<Case> {
    let note =
        |name: &str| json!({"reason": format!("{name} too large"), "omitted": true, "originalSize": 119_183});
    let omits = |names: Option<&str>| json!({"class": "event", "omitted_fields": names});
    vec![
        case("nothing left out", json!({}), omits(None)),
        case(
            "request parameters",
            json!({"requestParameters": note("requestParameters")}),
            json!({"omitted_fields": "requestParameters", "encryption_context": null, "key_origin": "resources"}),
        ),
        case(
            "response elements",
            json!({"responseElements": note("responseElements")}),
            omits(Some("responseElements")),
        ),
        case(
            "additional data",
            json!({"additionalEventData": note("additionalEventData")}),
            omits(Some("additionalEventData")),
        ),
        case(
            "additional data in a text",
            json!({"additionalEventData": note("additionalEventData").to_string()}),
            omits(Some("additionalEventData")),
        ),
        case(
            "details of a service event",
            json!({"serviceEventDetails": note("serviceEventDetails")}),
            omits(Some("serviceEventDetails")),
        ),
        case(
            "several",
            json!({"requestParameters": note("requestParameters"), "responseElements": note("responseElements")}),
            omits(Some("requestParameters,responseElements")),
        ),
        case(
            "told by the flag",
            json!({"requestParameters": {"omitted": true}}),
            omits(Some("requestParameters")),
        ),
        case(
            "told by the flag in text",
            json!({"requestParameters": {"omitted": "true", "originalSize": "119183"}}),
            omits(Some("requestParameters")),
        ),
        case(
            "told by the reason",
            json!({"responseElements": {"reason": "responseElements too large"}}),
            omits(Some("responseElements")),
        ),
        case(
            "another reason for something else",
            json!({"requestParameters": {"reason": "too large to tell", "omitted": false}}),
            omits(None),
        ),
        case(
            "request parameters, hidden",
            json!({"requestParameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            json!({"omitted_fields": "requestParameters", "encryption_context": null, "key_origin": "resources"}),
        ),
        case(
            "request parameters, hidden, without resources",
            json!({"requestParameters": "HIDDEN_DUE_TO_SECURITY_REASONS", "resources": null}),
            json!({"key_origin": "none", "key_arn": null, "omitted_fields": "requestParameters"}),
        ),
        case(
            "response elements, hidden",
            json!({"responseElements": "***"}),
            omits(Some("responseElements")),
        ),
        case("no response elements, in words", json!({"responseElements": "NULL"}), omits(None)),
        case(
            "the key is unknown, not absent",
            json!({"requestParameters": note("requestParameters"), "resources": null}),
            json!({"key_origin": "none", "key_arn": null, "omitted_fields": "requestParameters"}),
        ),
    ]
}
