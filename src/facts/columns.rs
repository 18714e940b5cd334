//! Text columns being built, and text columns being read.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, StringArray, StructArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use super::FactsError;

/// The column of a name and type.
pub(super) fn child<'a, T: 'static>(of: &'a StructArray, name: &'static str) -> Result<&'a T, FactsError> {
    of.column_by_name(name).and_then(|column| column.as_any().downcast_ref()).ok_or(FactsError::Column(name))
}

/// The type of a list of these values, none of which is null.
pub(super) fn list_of(values: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", values, false)))
}

/// Lists of these lengths, one behind the other in `values`.
pub(super) fn list(lens: impl Iterator<Item = usize>, values: ArrayRef) -> Result<ArrayRef, FactsError> {
    let mut ends = vec![0i32];
    let mut end = 0;
    for len in lens {
        end += len;
        ends.push(i32::try_from(end).map_err(|_| FactsError::Column("events"))?);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    Ok(Arc::new(ListArray::try_new(item, offsets, values, None)?))
}

/// The values of all lists in `rows`.
pub(super) fn span(lists: &ListArray, rows: Range<usize>) -> Range<usize> {
    // Arrow's own checks hold: offsets are not negative, and grow.
    let offsets = lists.value_offsets();
    offsets[rows.start] as usize..offsets[rows.end] as usize
}

/// Values of a text column as they come in. What it takes in memory is used again after
/// [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(super) struct TextBuilder {
    ends: Vec<i32>,
    bytes: Vec<u8>,
    present: Vec<bool>,
    /// How many values are present.
    some: usize,
}

impl TextBuilder {
    #[inline]
    pub(super) fn push(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.bytes.extend_from_slice(text.as_bytes());
            self.some += 1;
        }
        self.present.push(text.is_some());
        // A batch is ended after some MiB, and one record has no more than `--max-record-bytes`.
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// Takes back all but the first `len` values.
    pub(super) fn truncate(&mut self, len: usize) {
        let lost = self.present.get(len..).unwrap_or_default();
        self.some -= lost.iter().filter(|present| **present).count();
        self.present.truncate(len);
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// The column; `None` when no value is present.
    pub(super) fn finish(&mut self) -> Option<StringArray> {
        let array = (self.some > 0).then(|| {
            let mut ends = Vec::with_capacity(self.ends.len() + 1);
            ends.push(0);
            ends.extend_from_slice(&self.ends);
            let nulls = (self.some < self.present.len()).then(|| NullBuffer::from(&self.present[..]));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
            StringArray::new(offsets, Buffer::from_slice_ref(&self.bytes[..]), nulls)
        });
        self.ends.clear();
        self.bytes.clear();
        self.present.clear();
        self.some = 0;
        array
    }
}

/// A text column that may be missing as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct TextColumn(Option<StringArray>);

impl TextColumn {
    pub(super) fn new(array: Option<StringArray>) -> Self {
        Self(array)
    }

    /// Of an array of any length; one without a value is not held.
    pub(super) fn of(array: &StringArray) -> Self {
        Self((array.null_count() < array.len()).then(|| array.clone()))
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let array = self.0.as_ref()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// Some rows of the column as an array.
    pub(super) fn to_array(&self, rows: Range<usize>) -> ArrayRef {
        match &self.0 {
            Some(array) => Arc::new(array.slice(rows.start, rows.len())),
            None => Arc::new(StringArray::new_null(rows.len())),
        }
    }

    /// Bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Array::get_array_memory_size)
    }
}
