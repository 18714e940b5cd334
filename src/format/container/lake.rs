//! A row of a CloudTrail Lake query → the JSON text of the record that it shows, as far as its columns tell.
//!
//! An event data store keeps records in columns (AWS: "Supported SQL schemas for event data stores"). A query prints them as text: struct
//! columns as `{name=value, …}` with the names in lower case and nothing quoted, so that a value with a comma or a brace in it may not
//! be told from the next field. Where the column `eventJson` was selected, the record is all there and nothing is rebuilt. Everything
//! else is lossy: a column that was not selected or cannot be taken apart is left out, never guessed.

use serde_json::{Map, Value};

/// What a row gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuilt {
    /// The record as it is: the row has it in `eventJson`.
    Verbatim,
    /// A record put together from columns: lossy.
    FromColumns,
    /// The row shows an event, but not of which service: `eventSource` was not selected.
    NoSource,
    /// The row shows no event: a count, or other columns.
    NoEvent,
}

/// How the text of a column is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    /// Presto's timestamp, always in UTC.
    Time,
    /// A structure of fields that AWS names: [`FIELDS`].
    Struct,
    /// A map whose names are the API's.
    Map,
}

/// The columns, as a record names them.
const COLUMNS: [(&str, Form); 29] = [
    ("eventVersion", Form::Text),
    ("userIdentity", Form::Struct),
    ("eventTime", Form::Time),
    ("eventSource", Form::Text),
    ("eventName", Form::Text),
    ("awsRegion", Form::Text),
    ("sourceIPAddress", Form::Text),
    ("userAgent", Form::Text),
    ("errorCode", Form::Text),
    ("errorMessage", Form::Text),
    ("requestParameters", Form::Map),
    ("responseElements", Form::Map),
    ("additionalEventData", Form::Map),
    ("requestID", Form::Text),
    ("eventID", Form::Text),
    ("readOnly", Form::Flag),
    ("resources", Form::Struct),
    ("eventType", Form::Text),
    ("apiVersion", Form::Text),
    ("managementEvent", Form::Flag),
    ("recipientAccountId", Form::Text),
    ("sharedEventID", Form::Text),
    ("vpcEndpointId", Form::Text),
    ("vpcEndpointAccountId", Form::Text),
    ("serviceEventDetails", Form::Map),
    ("addendum", Form::Struct),
    ("eventCategory", Form::Text),
    ("tlsDetails", Form::Struct),
    ("sessionCredentialFromConsole", Form::Text),
];

/// The fields of struct columns, as a record names them.
const FIELDS: [&str; 36] = [
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "sessionContext",
    "attributes",
    "creationDate",
    "mfaAuthenticated",
    "sessionIssuer",
    "webIdFederationData",
    "federatedProvider",
    "sourceIdentity",
    "ec2RoleDelivery",
    "ec2IssuedInVpc",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "inScopeOf",
    "sourceArn",
    "sourceAccount",
    "issuerType",
    "credentialsIssuedTo",
    "invokedBy",
    "identityProvider",
    "credentialId",
    "assumedRoot",
    "tlsVersion",
    "cipherSuite",
    "clientProvidedHostHeader",
    "keyExchange",
    "reason",
    "updatedFields",
    "originalRequestID",
    "originalEventID",
];

/// The column with the whole record.
const WHOLE: &str = "eventJson";

/// Appends the record of a row to `record`, as JSON text. `columns` are names, in any case, and what is printed under them.
pub fn record_of_row(columns: &[(&str, &str)], record: &mut String) -> Rebuilt {
    let printed = |name: &str| {
        let mut found = columns.iter().rev().filter(|(column, _)| column.eq_ignore_ascii_case(name));
        found.next().map(|(_, text)| text.trim()).filter(|text| !text.is_empty() && *text != "null")
    };
    if let Some(whole) = printed(WHOLE) {
        record.push_str(whole);
        return Rebuilt::Verbatim;
    }
    if printed("eventSource").is_none() {
        return match ["eventVersion", "eventName", "eventID"].iter().any(|name| printed(name).is_some()) {
            true => Rebuilt::NoSource,
            false => Rebuilt::NoEvent,
        };
    }
    let members = COLUMNS.iter().filter_map(|(name, form)| Some((*name, read(printed(name)?, *form)?)));
    let members: Map<String, Value> = members.map(|(name, value)| (name.to_owned(), value)).collect();
    record.push_str(&Value::Object(members).to_string());
    Rebuilt::FromColumns
}

