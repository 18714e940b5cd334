//! One record's bytes → what it is: not a KMS record, not usage, unreadable, or an event with its
//! columns.

use super::json::{self, Json};
use super::key::{self, Key, Place};
use super::knowledge::{self, Knowledge};
use super::{names, outcome, workload};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The APIs of KMS, and its own events.
const APIS: &str = "^(\
    CancelKeyDeletion|ConnectCustomKeyStore|CreateAlias|CreateCustomKeyStore|CreateGrant\
    |CreateKey|Decrypt|DeleteAlias|DeleteCustomKeyStore|DeleteExpiredKeyMaterial\
    |DeleteImportedKeyMaterial|DeleteKey|DeriveSharedSecret|DescribeCustomKeyStores\
    |DescribeKey|DisableKey|DisableKeyRotation|DisconnectCustomKeyStore|EnableKey\
    |EnableKeyRotation|Encrypt|GenerateDataKey|GenerateDataKeyPair\
    |GenerateDataKeyPairWithoutPlaintext|GenerateDataKeyWithoutPlaintext|GenerateMac\
    |GenerateRandom|GetKeyLastUsage|GetKeyPolicy|GetKeyRotationStatus\
    |GetParametersForImport|GetPublicKey|ImportKeyMaterial|ListAliases|ListGrants\
    |ListKeyPolicies|ListKeyRotations|ListKeys|ListResourceTags|ListRetirableGrants\
    |PutKeyPolicy|ReEncrypt|ReplicateKey|RetireGrant|RevokeGrant|RotateKey\
    |RotateKeyOnDemand|ScheduleKeyDeletion|Sign|SynchronizeMultiRegionKey|TagResource\
    |UntagResource|UpdateAlias|UpdateCustomKeyStore|UpdateKeyDescription\
    |UpdatePrimaryRegion|Verify|VerifyMac)$";

pub enum Record {
    OtherSource,
    Rejected(&'static str),
    NotUsage,
    Event(Box<Event>),
}

pub struct Event {
    /// The columns of events.parquet that the record itself gives, key columns excepted.
    pub columns: Map<String, Value>,
    pub key: Key,
    pub millis: i64,
    pub labels: BTreeSet<String>,
    /// recipientAccountId is the caller's account.
    pub is_callers_copy: bool,
    /// The record that this one corrects.
    pub corrects: Option<Corrected>,
}

/// What a correction says of the record whose place it takes (domain §1.5): account, API and time
/// are its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Corrected {
    pub account: Option<String>,
    pub api: Option<String>,
    pub millis: Option<i64>,
    pub event_id: Option<String>,
    pub request_id: Option<String>,
}

pub fn read(bytes: &[u8], knowledge: &Knowledge) -> Record {
    if !may_be_kms(bytes) {
        return Record::OtherSource;
    }
    let root = match json::parse(bytes) {
        Ok(root) => root,
        Err(reason) => return Record::Rejected(reason),
    };
    // An Insights event has no eventSource of its own: that of the calls it is about stands for it.
    let source = root.text_at(&["eventSource"]);
    let about = root.text_at(&["insightDetails", "eventSource"]).filter(|_| is_other_family(&root));
    match source.filter(|source| !source.is_empty()).or(about) {
        Some(source) if is_kms(&source) => {}
        Some(source) if names::matches("(?i)^(.*[^a-z0-9])?kms([^a-z0-9].*)?$", &source) => {
            return Record::Rejected("unreadable_member");
        }
        None if !is_other_family(&root) && (names_key(&root) || names_api(&root)) => {
            return Record::Rejected("missing_field");
        }
        Some(source)
            if !names::matches("^\\s*[A-Za-z0-9-]*[.][A-Za-z0-9.-]*\\s*$", &source)
                && !is_other_family(&root)
                && (names_key(&root) || names_api(&root)) =>
        {
            return Record::Rejected("unreadable_member");
        }
        _ => return Record::OtherSource,
    }
    if !is_supported_version(&root) {
        return Record::Rejected("unsupported_version");
    }
    // Of the other families not even a name or a time is asked.
    if is_other_family(&root) {
        return Record::NotUsage;
    }
    match event(&root, knowledge) {
        Err(reason) => Record::Rejected(reason),
        Ok(_) if is_dry_run(&root) => Record::NotUsage,
        Ok(event) => Record::Event(Box::new(event)),
    }
}

