//! What a call was for: the AWS service and the resource whose data the key protects.

use std::borrow::Cow;
use std::fmt::Write;

use memchr::memchr2;

use super::bounds::LONGEST_NAME;
use super::kms_event::KmsEvent;

/// A name in the encryption context by which a service says what a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextName {
    /// The name in the encryption context. Its value is the resource.
    pub name: &'static str,
    /// The service.
    pub service: &'static str,
    /// What the value is.
    pub resource: &'static str,
    /// The page of AWS's documentation that shows the name.
    pub source: &'static str,
}

/// Declares the table.
macro_rules! context_names {
    ($( $name:literal, $service:literal, $resource:literal, $source:literal; )*) => {
        &[$( ContextName { name: $name, service: $service, resource: $resource, source: $source }, )*]
    };
}

/// The names, in the order of precedence: of a context with several, the first one counts. A
/// service that keeps its data in that of another one (CloudTrail and ECR in S3, RDS on EBS) gives
/// both names.
pub static CONTEXT_NAMES: &[ContextName] = context_names! {
    "SecretARN", "secretsmanager.amazonaws.com", "ARN of the secret",
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html";
    "PARAMETER_ARN", "ssm.amazonaws.com", "ARN of the parameter",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html";
    "aws:cloudtrail:arn", "cloudtrail.amazonaws.com", "ARN of the trail",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/encrypting-cloudtrail-log-files-with-aws-kms.html";
    "aws:ecr:arn", "ecr.amazonaws.com", "ARN of the repository",
        "https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html";
    "aws:rds:db-id", "rds.amazonaws.com", "id of the DB instance (`db-…`)",
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html";
    "aws:rds:dbc-id", "rds.amazonaws.com", "id of the DB cluster (`cluster-…`)",
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html";
    "aws:redshift:arn", "redshift.amazonaws.com", "ARN of the cluster or integration",
        "https://docs.aws.amazon.com/kms/latest/developerguide/services-redshift.html";
    "aws:dynamodb:tableName", "dynamodb.amazonaws.com", "name of the table",
        "https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html";
    "aws:lambda:FunctionArn", "lambda.amazonaws.com", "ARN of the function",
        "https://docs.aws.amazon.com/lambda/latest/dg/security-encryption-at-rest.html";
    "aws:logs:arn", "logs.amazonaws.com", "ARN of the log group",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html";
    "aws:sqs:arn", "sqs.amazonaws.com", "ARN of the queue",
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html";
    "aws:sns:topicArn", "sns.amazonaws.com", "ARN of the topic",
        "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html";
    "aws:kinesis:arn", "kinesis.amazonaws.com", "ARN of the stream",
        "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html";
    "aws:events:event-bus:arn", "events.amazonaws.com", "ARN of the event bus",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html";
    "aws:states:stateMachineArn", "states.amazonaws.com", "ARN of the state machine",
        "https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html";
    "aws:states:activityArn", "states.amazonaws.com", "ARN of the activity",
        "https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html";
    "aws:elasticfilesystem:filesystem:id", "elasticfilesystem.amazonaws.com", "id of the file system (`fs-…`)",
        "https://docs.aws.amazon.com/efs/latest/ug/logging-using-cloudtrail.html";
    "aws:ebs:id", "ebs.amazonaws.com", "id of the volume or snapshot (`vol-…`, `snap-…`)",
        "https://docs.aws.amazon.com/kms/latest/developerguide/services-ebs.html";
    "aws:s3:arn", "s3.amazonaws.com", "ARN of the object; with an S3 Bucket Key, of the bucket",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html";
};

/// What a call was for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Served<'e> {
    /// The service, named as in `invoked_by`, without `.cn`.
    pub service: Option<Cow<'e, str>>,
    /// The resource, as the encryption context names it.
    pub resource: Option<Cow<'e, str>>,
}

impl KmsEvent<'_> {
    /// What the call was for. The encryption context says it best; else it is known which service
    /// called, or which one got a grant. A caller who is not a service can put anything in the
    /// encryption context.
    pub fn served(&self) -> Served<'_> {
        if let Some((service, resource)) = self.encryption_context.as_deref().and_then(named_in) {
            return Served { service: Some(Cow::Borrowed(service)), resource: Some(resource) };
        }
        let principal = &self.principal;
        let itself = (principal.kind == "AWSService").then_some(&principal.name);
        let callers = principal.invoked_by.as_ref().into_iter().chain(itself);
        let parties = callers.chain(&self.grantee_principal);
        Served { service: parties.filter_map(|name| service_name(name)).next(), resource: None }
    }
}

/// The service and the resource that an encryption context names: an object as compact JSON text.
fn named_in(context: &str) -> Option<(&'static str, Cow<'_, str>)> {
    let mut found: Option<(usize, &str)> = None;
    let mut rest = context.strip_prefix('{')?;
    while let Some((name, after)) = json_string(rest) {
        let (value, after) = json_string(after.strip_prefix(':')?)?;
        let plain = &name[1..name.len() - 1];
        let place = CONTEXT_NAMES.iter().position(|known| known.name == plain);
        if let Some(place) = place.filter(|place| found.is_none_or(|(best, _)| *place < best)) {
            found = Some((place, value));
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => break,
        }
    }
    let (place, value) = found?;
    let text = match value[1..value.len() - 1].contains('\\') {
        true => Cow::Owned(serde_json::from_str(value).ok()?),
        false => Cow::Borrowed(&value[1..value.len() - 1]),
    };
    Some((CONTEXT_NAMES.get(place)?.service, shortened(text))).filter(|(_, text)| !text.is_empty())
}

