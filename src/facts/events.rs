//! KMS events as columns.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, StructArray, TimestampMillisecondArray, UInt8Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Fields, TimeUnit};

use super::FactsError;
use super::columns::{TextBuilder, TextColumn, child};
use super::fields::{Fixed, NAME, NAMES, ORIGINS, OUTCOMES, TEXTS, code, denials, join, split};
use crate::model::{EventTime, KmsEvent};

/// Events as they come in. What it takes in memory is used again.
#[derive(Debug)]
pub struct EventsBuilder {
    offsets: Vec<u64>,
    fixed: Vec<Fixed>,
    texts: [TextBuilder; TEXTS],
    bytes: usize,
}

impl Default for EventsBuilder {
    fn default() -> Self {
        let texts = std::array::from_fn(|_| TextBuilder::default());
        Self { offsets: Vec::new(), fixed: Vec::new(), texts, bytes: 0 }
    }
}

impl EventsBuilder {
    /// Adds an event whose record begins at `offset` of its input's content.
    pub fn push(&mut self, event: &KmsEvent<'_>, offset: u64) {
        let (texts, fixed) = split(event);
        self.offsets.push(offset);
        self.fixed.push(fixed);
        self.bytes += size_of::<Fixed>() + size_of::<u64>();
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text);
            self.bytes += text.map_or(0, |text| text.len() + size_of::<i32>());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// About the bytes that the events take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes back all but the first `len` events.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len);
        self.fixed.truncate(len);
        self.texts.iter_mut().for_each(|column| column.truncate(len));
    }

    /// The events so far.
    pub fn finish(&mut self) -> Events {
        let texts = self.texts.each_mut().map(|column| TextColumn::new(column.finish()));
        self.bytes = 0;
        let events =
            Events { offsets: self.offsets.as_slice().into(), fixed: self.fixed.as_slice().into(), texts };
        self.offsets.clear();
        self.fixed.clear();
        events
    }
}

/// KMS events as columns, from which each can be read without copying a text.
#[derive(Debug, Clone)]
pub struct Events {
    offsets: Box<[u64]>,
    fixed: Box<[Fixed]>,
    texts: [TextColumn; TEXTS],
}

impl Events {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The event in a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    pub fn event(&self, row: usize) -> KmsEvent<'_> {
        join(self.texts.each_ref().map(|column| column.get(row)), self.fixed[row])
    }

    /// The API name of the event in a row: what [`Self::event`] would say, and faster.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    pub fn name(&self, row: usize) -> &str {
        self.texts[NAME].get(row).unwrap_or_default()
    }

    /// Where its record begins in the content of its input: byte, or row of a table.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn offset(&self, row: usize) -> u64 {
        self.offsets[row]
    }

    /// About the bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let fixed = self.len() * (size_of::<Fixed>() + size_of::<u64>());
        fixed + self.texts.iter().map(TextColumn::bytes).sum::<usize>()
    }

    /// The columns of the Arrow form.
    pub(super) fn fields() -> Fields {
        let codes = |name: &str, nullable, values: Vec<&str>| {
            let metadata = HashMap::from([("values".to_owned(), values.join(","))]);
            Field::new(name, DataType::UInt8, nullable).with_metadata(metadata)
        };
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let mut fields = vec![
            Field::new("offset", DataType::UInt64, false),
            Field::new("event_time", time, false),
            codes("outcome", false, OUTCOMES.iter().map(|outcome| outcome.as_str()).collect()),
            codes("key_origin", false, ORIGINS.iter().map(|origin| origin.as_str()).collect()),
            codes("denied_by", true, denials().map(|by| by.as_str()).collect()),
            Field::new("log_delivery", DataType::Boolean, false),
            Field::new("read_only", DataType::Boolean, true),
            Field::new("mfa", DataType::Boolean, true),
        ];
        fields.extend(NAMES.iter().map(|name| Field::new(*name, DataType::Utf8, true)));
        fields.into()
    }

    /// The Arrow form of some rows.
    pub(super) fn to_struct(&self, rows: Range<usize>) -> Result<StructArray, FactsError> {
        let fixed = || self.fixed[rows.clone()].iter();
        let codes = |values: Vec<Option<u8>>| -> ArrayRef { Arc::new(UInt8Array::from(values)) };
        let times: TimestampMillisecondArray = fixed().map(|fixed| Some(fixed.time.0)).collect();
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(self.offsets[rows.clone()].to_vec())),
            Arc::new(times.with_timezone("UTC")),
            codes(fixed().map(|fixed| Some(code(OUTCOMES, &fixed.outcome))).collect()),
            codes(fixed().map(|fixed| Some(code(ORIGINS, &fixed.key_origin))).collect()),
            codes(fixed().map(|fixed| fixed.denied_by.map(|by| code(denials(), &by))).collect()),
            Arc::new(BooleanArray::from_iter(fixed().map(|fixed| Some(fixed.log_delivery)))),
            Arc::new(BooleanArray::from_iter(fixed().map(|fixed| fixed.read_only))),
            Arc::new(BooleanArray::from_iter(fixed().map(|fixed| fixed.mfa))),
        ];
        arrays.extend(self.texts.iter().map(|column| column.to_array(rows.clone())));
        Ok(StructArray::try_new_with_length(Self::fields(), arrays, None, rows.len())?)
    }

    /// From the Arrow form.
    pub(super) fn from_struct(events: &StructArray) -> Result<Self, FactsError> {
        let offsets: &UInt64Array = child(events, "offset")?;
        let times: &TimestampMillisecondArray = child(events, "event_time")?;
        let outcomes: &UInt8Array = child(events, "outcome")?;
        let origins: &UInt8Array = child(events, "key_origin")?;
        let refusals: &UInt8Array = child(events, "denied_by")?;
        let log_delivery: &BooleanArray = child(events, "log_delivery")?;
        let read_only: &BooleanArray = child(events, "read_only")?;
        let mfa: &BooleanArray = child(events, "mfa")?;
        let denials: Vec<_> = denials().collect();
        let fixed = |row: usize| {
            let missing = FactsError::Column;
            Ok(Fixed {
                time: EventTime(times.value(row)),
                outcome: *OUTCOMES.get(usize::from(outcomes.value(row))).ok_or(missing("outcome"))?,
                key_origin: *ORIGINS.get(usize::from(origins.value(row))).ok_or(missing("key_origin"))?,
                denied_by: match refusals.is_valid(row) {
                    true => Some(*denials.get(usize::from(refusals.value(row))).ok_or(missing("denied_by"))?),
                    false => None,
                },
                log_delivery: log_delivery.value(row),
                read_only: read_only.is_valid(row).then(|| read_only.value(row)),
                mfa: mfa.is_valid(row).then(|| mfa.value(row)),
            })
        };
        let fixed = (0..events.len()).map(fixed).collect::<Result<_, FactsError>>()?;
        let mut texts: [TextColumn; TEXTS] = std::array::from_fn(|_| TextColumn::default());
        for (column, name) in texts.iter_mut().zip(NAMES) {
            *column = TextColumn::of(child(events, name)?);
        }
        Ok(Self { offsets: offsets.values().to_vec().into(), fixed, texts })
    }
}
