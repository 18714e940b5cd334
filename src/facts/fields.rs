//! A [`KmsEvent`] as a list of texts and a few fixed values: the order of the columns, both ways.

use std::borrow::Cow;

use crate::model::{DeniedBy, EventTime, KeyOrigin, KeyRef, KmsEvent, Outcome, PolicyType, Principal, Text};

/// How many text columns an event has.
pub(super) const TEXTS: usize = 43;

/// Names of the text columns, in order.
pub(super) const NAMES: [&str; TEXTS] = [
    "event_name",
    "region",
    "principal",
    "principal_type",
    "event_id",
    "shared_event_id",
    "request_id",
    "recipient_account_id",
    "principal_account_id",
    "session_name",
    "principal_id",
    "invoked_by",
    "access_key_id",
    "source_account_id",
    "source_ip",
    "user_agent",
    "key_arn",
    "key_id",
    "key_account_id",
    "key_region",
    "key_alias",
    "destination_key_arn",
    "error_code",
    "error_message",
    "denied_action",
    "encryption_context",
    "s3_bucket",
    "s3_object_key",
    "grant_id",
    "grantee_principal",
    "retiring_principal",
    "grant_operations",
    "grant_constraints",
    "grant_name",
    "vpc_endpoint_id",
    "tls_version",
    "corrects",
    "corrects_request_id",
    "omitted_fields",
    "source_identity",
    "on_behalf_of",
    "user_name",
    "web_identity",
];

/// Which of them is the API name.
pub(super) const NAME: usize = 0;

/// Values of an event that are not texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) time: EventTime,
    pub(super) outcome: Outcome,
    pub(super) key_origin: KeyOrigin,
    pub(super) denied_by: Option<DeniedBy>,
    pub(super) log_delivery: bool,
    pub(super) read_only: Option<bool>,
}

/// Every outcome, by its code.
pub(super) const OUTCOMES: [Outcome; 8] = [
    Outcome::Success,
    Outcome::Denied,
    Outcome::KeyState,
    Outcome::NotFound,
    Outcome::Misuse,
    Outcome::Throttled,
    Outcome::Internal,
    Outcome::Unknown,
];

/// Every origin of a key, by its code.
pub(super) const ORIGINS: [KeyOrigin; 8] = [
    KeyOrigin::Resources,
    KeyOrigin::Response,
    KeyOrigin::Request,
    KeyOrigin::Assumed,
    KeyOrigin::ServiceEvent,
    KeyOrigin::ErrorMessage,
    KeyOrigin::Alias,
    KeyOrigin::None,
];

/// Every kind of refusal, by its code.
pub(super) fn denials() -> impl Iterator<Item = DeniedBy> {
    let implicit = PolicyType::ALL.into_iter().map(DeniedBy::Implicit);
    implicit.chain(PolicyType::ALL.into_iter().map(DeniedBy::Explicit)).chain([DeniedBy::MissingOrNotAllowed])
}

