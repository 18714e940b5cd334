//! Inputs whose records are rows: Parquet in OCSF's form, CSV of CloudTrail Lake.

use std::io::Read;

use super::reader::InputReader;
use super::stream::{DecodeStream, StreamPosition};
use super::subject::reason_of;
use crate::format::container::{self, RowOutcome, record_from_row};
use crate::format::decode::{Buffers, DecodeError};
use crate::format::tabular::{CsvReader, CsvStep, OcsfReader, OcsfRecord, RowState, TableError, TableShape};
use crate::model::RejectReason;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

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
        let shape = table.shape().as_str();
        let too_large = DecodeError::TooLarge { limit: limits.archive_bytes };
        // A value stored once can be repeated in all rows: so their texts are measured, too.
        let mut rows_bytes = 0;
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
                        rows_bytes += text.len() as u64;
                        if rows_bytes > limits.archive_bytes {
                            self.reject(None, reason_of(&too_large), too_large.to_string());
                            break;
                        }
                        self.record(&text, row, None);
                    }
                    Err(error) => {
                        let row = match &error {
                            TableError::Rows { rows, .. } => Some(rows.start),
                            TableError::Unreadable { .. } => None,
                        };
                        self.reject(row, RejectReason::ParquetCorrupt, error.detail());
                    }
                }
                if plan.is_cancelled() || self.is_full() && !self.emit() {
                    return;
                }
            }
        }
        self.finish(position, sha256, shape, None);
    }

    /// Ends a table that cannot be read at all.
    pub(super) fn unreadable_table(mut self, error: &TableError, position: StreamPosition) {
        self.reject(None, RejectReason::ParquetCorrupt, error.detail());
        self.finish(position, None, container::JsonShape::Unknown.as_str(), None);
    }

    /// Reads a CSV file of CloudTrail Lake: the first row has the names of the columns.
    pub(super) fn run_csv<R: Read>(mut self, mut content: DecodeStream<R>, buffers: &mut Buffers) {
        let limit = usize::try_from(self.scanner.plan.limits.record_bytes).unwrap_or(usize::MAX);
        let mut rows = Rows { csv: CsvReader::new(limit), names: None, text: String::new(), lossy: false };
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
        let shape = if rows.lossy { TableShape::LakeCsvLossy } else { TableShape::LakeCsv }.as_str();
        self.finish(position, content.sha256(), shape, None);
        if let Some(chunk) = chunk.filter(|_| whole) {
            buffers.recycle(chunk);
        }
        content.finish(buffers);
    }
}

/// The rows of a CSV file.
struct Rows {
    csv: CsvReader,
    names: Option<Vec<String>>,
    /// The record of a row, as text.
    text: String,
    /// A record had to be rebuilt from its columns.
    lossy: bool,
}

impl Rows {
    fn row(&mut self, reading: &mut InputReader<'_, '_>, offset: u64, state: RowState) {
        let fields: Result<Vec<&str>, _> = self.csv.fields().map(std::str::from_utf8).collect();
        let Some(names) = &self.names else {
            // They are known to be good: this is how the file was recognised.
            self.names = Some(fields.unwrap_or_default().into_iter().map(str::to_owned).collect());
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
            Ok(fields) if fields.len() == names.len() => fields,
            Ok(fields) => {
                let detail =
                    format!("the row has {} fields, and there are {} columns", fields.len(), names.len());
                return reading.reject(Some(offset), RejectReason::CsvSyntax, detail);
            }
            Err(error) => return reading.reject(Some(offset), RejectReason::InvalidUtf8, error.to_string()),
        };
        let columns: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(fields).collect();
        self.text.clear();
        match record_from_row(&columns, &mut self.text) {
            RowOutcome::NotAnEvent => reading.foreign(),
            RowOutcome::MissingSource => {
                let detail = "the row shows an event, but not its eventSource".to_owned();
                reading.reject(Some(offset), RejectReason::MissingField, detail);
            }
            rebuilt @ (RowOutcome::Verbatim | RowOutcome::Rebuilt) => {
                self.lossy |= rebuilt == RowOutcome::Rebuilt;
                reading.record(self.text.as_bytes(), offset, None);
            }
        }
    }
}
