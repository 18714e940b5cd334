//! One Parquet file: rows in, row groups out.
//!
//! Rows are gathered until they fill a row group. The row group is then encoded as a task, by any
//! thread, and appended to the file once all groups before it have been appended. The cuts between
//! groups depend on the rows alone, so the file's bytes do not depend on which thread encoded what.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
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

use super::batch::{RowBuffer, schema};
use super::cell::EncodedRow;
use super::error::SinkError;
use super::table::{Column, Table};
use crate::base::{Task, TaskQueue, lock};

/// Bytes of rows in a row group: some ten thousand events. More than 2 GiB would not fit into an
/// Arrow text column.
const ROW_GROUP: usize = 16 << 20;

/// Row groups that may wait to be encoded.
const QUEUED_GROUPS: usize = 2;

/// Columns whose values hardly ever repeat. A dictionary for them would only cost time.
const UNIQUE: [&str; 4] = ["event_id", "shared_event_id", "request_id", "record_offset"];

/// How the columns of a row group are divided into tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EncodeBy {
    /// One task encodes the whole group.
    RowGroup,
    /// One task for each column. It is faster when nothing else is left to do in parallel, and
    /// takes more memory.
    Column,
}

/// A Parquet file that is being written.
pub(super) struct TableFile<T: Table> {
    rows: RowBuffer,
    file: Arc<SharedFile>,
    tasks: TaskQueue<SinkError>,
    table: PhantomData<fn(T)>,
}

impl<T: Table> TableFile<T> {
    /// The file of a table in `folder`, named after the table.
    pub(super) fn new_in(folder: &Path, tasks: &TaskQueue<SinkError>) -> Self {
        Self::new(&folder.join(format!("{}.parquet", T::NAME)), T::COLUMNS, tasks)
    }

    /// The file, created with its first row group. Row groups are encoded as tasks in `tasks`. The
    /// table has all columns or some: pushed rows are as the columns.
    pub(super) fn new<'c>(
        path: &Path,
        columns: impl IntoIterator<Item = &'c Column<T>>,
        tasks: &TaskQueue<SinkError>,
    ) -> Self {
        let file = Arc::new(SharedFile::new(path, schema(columns)));
        Self { rows: RowBuffer::default(), file, tasks: tasks.clone(), table: PhantomData }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, item: &T::Item<'_>) {
        self.rows.encode(T::COLUMNS, item);
        self.cut();
    }

    /// Adds an encoded row.
    pub(super) fn push_encoded(&mut self, row: EncodedRow<'_>) {
        self.rows.push(row);
        self.cut();
    }

    /// Adds encoded rows.
    pub(super) fn append(&mut self, rows: &RowBuffer) {
        self.rows.append(rows);
        self.cut();
    }

    fn cut(&mut self) {
        if self.buffered_bytes() >= ROW_GROUP {
            self.queue_rows(EncodeBy::RowGroup);
        }
    }

    /// Takes back the rows that are not yet in a row group.
    pub(super) fn take_rows(&mut self) -> RowBuffer {
        std::mem::take(&mut self.rows)
    }

    /// Memory of the rows that are not yet in a row group, bytes.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.rows.bytes.len()
    }

    /// Makes the buffered rows a row group, and queues its encoding.
    pub(super) fn queue_rows(&mut self, by: EncodeBy) {
        if self.rows.is_empty() {
            return;
        }
        let (rows, file) = (self.take_rows(), self.file.clone());
        let group = file.groups.fetch_add(1, Ordering::Relaxed);
        self.tasks.add(Task::new(move || SharedFile::encode(&file, group, rows, by)));
        // The producer helps when the other threads do not keep up: rows must not pile up.
        while self.tasks.queued() > QUEUED_GROUPS {
            self.tasks.run_one();
        }
    }

    /// A handle that completes the file once all its rows are queued.
    pub(super) fn handle(&self) -> FileHandle {
        FileHandle(self.file.clone())
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.queue_rows(EncodeBy::RowGroup);
        self.handle().finish(&self.tasks)
    }
}

/// A file whose row groups may still be waiting in the queue.
pub(super) struct FileHandle(Arc<SharedFile>);

impl FileHandle {
    /// Runs all tasks that are left, waits for those that other threads run, and completes the
    /// file.
    pub(super) fn finish(self, tasks: &TaskQueue<SinkError>) -> Result<(), SinkError> {
        while !tasks.is_idle() {
            if !tasks.run_one() {
                tasks.wait();
            }
        }
        tasks.take_error()?;
        self.0.close()
    }
}

/// The file, shared by the tasks that encode its row groups.
struct SharedFile {
    path: PathBuf,
    schema: SchemaRef,
    /// Row groups queued so far.
    groups: AtomicUsize,
    /// `None` before the first row group, and again once the file is closed: a writer takes some
    /// 60 KiB, and a report may have thousands of days.
    appender: Mutex<Option<Appender>>,
}