/// Whether a row with this column shows an event.
pub(super) fn names_event(column: &str) -> bool {
    [WHOLE, "eventVersion", "eventSource", "eventName"].iter().any(|name| column.eq_ignore_ascii_case(name))
}

fn read(text: &str, form: Form) -> Option<Value> {
    let names = match form {
        Form::Text => return Some(text.into()),
        Form::Flag if text.eq_ignore_ascii_case("true") => return Some(true.into()),
        Form::Flag if text.eq_ignore_ascii_case("false") => return Some(false.into()),
        Form::Flag => return None,
        Form::Time => return Some(rfc3339(text).into()),
        Form::Struct => Names::OfFields,
        Form::Map => Names::Any,
    };
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        return Some(names.restored(value));
    }
    let mut printed = Printed { text, at: 0, names };
    let value = printed.value(Inside::Nothing, DEEPEST)?;
    (printed.at == text.len() && !value.is_string()).then_some(value)
}

/// `2023-06-11 16:26:39.000` as a record would spell it; anything else stays as it is, for the parser to judge.
fn rfc3339(text: &str) -> String {
    let plain = text.strip_suffix(" UTC").unwrap_or(text);
    match plain.split_once(' ') {
        Some((day, time)) if !time.contains([' ', '+', '-', 'Z']) => format!("{day}T{time}Z"),
        _ => text.to_owned(),
    }
}

/// Which names stand before a `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    OfFields,
    Any,
}

impl Names {
    /// The name as a record spells it; `None` when it is none.
    fn restore(self, name: &str) -> Option<&str> {
        match self {
            Self::OfFields => FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(name)),
            Self::Any => {
                let odd = |c: char| c.is_whitespace() || "{}[]=,\"".contains(c);
                (!name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(odd)).then_some(name)
            }
        }
    }

    /// JSON with its names restored; those that are not known stay.
    fn restored(self, value: Value) -> Value {
        match value {
            Value::Object(members) if self == Self::OfFields => {
                let member = |(name, value): (String, Value)| {
                    (self.restore(&name).map(str::to_owned).unwrap_or(name), self.restored(value))
                };
                Value::Object(members.into_iter().map(member).collect())
            }
            Value::Array(items) => items.into_iter().map(|item| self.restored(item)).collect(),
            value => value,
        }
    }
}

/// Longer names are none.
const LONGEST_NAME: usize = 256;
/// Structures deeper than this are not taken apart.
const DEEPEST: u32 = 32;

/// What a value stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Struct,
    List,
}

/// Text like `{type=AssumedRole, sessioncontext={…}, username=null}`.
struct Printed<'t> {
    text: &'t str,
    at: usize,
    names: Names,
}

