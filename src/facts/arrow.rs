//! The Arrow form of a batch: one row per stretch of an input.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, StructArray, UInt64Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Fields, Schema};

use super::batch::Stretch;
use super::columns::child;
use super::learned;
use super::{Batch, Events, FactsError};
use crate::model::{RejectReason, Rejection};

/// The schema of facts outside of memory.
///
/// | column | holds |
/// |---|---|
/// | `uri` | the input |
/// | `events` | its KMS events: times, texts, codes (the metadata `values` has their meaning) |
/// | `learned` | what its records say about other calls; `kind` says what the columns mean |
/// | `rejects` | what could not be read: `offset`, `index`, `reason`, `detail` |
/// | `summary` | in an input's last row: its row of `inputs.parquet`, its coverage; JSON |
pub fn schema() -> Schema {
    let list = |name: &str, fields: Fields| Field::new(name, list_type(fields), false);
    Schema::new(vec![
        Field::new("uri", DataType::Utf8, false),
        list("events", Events::fields()),
        list("learned", learned::fields()),
        list("rejects", reject_fields()),
        Field::new("summary", DataType::Utf8, true),
    ])
}

fn item(fields: Fields) -> Field {
    Field::new("item", DataType::Struct(fields), false)
}

fn list_type(fields: Fields) -> DataType {
    DataType::List(Arc::new(item(fields)))
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

/// Lists of these lengths, one behind the other in `values`.
fn list(lens: impl Iterator<Item = usize>, values: StructArray) -> Result<ArrayRef, FactsError> {
    let mut ends = vec![0i32];
    let mut end = 0;
    for len in lens {
        end += len;
        ends.push(i32::try_from(end).map_err(|_| FactsError::Column("events"))?);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let item = Arc::new(item(values.fields().clone()));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?))
}

impl Batch {
    /// The batch as an Arrow record batch.
    ///
    /// # Errors
    /// When it has more rows than Arrow's lists can hold.
    pub fn to_arrow(&self) -> Result<RecordBatch, FactsError> {
        let stretches = || self.stretches.iter();
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
        let end = |stretch: &Stretch| stretch.end.as_deref().map(serde_json::to_string).transpose();
        let ends = stretches().map(end).collect::<Result<Vec<Option<String>>, _>>()?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(stretches().map(|stretch| &stretch.uri))),
            list(stretches().map(|stretch| stretch.events.len()), self.events.to_struct()?)?,
            list(stretches().map(|stretch| stretch.learned.len()), learned)?,
            list(stretches().map(|stretch| stretch.rejects.len()), rejects)?,
            Arc::new(StringArray::from(ends)),
        ];
        Ok(RecordBatch::try_new(Arc::new(schema()), columns)?)
    }

    /// The batch that an Arrow record batch holds.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_arrow(batch: &RecordBatch) -> Result<Self, FactsError> {
        let rows = StructArray::from(batch.clone());
        let uris: &StringArray = child(&rows, "uri")?;
        let ends: &StringArray = child(&rows, "summary")?;
        let [events, learned, rejects] = ["events", "learned", "rejects"].map(|name| lists(&rows, name));
        let ((event_lists, events), (learned_lists, learned), (reject_lists, rejects)) =
            (events?, learned?, rejects?);
        let mut learned = learned::from_struct(learned)?;
        let mut rejects = rejects_of(rejects)?;
        let mut stretches = Vec::with_capacity(batch.num_rows());
        // From the last on, so that each takes what is left at the end.
        for row in (0..batch.num_rows()).rev() {
            let end = ends.is_valid(row).then(|| serde_json::from_str(ends.value(row))).transpose()?;
            stretches.push(Stretch {
                uri: uris.value(row).into(),
                events: range(event_lists, row),
                learned: learned.split_off(range(learned_lists, row).start.min(learned.len())),
                rejects: rejects.split_off(range(reject_lists, row).start.min(rejects.len())),
                end,
            });
        }
        stretches.reverse();
        Ok(Self { stretches, events: Events::from_struct(events)? })
    }

    /// The batch as an Arrow IPC stream.
    ///
    /// # Errors
    /// As [`Self::to_arrow`].
    pub fn encode(&self) -> Result<Vec<u8>, FactsError> {
        let batch = self.to_arrow()?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
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

fn range(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    // Arrow's own checks hold: offsets are not negative, and grow.
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

fn lists<'a>(
    rows: &'a StructArray,
    name: &'static str,
) -> Result<(&'a ListArray, &'a StructArray), FactsError> {
    let lists: &ListArray = child(rows, name)?;
    let values = lists.values().as_any().downcast_ref().ok_or(FactsError::Column(name))?;
    Ok((lists, values))
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
