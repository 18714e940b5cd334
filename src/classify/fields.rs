//! The fields of an event that rules can compare.

use crate::model::{KmsEvent, Served, Text, normalize_service};

/// A field of an event that rules can compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RuleField {
    /// `event_name`
    EventName,
    /// `principal`
    Principal,
    /// `principal_type`
    PrincipalType,
    /// Name of the principal's role, without its path.
    RoleName,
    /// `session_name`
    SessionName,
    /// `invoked_by`
    InvokedBy,
    /// Any of `invoked_by`, `source_ip`, `user_agent`, normalized as service names.
    Service,
    /// Grantee or retiring principal, normalized as a service name.
    GrantPrincipal,
    /// `key_arn`
    KeyArn,
    /// `s3_bucket`
    S3Bucket,
    /// `s3_object_key`
    S3ObjectKey,
    /// `true` for CloudTrail's own log delivery, else absent.
    LogDelivery,
    /// `true` for a log file of CloudTrail, whoever reads or writes it, else absent.
    LogFile,
    /// `source_identity`
    SourceIdentity,
    /// `on_behalf_of`
    OnBehalfOf,
    /// `user_name`
    UserName,
    /// `web_identity`
    WebIdentity,
    /// The column `service`: what the call was for. The field `service` is who called.
    ForService,
    /// The column `resource`.
    Resource,
}

impl RuleField {
    /// Every field, in the order of [`FIELD_NAMES`].
    const ALL: [Self; 19] = [
        Self::EventName,
        Self::Principal,
        Self::PrincipalType,
        Self::RoleName,
        Self::SessionName,
        Self::InvokedBy,
        Self::Service,
        Self::GrantPrincipal,
        Self::KeyArn,
        Self::S3Bucket,
        Self::S3ObjectKey,
        Self::LogDelivery,
        Self::LogFile,
        Self::SourceIdentity,
        Self::OnBehalfOf,
        Self::UserName,
        Self::WebIdentity,
        Self::ForService,
        Self::Resource,
    ];

    /// The field with this name in rule files.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let index = FIELD_NAMES.iter().position(|field| *field == name)?;
        Self::ALL.get(index).copied()
    }

    /// A bit of its own, for sets of fields.
    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Whether the compared text must first be derived from the event, which costs more.
    pub(super) fn is_derived(self) -> bool {
        matches!(self, Self::Service | Self::GrantPrincipal)
    }
}

/// The names of the fields in rule files.
pub(super) const FIELD_NAMES: [&str; RuleField::ALL.len()] = [
    "event_name",
    "principal",
    "principal_type",
    "role_name",
    "session_name",
    "invoked_by",
    "service",
    "grant_principal",
    "key_arn",
    "s3_bucket",
    "s3_object_key",
    "log_delivery",
    "log_file",
    "source_identity",
    "on_behalf_of",
    "user_name",
    "web_identity",
    "for_service",
    "resource",
];

/// The fields of one event, collected once before all rules are applied.
pub(super) struct EventFields<'e> {
    event: &'e KmsEvent<'e>,
    /// Indexed by [`RuleField`]. For derived fields, only whether there is a text is meaningful.
    texts: [Option<&'e str>; RuleField::ALL.len()],
    /// The bit of each field that the event has.
    present: u32,
}

impl<'e> EventFields<'e> {
    pub(super) fn new(event: &'e KmsEvent<'e>, served: &'e Served<'e>) -> Self {
        let invoked_by = event.principal.invoked_by.as_deref();
        // In the order of `RuleField`.
        let texts = [
            Some(&*event.name),
            Some(&*event.principal.name),
            Some(&*event.principal.kind),
            event.principal.role_name(),
            event.principal.session_name.as_deref(),
            invoked_by,
            invoked_by.or(event.source_ip.as_deref()).or(event.user_agent.as_deref()),
            event.grantee_principal.as_deref().or(event.retiring_principal.as_deref()),
            event.key.arn.as_deref(),
            event.s3_bucket.as_deref(),
            event.s3_object_key.as_deref(),
            event.log_delivery.then_some("true"),
            event.is_on_log_file().then_some("true"),
            event.principal.source_identity.as_deref(),
            event.principal.on_behalf_of.as_deref(),
            event.principal.user_name.as_deref(),
            event.principal.web_identity.as_deref(),
            served.service.as_deref(),
            served.resource.as_deref(),
        ];
        let present = texts.iter().rev().fold(0, |bits, text| bits << 1 | u32::from(text.is_some()));
        Self { event, texts, present }
    }

    /// Whether the event has every field in the set `required` and none in the set `absent`.
    pub(super) fn has(&self, required: u32, absent: u32) -> bool {
        required & !self.present == 0 && absent & self.present == 0
    }

    /// Whether `predicate` holds for any text of `field`.
    pub(super) fn any(&self, field: RuleField, mut predicate: impl FnMut(&str) -> bool) -> bool {
        let event = self.event;
        match field {
            RuleField::Service => {
                // `invoked_by` is normalized when the record is parsed.
                event.principal.invoked_by.as_deref().is_some_and(&mut predicate)
                    || any_service([&event.source_ip, &event.user_agent], predicate)
            }
            RuleField::GrantPrincipal => {
                any_service([&event.grantee_principal, &event.retiring_principal], predicate)
            }
            other => self.texts.get(other as usize).copied().flatten().is_some_and(predicate),
        }
    }
}

/// Whether `predicate` holds for any of the texts, normalized as service names.
fn any_service(texts: [&Option<Text<'_>>; 2], mut predicate: impl FnMut(&str) -> bool) -> bool {
    texts.into_iter().flatten().any(|text| predicate(&normalize_service(Text::Borrowed(text))))
}
