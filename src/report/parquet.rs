//! One Parquet file: rows in, row groups out.
//!
//! Rows are gathered as they come; a row group of them is encoded by itself, by whichever thread has time, and appended when those before it
//! have been. Where groups are cut depends on the rows alone: the bytes of the file do not depend on who encoded what.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::SinkError;
use super::cell::{Row, encode};
use super::table::{Column, Rows, Table, schema};
use super::tasks::{Task, TaskQueue, lock};

/// Bytes of rows gathered for a row group: some ten thousand events. An Arrow text column could not take more than 2 GiB.
const ROW_GROUP: usize = 16 << 20;

/// Row groups that may wait to be encoded.
const GROUPS_AHEAD: usize = 2;

/// A file that is open only while bytes go out: a report can have more days than a process may have files open.
struct Append {
    path: PathBuf,
    pending: Vec<u8>,
}

impl Append {
    const CAPACITY: usize = 256 << 10;
}

impl Write for Append {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= Self::CAPACITY {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            OpenOptions::new().append(true).open(&self.path)?.write_all(&self.pending)?;
            self.pending = Vec::new();
        }
        Ok(())
    }
}

/// Columns whose values hardly ever come twice: a dictionary of them would only cost time.
const UNIQUE: [&str; 4] = ["event_id", "shared_event_id", "request_id", "record_offset"];

fn create(path: &Path, schema: SchemaRef) -> Result<ArrowWriter<Append>, SinkError> {
    File::create_new(path).map_err(SinkError::file(path))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    let plain = |properties: WriterPropertiesBuilder, name: &str| {
        properties.set_column_dictionary_enabled(ColumnPath::from(name), false)
    };
    let properties = UNIQUE.into_iter().fold(properties, plain).build();
    let file = Append { path: path.to_owned(), pending: Vec::new() };
    ArrowWriter::try_new(file, schema, Some(properties)).map_err(|e| encode_error(path, e))
}

/// A Parquet file being written.
pub(super) struct TableFile<T: Table> {
    columns: &'static [Column<T>],
    rows: Rows,
    file: Arc<Shared>,
    jobs: TaskQueue,
}

impl<T: Table> TableFile<T> {
    /// Creates the file; its rows are encoded through `jobs`.
    pub(super) fn create(
        path: &Path,
        columns: &'static [Column<T>],
        jobs: &TaskQueue,
    ) -> Result<Self, SinkError> {
        let schema = schema(columns);
        let writer = create(path, schema.clone())?;
        let (writer, factory) = writer.into_serialized_writer().map_err(|e| encode_error(path, e))?;
        let out = Mutex::new(Out { writer: Some(writer), next: 0, ready: BTreeMap::new() });
        let groups = AtomicUsize::new(0);
        let file = Arc::new(Shared { path: path.to_owned(), schema, factory, groups, out });
        Ok(Self { columns, rows: Rows::default(), file, jobs: jobs.clone() })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &T::Row<'_>) {
        encode(self.columns, row, &mut self.rows.bytes);
        self.rows.len += 1;
        self.cut();
    }

    /// Adds a row that has been stored.
    pub(super) fn push_row(&mut self, row: Row<'_>) {
        self.rows.push(row);
        self.cut();
    }

    fn cut(&mut self) {
        if self.pending_bytes() >= ROW_GROUP {
            self.hand_over(false);
        }
    }

    /// Adds rows that have been stored.
    pub(super) fn take_in(&mut self, rows: Rows) {
        self.rows.bytes.extend_from_slice(&rows.bytes);
        self.rows.len += rows.len;
        self.cut();
    }

    /// Takes back the rows not yet handed over.
    pub(super) fn take_rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }

    /// The file, to be completed when all its rows have been handed over and encoded.
    pub(super) fn unwritten(&self) -> Unwritten {
        Unwritten(self.file.clone())
    }

    /// Memory of rows not yet handed over, bytes.
    pub(super) fn pending_bytes(&self) -> usize {
        self.rows.bytes.len()
    }

    /// Leaves the rows gathered to be encoded, as one row group; if `split`, its columns by themselves.
    pub(super) fn hand_over(&mut self, split: bool) {
        if self.rows.len == 0 {
            return;
        }
        let (rows, file) = (std::mem::take(&mut self.rows), self.file.clone());
        let number = file.groups.fetch_add(1, Ordering::Relaxed);
        self.jobs.add(Task::new(move || Shared::encode(&file, number, rows, split)));
        // Where nobody keeps up, whoever brings more helps: rows must not pile up.
        while self.jobs.waiting() > GROUPS_AHEAD {
            self.jobs.run_one();
        }
    }

    /// Completes the file, with all work on it that is left.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.hand_over(false);
        self.unwritten().finish(&self.jobs)
    }
}

