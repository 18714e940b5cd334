//! One Parquet file. It ends with an index of what comes before, so it is written to a temporary
//! file first and then copied to the output.

use std::fs::File;
use std::io::{self, Write};

use super::encoder::{RowEncoder, output_error};
use crate::base::{TaskQueue, TemporaryFolder};
use crate::report::cell::EncodedRow;
use crate::report::error::SinkError;
use crate::report::parquet::TableFile;
use crate::report::table::{Column, Table};

const FILE: &str = "rows.parquet";

pub(super) struct ParquetEncoder<W, T: Table> {
    out: W,
    folder: TemporaryFolder,
    file: TableFile<T>,
    tasks: TaskQueue<SinkError>,
}

impl<W: Write, T: Table> ParquetEncoder<W, T> {
    pub(super) fn new(columns: &[&'static Column<T>], out: W) -> Result<Self, SinkError> {
        let folder = TemporaryFolder::create().map_err(SinkError::file(&std::env::temp_dir()))?;
        let tasks = TaskQueue::default();
        let file = TableFile::new(&folder.path().join(FILE), columns.iter().copied(), &tasks);
        Ok(Self { out, folder, file, tasks })
    }
}

impl<W: Write, T: Table> RowEncoder for ParquetEncoder<W, T> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.file.push_encoded(row);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        let Self { mut out, folder, file, .. } = *self;
        file.finish()?;
        let path = folder.path().join(FILE);
        let mut file = File::open(&path).map_err(SinkError::file(&path))?;
        io::copy(&mut file, &mut out).and_then(|_| out.flush()).map_err(output_error)
    }

    fn tasks(&self) -> Option<&TaskQueue<SinkError>> {
        Some(&self.tasks)
    }
}