/// The service, in any case, with blanks around it, alone, as an endpoint or as a URL.
fn is_kms(source: &str) -> bool {
    let visible = names::replace("[\\s\u{200b}-\u{200d}\u{feff}]", source, " ");
    let name = names::replace("\\[[.]\\]", visible.trim(), ".");
    names::matches("(?i)^(https://)?(http://)?(aws([. :-]|::))?kms[/.]*$", &name)
        || names::matches(
            "(?i)^(https://)?(http://)?kms(-fips)?([.][a-z0-9-]*)?[.](amazonaws[.]com([.]cn)?|api[.]aws)[/.]*$",
            &name,
        )
}

/// A record without eventSource names an API of KMS.
fn names_api(root: &Json) -> bool {
    root.text_at(&["eventName"]).is_some_and(|name| names::matches(APIS, &name))
}

/// A key is where only KMS calls have it.
fn names_key(root: &Json) -> bool {
    let is_arn = |text: &str| names::matches("^arn:[^:]*:kms:[^:]*:[^:]*:", text);
    let resources = root.get("resources").map(Json::elements).unwrap_or_default();
    let arns = resources.iter().filter_map(|resource| resource.get_any_case("ARN")?.text());
    let asked =
        ["keyId", "targetKeyId", "sourceKeyId", "destinationKeyId"].map(|name| param_text(root, name));
    let answered = root.get("responseElements").and_then(|answer| answer.get_any_case("keyId")?.text());
    let ids = asked.into_iter().chain([answered]).flatten();
    arns.into_iter().chain(ids).any(|arn| is_arn(&arn))
}

/// The pre-filter: the service's name in any case, the type of a key, or an escape of one of the
/// name's characters;
/// or there is no source, but another member or the ARN of a key.
pub fn may_be_kms(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"kms.amazonaws.com";
    let is_escaped_letter = |window: &[u8]| {
        let hex = window.strip_prefix(b"\\u00").and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        code.is_some_and(|code| NAME.contains(&code))
    };
    // Bytes that are no UTF-8 are in none of the names.
    let text = String::from_utf8_lossy(bytes);
    names::matches("(?i-u:kms)([.\\[]|(?i-u:-fips|::key))", &text)
        || names::matches("[\". ](?i-u:kms)[\"\\\\]", &text)
        || bytes.windows(6).any(is_escaped_letter)
        || lacks_source(&text) && names::matches("ventName|serIdentity|(?i-u:kms:)", &text)
}

/// No `eventSource` in the text has a text as its value.
fn lacks_source(text: &str) -> bool {
    let values = text.split("ventSource").skip(1);
    !values.into_iter().any(|rest| {
        names::matches("^[\"\\\\][\\t\\n\\x0C\\r \"\\\\:]*[A-Za-z0-9]", rest)
            && !names::matches("^[\"\\\\\\t\\n\\x0C\\r ]*:[\\t\\n\\x0C\\r ]*n", rest)
    })
}

/// Network activity, insights, aggregates.
fn is_other_family(root: &Json) -> bool {
    let is_one_of = |name: &str, values: &[&str]| {
        root.text_at(&[name]).is_some_and(|text| values.contains(&text.as_str()))
    };
    is_one_of("eventType", &["AwsVpceEvent", "AwsVpceEvents", "AwsCloudTrailInsight", "AwsAggregatedEvent"])
        || is_one_of("eventCategory", &["NetworkActivity", "Insight", "Aggregated"])
}

/// It would have been allowed, or not; nothing was done.
fn is_dry_run(root: &Json) -> bool {
    let dry_run = param(root, "dryRun").and_then(Json::text);
    let error_code = root.text_at(&["errorCode"]).map(|code| outcome::normalise_error(&code));
    dry_run.as_deref() == Some("true") || error_code.as_deref() == Some("DryRunOperation")
}

/// Which members are only a note that they were too large, or a text that hides them.
fn omitted(root: &Json) -> Option<String> {
    let is_note = |name: &&str| {
        let member = match root.get(name) {
            Some(Json::Text(text)) if *name == "additionalEventData" => json::parse(text.as_bytes()).ok(),
            other => other.cloned(),
        };
        let is_hidden = |text: &str| {
            let rest = text.trim_matches(|c: char| c.is_ascii_uppercase() || " _*-".contains(c));
            rest.is_empty() && !matches!(text.trim(), "" | "NULL" | "-")
        };
        if let Some(Json::Text(text)) = &member
            && *name != "additionalEventData"
            && is_hidden(text)
        {
            return true;
        }
        let text =
            |key: &str| member.as_ref().and_then(|member| member.get_any_case(key)).and_then(Json::text);
        text("omitted").as_deref() == Some("true") || text("reason").is_some_and(|r| r.ends_with("too large"))
    };
    let members = ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"];
    let notes: Vec<&str> = members.into_iter().filter(is_note).collect();
    (!notes.is_empty()).then(|| notes.join(","))
}

