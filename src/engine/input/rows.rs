//! Inputs whose records are rows: Parquet and CSV.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;

use memchr::memmem;

use super::reader::InputReader;
use super::stream::{DecodeStream, StreamPosition};
use super::subject::reason_of;
use crate::format::container::{self, MayMatch, Watched};
use crate::format::decode::{Buffers, DecodeError};
use crate::format::rebuild::{Rebuilt, lack_key, record_from_columns};
use crate::format::tabular::{
    CsvKind, CsvReader, CsvStep, OcsfReader, OcsfRecord, RowState, TableError, TableShape,
};
use crate::model::{RejectReason, SkipReason};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// What a row of a table counts as at least, in bytes. The shortest record is longer.
const LEAST_ROW: u64 = 256;
/// Rows that a table may have, however small its file is, and for each byte of it. A row without
/// values takes no bytes, and each takes time.
const ROWS: u64 = 1_000_000;
const ROWS_PER_BYTE: u64 = 16;

impl InputReader<'_, '_> {
    /// Reads the rows of a table; `position`: how much was read for its file; `sha256`: the file's
    /// hash.
    pub(super) fn run_table(
        mut self,
        mut table: OcsfReader,
        position: StreamPosition,
        sha256: Option<String>,
    ) {
        let plan = self.scanner.plan;
        let limits = plan.limits;
        let (shape, are_records) = (table.shape(), table.rows_are_records());
        let mut found = are_records;
        let mut is_committed = false;
        let columns = table.column_names();
        self.lacks_key_columns = lack_key(columns.split('\n'));
        self.watch_bytes(format!("{columns}\n").as_bytes());
        let too_large = DecodeError::TooLarge { limit: limits.archive_bytes };
        // A value stored once can be repeated in all rows: so their texts are measured, too. So can
        // none at all.
        let mut rows_bytes = 0;
        let (max_rows, pages) = (limits.archive_bytes.min(self.content_left()), table.content_left());
        let most = ROWS.saturating_add(table.stored_bytes().saturating_mul(ROWS_PER_BYTE));
        let least_row = LEAST_ROW.max(max_rows / most);
        if table.content_bytes() > limits.archive_bytes {
            self.reject(None, reason_of(&too_large), too_large.to_string());
        } else {
            while let Some(record) = table.next_record() {
                match record {
                    Ok(OcsfRecord { row, json: None }) => {
                        let detail = format!("longer than --max-record-bytes ({})", limits.record_bytes);
                        self.reject(Some(row), RejectReason::RecordTooLarge, detail);
                    }
                    Ok(OcsfRecord { row, json: Some(text) }) => {
                        rows_bytes += (text.len() as u64).max(least_row);
                        if rows_bytes > max_rows {
                            self.reject(None, reason_of(&too_large), too_large.to_string());
                            break;
                        }
                        if are_records {
                            self.record(&text, row, MayMatch::Unknown);
                        } else {
                            found |= self.search_row(&text, row);
                        }
                    }
                    Err(error) => {
                        let row = match &error {
                            TableError::Rows { rows, .. } => Some(rows.start),
                            _ => None,
                        };
                        self.reject(row, RejectReason::ParquetCorrupt, error.detail());
                    }
                }
                is_committed |= self.is_full();
                if plan.is_cancelled() || self.is_full() && !self.emit() {
                    return;
                }
            }
        }
        self.take_content(rows_bytes + (pages - table.content_left()));
        let shape = if self.is_lossy || self.lacks_caller { shape.lossy() } else { shape };
        // Without any record, rows in a form that is not read are all that can be told.
        let is_known = found || is_committed || self.has_rejects_beside(self.unknown_rows);
        let skip = (!is_known).then_some(SkipReason::Parquet);
        self.finish(position, sha256, shape.as_str(), skip);
    }

    /// Reads the records in a row that is given as an object; whether there are any.
    fn search_row(&mut self, row: &[u8], offset: u64) -> bool {
        let found = self.search(row, offset);
        self.is_lossy |= found.is_lossy;
        if found.records == 0 && !found.is_header {
            let watched = if found.is_notification { Watched::Notification } else { Watched::Row };
            if self.not_found(row, offset, watched) {
                self.unknown_rows += 1;
                self.watch_bytes(row);
            }
        }
        found.records > 0
    }

    /// Ends a table that cannot be read at all.
    pub(super) fn unreadable_table(mut self, error: &TableError, position: StreamPosition) {
        self.reject(None, RejectReason::ParquetCorrupt, error.detail());
        self.finish(position, None, container::JsonShape::Unknown.as_str(), None);
    }