impl<'t> Printed<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, part: &str) -> bool {
        let found = self.rest().starts_with(part);
        self.at += if found { part.len() } else { 0 };
        found
    }

    fn value(&mut self, inside: Inside, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if self.rest().starts_with(['{', '[']) {
            // A map's value may be JSON, which says more than its printing.
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
            if let Some(Ok(value)) = values.next()
                && self.ends(self.at + values.byte_offset(), inside)
            {
                self.at += values.byte_offset();
                return Some(self.names.restored(value));
            }
        }
        match self.rest().as_bytes().first() {
            Some(b'{') => self.structure(depth),
            Some(b'[') => self.list(depth),
            _ => Some(self.scalar(inside)),
        }
    }

    fn structure(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut members = Map::new();
        while !self.take("}") {
            if !members.is_empty() && !self.take(", ") {
                return None;
            }
            let name = self.name_at(self.at)?;
            self.at += self.rest().find('=')? + 1;
            let value = self.value(Inside::Struct, depth)?;
            // A name given twice: one of them is part of a value.
            if members.insert(name.to_owned(), value).is_some() {
                return None;
            }
        }
        Some(Value::Object(members))
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() && !self.take(", ") {
                return None;
            }
            items.push(self.value(Inside::List, depth)?);
        }
        Some(Value::Array(items))
    }

    /// Runs to where its surroundings go on.
    fn scalar(&mut self, inside: Inside) -> Value {
        let rest = self.rest();
        let may_end = |at: &usize| self.ends(self.at + at, inside);
        let marks = rest.match_indices([',', '}', ']']).map(|(at, _)| at);
        let end = marks.into_iter().find(may_end).unwrap_or(rest.len());
        self.at += end;
        match &rest[..end] {
            "null" => Value::Null,
            text => text.into(),
        }
    }

    /// Whether a value inside something may end at `at`.
    fn ends(&self, at: usize, inside: Inside) -> bool {
        let rest = &self.text[at..];
        let closed_by = |closing: char| {
            rest.strip_prefix(closing).is_some_and(|behind| {
                behind.is_empty() || behind.starts_with([']', '}']) || behind.starts_with(", ")
            })
        };
        match inside {
            Inside::Nothing => rest.is_empty(),
            Inside::Struct => closed_by('}') || rest.starts_with(", ") && self.name_at(at + 2).is_some(),
            Inside::List => closed_by(']') || rest.starts_with(", "),
        }
    }

    /// The name before a `=` at `at`, as a record spells it.
    fn name_at(&self, at: usize) -> Option<&'t str> {
        let rest = &self.text[at..];
        let equals = rest.bytes().take(LONGEST_NAME + 1).position(|byte| byte == b'=')?;
        self.names.restore(&rest[..equals])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(columns: &[(&str, &str)]) -> (Rebuilt, Value) {
        let mut record = String::new();
        let rebuilt = record_of_row(columns, &mut record);
        (rebuilt, serde_json::from_str(&record).unwrap_or_default())
    }

    #[test]
    fn a_row_with_the_whole_record_is_taken_at_its_word() {
        let mut record = String::new();
        let json = r#"{"eventVersion":"1.08","n":12345678901234567890.50}"#;
        let row = [("eventname", "Other"), ("eventJson", json)];
        assert_eq!(record_of_row(&row, &mut record), Rebuilt::Verbatim);
        assert_eq!(record, json);
    }

    /// The printing of `useridentity` as published results show it.
    #[test]
    fn columns_become_the_fields_of_a_record() {
        let identity = "{type=AssumedRole, principalid=AROAEXAMPLE:SageMaker, \
            arn=arn:aws:sts::111122223333:assumed-role/R/SageMaker, accountid=111122223333, accesskeyid=, username=null, \
            sessioncontext={attributes={creationdate=2023-06-07 23:59:12.000, mfaauthenticated=false}, \
            sessionissuer={type=Role, principalid=AROAEXAMPLE, arn=arn:aws:iam::111122223333:role/service-role/R, \
            accountid=111122223333, username=R}, webidfederationdata=null}, invokedby=fas.s3.amazonaws.com, \
            identityprovider=null}";
        let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let resources = format!("[{{arn={key}, accountid=111122223333, type=AWS::KMS::Key}}]");
        let (found, record) = rebuilt(&[
            ("eventversion", "1.08"),
            ("useridentity", identity),
            ("eventtime", "2023-06-11 16:26:39.000"),
            ("eventsource", "kms.amazonaws.com"),
            ("eventname", "GenerateDataKey"),
            ("errorcode", ""),
            (
                "requestparameters",
                r#"{keySpec=AES_256, encryptionContext={"aws:s3:arn":"arn:aws:s3:::b/x, y=z"}, keyId=alias/a}"#,
            ),
            ("responseelements", "null"),
            ("readonly", "true"),
            ("resources", &resources),
            ("tlsdetails", "{tlsversion=TLSv1.3, ciphersuite=null}"),
            ("_col7", "x"),
        ]);
        assert_eq!(found, Rebuilt::FromColumns);
        assert_eq!(record["userIdentity"]["principalId"], "AROAEXAMPLE:SageMaker");
        assert_eq!(record["userIdentity"]["userName"], Value::Null);
        assert_eq!(record["userIdentity"]["accessKeyId"], "");
        let issuer = &record["userIdentity"]["sessionContext"]["sessionIssuer"];
        assert_eq!(issuer["arn"], "arn:aws:iam::111122223333:role/service-role/R");
        assert_eq!(record["userIdentity"]["invokedBy"], "fas.s3.amazonaws.com");
        assert_eq!(record["eventTime"], "2023-06-11T16:26:39.000Z");
        let context = &record["requestParameters"]["encryptionContext"];
        assert_eq!(context["aws:s3:arn"], "arn:aws:s3:::b/x, y=z");
        assert_eq!(record["requestParameters"]["keyId"], "alias/a");
        assert_eq!(record["resources"][0]["arn"], key);
        assert_eq!(record["tlsDetails"]["tlsVersion"], "TLSv1.3");
        assert_eq!(record["readOnly"], true);
        for absent in ["errorCode", "responseElements", "_col7"] {
            assert_eq!(record.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn structures_are_taken_apart_as_far_as_they_can_be() {
        for (text, expected) in [
            ("{}", "{}"),
            ("[]", "[]"),
            ("{a=b}", r#"{"a":"b"}"#),
            ("{a=b, c=d}", r#"{"a":"b","c":"d"}"#),
            ("{a={b=c, d={e=f}}, g=h}", r#"{"a":{"b":"c","d":{"e":"f"}},"g":"h"}"#),
            ("{a=[x, y], b=[{c=d}, {c=e}]}", r#"{"a":["x","y"],"b":[{"c":"d"},{"c":"e"}]}"#),
            ("{a=, b=null}", r#"{"a":"","b":null}"#),
            ("{a=one, two, b=c}", r#"{"a":"one, two","b":"c"}"#),
            ("{a=x=y, b={z}w}", r#"{"a":"x=y"}"#), // `{z}w` is no structure
            ("{a=é}b, c=d}", r#"{"a":"é}b","c":"d"}"#),
            (r#"{a=["x","y"], b={"c":1}}"#, r#"{"a":["x","y"],"b":{"c":1}}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"c"}}"#),
        ] {
            let expected: Value = serde_json::from_str(expected).unwrap();
            let found = read(text, Form::Map);
            if text.contains("{z}w") {
                assert_eq!(found, None, "{text}");
            } else {
                assert_eq!(found, Some(expected), "{text}");
            }
        }
        for broken in ["text", "{a=b", "{a=b}, ", "{=b}", "{a=b, a=c}", "{a}", "{a=b,c=d"] {
            assert_eq!(read(broken, Form::Map), None, "{broken}");
        }
        assert_eq!(read(&"{a=".repeat(100_000), Form::Map), None);
        // Only a field's name ends a value of a structure.
        let odd = read("{principalid=A:x, y=z, arn=b}", Form::Struct).unwrap();
        assert_eq!((&odd["principalId"], &odd["arn"]), (&"A:x, y=z".into(), &"b".into()));
    }

    #[test]
    fn rows_that_show_no_record_are_told_apart() {
        assert_eq!(rebuilt(&[("_col0", "5")]).0, Rebuilt::NoEvent);
        assert_eq!(rebuilt(&[("eventName", "Decrypt"), ("eventTime", "x")]).0, Rebuilt::NoSource);
        assert_eq!(rebuilt(&[("EVENTSOURCE", "kms.amazonaws.com")]).0, Rebuilt::FromColumns);
    }

    #[test]
    fn times_are_utc_in_every_form() {
        for (printed, time) in [
            ("2023-06-11 16:26:39.000", "2023-06-11T16:26:39.000Z"),
            ("2023-06-11 16:26:39.000 UTC", "2023-06-11T16:26:39.000Z"),
            ("2023-06-11T16:26:39Z", "2023-06-11T16:26:39Z"),
            ("2023-06-11 09:26:39.000 US/Pacific", "2023-06-11 09:26:39.000 US/Pacific"),
        ] {
            assert_eq!(rfc3339(printed), time);
        }
    }
}
