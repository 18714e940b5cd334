//! Tables as lists of columns, and rows of them as Arrow batches.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Int64Builder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::cell::{Cell, Row, Stored, StoredCell};

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

/// A table: what one of its rows is made from.
pub trait Table: 'static {
    /// It may borrow from what was read.
    type Row<'a>;
}

/// A column of a table.
pub struct Column<T: Table> {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it says, in what unit, what null means and where it comes from.
    pub about: &'static str,
    /// Reads it.
    pub(super) get: for<'a, 'b> fn(&'a T::Row<'b>) -> Cell<'a>,
}

/// The Arrow schema of a table.
pub(super) fn schema<T: Table>(columns: &[Column<T>]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.name, c.kind.arrow(), c.nullable)).collect();
    Arc::new(Schema::new(fields))
}

enum Builder {
    Text(BinaryBuilder),
    Int(Int64Builder),
    Time(TimestampMillisecondBuilder),
    Bool(BooleanBuilder),
    Date(Date32Builder),
}

impl Builder {
    fn new(kind: &DataType, rows: usize) -> Self {
        match kind {
            DataType::Int64 => Self::Int(Int64Builder::with_capacity(rows)),
            DataType::Timestamp(..) => {
                Self::Time(TimestampMillisecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(rows)),
            _ => Self::Text(BinaryBuilder::with_capacity(rows, 0)),
        }
    }

    /// A cell of another kind than the column's becomes null: the schema test shows that there is none.
    fn push(&mut self, cell: StoredCell<'_>) {
        match (self, cell) {
            (Self::Text(b), StoredCell::Text(text)) => b.append_value(text),
            (Self::Int(b), StoredCell::Int(n)) => b.append_value(n),
            (Self::Time(b), StoredCell::Time(ms)) => b.append_value(ms),
            (Self::Bool(b), StoredCell::Bool(value)) => b.append_value(value),
            (Self::Date(b), StoredCell::Date(day)) => b.append_value(day),
            (Self::Text(b), _) => b.append_null(),
            (Self::Int(b), _) => b.append_null(),
            (Self::Time(b), _) => b.append_null(),
            (Self::Bool(b), _) => b.append_null(),
            (Self::Date(b), _) => b.append_null(),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            // Looked at once for all rows, whether it is UTF-8.
            Self::Text(b) => Arc::new(StringArray::try_from_binary(b.finish())?),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
        })
    }
}

/// Rows stored one behind the other.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) len: usize,
}

impl Rows {
    pub(super) fn push(&mut self, row: Row<'_>) {
        self.bytes.extend_from_slice(row.bytes());
        self.len += 1;
    }

    /// The columns, as Arrow arrays of the schema's types.
    pub(super) fn arrays(&self, schema: &Schema) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut builders: Vec<Builder> =
            schema.fields().iter().map(|field| Builder::new(field.data_type(), self.len)).collect();
        let mut cells = Stored { bytes: &self.bytes };
        for _ in 0..self.len {
            // `zip` asks the builders first: no cell is lost at the end of a row.
            builders.iter_mut().zip(&mut cells).for_each(|(builder, cell)| builder.push(cell));
        }
        builders.iter_mut().map(Builder::finish).collect()
    }
}
