//! Rebuilds CloudTrail records from rows of CloudTrail Lake queries, as far as the columns contain
//! them.
//!
//! An event data store keeps records in columns (AWS: "Supported SQL schemas for event data
//! stores"). If a query selected the column `eventJson`, the row contains the whole record.
//! Otherwise the record is rebuilt from the other columns, which query results contain as text
//! (`printed_value`). That is lossy: a column that was not selected or cannot be parsed is left
//! out, never guessed.

use serde_json::{Map, Value};

use super::printed_value::{FieldNames, parse_printed};

/// The result of [`record_from_row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowOutcome {
    /// The record, unchanged from the column `eventJson`.
    Verbatim,
    /// A record rebuilt from other columns, which may be incomplete.
    Rebuilt,
    /// No record: the row is an event, but `eventSource`, which names the service, was not
    /// selected.
    MissingSource,
    /// No record: the row is not an event, but for example a count.
    NotAnEvent,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnType {
    Text,
    Boolean,
    /// Presto's timestamp, always in UTC.
    Timestamp,
    /// A struct with the field names of CloudTrail records.
    Struct,
    /// A map with the names of the API that was called.
    Map,
}

/// The columns, with names as in records.
const COLUMNS: [(&str, ColumnType); 29] = [
    ("eventVersion", ColumnType::Text),
    ("userIdentity", ColumnType::Struct),
    ("eventTime", ColumnType::Timestamp),
    ("eventSource", ColumnType::Text),
    ("eventName", ColumnType::Text),
    ("awsRegion", ColumnType::Text),
    ("sourceIPAddress", ColumnType::Text),
    ("userAgent", ColumnType::Text),
    ("errorCode", ColumnType::Text),
    ("errorMessage", ColumnType::Text),
    ("requestParameters", ColumnType::Map),
    ("responseElements", ColumnType::Map),
    ("additionalEventData", ColumnType::Map),
    ("requestID", ColumnType::Text),
    ("eventID", ColumnType::Text),
    ("readOnly", ColumnType::Boolean),
    ("resources", ColumnType::Struct),
    ("eventType", ColumnType::Text),
    ("apiVersion", ColumnType::Text),
    ("managementEvent", ColumnType::Boolean),
    ("recipientAccountId", ColumnType::Text),
    ("sharedEventID", ColumnType::Text),
    ("vpcEndpointId", ColumnType::Text),
    ("vpcEndpointAccountId", ColumnType::Text),
    ("serviceEventDetails", ColumnType::Map),
    ("addendum", ColumnType::Struct),
    ("eventCategory", ColumnType::Text),
    ("tlsDetails", ColumnType::Struct),
    ("sessionCredentialFromConsole", ColumnType::Text),
];

/// The column with the whole record.
const EVENT_JSON: &str = "eventJson";

/// Appends the JSON text of the record in a row to `record`.
///
/// `columns` are the names and values of the row; names match in any case.
pub fn record_from_row(columns: &[(&str, &str)], record: &mut String) -> RowOutcome {
    let value_of = |name: &str| {
        let mut columns = columns.iter().rev();
        let (_, value) = columns.find(|(column, _)| column.eq_ignore_ascii_case(name))?;
        Some(value.trim()).filter(|value| !value.is_empty() && *value != "null")
    };
    if let Some(json) = value_of(EVENT_JSON) {
        record.push_str(json);
        return RowOutcome::Verbatim;
    }
    if value_of("eventSource").is_none() {
        let event_columns = ["eventVersion", "eventName", "eventID"];
        return if event_columns.iter().any(|name| value_of(name).is_some()) {
            RowOutcome::MissingSource
        } else {
            RowOutcome::NotAnEvent
        };
    }
    let fields: Map<String, Value> = COLUMNS
        .iter()
        .filter_map(|(name, column_type)| {
            Some(((*name).to_owned(), parse_column(value_of(name)?, *column_type)?))
        })
        .collect();
    record.push_str(&Value::Object(fields).to_string());
    RowOutcome::Rebuilt
}

/// Whether only rows with events have this column.
pub(super) fn is_event_column(column: &str) -> bool {
    [EVENT_JSON, "eventVersion", "eventSource", "eventName"]
        .iter()
        .any(|name| column.eq_ignore_ascii_case(name))
}

fn parse_column(text: &str, column_type: ColumnType) -> Option<Value> {
    match column_type {
        ColumnType::Text => Some(text.into()),
        ColumnType::Boolean if text.eq_ignore_ascii_case("true") => Some(true.into()),
        ColumnType::Boolean if text.eq_ignore_ascii_case("false") => Some(false.into()),
        ColumnType::Boolean => None,
        ColumnType::Timestamp => Some(to_rfc3339(text).into()),
        ColumnType::Struct => parse_printed(text, FieldNames::CloudTrail),
        ColumnType::Map => parse_printed(text, FieldNames::Any),
    }
}

/// Converts `2023-06-11 16:26:39.000` to the format in records. Any other text is returned
/// unchanged, for the parser to judge.
fn to_rfc3339(text: &str) -> String {
    let without_zone = text.strip_suffix(" UTC").unwrap_or(text);
    match without_zone.split_once(' ') {
        Some((day, time)) if !time.contains([' ', '+', '-', 'Z']) => format!("{day}T{time}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(columns: &[(&str, &str)]) -> (RowOutcome, Value) {
        let mut record = String::new();
        let rebuilt = record_from_row(columns, &mut record);
        (rebuilt, serde_json::from_str(&record).unwrap_or_default())
    }

    #[test]
    fn a_row_with_the_whole_record_is_used_unchanged() {
        let mut record = String::new();
        let json = r#"{"eventVersion":"1.08","n":12345678901234567890.50}"#;
        let row = [("eventname", "Other"), ("eventJson", json)];
        assert_eq!(record_from_row(&row, &mut record), RowOutcome::Verbatim);
        assert_eq!(record, json);
    }

    /// `useridentity` in the format of published query results.
    #[test]
    fn columns_become_fields_of_a_record() {
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
        assert_eq!(found, RowOutcome::Rebuilt);
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
    fn rows_without_a_record_are_distinguished() {
        assert_eq!(rebuilt(&[("_col0", "5")]).0, RowOutcome::NotAnEvent);
        assert_eq!(rebuilt(&[("eventName", "Decrypt"), ("eventTime", "x")]).0, RowOutcome::MissingSource);
        assert_eq!(rebuilt(&[("EVENTSOURCE", "kms.amazonaws.com")]).0, RowOutcome::Rebuilt);
    }

    #[test]
    fn timestamps_are_utc_in_every_format() {
        for (printed, time) in [
            ("2023-06-11 16:26:39.000", "2023-06-11T16:26:39.000Z"),
            ("2023-06-11 16:26:39.000 UTC", "2023-06-11T16:26:39.000Z"),
            ("2023-06-11T16:26:39Z", "2023-06-11T16:26:39Z"),
            ("2023-06-11 09:26:39.000 US/Pacific", "2023-06-11 09:26:39.000 US/Pacific"),
        ] {
            assert_eq!(to_rfc3339(printed), time);
        }
    }
}