/// No resource of AWS has as long a name as an encryption context may hold, and reports keep one.
fn shortened(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.len() {
        ..=LONGEST_NAME => text,
        _ => Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(LONGEST_NAME)])),
    }
}

/// The JSON string at the start of a text, with its quotation marks, and what follows it.
fn json_string(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut at = usize::from(bytes.first() == Some(&b'"'));
    loop {
        let end = at + memchr2(b'"', b'\\', bytes.get(at..).filter(|_| at > 0)?)?;
        match bytes.get(end)? {
            // What is escaped is one ASCII character, or `u` and digits.
            b'\\' => at = end + 2,
            _ => return text.split_at_checked(end + 1),
        }
    }
}

/// The name of an AWS service, normalized, without `.cn`.
fn service_name(name: &str) -> Option<Cow<'_, str>> {
    let name = super::normalize_service(Cow::Borrowed(name));
    let plain = name.strip_suffix(".cn").map(str::to_owned);
    let name = plain.map_or(name, Cow::Owned);
    let label = name.strip_suffix(".amazonaws.com")?;
    let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    label.bytes().all(is_label).then_some(name)
}

/// The table as Markdown, as in `docs/report-schema.md`.
pub fn context_names_markdown() -> String {
    let mut text =
        String::from("| name in the encryption context | `service` | `resource` |\n|---|---|---|\n");
    for ContextName { name, service, resource, source } in CONTEXT_NAMES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| [`{name}`]({source}) | `{service}` | {resource} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(context: Option<&str>, change: impl Fn(&mut KmsEvent<'static>)) -> (String, String) {
        let mut event = KmsEvent::example();
        event.encryption_context = context.map(|context| context.to_owned().into());
        change(&mut event);
        let Served { service, resource } = event.served();
        let text = |text: Option<Cow<'_, str>>| text.map_or("-".to_owned(), Cow::into_owned);
        (text(service), text(resource))
    }

    #[test]
    fn the_encryption_context_names_what_was_served() {
        for (context, service, resource) in [
            (r#"{"SecretARN":"arn:s","SecretVersionId":"v"}"#, "secretsmanager.amazonaws.com", "arn:s"),
            (r#"{"aws:ebs:id":"vol-1"}"#, "ebs.amazonaws.com", "vol-1"),
            // A service on top of another one.
            (r#"{"aws:ebs:id":"vol-1","aws:rds:db-id":"db-A"}"#, "rds.amazonaws.com", "db-A"),
            (r#"{"aws:cloudtrail:arn":"arn:t","aws:s3:arn":"arn:o"}"#, "cloudtrail.amazonaws.com", "arn:t"),
            (r#"{"aws:ecr:arn":"arn:r","aws:s3:arn":"arn:o"}"#, "ecr.amazonaws.com", "arn:r"),
            // Beside what callers add, and with what JSON escapes.
            (r#"{"Department":"a,\"b\\","aws:s3:arn":"arn:\"x\u00e9\\"}"#, "s3.amazonaws.com", "arn:\"xé\\"),
            (r#"{"a\"aws:s3:arn":"x"}"#, "-", "-"),
            (r#"{"x":"\"aws:s3:arn\":\"y\""}"#, "-", "-"),
            (r#"{"aws:s3:arn":""}"#, "-", "-"),
            (r#"{"secretarn":"x"}"#, "-", "-"),
            ("{}", "-", "-"),
            ("", "-", "-"),
            (r#"{"aws:s3:arn":"#, "-", "-"),
            (r#"{"aws:s3:arn":"\"#, "-", "-"),
        ] {
            assert_eq!(served(Some(context), |_| {}), (service.to_owned(), resource.to_owned()), "{context}");
        }
    }

    #[test]
    fn without_one_it_is_the_service_that_called() {
        let called_by = |invoked_by: &'static str| {
            served(None, |event| event.principal.invoked_by = Some(invoked_by.into())).0
        };
        assert_eq!(called_by("athena.amazonaws.com"), "athena.amazonaws.com");
        assert_eq!(called_by("s3.amazonaws.com.cn"), "s3.amazonaws.com");
        assert_eq!(called_by("AWS Internal"), "-");
        let service = |event: &mut KmsEvent<'static>| {
            event.principal.kind = "AWSService".into();
            event.principal.name = "forecast.amazonaws.com".into();
        };
        assert_eq!(served(None, service).0, "forecast.amazonaws.com");
        assert_eq!(served(Some(r#"{"aws:s3:arn":"o"}"#), service), ("s3.amazonaws.com".into(), "o".into()));
        let grantee = |event: &mut KmsEvent<'static>| {
            event.grantee_principal = Some("rds.us-west-2.amazonaws.com".into());
        };
        assert_eq!(served(None, grantee).0, "rds.amazonaws.com");
        let role =
            |event: &mut KmsEvent<'static>| event.grantee_principal = Some("arn:aws:iam::1:role/R".into());
        assert_eq!(served(None, role).0, "-");
    }
}