/// The code of a value that its list holds.
pub(super) fn code<T: PartialEq>(list: impl IntoIterator<Item = T>, value: &T) -> u8 {
    // All lists are shorter than 255, and complete: a test holds that.
    list.into_iter().position(|known| known == *value).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// The values of `event` in the order of [`NAMES`], and the others.
pub(super) fn split<'e>(event: &'e KmsEvent<'_>) -> ([Option<&'e str>; TEXTS], Fixed) {
    // Without `..`: a new field does not compile until it has a column.
    let KmsEvent {
        time,
        event_id,
        shared_event_id,
        request_id,
        name,
        region,
        recipient_account_id,
        principal:
            Principal {
                name: principal,
                kind,
                account_id: caller,
                session_name,
                principal_id,
                invoked_by,
                source_identity,
                on_behalf_of,
                user_name,
                web_identity,
            },
        access_key_id,
        source_account_id,
        source_ip,
        user_agent,
        key: KeyRef { arn, id, account_id: key_account, region: key_region, origin, alias },
        destination_key_arn,
        outcome,
        error_code,
        error_message,
        denied_action,
        denied_by,
        encryption_context,
        s3_bucket,
        s3_object_key,
        log_delivery,
        grant_id,
        grantee_principal,
        retiring_principal,
        grant_operations,
        grant_constraints,
        grant_name,
        read_only,
        vpc_endpoint_id,
        tls_version,
        corrects,
        corrects_request_id,
        omitted_fields,
    } = event;
    let texts = [
        Some(&**name),
        Some(&**region),
        Some(&**principal),
        Some(&**kind),
        event_id.as_deref(),
        shared_event_id.as_deref(),
        request_id.as_deref(),
        recipient_account_id.as_deref(),
        caller.as_deref(),
        session_name.as_deref(),
        principal_id.as_deref(),
        invoked_by.as_deref(),
        access_key_id.as_deref(),
        source_account_id.as_deref(),
        source_ip.as_deref(),
        user_agent.as_deref(),
        arn.as_deref(),
        id.as_deref(),
        key_account.as_deref(),
        key_region.as_deref(),
        alias.as_deref(),
        destination_key_arn.as_deref(),
        error_code.as_deref(),
        error_message.as_deref(),
        denied_action.as_deref(),
        encryption_context.as_deref(),
        s3_bucket.as_deref(),
        s3_object_key.as_deref(),
        grant_id.as_deref(),
        grantee_principal.as_deref(),
        retiring_principal.as_deref(),
        grant_operations.as_deref(),
        grant_constraints.as_deref(),
        grant_name.as_deref(),
        vpc_endpoint_id.as_deref(),
        tls_version.as_deref(),
        corrects.as_deref(),
        corrects_request_id.as_deref(),
        omitted_fields.as_deref(),
        source_identity.as_deref(),
        on_behalf_of.as_deref(),
        user_name.as_deref(),
        web_identity.as_deref(),
    ];
    let fixed = Fixed {
        time: *time,
        outcome: *outcome,
        key_origin: *origin,
        denied_by: *denied_by,
        log_delivery: *log_delivery,
        read_only: *read_only,
    };
    (texts, fixed)
}

/// The event with these values; it borrows the texts.
pub(super) fn join<'a>(texts: [Option<&'a str>; TEXTS], fixed: Fixed) -> KmsEvent<'a> {
    let [
        name,
        region,
        principal,
        kind,
        event_id,
        shared_event_id,
        request_id,
        recipient_account_id,
        caller,
        session_name,
        principal_id,
        invoked_by,
        access_key_id,
        source_account_id,
        source_ip,
        user_agent,
        key_arn,
        key_id,
        key_account_id,
        key_region,
        key_alias,
        destination_key_arn,
        error_code,
        error_message,
        denied_action,
        encryption_context,
        s3_bucket,
        s3_object_key,
        grant_id,
        grantee_principal,
        retiring_principal,
        grant_operations,
        grant_constraints,
        grant_name,
        vpc_endpoint_id,
        tls_version,
        corrects,
        corrects_request_id,
        omitted_fields,
        source_identity,
        on_behalf_of,
        user_name,
        web_identity,
    ] = texts.map(|text: Option<&'a str>| text.map(Cow::Borrowed));
    let always = |text: Option<Text<'a>>| text.unwrap_or_default();
    KmsEvent {
        time: fixed.time,
        event_id,
        shared_event_id,
        request_id,
        name: always(name),
        region: always(region),
        recipient_account_id,
        principal: Principal {
            name: always(principal),
            kind: always(kind),
            account_id: caller,
            session_name,
            principal_id,
            invoked_by,
            source_identity,
            on_behalf_of,
            user_name,
            web_identity,
        },
        access_key_id,
        source_account_id,
        source_ip,
        user_agent,
        key: KeyRef {
            arn: key_arn,
            id: key_id,
            account_id: key_account_id,
            region: key_region,
            origin: fixed.key_origin,
            alias: key_alias,
        },
        destination_key_arn,
        outcome: fixed.outcome,
        error_code,
        error_message,
        denied_action,
        denied_by: fixed.denied_by,
        encryption_context,
        s3_bucket,
        s3_object_key,
        log_delivery: fixed.log_delivery,
        grant_id,
        grantee_principal,
        retiring_principal,
        grant_operations,
        grant_constraints,
        grant_name,
        read_only: fixed.read_only,
        vpc_endpoint_id,
        tls_version,
        corrects,
        corrects_request_id,
        omitted_fields,
    }
}