/// Names of request parameters may differ in case.
fn param<'a>(root: &'a Json, name: &str) -> Option<&'a Json> {
    root.get("requestParameters")?.get_any_case(name)
}

fn param_text(root: &Json, name: &str) -> Option<String> {
    param(root, name)?.text()
}

/// Milliseconds UTC of an RFC 3339 time.
pub fn millis(text: &str) -> Option<i64> {
    let (date, zone) = ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "([Zz]|[+-][0-9]{2}:[0-9]{2})");
    let form = format!("^{date}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-5][0-9]([.][0-9]+)?{zone}$");
    let time = names::matches(&form, text).then(|| DateTime::parse_from_rfc3339(text).ok()).flatten()?;
    Some(time.timestamp_millis())
}

pub fn time_text(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// eventVersion is absent or `1.x`.
pub fn is_supported_version(root: &Json) -> bool {
    let Some(version) = root.text_at(&["eventVersion"]) else { return true };
    let major = version.split('.').next().unwrap_or_default();
    names::matches("^0*1$", major)
}

/// The API in its usual spelling, if it is one.
fn api_name(name: &str) -> String {
    let bare = names::replace("(?i)^kms:", name.trim(), "");
    let known = APIS.trim_matches(|c: char| !c.is_ascii_alphabetic()).split('|');
    known.into_iter().find(|known| known.eq_ignore_ascii_case(&bare)).unwrap_or(name).to_owned()
}

fn event(root: &Json, knowledge: &Knowledge) -> Result<Event, &'static str> {
    let top = |name: &str| root.text_at(&[name]);
    let event_name = match root.get("eventName") {
        Some(Json::Text(name)) if !name.is_empty() => api_name(name),
        _ => return Err("missing_field"),
    };
    if event_name.contains('*') {
        return Err("unreadable_member");
    }
    let millis = millis(&top("eventTime").ok_or("missing_field")?).ok_or("bad_event_time")?;
    let who = identity(root);
    let recipient = top("recipientAccountId");
    let place = place(root, &who);
    let mut key = key::resolve(root, &event_name, &place);
    knowledge.resolve(&mut key, &place, millis);
    let error_code = top("errorCode").map(|code| outcome::normalise_error(&code));
    let context = encryption_context(root);
    let s3 = context.as_ref().and_then(s3_object);
    let bucket = s3.as_ref().map(|(bucket, _)| bucket.clone());
    let object_key = s3.and_then(|(_, key)| key);
    let (source_ip, user_agent) = (top("sourceIPAddress"), top("userAgent"));
    // A grant has one grantee, and one who may retire it: a person or role, or a service.
    let grantee = param_text(root, "granteePrincipal").or(param_text(root, "granteeServicePrincipal"));
    let retiring = param_text(root, "retiringPrincipal").or(param_text(root, "retiringServicePrincipal"));
    let identity_type = root.text_at(&["userIdentity", "type"]);
    let role = names::role_name(&who.principal);
    let (access_key, principal_id) =
        (root.text_at(&["userIdentity", "accessKeyId"]), root.text_at(&["userIdentity", "principalId"]));
    let call = workload::Call {
        event_name: &event_name,
        identity_type: identity_type.as_deref(),
        invoked_by: who.invoked_by.as_deref(),
        source_ip: source_ip.as_deref(),
        user_agent: user_agent.as_deref(),
        session: who.session.as_deref(),
        role: role.as_deref(),
        bucket: bucket.as_deref(),
        object_key: object_key.as_deref(),
        is_log_file: context.as_ref().is_some_and(|context| context.contains_key("aws:cloudtrail:arn")),
        grant_parties: [&grantee, &retiring].into_iter().flatten().cloned().collect(),
        grantee: grantee.as_deref(),
        key: &key,
        caller_role: knowledge::role(&who.principal),
        access_key: access_key.as_ref(),
        principal_id: principal_id.as_ref(),
        context_names: context.iter().flat_map(BTreeMap::keys).collect(),
    };
    let verdict = workload::judge(&call, knowledge);
    let denial = outcome::denial(root);
    let is_callers_copy = recipient.is_some() && recipient == who.account;
    let columns = json!({
        "event_time": time_text(millis),
        "event_id": top("eventID"),
        "shared_event_id": top("sharedEventID"),
        "request_id": top("requestID"),
        "event_name": event_name,
        "region": place.region.as_deref().unwrap_or("unknown"),
        "recipient_account_id": recipient,
        "principal": who.principal,
        "principal_type": identity_type.as_deref().unwrap_or("unknown"),
        "principal_account_id": who.account,
        "source_account_id": root.text_at(&["userIdentity", "inScopeOf", "sourceAccount"]),
        "session_name": who.session,
        "access_key_id": access_key,
        "invoked_by": who.invoked_by,
        "source_ip": source_ip,
        "user_agent": user_agent,
        "workload": Vec::from_iter(verdict.labels.iter().cloned()).join("+"),
        "workload_strength": verdict.strength,
        "workload_rules": verdict.rules,
        "outcome": outcome::outcome(error_code.as_deref(), top("errorMessage").as_deref()),
        "error_code": error_code,
        "error_message": top("errorMessage"),
        "denied_action": denial.action,
        "denied_by": denial.by,
        "encryption_context": context.as_ref().map(context_text),
        "s3_bucket": bucket,
        "s3_object_key": object_key,
        "grant_id": grant_id(root),
        "grantee_principal": grantee,
        "retiring_principal": retiring,
        "grant_operations": grant_operations(root),
        "grant_constraints": grant_constraints(root),
        "grant_name": param_text(root, "name"),
        "read_only": read_only(root),
        "vpc_endpoint_id": top("vpcEndpointId"),
        "tls_version": root.text_at(&["tlsDetails", "tlsVersion"]),
        "omitted_fields": omitted(root),
        "source_identity": root.text_at(&["userIdentity", "sessionContext", "sourceIdentity"]),
        "on_behalf_of": root.text_at(&["userIdentity", "onBehalfOf", "userId"]),
        "user_name": root.text_at(&["userIdentity", "userName"]),
        "web_identity": root
            .text_at(&["userIdentity", "sessionContext", "webIdFederationData", "federatedProvider"]),
    });
    let Value::Object(columns) = columns else { unreachable!("written as an object") };
    let corrects = corrects(root);
    Ok(Event { columns, key, millis, labels: verdict.labels, is_callers_copy, corrects })
}