/// Puts encoded row groups into their order.
struct Appender {
    writer: SerializedFileWriter<AppendFile>,
    factory: Arc<ArrowRowGroupWriterFactory>,
    /// The next row group to append.
    next: usize,
    /// The columns encoded so far of each row group that has not been appended.
    ready: BTreeMap<usize, Vec<Option<ArrowColumnChunk>>>,
}

impl SharedFile {
    fn new(path: &Path, schema: SchemaRef) -> Self {
        Self { path: path.to_owned(), schema, groups: AtomicUsize::new(0), appender: Mutex::new(None) }
    }

    /// Creates the file.
    fn create(path: &Path, schema: &SchemaRef) -> Result<Appender, SinkError> {
        File::create_new(path).map_err(SinkError::file(path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk);
        let no_dictionary = |properties: WriterPropertiesBuilder, name: &str| {
            properties.set_column_dictionary_enabled(ColumnPath::from(name), false)
        };
        let properties = UNIQUE.into_iter().fold(properties, no_dictionary).build();
        let file = AppendFile { path: path.to_owned(), buffer: Vec::new() };
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
        let (writer, factory) =
            writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet_error(path))?;
        Ok(Appender { writer, factory: Arc::new(factory), next: 0, ready: BTreeMap::new() })
    }

    /// What makes the columns of row groups. The first caller creates the file.
    fn factory(&self) -> Result<Arc<ArrowRowGroupWriterFactory>, SinkError> {
        let mut appender = lock(&self.appender);
        let appender = match &mut *appender {
            Some(appender) => appender,
            none => none.insert(Self::create(&self.path, &self.schema)?),
        };
        Ok(appender.factory.clone())
    }

    /// Encodes row group number `group`.
    fn encode(
        file: &Arc<Self>,
        group: usize,
        rows: RowBuffer,
        by: EncodeBy,
    ) -> Result<Vec<Task<SinkError>>, SinkError> {
        let arrays = rows.to_arrays(&file.schema).map_err(SinkError::encode(&file.path))?;
        drop(rows);
        let writers = file.factory()?.create_column_writers(group).map_err(parquet_error(&file.path))?;
        let columns = writers.into_iter().zip(arrays).enumerate();
        match by {
            EncodeBy::Column => Ok(columns
                .map(|(column, (writer, array))| {
                    let file = file.clone();
                    Task::new(move || {
                        file.encode_column(group, column, writer, &array)?;
                        Ok(Vec::new())
                    })
                })
                .collect()),
            EncodeBy::RowGroup => {
                for (column, (writer, array)) in columns {
                    file.encode_column(group, column, writer, &array)?;
                }
                Ok(Vec::new())
            }
        }
    }

    fn encode_column(
        &self,
        group: usize,
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
        encode().and_then(|chunk| self.append(group, column, chunk)).map_err(parquet_error(&self.path))
    }

    /// Appends a column, or keeps it until its row group is complete and the next in order.
    fn append(&self, group: usize, column: usize, chunk: ArrowColumnChunk) -> Result<(), ParquetError> {
        let mut guard = lock(&self.appender);
        let Some(Appender { writer, next, ready, .. }) = &mut *guard else { return Ok(()) };
        let columns = self.schema.fields().len();
        let chunks = ready.entry(group).or_insert_with(|| (0..columns).map(|_| None).collect());
        chunks[column] = Some(chunk);
        while ready.get(next).is_some_and(|chunks| chunks.iter().all(Option::is_some))
            && let Some(chunks) = ready.remove(next)
        {
            let mut row_group = writer.next_row_group()?;
            for chunk in chunks.into_iter().flatten() {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close()?;
            writer.flush()?; // a report may have hundreds of days: no file keeps bytes back
            *next += 1;
        }
        Ok(())
    }

    fn close(&self) -> Result<(), SinkError> {
        self.factory()?; // a file without rows is created here
        let groups = self.groups.load(Ordering::Relaxed);
        let appender = lock(&self.appender).take();
        let done = appender.as_ref().map_or(0, |appender| appender.next);
        let Some(appender) = appender.filter(|_| done == groups) else {
            let message = format!("internal error: {done} of {groups} row groups were encoded");
            return Err(SinkError::encode(&self.path)(message));
        };
        let mut file = appender.writer.into_inner().map_err(parquet_error(&self.path))?;
        file.flush().map_err(SinkError::file(&self.path))
    }
}

/// For `map_err`. The encoder wraps errors of the file, such as a full disk.
fn parquet_error(path: &Path) -> impl FnOnce(ParquetError) -> SinkError {
    let path = path.to_owned();
    move |error| match error {
        ParquetError::External(source) => SinkError::encode(&path)(source),
        other => SinkError::encode(&path)(other),
    }
}

/// A file that is open only while bytes are written. A report can have more days than a process
/// may have open files.
struct AppendFile {
    path: PathBuf,
    buffer: Vec<u8>,
}

impl AppendFile {
    const CAPACITY: usize = 256 << 10;
}

impl Write for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= Self::CAPACITY {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            OpenOptions::new().append(true).open(&self.path)?.write_all(&self.buffer)?;
            self.buffer = Vec::new();
        }
        Ok(())
    }
}
