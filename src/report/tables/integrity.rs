//! `integrity.parquet`: what digests say of each digest and each log file.

use crate::integrity::IntegrityRow;
use crate::report::cell::Cell;
use crate::report::table::table;

table! {
    /// `integrity.parquet`: a row for each digest and each log file. Those of the input come first,
    /// in the order of the inputs; then what is missing.
    INTEGRITY: IntegrityTable("integrity") of IntegrityRow<'a>;

    "kind": Text,
        "`digest`, or `log`: a log file.",
        |i| Cell::text(i.kind.as_str());
    "archive": Text,
        "URI of the input, as in `inputs.parquet`. Of what is missing: `recorded_location`.",
        |i| Cell::text(&i.archive);
    "recorded_location": Text or null,
        "Where CloudTrail wrote it, as a digest says. Null: no digest names it.",
        |i| Cell::optional_text(i.recorded_location.as_deref());
    "account_id": Text or null,
        "Its account, by its name or that of its digest.",
        |i| Cell::optional_text(i.account_id.as_deref());
    "region": Text or null,
        "Its Region, by its name or that of its digest.",
        |i| Cell::optional_text(i.region.as_deref());
    "trail": Text or null,
        "Name of the trail that the digest is of. Null: no digest names it.",
        |i| Cell::optional_text(i.trail.as_deref());
    "status": Text,
        "One of the statuses below.",
        |i| Cell::text(i.status.as_str());
    "reason": Text or null,
        "One of the reasons below; null: the status says it all.",
        |i| Cell::optional_text(i.reason.map(|reason| reason.as_str()));
    "digest": Text or null,
        "Where CloudTrail wrote the digest that names it: the one that lists the log file, or the \
        next one of the chain.",
        |i| Cell::optional_text(i.digest.as_deref());
    "start_time": Time or null,
        "`digestStartTime` of the digest, or of the one that lists the log file.",
        |i| i.start.map_or(Cell::Null, Cell::Time);
    "end_time": Time or null,
        "`digestEndTime` of that digest.",
        |i| i.end.map_or(Cell::Null, Cell::Time);
    "sha256": Text or null,
        "SHA-256 of the decompressed content, in lower-case hexadecimal; of what is missing, as the \
        digest records it. Null: unknown, or no digest lists it.",
        |i| i.sha256.map_or(Cell::Null, |sha256| Cell::Text(sha256.to_string().into()));
    "fingerprint": Text or null,
        "`digestPublicKeyFingerprint` of that digest.",
        |i| Cell::optional_text(i.fingerprint.as_deref());
    "key_source": Text or null,
        "The file that gives the public key with that fingerprint. Null: none does.",
        |i| Cell::optional_text(i.key_source.as_deref());
}
