//! A table of a report as Arrow record batches.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{Field, SchemaRef};

use super::tables::StoredTable;
use crate::format::tabular::{ParquetTable, TableRoom};
use crate::report::parts::EVENTS_FOLDER;
use crate::report::read::{FinishedReport, ReadError};

/// The rows of a table of a report, read as they are asked for: a batch of at most some thousand
/// rows is in memory. The events are those of all days, a day after the other.
///
/// Columns are found by their names: those that this version does not know are left out, and those
/// that an older one did not have are null.
///
/// ```no_run
/// use keytrail::report::{FinishedReport, TableBatches};
///
/// # fn main() -> Result<(), keytrail::report::ReadError> {
/// if let Some(report) = FinishedReport::open("report".as_ref())? {
///     for batch in TableBatches::open(&report, "usage")? {
///         println!("{} rows", batch?.num_rows());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct TableBatches {
    report: FinishedReport,
    table: StoredTable,
    schema: SchemaRef,
    /// The files that are not open yet.
    files: VecDeque<String>,
    open: Option<TableFile>,
}

/// A file that is being read.
struct TableFile {
    path: String,
    rows: ParquetTable,
    places: Vec<Option<usize>>,
}

impl TableBatches {
    /// Begins to read a table, which is one of [`EXPORTED_TABLES`](super::EXPORTED_TABLES).
    ///
    /// # Errors
    /// When there is no such table, or its first file cannot be opened. A report without events has
    /// no file of them, which is no error.
    pub fn open(report: &FinishedReport, name: &str) -> Result<Self, ReadError> {
        let table = StoredTable::named(name).ok_or_else(|| ReadError::NoTable { table: name.to_owned() })?;
        let files = if name == EVENTS_FOLDER {
            let mut files = report.files()?;
            files.retain(|file| file.split_once('/').is_some_and(|(folder, _)| folder == EVENTS_FOLDER));
            files.into()
        } else {
            VecDeque::from([format!("{name}.parquet")])
        };
        let schema = (table.schema)();
        let mut batches = Self { report: report.clone(), table, schema, files, open: None };
        batches.open_next(report.room())?;
        Ok(batches)
    }

    /// The columns, as this version has them.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Opens the next file, if there is one. `room` is what is left for it.
    fn open_next(&mut self, room: TableRoom) -> Result<(), ReadError> {
        let Some(file) = self.files.pop_front() else { return Ok(()) };
        let path = self.report.path_of(&file);
        let rows = ParquetTable::open(self.report.open_file(&file)?, |_| true, room)
            .map_err(|source| ReadError::Table { path: path.clone(), source })?;
        let places = (self.table.places)(&rows.schema(), &path)?;
        self.open = Some(TableFile { path, rows, places });
        Ok(())
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        while let Some(mut file) = self.open.take() {
            match file.rows.next_batch() {
                Some(batch) => {
                    let unreadable = |source| ReadError::Table { path: file.path.clone(), source };
                    let batch = file.batch(&batch.map_err(unreadable)?, &self.schema, &self.table)?;
                    self.open = Some(file);
                    return Ok(Some(batch));
                }
                None => self.open_next(file.rows.into_room())?,
            }
        }
        Ok(None)
    }
}

impl TableFile {
    /// The batch with the columns of the schema.
    fn batch(
        &self,
        found: &RecordBatch,
        schema: &SchemaRef,
        table: &StoredTable,
    ) -> Result<RecordBatch, ReadError> {
        let column = |(place, field): (&Option<usize>, &Arc<Field>)| -> ArrayRef {
            match place {
                Some(place) => plain(found.column(*place)),
                None => new_null_array(field.data_type(), found.num_rows()),
            }
        };
        let columns: Vec<ArrayRef> = self.places.iter().zip(schema.fields()).map(column).collect();
        let is_wrong =
            |(column, field): (&ArrayRef, &Arc<Field>)| !field.is_nullable() && column.null_count() > 0;
        let wrong = columns.iter().zip(schema.fields()).position(is_wrong);
        let problem = |place: usize, problem: String| ReadError::Column {
            path: self.path.clone(),
            column: table.columns()[place].0,
            problem,
        };
        if let Some(place) = wrong {
            return Err(problem(place, "is null in a row".to_owned()));
        }
        // Types were compared when the file was opened, so nothing else can be wrong.
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| problem(0, error.to_string()))
    }
}

/// The column, with its texts one after the other instead of views.
fn plain(column: &ArrayRef) -> ArrayRef {
    match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.iter().collect::<StringArray>()),
        None => Arc::clone(column),
    }
}

impl Iterator for TableBatches {
    type Item = Result<RecordBatch, ReadError>;

    /// After an error nothing follows.
    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().transpose();
        if matches!(batch, Some(Err(_))) {
            self.files.clear();
        }
        batch
    }
}
