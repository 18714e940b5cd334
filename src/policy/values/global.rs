//! Condition keys of all services.
//!
//! Source: [AWS global condition context
//! keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).

use std::net::IpAddr;

use super::kms::{Via, via};
use super::known_key::{KnownKey, decided, unknown};
use crate::policy::context::ContextValue;
use crate::policy::request::Request;

const NOT_RECORDED: &str = "records do not show it";

#[rustfmt::skip]
pub(super) const KEYS: &[KnownKey] = &[
    decided("aws:CalledVia", "userIdentity.invokedBy: absent without it", |r, _| called_via(r)),
    decided("aws:CalledViaFirst", "userIdentity.invokedBy: absent without it", |r, _| called_via(r)),
    decided("aws:CalledViaLast", "userIdentity.invokedBy: absent without it", |r, _| called_via(r)),
    decided("aws:CurrentTime", "eventTime", |r, _| ContextValue::owned(r.event.time.to_rfc3339())),
    decided("aws:EpochTime", "eventTime", |r, _| ContextValue::owned(r.event.time.0.div_euclid(1000).to_string())),
    decided("aws:FederatedProvider", "webIdFederationData.federatedProvider", |r, _| provider(r)),
    decided("aws:MultiFactorAuthPresent", "sessionContext.attributes.mfaAuthenticated", |r, _| mfa(r)),
    decided("aws:PrincipalAccount", "userIdentity.accountId", |r, _| of_principal(r, r.event.principal.account_id.as_deref())),
    decided("aws:PrincipalArn", "sessionIssuer.arn or userIdentity.arn", |r, _| principal_arn(r)),
    decided("aws:PrincipalIsAWSService", "userIdentity.type", |r, _| ContextValue::flag(is_service(r))),
    decided("aws:PrincipalOrgID", "absent for services, else not recorded", |r, _| not_of_services(r)),
    decided("aws:PrincipalOrgPaths", "absent for services, else not recorded", |r, _| not_of_services(r)),
    decided("aws:PrincipalServiceName", "userIdentity.invokedBy of a service", |r, _| service_name(r)),
    decided("aws:PrincipalServiceNamesList", "absent but for services", |r, _| of_services(r)),
    decided("aws:PrincipalTag/", "absent for services, else not recorded", |r, _| not_of_services(r)),
    decided("aws:PrincipalType", "userIdentity.type", |r, _| principal_type(r)),
    decided("aws:RequestedRegion", "awsRegion", |r, _| region(r)),
    decided("aws:SecureTransport", "tlsDetails", |r, _| secure(r)),
    decided("aws:SourceAccount", "inScopeOf.sourceAccount; absent but for services", |r, _| source(r, r.event.source_account_id.as_deref())),
    decided("aws:SourceArn", "inScopeOf.sourceArn; absent but for services", |r, _| source(r, r.event.source_arn.as_deref())),
    decided("aws:SourceIdentity", "sessionContext.sourceIdentity", |r, _| ContextValue::of(r.event.principal.source_identity.as_deref())),
    decided("aws:SourceIp", "sourceIPAddress", |r, _| source_ip(r)),
    decided("aws:SourceOrgID", "absent but for services", |r, _| of_services(r)),
    decided("aws:SourceOrgPaths", "absent but for services", |r, _| of_services(r)),
    decided("aws:SourceOwner", "absent but for services", |r, _| of_services(r)),
    decided("aws:SourceVpc", "absent without vpcEndpointId", |r, _| of_endpoint(r)),
    decided("aws:SourceVpcArn", "absent without vpcEndpointId", |r, _| of_endpoint(r)),
    decided("aws:SourceVpce", "vpcEndpointId", |r, _| ContextValue::of(r.event.vpc_endpoint_id.as_deref())),
    decided("aws:UserAgent", "userAgent", |r, _| ContextValue::of(r.event.user_agent.as_deref())),
    decided("aws:ViaAWSService", "userIdentity.invokedBy", |r, _| via_service(r)),
    decided("aws:VpcSourceIp", "sourceIPAddress; absent without vpcEndpointId", |r, _| vpc_source_ip(r)),
    decided("aws:VpceAccount", "absent without vpcEndpointId", |r, _| of_endpoint(r)),
    decided("aws:VpceOrgID", "absent without vpcEndpointId", |r, _| of_endpoint(r)),
    decided("aws:VpceOrgPaths", "absent without vpcEndpointId", |r, _| of_endpoint(r)),
    decided("aws:userid", "userIdentity.principalId", |r, _| user_id(r)),
    decided("aws:username", "userIdentity.userName of an IAM user", |r, _| user_name(r)),
    unknown("aws:AssumedRoot", NOT_RECORDED, not_recorded),
    unknown("aws:ChatbotSourceArn", NOT_RECORDED, not_recorded),
    unknown("aws:Ec2InstanceSourcePrivateIPv4", NOT_RECORDED, not_recorded),
    unknown("aws:Ec2InstanceSourceVpc", NOT_RECORDED, not_recorded),
    unknown("aws:IsMcpServiceAction", NOT_RECORDED, not_recorded),
    unknown("aws:MultiFactorAuthAge", NOT_RECORDED, not_recorded),
    unknown("aws:ResourceAccount", "it is in the context of IAM policies", not_recorded),
    unknown("aws:ResourceOrgID", NOT_RECORDED, not_recorded),
    unknown("aws:ResourceOrgPaths", NOT_RECORDED, not_recorded),
    unknown("aws:TokenIssueTime", NOT_RECORDED, not_recorded),
    unknown("aws:referer", NOT_RECORDED, not_recorded),
];

