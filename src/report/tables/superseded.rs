//! `superseded.parquet`: events that another record stands for.

use crate::model::KmsEvent;
use crate::report::cell::Cell;
use crate::report::table::table;

/// Why an event that was selected does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SupersededAs {
    /// A correction replaced it.
    Corrected,
    /// It is another account's copy of a call that counts.
    OtherCopy,
}

impl SupersededAs {
    /// The value of the `class` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::OtherCopy => "other_copy",
        }
    }
}

/// An event that another record stands for.
#[derive(Debug, Clone, Copy)]
pub struct SupersededRow<'a> {
    /// The event.
    pub event: &'a KmsEvent<'a>,
    /// URI of its archive.
    pub archive: &'a str,
    /// Where its record begins.
    pub offset: u64,
    /// Why it does not count.
    pub class: SupersededAs,
    /// `eventID` of the record that counts instead.
    pub by: Option<&'a str>,
}

table! {
    /// `superseded.parquet`: events that would have been selected, had no other record taken their
    /// place. Their order is the same in each run.
    SUPERSEDED: SupersededTable("superseded") of SupersededRow<'a>;

    "class": Text,
        "`corrected`: a correction replaced it (a `duplicate` in the counts). `other_copy`: another \
        account's record of the same call counts.",
        |row| Cell::text(row.class.as_str());
    "superseded_by": Text or null,
        "`eventID` of the record that took its place. A correction need not be selected itself, and \
        may have been corrected in turn. Null: that record has no `eventID`.",
        |row| Cell::optional_text(row.by);
    "event_time": Time,
        "`eventTime`.",
        |row| Cell::Time(row.event.time);
    "event_id": Text or null,
        "`eventID`.",
        |row| Cell::optional_text(row.event.event_id.as_deref());
    "shared_event_id": Text or null,
        "`sharedEventID`.",
        |row| Cell::optional_text(row.event.shared_event_id.as_deref());
    "request_id": Text or null,
        "`requestID`.",
        |row| Cell::optional_text(row.event.request_id.as_deref());
    "event_name": Text,
        "`eventName`.",
        |row| Cell::text(&row.event.name);
    "region": Text,
        "`awsRegion`, or `unknown`.",
        |row| Cell::text(&row.event.region);
    "recipient_account_id": Text or null,
        "`recipientAccountId`.",
        |row| Cell::optional_text(row.event.recipient_account_id.as_deref());
    "principal": Text,
        "Who called, as in `events`.",
        |row| Cell::text(&row.event.principal.name);
    "key_arn": Text or null,
        "ARN of the key, as in `events`.",
        |row| Cell::optional_text(row.event.key.arn.as_deref());
    "archive": Text,
        "URI of the archive.",
        |row| Cell::text(row.archive);
    "record_offset": Int,
        "Offset of the record in the decompressed archive, in bytes.",
        |row| Cell::count(row.offset);
}
