//! The tables of a report, to be read by name.

use arrow_schema::{Schema, SchemaRef};

use crate::report::batch::schema;
use crate::report::cell::EncodedRow;
use crate::report::parts::EVENTS_FOLDER;
use crate::report::read::{FinishedReport, ReadError, places};
use crate::report::table::{ColumnType, Table};
use crate::report::tables::{
    AccessTable, DailyTable, EventsTable, FindingsTable, GrantsTable, InputsTable, IntegrityTable,
    PolicyStatementsTable, RejectsTable, ShareUseTable, SharesTable, SupersededTable, UsageTable,
};

/// Hands each row of a table to a function.
type Read = fn(&FinishedReport, &mut dyn FnMut(EncodedRow<'_>)) -> Result<(), ReadError>;

/// Where each column of a table is in a file with this schema and path.
type Places = fn(&Schema, &str) -> Result<Vec<Option<usize>>, ReadError>;

/// A table that can be exported.
pub(super) struct StoredTable {
    pub(super) name: &'static str,
    columns: fn() -> Vec<(&'static str, ColumnType)>,
    pub(super) schema: fn() -> SchemaRef,
    pub(super) places: Places,
    read: Read,
}

/// All of them, in the order of the sheets.
const TABLES: [StoredTable; 13] = [
    table::<UsageTable>(),
    table::<DailyTable>(),
    table::<FindingsTable>(),
    table::<GrantsTable>(),
    table::<AccessTable>(),
    table::<PolicyStatementsTable>(),
    table::<SharesTable>(),
    table::<ShareUseTable>(),
    table::<IntegrityTable>(),
    table::<InputsTable>(),
    table::<RejectsTable>(),
    table::<SupersededTable>(),
    StoredTable { read: |report, take| report.read_events(take), ..table::<EventsTable>() },
];

/// The names of the tables that can be exported, in the order of a workbook's sheets.
pub const EXPORTED_TABLES: [&str; TABLES.len()] = {
    let mut names = [""; TABLES.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = TABLES[place].name;
        place += 1;
    }
    names
};

/// The columns of one of [`EXPORTED_TABLES`], as name and type, in their order; none when there is
/// no such table.
///
/// ```
/// use keytrail::report::{EXPORTED_TABLES, exported_columns};
///
/// assert!(EXPORTED_TABLES.iter().all(|table| !exported_columns(table).is_empty()));
/// ```
pub fn exported_columns(table: &str) -> Vec<(&'static str, ColumnType)> {
    StoredTable::named(table).map_or_else(Vec::new, |table| table.columns())
}

const fn table<T: Table>() -> StoredTable {
    StoredTable {
        name: T::NAME,
        columns: || T::COLUMNS.iter().map(|column| (column.name, column.column_type)).collect(),
        schema: || schema(T::COLUMNS),
        places: |schema, path| places(&T::COLUMNS.iter().collect::<Vec<_>>(), schema, path),
        read: |report, take| report.read::<T>(take),
    }
}

impl StoredTable {
    #[cfg(test)]
    pub(super) fn all() -> [Self; TABLES.len()] {
        TABLES
    }

    /// The table of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        TABLES.into_iter().find(|table| table.name == name)
    }

    /// The tables of these names that the report has; no name: all.
    pub(super) fn of(report: &FinishedReport, names: &[&str]) -> Result<Vec<Self>, ReadError> {
        let files = report.files()?;
        let is_there = |name: &str| {
            let file = format!("{name}.parquet");
            files.contains(&file)
                || name == EVENTS_FOLDER && files.iter().any(|found| found.starts_with("events/"))
        };
        let is_asked = |name: &str| names.is_empty() || names.contains(&name);
        Ok(TABLES.into_iter().filter(|table| is_asked(table.name) && is_there(table.name)).collect())
    }

    pub(super) fn columns(&self) -> Vec<(&'static str, ColumnType)> {
        (self.columns)()
    }

    /// Hands each row to `take`, until it fails.
    pub(super) fn read<E: From<ReadError>>(
        &self,
        report: &FinishedReport,
        mut take: impl FnMut(EncodedRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut taken = Ok(());
        (self.read)(report, &mut |row| {
            if taken.is_ok() {
                taken = take(row);
            }
        })?;
        taken
    }
}