fn not_recorded<'e>(_: &Request<'e>, _: &str) -> ContextValue<'e> {
    ContextValue::unknown("keytrail does not read it from records")
}

fn is_service(request: &Request<'_>) -> bool {
    request.event.principal.kind == "AWSService"
}

/// A property of the principal, which a service does not have.
fn of_principal<'e>(request: &Request<'e>, value: Option<&'e str>) -> ContextValue<'e> {
    match value {
        _ if is_service(request) => ContextValue::Absent,
        None => ContextValue::unknown("the record does not show it of the caller"),
        value => ContextValue::of(value),
    }
}

fn not_of_services<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match is_service(request) {
        true => ContextValue::Absent,
        false => {
            ContextValue::unknown("the record does not show the organization and the tags of the caller")
        }
    }
}

fn of_services<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match is_service(request) {
        true => ContextValue::unknown("the record does not show it of the service"),
        false => ContextValue::Absent,
    }
}

fn of_endpoint<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match request.event.vpc_endpoint_id {
        Some(_) => ContextValue::unknown("the record does not show the VPC of the endpoint"),
        None => ContextValue::Absent,
    }
}

/// Only calls of a service with its own identity have a source.
fn source<'e>(request: &Request<'e>, value: Option<&'e str>) -> ContextValue<'e> {
    match value {
        _ if !is_service(request) => ContextValue::Absent,
        None => ContextValue::unknown("the record does not show for which resource the service acted"),
        value => ContextValue::of(value),
    }
}

fn principal_arn<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let name: &'e str = &request.event.principal.name;
    of_principal(request, Some(name).filter(|name| name.starts_with("arn:")))
}

fn principal_type<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let kind = match &*request.event.principal.kind {
        "AssumedRole" => Some("AssumedRole"),
        "IAMUser" => Some("User"),
        "Root" => Some("Account"),
        "FederatedUser" => Some("FederatedUser"),
        _ => None,
    };
    of_principal(request, kind)
}

fn user_id<'e>(request: &Request<'e>) -> ContextValue<'e> {
    of_principal(request, request.event.principal.principal_id.as_deref())
}

/// Roles and services have no user name.
fn user_name<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let principal = &request.event.principal;
    match &*principal.kind {
        "IAMUser" => of_principal(
            request,
            principal
                .user_name
                .as_deref()
                .or_else(|| principal.name.split_once(":user/")?.1.rsplit('/').next()),
        ),
        "AssumedRole" | "Root" | "AWSService" | "FederatedUser" => ContextValue::Absent,
        _ => ContextValue::unknown("the record does not show it of the caller"),
    }
}

fn service_name<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match is_service(request) {
        true => ContextValue::of(Some(&*request.event.principal.name)),
        false => ContextValue::Absent,
    }
}

fn provider<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match request.event.principal.web_identity.as_deref() {
        Some(provider) => ContextValue::of(Some(provider)),
        None if matches!(&*request.event.principal.kind, "IAMUser" | "Root" | "AWSService") => {
            ContextValue::Absent
        }
        None => ContextValue::unknown("the record does not show how the session was federated"),
    }
}

/// Only temporary credentials have it.
fn mfa<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match request.event.mfa {
        Some(flag) => ContextValue::flag(flag),
        None if matches!(&*request.event.principal.kind, "IAMUser" | "AWSService") => ContextValue::Absent,
        None => ContextValue::unknown("the record does not show whether the session began with MFA"),
    }
}

fn region<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match &*request.event.region {
        "unknown" => ContextValue::unknown("the record names no Region"),
        region => ContextValue::of(Some(region)),
    }
}

fn secure<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match request.event.tls_version {
        Some(_) => ContextValue::flag(true),
        None => ContextValue::unknown("the record does not show the connection"),
    }
}

fn via_service<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match via(request) {
        Via::Nobody => ContextValue::flag(false),
        Via::Service(_) => ContextValue::flag(true),
        Via::Unknown(why) => ContextValue::unknown(why),
    }
}

fn called_via<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match via(request) {
        Via::Nobody => ContextValue::Absent,
        _ => ContextValue::unknown("the record does not show all services on the way"),
    }
}

fn source_ip<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let event = request.event;
    match event.source_ip.as_deref() {
        // Through an endpoint there is aws:VpcSourceIp instead.
        _ if event.vpc_endpoint_id.is_some() || is_service(request) => ContextValue::Absent,
        Some(address) if address.parse::<IpAddr>().is_ok() => ContextValue::of(Some(address)),
        Some(_) => ContextValue::unknown("a service made the call, and the record does not show the address"),
        None => ContextValue::unknown("the record shows no source address"),
    }
}

fn vpc_source_ip<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let event = request.event;
    match event.source_ip.as_deref() {
        _ if event.vpc_endpoint_id.is_none() => ContextValue::Absent,
        Some(address) if address.parse::<IpAddr>().is_ok() => ContextValue::of(Some(address)),
        _ => ContextValue::unknown("the record shows no source address"),
    }
}
