//! The columns of a segment: which archive a row belongs to, and its facts.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::facts::{self, Batch, FactsError, StoredLearned};
use crate::model::EventTime;

/// An archive, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveVersion {
    /// Its URI. A tar or zip file is one archive, whatever is in it.
    pub uri: Arc<str>,
    /// Stored bytes, where known.
    pub size: Option<u64>,
    /// The object's ETag; of a file, its inode number and when that was last changed.
    pub etag: Option<Box<str>>,
    /// When it was last written.
    pub modified: Option<EventTime>,
}

const ARCHIVE: &str = "archive";
/// The columns before those of the facts.
const OWN: usize = 4;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(build_schema()));

/// The columns of a segment. Rows are sorted by `archive`, in bytewise order. An archive has one
/// row for each of its inputs, and more for an input with many records.
///
/// | column | holds |
/// |---|---|
/// | `archive` | URI of the archive: a file or object that a listing names |
/// | `archive_size` | its stored bytes |
/// | `archive_etag` | its ETag, in S3; of a file, its inode number and when that was last changed |
/// | `archive_modified` | when it was last written |
/// | the others | [facts](crate::facts::schema) |
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

fn build_schema() -> Schema {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let mut fields = vec![
        Arc::new(Field::new(ARCHIVE, DataType::Utf8, false)),
        Arc::new(Field::new("archive_size", DataType::UInt64, true)),
        Arc::new(Field::new("archive_etag", DataType::Utf8, true)),
        Arc::new(Field::new("archive_modified", time, true)),
    ];
    fields.extend(facts::schema().fields().iter().cloned());
    Schema::new(fields)
}

/// Stretches of a batch as rows; `archives`: which archive how many of them belong to.
pub(super) fn encode(
    batch: &Batch,
    stretches: Range<usize>,
    archives: &[(&ArchiveVersion, usize)],
) -> Result<RecordBatch, FactsError> {
    let facts = batch.stretches_to_arrow(stretches)?;
    let rows = || archives.iter().flat_map(|(archive, rows)| std::iter::repeat_n(*archive, *rows));
    let modified: TimestampMillisecondArray =
        rows().map(|archive| archive.modified.map(|time| time.0)).collect();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows().map(|archive| &archive.uri))),
        Arc::new(rows().map(|archive| archive.size).collect::<UInt64Array>()),
        Arc::new(rows().map(|archive| archive.etag.as_deref()).collect::<StringArray>()),
        Arc::new(modified.with_timezone("UTC")),
    ];
    columns.extend_from_slice(facts.columns());
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The positions of the columns that say which archive a row belongs to.
pub(super) const ARCHIVE_COLUMNS: [usize; OWN] = [0, 1, 2, 3];

/// The positions of the columns that facts about other records are read from.
pub(super) fn learned_columns() -> Vec<usize> {
    let position = |name| SCHEMA.index_of(name).ok();
    ["uri", StoredLearned::COLUMN].into_iter().filter_map(position).collect()
}

/// The positions of the columns of all other facts.
pub(super) fn fact_columns() -> Vec<usize> {
    let is_learned = |at: &usize| SCHEMA.field(*at).name() == StoredLearned::COLUMN;
    (OWN..SCHEMA.fields().len()).filter(|at| !is_learned(at)).collect()
}

/// Which archives the rows of a record batch belong to.
#[derive(Debug)]
pub(super) struct Archives {
    uris: StringArray,
    sizes: UInt64Array,
    etags: StringArray,
    modified: TimestampMillisecondArray,
}

impl Archives {
    /// Of a record batch with the columns [`ARCHIVE_COLUMNS`].
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, FactsError> {
        fn column<T: Clone + 'static>(batch: &RecordBatch, at: usize) -> Result<T, FactsError> {
            let column = batch.columns().get(at).and_then(|column| column.as_any().downcast_ref::<T>());
            column.cloned().ok_or(FactsError::Column(ARCHIVE))
        }
        Ok(Self {
            uris: column(batch, 0)?,
            sizes: column(batch, 1)?,
            etags: column(batch, 2)?,
            modified: column(batch, 3)?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.uris.len()
    }

    pub(super) fn uri(&self, row: usize) -> &str {
        self.uris.value(row)
    }

    /// How often the archive changes from one row to the next; `None` if the rows are not sorted.
    pub(super) fn changes(&self) -> Option<u64> {
        let mut changes = 0;
        for row in 1..self.len() {
            match self.uri(row - 1).cmp(self.uri(row)) {
                Ordering::Less => changes += 1,
                Ordering::Equal => {}
                Ordering::Greater => return None,
            }
        }
        Some(changes)
    }

    /// The first row from `from` on whose archive `is_before` does not hold for.
    pub(super) fn partition(&self, from: usize, is_before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (from, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.uri(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The row behind the last one of the archive of a row.
    pub(super) fn end_of(&self, row: usize) -> usize {
        let uri = self.uri(row);
        (row + 1..self.len()).find(|next| self.uri(*next) != uri).unwrap_or(self.len())
    }

    pub(super) fn version(&self, row: usize) -> ArchiveVersion {
        ArchiveVersion {
            uri: self.uri(row).into(),
            size: self.sizes.is_valid(row).then(|| self.sizes.value(row)),
            etag: self.etags.is_valid(row).then(|| self.etags.value(row).into()),
            modified: self.modified.is_valid(row).then(|| EventTime(self.modified.value(row))),
        }
    }
}