fn place(root: &Json, who: &Identity) -> Place {
    Place {
        region: root.text_at(&["awsRegion"]),
        recipient: root.text_at(&["recipientAccountId"]),
        principal_account: who.account.clone(),
    }
}

/// What a record says of its key by itself.
pub fn key_and_place(root: &Json) -> (Key, Place) {
    let place = place(root, &identity(root));
    let event_name = root.text_at(&["eventName"]).unwrap_or_default();
    (key::resolve(root, &event_name, &place), place)
}

/// The record that this one takes the place of. One that names itself takes nobody's: it and
/// whatever else has its id stay side by side, and are told as a conflict.
pub fn corrects(root: &Json) -> Option<Corrected> {
    let is_update = root.text_at(&["addendum", "reason"]).as_deref() == Some("UPDATED_DATA");
    let original = root.text_at(&["addendum", "originalEventID"]).filter(|_| is_update)?;
    (root.text_at(&["eventID"]).as_ref() != Some(&original)).then(|| Corrected {
        account: root.text_at(&["recipientAccountId"]),
        api: root.text_at(&["eventName"]),
        millis: root.text_at(&["eventTime"]).and_then(|text| millis(&text)),
        event_id: Some(original),
        request_id: root.text_at(&["addendum", "originalRequestID"]),
    })
}

pub struct Identity {
    pub principal: String,
    pub account: Option<String>,
    session: Option<String>,
    invoked_by: Option<String>,
}

