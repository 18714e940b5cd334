//! The rows of `keytrail sharing`.

use crate::model::EventTime;
use crate::report::cell::Cell;
use crate::report::table::table;

/// A row of `keytrail sharing`.
#[derive(Debug, Clone)]
pub struct SharingRow {
    pub(in crate::report) question: &'static str,
    pub(in crate::report) resource: String,
    pub(in crate::report) kind: String,
    pub(in crate::report) owner: String,
    pub(in crate::report) consumer: String,
    pub(in crate::report) principal: Option<String>,
    pub(in crate::report) outside: Option<bool>,
    pub(in crate::report) what: Option<String>,
    pub(in crate::report) state: String,
    pub(in crate::report) count: u64,
    pub(in crate::report) first: Option<EventTime>,
    pub(in crate::report) last: Option<EventTime>,
    pub(in crate::report) share: Option<String>,
    pub(in crate::report) key: Option<String>,
    pub(in crate::report) note: Option<String>,
}

impl SharingRow {
    /// The question that the row answers.
    pub fn question(&self) -> &'static str {
        self.question
    }
}

/// An ARN without its first five fields, for terminals.
fn short(arn: &str) -> &str {
    crate::model::Arn::parse(arn).map_or(arn, |arn| arn.resource)
}

fn time(value: Option<EventTime>) -> Cell<'static> {
    value.map_or(Cell::Null, Cell::Time)
}

table! {
    /// The rows of `keytrail sharing`, by question.
    SHARING: SharingTable("sharing") of SharingRow;

    "question": Text,
        "`shared`: what is shared with whom; `used`: who uses it; `refused`: what was refused or failed; `never_used`: \
        shares without a use while they lasted; `unexplained`: used without a visible share; `stores`: what the writer and the readers \
        of an offline store need.",
        |r| Cell::text(r.question);
    "resource": Text,
        "The resource without the first fields of its ARN.",
        |r| Cell::text(short(&r.resource));
    "resource_kind": Text,
        "As in `shares.parquet`.",
        |r| Cell::text(&r.kind);
    "owner_account_id": Text,
        "The account that shares.",
        |r| Cell::text(&r.owner);
    "consumer": Text,
        "With whom it is shared, or the account of the caller.",
        |r| Cell::text(&r.consumer);
    "outside": Bool or null,
        "Whether the consumer is outside: not in the file of `--trusted-accounts`, of another organization than that of \
        `--organization`, or external as AWS RAM says. Null: not known.",
        |r| r.outside.map_or(Cell::Null, Cell::Bool);
    "what": Text or null,
        "The permission without its ARN, or the actions of the policy; of uses, the API; of `stores`, what is needed.",
        |r| Cell::optional_text(r.what.as_deref());
    "state": Text,
        "`state` of `shares.parquet`; of uses, `outcome` or the error code. Of `stores`: `used`; `refused`; \
        `allowed_not_used`: the key policy names the account for it; `not_allowed`: it does not; `unknown`: no policy of \
        the key is in the input; `no_effect`: a key policy cannot give it; `not_recorded`: it is S3's.",
        |r| Cell::text(&r.state);
    "count": Int,
        "Calls.",
        |r| Cell::count(r.count);
    "first_time": Time or null,
        "When it was asked for; of uses, the first call.",
        |r| time(r.first);
    "last_time": Time or null,
        "The last successful call.",
        |r| time(r.last);
    "principal": Text or null,
        "Who asked for it; of uses, who called.",
        |r| Cell::optional_text(r.principal.as_deref());
    "resource_arn": Text,
        "ARN of the resource.",
        |r| Cell::text(&r.resource);
    "share_arn": Text or null,
        "ARN of the share.",
        |r| Cell::optional_text(r.share.as_deref());
    "key_arn": Text or null,
        "Of calls of KMS: the key.",
        |r| Cell::optional_text(r.key.as_deref());
    "note": Text or null,
        "What is uncertain.",
        |r| Cell::optional_text(r.note.as_deref());
}
