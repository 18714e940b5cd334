//! What leaves keytrail: report directories, streams of rows, the summary, the metrics.
//!
//! Every table is one list of [`Column`]s ([`EVENTS`], [`USAGE`] ...). Parquet, Arrow, CSV, NDJSON,
//! terminal tables and the documentation of the columns all come from it.
//! Deliberately absent: printing (`cli`), and counting (`aggregate`).
//!
//! | to add | go to |
//! |---|---|
//! | a column | its table's file in `tables` |
//! | a table | a file in `tables`, and whoever fills it (`directory` for a file of the report) |
//! | an output format | a file in `formats`, and a variant of [`OutputFormat`] |
//!
//! ```
//! use keytrail::report::{Cell, EncodedRow, REJECTS, RejectRow, encode_row};
//! use keytrail::model::{RejectReason, Rejection};
//!
//! let mut rejection = Rejection::new(RejectReason::JsonSyntax, "expected a comma");
//! rejection.offset = Some(120);
//! let mut bytes = Vec::new();
//! encode_row(REJECTS, &RejectRow { archive: "a.json.gz", rejection: &rejection }, &mut bytes);
//! let offset = EncodedRow::new(&bytes).cells().nth(1);
//! assert_eq!(offset, Some(Cell::Int(120)));
//! assert_eq!(REJECTS[1].name, "record_offset");
//! ```

mod batch;
mod bucket;
mod cell;
mod directory;
mod error;
mod events;
mod evidence;
mod export;
mod formats;
mod kept;
mod markdown_text;
mod metrics;
mod parquet;
mod parts;
mod policy_page;
mod pretty;
mod read;
mod review;
mod row_sorter;
mod run;
mod sarif;
mod sharing;
mod sink;
mod store_access;
mod stored;
mod summary;
mod table;
mod tables;
mod text;
mod text_table;
mod totals;

pub use bucket::{BucketPublisher, BucketTarget};
pub use cell::{Cell, EncodedRow};
pub use directory::{Aggregates, Existing, PublishedReport, ReportDirectory, StagedReport, UnfinishedReport};
pub use error::SinkError;
pub use evidence::{EvidenceError, EvidencePack, write_evidence};
pub use export::{
    CsvForm, EXPORTED_TABLES, ExportError, ExportedRows, TableBatches, export_csv, export_markdown,
    export_workbook, exported_columns,
};
pub use formats::{BatchTaker, EVENT_COLUMNS, OutputFormat, OutputTarget, RowForm, RowStream};
pub(crate) use kept::Kept;
pub use metrics::{Metrics, RunSummary, last_success, metrics};
pub use parts::PAGE_MARK;
pub use policy_page::policy_page;
pub use pretty::pretty_json;
pub use read::{FinishedReport, ReadError};
pub use review::Review;
pub use row_sorter::RowSorter;
pub use run::{IncrementalSummary, RunJson, RunOptions, SCHEMA_VERSION};
pub use sarif::sarif;
pub use sharing::{SHARING_QUESTIONS, Sharing};
pub use sink::{EventStep, RowOrder, Sink};
pub use stored::stored_findings;
pub use summary::{Style, Summary, ZeroResult, scope, unread_inputs, zero_result_causes};
pub use table::{Column, ColumnType, Table, column_position, encode_row, schema_markdown};
pub use tables::{
    ACCESS, AccessTable, DAILY, DailyTable, EVENTS, EventsTable, FINDINGS, FindingsTable, GRANTS, GrantRow,
    GrantsTable, INPUTS, INTEGRITY, InputsTable, IntegrityTable, POLICY_STATEMENTS, PolicyStatementsTable,
    REJECTS, REVIEW, RULES, RejectRow, RejectsTable, ReviewRow, ReviewTable, RuleRow, RulesTable, SHARE_USE,
    SHARES, SHARING, SUPERSEDED, ShareUseTable, SharesTable, SharingRow, SharingTable, SupersededAs,
    SupersededRow, SupersededTable, TOTALS, TotalRow, TotalsTable, USAGE, UsageTable,
};
pub use text::{printable, printable_json, printable_lines};
pub use totals::{Totals, TotalsBy};