/// A file whose rows may still be on their way.
pub(super) struct Unwritten(Arc<Shared>);

impl Unwritten {
    /// Completes the file, with all jobs that are left.
    pub(super) fn finish(self, jobs: &TaskQueue) -> Result<(), SinkError> {
        while jobs.run_one() {}
        jobs.outcome()?;
        self.0.close()
    }
}

/// What the encoders of a file's row groups share.
struct Shared {
    path: PathBuf,
    schema: SchemaRef,
    factory: ArrowRowGroupWriterFactory,
    /// Row groups handed over.
    groups: AtomicUsize,
    out: Mutex<Out>,
}

/// The file itself, and what is ready to be appended when its turn comes.
struct Out {
    writer: Option<SerializedFileWriter<Append>>,
    next: usize,
    ready: BTreeMap<usize, Vec<Option<ArrowColumnChunk>>>,
}

impl Shared {
    fn encode(file: &Arc<Self>, number: usize, rows: Rows, split: bool) -> Result<Vec<Task>, SinkError> {
        let arrays = rows.arrays(&file.schema).map_err(|e| encode_error(&file.path, e.into()))?;
        drop(rows);
        let writers = file.factory.create_column_writers(number).map_err(|e| encode_error(&file.path, e))?;
        let columns = writers.into_iter().zip(arrays).enumerate();
        if split {
            let job = |(column, (writer, array))| {
                let file = file.clone();
                Task::new(move || file.encode_column(number, column, writer, &array).map(|()| Vec::new()))
            };
            return Ok(columns.map(job).collect());
        }
        for (column, (writer, array)) in columns {
            file.encode_column(number, column, writer, &array)?;
        }
        Ok(Vec::new())
    }

    fn encode_column(
        &self,
        number: usize,
        column: usize,
        mut writer: ArrowColumnWriter,
        array: &ArrayRef,
    ) -> Result<(), SinkError> {
        let encode = || -> Result<ArrowColumnChunk, ParquetError> {
            // A flat column is one leaf.
            for leaf in compute_leaves(self.schema.field(column), array)? {
                writer.write(&leaf)?;
            }
            writer.close()
        };
        let chunk = encode().map_err(|e| encode_error(&self.path, e))?;
        self.place(number, column, chunk).map_err(|e| encode_error(&self.path, e))
    }

    /// Keeps a column until its row group is whole and the next to be appended.
    fn place(&self, number: usize, column: usize, chunk: ArrowColumnChunk) -> Result<(), ParquetError> {
        let mut guard = lock(&self.out);
        let out = &mut *guard;
        let columns = self.schema.fields().len();
        let group = out.ready.entry(number).or_insert_with(|| (0..columns).map(|_| None).collect());
        group[column] = Some(chunk);
        while out.ready.get(&out.next).is_some_and(|group| group.iter().all(Option::is_some))
            && let (Some(writer), Some(group)) = (&mut out.writer, out.ready.remove(&out.next))
        {
            let mut row_group = writer.next_row_group()?;
            for chunk in group.into_iter().flatten() {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close()?;
            writer.flush()?; // hundreds of days must not each hold some
            out.next += 1;
        }
        Ok(())
    }

    fn close(&self) -> Result<(), SinkError> {
        let groups = self.groups.load(Ordering::Relaxed);
        let mut out = lock(&self.out);
        let Some(writer) = out.writer.take().filter(|_| out.next == groups) else {
            let message = format!("internal error: {} of {groups} row groups were encoded", out.next);
            return Err(SinkError::Encode { path: self.path.display().to_string(), message });
        };
        let mut file = writer.into_inner().map_err(|e| encode_error(&self.path, e))?;
        file.flush().map_err(SinkError::file(&self.path))
    }
}

/// Disk-full and the like come wrapped by the encoder.
fn encode_error(path: &Path, error: ParquetError) -> SinkError {
    SinkError::Encode { path: path.display().to_string(), message: error.to_string() }
}