/// Domain §1.3.
pub fn identity(root: &Json) -> Identity {
    let user = |name: &str| root.text_at(&["userIdentity", name]);
    let issuer = |name: &str| root.text_at(&["userIdentity", "sessionContext", "sessionIssuer", name]);
    let invoked_by = user("invokedBy").map(|name| names::normalise_service(&name));
    let of_user_arn = user("arn").as_deref().and_then(names::assumed_role);

    let is_iam_role = |arn: &String| names::matches("^arn:[^:]*:iam::[^:]*:role/.", arn);
    let rebuilt = of_user_arn.clone().or_else(|| names::assumed_role(&issuer("arn")?)).map(|(role, _)| role);
    let as_arn = user("arn").filter(|arn| arn.starts_with("arn:"));
    let type_allows = user("type").is_none_or(|kind| kind == "AWSService");
    let id = user("principalId").map(|id| id.split(':').next().unwrap_or_default().to_owned());
    let id = id.filter(|id| !id.is_empty());
    let account_and_id =
        user("accountId").or(issuer("accountId")).zip(id).map(|(account, id)| format!("{account}:{id}"));
    let principal = issuer("arn")
        .filter(is_iam_role)
        .or(rebuilt)
        .or(as_arn)
        .or(invoked_by.clone().filter(|_| type_allows))
        .or(account_and_id)
        .or(invoked_by.clone())
        .unwrap_or("unknown".to_owned());

    let in_arn = user("arn").as_deref().and_then(names::arn).map(|arn| arn.account);
    let account = user("accountId").or(issuer("accountId")).or(in_arn.filter(|account| !account.is_empty()));
    let behind_colon =
        user("principalId").and_then(|id| id.split_once(':').map(|(_, session)| session.to_owned()));
    let session =
        of_user_arn.and_then(|(_, session)| session).or(behind_colon.filter(|session| !session.is_empty()));
    Identity { principal, account, session, invoked_by }
}

/// The encryption context; of a ReEncrypt, which has two, the source's before the destination's.
/// Values as text.
fn encryption_context(root: &Json) -> Option<BTreeMap<String, String>> {
    let names = ["encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext"];
    names.iter().find_map(|name| context(param(root, name)?))
}

fn context(value: &Json) -> Option<BTreeMap<String, String>> {
    let Json::Object(members) = value else { return None };
    let mut pairs = BTreeMap::new();
    for (name, _) in members {
        let text = match value.get(name) {
            Some(Json::Text(text)) => Some(text.clone()), // here an empty text is a value
            other => other.and_then(Json::text),
        };
        text.map(|text| pairs.insert(name.clone(), text));
    }
    Some(pairs)
}

/// Keys sorted bytewise, compact.
fn context_text(context: &BTreeMap<String, String>) -> String {
    serde_json::to_string(context).expect("texts")
}

/// `arn:P:s3:::bucket[/key]`
fn s3_object(context: &BTreeMap<String, String>) -> Option<(String, Option<String>)> {
    let arn = names::arn(context.get("aws:s3:arn")?)?;
    let (bucket, key) = arn.resource.split_once('/').unwrap_or((&arn.resource, ""));
    let is_object =
        arn.service == "s3" && arn.region.is_empty() && arn.account.is_empty() && !bucket.is_empty();
    is_object.then(|| (bucket.to_owned(), Some(key.to_owned()).filter(|key| !key.is_empty())))
}

fn grant_id(root: &Json) -> Option<String> {
    let additional = match root.get("additionalEventData") {
        Some(Json::Text(text)) => json::parse(text.as_bytes()).ok(), // sometimes JSON in a string
        other => other.cloned(),
    };
    root.get("responseElements")
        .and_then(|response| response.text_at_any_case(&["grantId"]))
        .or_else(|| param_text(root, "grantId"))
        .or_else(|| additional?.text_at_any_case(&["grantId"]))
}

fn grant_operations(root: &Json) -> Option<String> {
    let operations: Vec<String> =
        param(root, "operations")?.elements().iter().filter_map(Json::text).collect();
    Some(operations.join(",")).filter(|text| !text.is_empty())
}

/// The three kinds of constraint, those that are there.
fn grant_constraints(root: &Json) -> Option<String> {
    let given = param(root, "constraints")?;
    let mut kept = Map::new();
    for name in ["encryptionContextEquals", "encryptionContextSubset"] {
        if let Some(pairs) = given.get_any_case(name).and_then(context) {
            kept.insert(name.to_owned(), json!(pairs));
        }
    }
    if let Some(arn) = given.get_any_case("sourceArn").and_then(Json::text).filter(|arn| !arn.is_empty()) {
        kept.insert("sourceArn".to_owned(), arn.into());
    }
    (!kept.is_empty()).then(|| Value::Object(kept).to_string())
}

/// `true`/`false`, or the same as text (LookupEvents, Athena).
fn read_only(root: &Json) -> Option<bool> {
    match root.text_at(&["readOnly"])?.as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
