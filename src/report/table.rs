//! Tables as lists of columns, and rows of them as Arrow batches.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::event::EventTime;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// 64-bit signed integer.
    Int,
    /// Milliseconds since the epoch, UTC.
    Time,
    /// True or false.
    Bool,
    /// Days since the epoch.
    Date,
}

impl Kind {
    /// The Parquet type, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int64",
            Self::Time => "timestamp (ms, UTC)",
            Self::Bool => "boolean",
            Self::Date => "date",
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Bool => DataType::Boolean,
            Self::Date => DataType::Date32,
        }
    }
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Not known, or not there.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A count, size or offset.
    Int(i64),
    /// A moment.
    Time(EventTime),
    /// True or false.
    Bool(bool),
    /// Days since the epoch.
    Date(i32),
}

impl<'a> Cell<'a> {
    /// Text.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text or null.
    pub(super) fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// A count; none comes near the limit of a signed integer.
    pub(super) fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// A column of a table whose rows are made from `T`.
pub struct Column<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it says, in what unit, what null means and where it comes from.
    pub about: &'static str,
    /// Reads it.
    pub(super) get: for<'a> fn(&'a T) -> Cell<'a>,
}

/// The Arrow schema of a table.
pub(super) fn schema<T>(columns: &[Column<T>]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.name, c.kind.arrow(), c.nullable)).collect();
    Arc::new(Schema::new(fields))
}

enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Time(TimestampMillisecondBuilder),
    Bool(BooleanBuilder),
    Date(Date32Builder),
}

impl Builder {
    /// Takes memory only as rows come: there may be a thousand days with a few rows each.
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::with_capacity(0, 0)),
            Kind::Int => Self::Int(Int64Builder::with_capacity(0)),
            Kind::Time => Self::Time(TimestampMillisecondBuilder::with_capacity(0).with_timezone("UTC")),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(0)),
            Kind::Date => Self::Date(Date32Builder::with_capacity(0)),
        }
    }

    /// A cell of another kind than the column's becomes null: the schema test shows that there is none.
    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Text(b), Cell::Text(text)) => b.append_value(text),
            (Self::Int(b), Cell::Int(n)) => b.append_value(*n),
            (Self::Time(b), Cell::Time(time)) => b.append_value(time.0),
            (Self::Bool(b), Cell::Bool(value)) => b.append_value(*value),
            (Self::Date(b), Cell::Date(day)) => b.append_value(*day),
            (Self::Text(b), _) => b.append_null(),
            (Self::Int(b), _) => b.append_null(),
            (Self::Time(b), _) => b.append_null(),
            (Self::Bool(b), _) => b.append_null(),
            (Self::Date(b), _) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(b) => Arc::new(b.finish()),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
        }
    }
}

/// Memory of a cell besides its text.
const CELL: usize = 8;

/// Rows being gathered into a batch.
pub(super) struct Rows<T: 'static> {
    columns: &'static [Column<T>],
    builders: Vec<Builder>,
    schema: SchemaRef,
    len: usize,
    bytes: usize,
}

impl<T> Rows<T> {
    pub(super) fn new(columns: &'static [Column<T>]) -> Self {
        let builders = columns.iter().map(|c| Builder::new(c.kind)).collect();
        Self { columns, builders, schema: schema(columns), len: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, row: &T) {
        for (column, builder) in self.columns.iter().zip(&mut self.builders) {
            let cell = (column.get)(row);
            self.bytes += CELL + if let Cell::Text(text) = &cell { text.len() } else { 0 };
            builder.push(&cell);
        }
        self.len += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// About the memory the rows take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The rows gathered since the last call.
    pub(super) fn take(&mut self) -> Result<RecordBatch, arrow_schema::ArrowError> {
        (self.len, self.bytes) = (0, 0);
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}
