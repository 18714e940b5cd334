//! What a table is: a name, and a list of columns that read a row's cells from an item.

use std::fmt::Write;

use super::cell::Cell;

/// A table of a report.
pub trait Table: Sized + 'static {
    /// Its name. A report directory holds it as `NAME.parquet`.
    const NAME: &'static str;

    /// Its columns, in order.
    const COLUMNS: &'static [Column<Self>];

    /// What one row is made from. It may borrow.
    type Item<'a>;
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
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

impl ColumnType {
    /// The name of the Parquet type, for the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int64",
            Self::Time => "timestamp (ms, UTC)",
            Self::Bool => "boolean",
            Self::Date => "date",
        }
    }
}

/// A column of a table.
pub struct Column<T: Table> {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it holds, in what unit, what null means and where it comes from.
    pub about: &'static str,
    /// Reads the cell from an item.
    pub(super) cell: for<'a, 'b> fn(&'a T::Item<'b>) -> Cell<'a>,
}

/// Encodes one row of a table and appends it to `out`. [`EncodedRow`](super::EncodedRow) reads it.
pub fn encode_row<T: Table>(columns: &[Column<T>], item: &T::Item<'_>, out: &mut Vec<u8>) {
    for column in columns {
        (column.cell)(item).encode(out);
    }
}

/// The position of the column `name`. In a `const` item, a wrong name is a compile error.
///
/// # Panics
/// When there is no such column.
///
/// ```
/// use keytrail::report::{EVENTS, column_position};
///
/// const ARCHIVE: usize = column_position(EVENTS, "archive");
/// assert_eq!(EVENTS[ARCHIVE].name, "archive");
/// ```
pub const fn column_position<T: Table>(columns: &[Column<T>], name: &str) -> usize {
    let mut position = 0;
    loop {
        assert!(position < columns.len(), "no such column");
        if is_same(columns[position].name, name) {
            return position;
        }
        position += 1;
    }
}

/// `==` for texts does not work in constants.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

/// A Markdown table of a table's columns, as in `docs/report-schema.md`.
pub fn schema_markdown<T: Table>(columns: &[Column<T>]) -> String {
    let mut text = String::from("| column | type | null | meaning and source |\n|---|---|---|---|\n");
    for column in columns {
        let null = if column.nullable { "yes" } else { "" };
        let column_type = column.column_type.as_str();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {column_type} | {null} | {} |", column.name, column.about);
    }
    text
}

/// Declares a table: its list of columns, its type and its name, what a row is made from, and the
/// columns. A column is `"name": Type, "about", |item| cell;`, or `Type or null` when it may be
/// null.
macro_rules! table {
    (
        $(#[$meta:meta])*
        $list:ident: $table:ident($table_name:literal) of $item:ty;
        $( $name:literal : $type:ident $(or $null:ident)?, $about:expr, $cell:expr; )*
    ) => {
        #[doc = concat!("The table [`", stringify!($list), "`].")]
        #[derive(Debug)]
        pub enum $table {}

        impl $crate::report::table::Table for $table {
            const NAME: &'static str = $table_name;

            const COLUMNS: &'static [$crate::report::table::Column<Self>] = &[ $( $crate::report::table::Column {
                name: $name,
                column_type: $crate::report::table::ColumnType::$type,
                nullable: table!(@nullable $($null)?),
                about: $about,
                cell: $cell,
            }, )* ];

            type Item<'a> = $item;
        }

        $(#[$meta])*
        pub const $list: &[$crate::report::table::Column<$table>] = <$table as $crate::report::table::Table>::COLUMNS;
    };
    (@nullable) => { false };
    (@nullable null) => { true };
}
pub(super) use table;
