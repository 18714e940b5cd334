//! Where records are inside other objects.

/// Names of members that hold a record, several of them, or the text of either: as data, so that a
/// new envelope is a new name. Only letters and digits are compared, without regard to case. The
/// first name that leads to a record counts, so names that hold the whole text of a record stand
/// before those that also hold parts or copies of it.
pub(super) const PLACES: [&str; 58] = [
    // The whole record as text, beside a parsed copy of it.
    "raw",             // Splunk: `_raw`
    "original",        // Elastic: `event.original`
    "eventoriginal",   // the same in one name
    "cloudtrailevent", // LookupEvents; Steampipe: `cloud_trail_event`
    "eventjson",       // CloudTrail Lake
    "rawevent",
    "rawmessage",
    "rawlog",
    "rawdata",
    "rawrecord",
    // The record as an object, or as text if there is no such object.
    "record",
    "records",
    "source", // Elasticsearch: `_source`
    "cloudtrail",
    "cloudtrailrecord",
    "json",
    "jsonpayload",
    "detail",     // EventBridge
    "attributes", // Datadog, twice
    "payload",
    "properties",
    "document",
    "doc",
    "message", // CloudWatch Logs, Vector, SNS, syslog; Logs Insights: `@message`
    "log",     // Fluent Bit
    "logline",
    "line",
    "msg",
    "body", // SQS, OpenTelemetry, HTTP
    "content",
    "text",
    "textpayload",
    "event",
    "eventdata",
    "data", // Kinesis, Firehose, CloudEvents
    "value",
    "values",
    "result", // Splunk
    "output",
    "item",
    "fields",
    // Lists, and what is around lists.
    "awslogs",
    "sns",
    "kinesis",
    "logevents",
    "events",
    "hits",
    "rows",
    "results",
    "messages",
    "items",
    "entries",
    "logs",
    "queryresultrows",
    "resultset",
    "response",
    "streams",
    "batch",
];

/// Arrays under these names at the top of a document are read element by element, so that a
/// document may be larger than a record. (The names of CloudTrail's own documents are in
/// `container_kind`.)
pub(super) const ARRAYS: [&str; 17] = [
    "records",
    "rows",
    "results",
    "hits",
    "messages",
    "items",
    "data",
    "result",
    "logs",
    "entries",
    "value",
    "logevents",
    "events",
    "documents",
    "docs",
    "lines",
    "batch",
];

/// Objects under these names at the top of a document are entered in search of such arrays.
pub(super) const OBJECTS: [&str; 8] =
    ["hits", "resultset", "data", "result", "response", "body", "output", "logs"];

/// The letters and digits of a name, in lower case.
pub(super) fn squashed(name: &[u8]) -> Vec<u8> {
    name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

/// The name of [`ARRAYS`] that `name` is a spelling of.
pub(super) fn array_name(name: &[u8]) -> Option<&'static str> {
    let squashed = squashed(name);
    ARRAYS.into_iter().find(|known| known.as_bytes() == squashed)
}

/// Whether `name` is a spelling of one of [`OBJECTS`].
pub(super) fn is_object_name(name: &[u8]) -> bool {
    let squashed = squashed(name);
    OBJECTS.iter().any(|known| known.as_bytes() == squashed)
}

/// Position of `name` in [`PLACES`].
pub(super) fn rank(name: &[u8]) -> Option<usize> {
    let squashed = squashed(name);
    PLACES.iter().position(|known| known.as_bytes() == squashed)
}
