//! Encoded rows in a buffer, and how they become Arrow arrays.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Int64Builder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::cell::{CellReader, EncodedRow, RawCell};
use super::table::{Column, ColumnType, Table, encode_row};

/// The Arrow schema of columns of a table.
pub(super) fn schema<'c, T: Table>(columns: impl IntoIterator<Item = &'c Column<T>>) -> SchemaRef {
    let field = |column: &Column<T>| Field::new(column.name, arrow_type(column.column_type), column.nullable);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

pub(super) fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int => DataType::Int64,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
    }
}

/// Encoded rows, one after the other in one buffer.
#[derive(Debug, Default)]
pub(super) struct RowBuffer {
    pub(super) bytes: Vec<u8>,
    /// The number of rows.
    pub(super) rows: usize,
}

impl RowBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends an encoded row.
    pub(super) fn push(&mut self, row: EncodedRow<'_>) {
        self.bytes.extend_from_slice(row.bytes());
        self.rows += 1;
    }

    /// Encodes `item` and appends it.
    pub(super) fn encode<T: Table>(&mut self, columns: &[Column<T>], item: &T::Item<'_>) {
        encode_row(columns, item, &mut self.bytes);
        self.rows += 1;
    }

    /// Appends the rows of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.rows += other.rows;
    }

    /// The columns as Arrow arrays of the schema's types.
    pub(super) fn to_arrays(&self, schema: &Schema) -> Result<Vec<ArrayRef>, ArrowError> {
        let builder = |field: &Arc<Field>| ColumnBuilder::new(field.data_type(), self.rows);
        let mut builders: Vec<ColumnBuilder> = schema.fields().iter().map(builder).collect();
        let mut cells = CellReader { bytes: &self.bytes };
        for _ in 0..self.rows {
            // `zip` asks the builders first, so it takes no cell of the next row.
            builders.iter_mut().zip(&mut cells).for_each(|(builder, cell)| builder.push(cell));
        }
        builders.iter_mut().map(ColumnBuilder::finish).collect()
    }
}

enum ColumnBuilder {
    Text(BinaryBuilder),
    Int(Int64Builder),
    Time(TimestampMillisecondBuilder),
    Bool(BooleanBuilder),
    Date(Date32Builder),
}

impl ColumnBuilder {
    fn new(data_type: &DataType, rows: usize) -> Self {
        match data_type {
            DataType::Int64 => Self::Int(Int64Builder::with_capacity(rows)),
            DataType::Timestamp(..) => {
                Self::Time(TimestampMillisecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(rows)),
            _ => Self::Text(BinaryBuilder::with_capacity(rows, 0)),
        }
    }

    /// A cell of another type than the column's becomes null. The schema test shows that there is
    /// none.
    fn push(&mut self, cell: RawCell<'_>) {
        match (self, cell) {
            (Self::Text(b), RawCell::Text(text)) => b.append_value(text),
            (Self::Int(b), RawCell::Int(n)) => b.append_value(n),
            (Self::Time(b), RawCell::Time(ms)) => b.append_value(ms),
            (Self::Bool(b), RawCell::Bool(value)) => b.append_value(value),
            (Self::Date(b), RawCell::Date(day)) => b.append_value(day),
            (Self::Text(b), _) => b.append_null(),
            (Self::Int(b), _) => b.append_null(),
            (Self::Time(b), _) => b.append_null(),
            (Self::Bool(b), _) => b.append_null(),
            (Self::Date(b), _) => b.append_null(),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            // This checks once for all rows that the text is UTF-8.
            Self::Text(b) => Arc::new(StringArray::try_from_binary(b.finish())?),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
        })
    }
}
