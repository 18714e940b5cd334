//! The Arrow form of a batch: one row per stretch of an input.

use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, StructArray, UInt64Array};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Fields, Schema};

use super::batch::{InputEnd, Stretch};
use super::columns::{child, list, list_of, span};
use super::summary::StoredSummaries;
use super::{Batch, Events, FactsError};
use super::{learned, summary};
use crate::aggregate::Activity;
use crate::model::{Fact, RejectReason, Rejection};

/// The schema of facts outside of memory.
///
/// | column | holds |
/// |---|---|
/// | `uri` | the input |
/// | `events` | its KMS events: times, texts, codes (the metadata `values` has their meaning) |
/// | `learned` | what its records say about other calls; `kind` says what the columns mean |
/// | `rejects` | what could not be read: `offset`, `index`, `reason`, `detail` |
/// | `summary` | with the last row of an input: its row of `inputs.parquet` and what it covers |
pub fn schema() -> Schema {
    let list = |name: &str, fields| Field::new(name, list_of(DataType::Struct(fields)), false);
    Schema::new(vec![
        Field::new("uri", DataType::Utf8, false),
        list("events", Events::fields()),
        list("learned", learned::fields()),
        list("rejects", reject_fields()),
        Field::new("summary", DataType::Struct(summary::fields()), true),
    ])
}

fn reject_fields() -> Fields {
    vec![
        Field::new("offset", DataType::UInt64, true),
        Field::new("index", DataType::UInt64, true),
        Field::new("reason", DataType::Utf8, false),
        Field::new("detail", DataType::Utf8, false),
    ]
    .into()
}

impl Batch {
    /// The batch as an Arrow record batch.
    ///
    /// # Errors
    /// When it has more rows than Arrow's lists can hold.
    pub fn to_arrow(&self) -> Result<RecordBatch, FactsError> {
        self.stretches_to_arrow(0..self.stretches.len())
    }

    /// Some of its stretches as an Arrow record batch.
    ///
    /// # Errors
    /// As [`Self::to_arrow`].
    pub fn stretches_to_arrow(&self, stretches: Range<usize>) -> Result<RecordBatch, FactsError> {
        let some = &self.stretches[stretches];
        let stretches = || some.iter();
        let rows = match some {
            [first, .., last] => first.events.start..last.events.end,
            [one] => one.events.clone(),
            [] => 0..0,
        };
        let rejects = |stretch: &Stretch| stretch.rejects.clone();
        let rejects: Vec<Rejection> = stretches().flat_map(rejects).collect();
        let reject_columns: Vec<ArrayRef> = vec![
            Arc::new(rejects.iter().map(|reject| reject.offset).collect::<UInt64Array>()),
            Arc::new(rejects.iter().map(|reject| reject.index).collect::<UInt64Array>()),
            Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| reject.reason.as_str()))),
            Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| &reject.detail))),
        ];
        let rejects = StructArray::try_new_with_length(reject_fields(), reject_columns, None, rejects.len())?;
        let learned = learned::to_struct(stretches().flat_map(|stretch| &stretch.learned))?;
        let ends: Vec<Option<&InputEnd>> = stretches().map(|stretch| stretch.end.as_deref()).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(stretches().map(|stretch| &stretch.uri))),
            list(stretches().map(|stretch| stretch.events.len()), Arc::new(self.events.to_struct(rows)?))?,
            list(stretches().map(|stretch| stretch.learned.len()), Arc::new(learned))?,
            list(stretches().map(|stretch| stretch.rejects.len()), Arc::new(rejects))?,
            Arc::new(summary::to_struct(&ends)?),
        ];
        Ok(RecordBatch::try_new(Arc::new(schema()), columns)?)
    }

    /// The batch that an Arrow record batch holds.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_arrow(batch: &RecordBatch) -> Result<Self, FactsError> {
        let rows = 0..batch.num_rows();
        let mut facts = StoredFacts::new(batch)?.batch(rows.clone())?;
        StoredLearned::new(batch)?.add_to(&mut facts, rows)?;
        Ok(facts)
    }

    /// The batch as an Arrow IPC stream.
    ///
    /// # Errors
    /// As [`Self::to_arrow`].
    pub fn encode(&self) -> Result<Vec<u8>, FactsError> {
        self.encode_with(IpcWriteOptions::default())
    }

    /// The same, its buffers compressed with zstd: to be sent or kept. Any reader of Arrow streams
    /// reads it.
    ///
    /// # Errors
    /// As [`Self::to_arrow`].
    pub fn encode_compressed(&self) -> Result<Vec<u8>, FactsError> {
        self.encode_with(IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD))?)
    }

    fn encode_with(&self, options: IpcWriteOptions) -> Result<Vec<u8>, FactsError> {
        let batch = self.to_arrow()?;
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options)?;
        writer.write(&batch)?;
        Ok(writer.into_inner()?)
    }

    /// The batch of an Arrow IPC stream.
    ///
    /// # Errors
    /// When it is no stream of one batch of facts.
    pub fn decode(bytes: &[u8]) -> Result<Self, FactsError> {
        let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
        let batch = reader.next().ok_or(FactsError::Column("uri"))??;
        Self::from_arrow(&batch)
    }
}

/// Facts in an Arrow record batch, of which any rows can be read. Facts about other records are in
/// [`StoredLearned`].
#[derive(Debug)]
pub struct StoredFacts {
    uris: StringArray,
    events: Arc<Events>,
    event_lists: ListArray,
    rejects: ListArray,
    ends: StoredSummaries,
}