    /// Reads a CSV file.
    pub(super) fn run_csv<R: Read>(
        mut self,
        kind: CsvKind,
        mut content: DecodeStream<R>,
        buffers: &mut Buffers,
    ) {
        let limit = usize::try_from(self.scanner.plan.limits.record_bytes).unwrap_or(usize::MAX);
        let (delimiter, has_header) = match kind {
            CsvKind::Table { delimiter, has_header } => (delimiter, has_header),
            _ => (b',', true),
        };
        let mut rows = Rows {
            csv: CsvReader::with_delimiter(limit, delimiter),
            kind,
            names: (!has_header).then(Vec::new),
            repeated: Vec::new(),
            found: kind == CsvKind::Lake,
        };
        let mut chunk = content.take_whole();
        let whole = chunk.is_some();
        loop {
            let read = match (&mut chunk, whole) {
                (Some(bytes), true) => Ok(bytes.len()),
                (chunk, _) => content.read(chunk.get_or_insert_with(|| vec![0; CHUNK])),
            };
            self.report_bytes(content.position().compressed_bytes);
            let (len, error) = match read {
                Ok(len) => (len, None),
                Err(error) => (0, Some(error)),
            };
            let mut rest = chunk.as_deref().map_or(&[][..], |bytes| &bytes[..len]);
            if let Some(error) = error {
                // The row being read may not be whole.
                self.reject(rows.csv.unfinished_row(), reason_of(&error), error.detail());
                break;
            }
            if !rows.found {
                self.watch_bytes(rest);
            }
            let last = whole || len == 0;
            while let CsvStep::Row { offset, state } = rows.csv.step(&mut rest, last) {
                rows.row(&mut self, offset, state);
                if self.scanner.plan.is_cancelled() || self.is_full() && !self.emit() {
                    return;
                }
            }
            if last {
                break;
            }
        }
        let position = content.position();
        let content = content.into_content();
        let shape = if kind == CsvKind::Lake { TableShape::LakeCsv } else { TableShape::Csv };
        let shape = if self.is_lossy || self.lacks_caller { shape.lossy() } else { shape };
        let skip = (!rows.found && !self.has_rejects()).then_some(SkipReason::NotJson);
        self.finish(position, content.sha256(), shape.as_str(), skip);
        if let Some(chunk) = chunk.filter(|_| whole) {
            buffers.recycle(chunk);
        }
        content.finish(buffers);
    }
}

/// The rows of a CSV file.
struct Rows {
    csv: CsvReader,
    kind: CsvKind,
    /// Names of the columns, once they are known; empty if there are none.
    names: Option<Vec<String>>,
    /// Columns of the same name.
    repeated: Vec<[usize; 2]>,
    /// There was a record.
    found: bool,
}

/// Pairs of columns with the same name: tables that were joined have them.
fn same_names(names: &[String]) -> Vec<[usize; 2]> {
    let mut first = HashMap::new();
    let mut pairs = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match first.entry(name.to_ascii_lowercase()) {
            Entry::Occupied(other) => pairs.push([*other.get(), n]),
            Entry::Vacant(place) => drop(place.insert(n)),
        }
    }
    pairs
}

impl Rows {
    /// The name of two columns of a row that names KMS, if their values differ.
    fn ambiguous_column<'n>(&self, names: &'n [String], fields: &[&str]) -> Option<&'n str> {
        let differs = |[one, other]: &&[usize; 2]| match (fields.get(*one), fields.get(*other)) {
            (Some(one), Some(other)) => one != other && !one.is_empty() && !other.is_empty(),
            _ => false,
        };
        let [one, _] = self.repeated.iter().find(differs)?;
        let names_kms = |field: &&str| memmem::find(field.as_bytes(), b"kms.amazonaws.com").is_some();
        names.get(*one).map(String::as_str).filter(|_| fields.iter().any(names_kms))
    }

    fn row(&mut self, reading: &mut InputReader<'_, '_>, offset: u64, state: RowState) {
        let fields: Result<Vec<&str>, _> = self.csv.fields().map(std::str::from_utf8).collect();
        let Some(names) = &self.names else {
            // They are known to be good: this is how the file was recognised.
            let name = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
            let names: Vec<String> = fields.unwrap_or_default().into_iter().map(name).collect();
            reading.lacks_key_columns = lack_key(names.iter().map(String::as_str));
            self.repeated = same_names(&names);
            self.names = Some(names);
            return;
        };
        let fields = match fields {
            _ if state == RowState::TooLong => {
                let detail = "the row is longer than --max-record-bytes".to_owned();
                return reading.reject(Some(offset), RejectReason::RecordTooLarge, detail);
            }
            _ if state == RowState::UnclosedQuote => {
                let detail = "the file ends inside a quoted field".to_owned();
                return reading.reject(Some(offset), RejectReason::CsvSyntax, detail);
            }
            Ok(fields) if fields.len() == names.len() || names.is_empty() => fields,
            Ok(fields) => {
                let detail =
                    format!("the row has {} fields, and there are {} columns", fields.len(), names.len());
                return reading.reject(Some(offset), RejectReason::CsvSyntax, detail);
            }
            Err(error) => return reading.reject(Some(offset), RejectReason::InvalidUtf8, error.to_string()),
        };
        if let Some(name) = self.ambiguous_column(names, &fields) {
            let detail = format!("two columns are named {name}, and differ in a row that names KMS");
            return reading.reject(Some(offset), RejectReason::UnreadableMember, detail);
        }
        if self.kind != CsvKind::Lake {
            let name = |n: usize| names.get(n).cloned().unwrap_or_else(|| format!("column {n}"));
            let members = fields.into_iter().enumerate().map(|(n, field)| (name(n), field.into()));
            let row = serde_json::Value::Object(members.collect()).to_string();
            self.found |= reading.search_row(row.as_bytes(), offset);
            return;
        }
        let columns: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(fields).collect();
        let whole = columns.iter().rev().find(|(name, text)| {
            name.eq_ignore_ascii_case("eventJson") && !matches!(text.trim(), "" | "null")
        });
        if let Some((_, json)) = whole {
            reading.record(json.trim().as_bytes(), offset, MayMatch::Unknown);
            return;
        }
        match record_from_columns(&columns) {
            Rebuilt::NotAnEvent => reading.foreign(),
            Rebuilt::MissingSource { .. } => {
                let detail = "the row shows an event, but not its eventSource".to_owned();
                reading.reject(Some(offset), RejectReason::MissingField, detail);
            }
            Rebuilt::Record { json, .. } => {
                reading.is_lossy = true;
                reading.record(json.as_bytes(), offset, MayMatch::Unknown);
            }
        }
    }
}