/// The column `learned` in an Arrow record batch, of which any rows can be read.
#[derive(Debug)]
pub struct StoredLearned {
    uris: StringArray,
    lists: ListArray,
}

impl StoredFacts {
    /// Of a record batch that has the columns of [`schema`], or all but `learned`.
    ///
    /// # Errors
    /// When it does not have them, or they hold other values than facts have.
    pub fn new(batch: &RecordBatch) -> Result<Self, FactsError> {
        let events: &ListArray = column(batch, "events")?;
        Ok(Self {
            uris: column::<StringArray>(batch, "uri")?.clone(),
            events: Arc::new(Events::from_struct(values(events, "events")?)?),
            event_lists: events.clone(),
            rejects: column::<ListArray>(batch, "rejects")?.clone(),
            ends: StoredSummaries::new(column(batch, "summary")?)?,
        })
    }

    /// The facts of some rows.
    ///
    /// # Errors
    /// When they hold other values than facts have.
    pub fn batch(&self, rows: Range<usize>) -> Result<Batch, FactsError> {
        let all = span(&self.rejects, rows.clone());
        let mut rejects = match all.is_empty() {
            true => Vec::new(),
            false => rejects_of(&values(&self.rejects, "rejects")?.slice(all.start, all.len()))?,
        };
        let mut stretches = Vec::with_capacity(rows.len());
        // From the last on, so that each takes what is left at the end.
        for row in rows.rev() {
            let uri: Arc<str> = self.uris.value(row).into();
            stretches.push(Stretch {
                end: self.ends.get(row, &uri)?,
                uri,
                events: span(&self.event_lists, row..row + 1),
                learned: Vec::new(),
                // What is stored was retained.
                activity: Activity::default(),
                rejects: rejects
                    .split_off(rejects.len().saturating_sub(span(&self.rejects, row..row + 1).len())),
            });
        }
        stretches.reverse();
        Ok(Batch { stretches, events: self.events.clone() })
    }
}

impl StoredLearned {
    /// The name of the column.
    pub const COLUMN: &str = "learned";

    /// Of a record batch that has this column, and `uri`.
    ///
    /// # Errors
    /// When it does not have them.
    pub fn new(batch: &RecordBatch) -> Result<Self, FactsError> {
        let (uris, lists) = (column::<StringArray>(batch, "uri")?, column::<ListArray>(batch, Self::COLUMN)?);
        Ok(Self { uris: uris.clone(), lists: lists.clone() })
    }

    /// The facts of some rows, each with its record's offset.
    fn facts(&self, rows: Range<usize>) -> Result<Vec<(u64, Fact<'static>)>, FactsError> {
        let all = span(&self.lists, rows);
        if all.is_empty() {
            return Ok(Vec::new());
        }
        learned::from_struct(&values(&self.lists, Self::COLUMN)?.slice(all.start, all.len()))
    }

    /// Adds the facts of some rows to a batch that has a stretch for each of these rows.
    ///
    /// # Errors
    /// When they hold other values than facts have.
    pub fn add_to(&self, batch: &mut Batch, rows: Range<usize>) -> Result<(), FactsError> {
        let mut facts = self.facts(rows.clone())?.into_iter();
        for (stretch, row) in batch.stretches.iter_mut().zip(rows) {
            stretch.learned = facts.by_ref().take(span(&self.lists, row..row + 1).len()).collect();
        }
        Ok(())
    }

    /// Gives the facts of some rows to `take`: the input, the offset of the record in it, and the
    /// fact.
    ///
    /// # Errors
    /// When they hold other values than facts have.
    pub fn for_each(
        &self,
        rows: Range<usize>,
        take: &mut dyn FnMut(&Arc<str>, u64, Fact<'static>),
    ) -> Result<(), FactsError> {
        let mut facts = self.facts(rows.clone())?.into_iter();
        for row in rows {
            let len = span(&self.lists, row..row + 1).len();
            if len > 0 {
                let uri = self.uris.value(row).into();
                facts.by_ref().take(len).for_each(|(offset, fact)| take(&uri, offset, fact));
            }
        }
        Ok(())
    }
}

fn column<'b, T: 'static>(batch: &'b RecordBatch, name: &'static str) -> Result<&'b T, FactsError> {
    let column = batch.column_by_name(name);
    column.and_then(|column| column.as_any().downcast_ref()).ok_or(FactsError::Column(name))
}

fn values<'l>(lists: &'l ListArray, name: &'static str) -> Result<&'l StructArray, FactsError> {
    lists.values().as_any().downcast_ref().ok_or(FactsError::Column(name))
}

fn rejects_of(rejects: &StructArray) -> Result<Vec<Rejection>, FactsError> {
    let offsets: &UInt64Array = child(rejects, "offset")?;
    let indexes: &UInt64Array = child(rejects, "index")?;
    let reasons: &StringArray = child(rejects, "reason")?;
    let details: &StringArray = child(rejects, "detail")?;
    let reject = |row: usize| {
        let reason = RejectReason::ALL.into_iter().find(|reason| reason.as_str() == reasons.value(row));
        Ok(Rejection {
            offset: offsets.is_valid(row).then(|| offsets.value(row)),
            index: indexes.is_valid(row).then(|| indexes.value(row)),
            reason: reason.ok_or(FactsError::Column("reason"))?,
            detail: details.value(row).to_owned(),
        })
    };
    (0..rejects.len()).map(reject).collect()
}
