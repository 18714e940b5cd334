//! Gives the parquet crate the pages of a row group, as far as they are within bounds.
//!
//! The crate reserves as much memory as the header of a page claims, up to 2 GiB, and keeps a page
//! and a dictionary of each column at the same time. It asks here for each header and each page,
//! and gets what was checked.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::basic::{Encoding, Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::parquet_shapes::{
    COMPRESSED_SIZE, DATA_ENCODING, DATA_V2_ENCODING, NUM_VALUES, PAGE_HEADER, PAGE_TYPE, UNCOMPRESSED_SIZE,
};
use super::thrift::{Found, Struct, ThriftError, check};
use crate::base::lock;

/// Largest page in bytes, as stored and as decompressed. Writers aim at 1 MiB.
const MAX_PAGE: u64 = 64 << 20;
/// Most bytes of pages and dictionaries of all columns at the same time.
const MAX_HELD: u64 = 128 << 20;
/// Largest header of a page in bytes. It can hold a smallest and a largest value.
const MAX_HEADER: u64 = 16 << 20;
/// Bytes of a header that are read at first.
const FIRST_READ: u64 = 1 << 10;
/// What the crate takes for each text of a dictionary, beside the text.
const VIEW: u64 = 16;
/// What a text of a dictionary takes in the file at least: its length.
const TEXT_LENGTH: u64 = 4;
/// Most values in a page of a column inside lists. One row may have all of them.
const MAX_LIST_VALUES: u64 = 4 << 20;
/// What the crate takes for each such value: a view and its levels.
const LIST_VALUE: u64 = 24;
/// Values of a column in a row on average, up to which lists are taken to be alike.
const VALUES_PER_ROW: i64 = 64;
/// Rows decoded at a time, where texts are stored as differences: each may repeat the one before,
/// however long.
pub(super) const DELTA_ROWS: u64 = 4;

/// Content that may still be decompressed. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct ContentLeft(Arc<AtomicU64>);

impl ContentLeft {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// How much that is.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let enough = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok()
    }
}

/// The pages of one row group. Clones share what is held.
#[derive(Clone)]
pub(super) struct CheckedPages {
    file: Arc<File>,
    left: ContentLeft,
    held: Arc<Mutex<Held>>,
}

impl CheckedPages {
    /// The pages of the columns in `mask`.
    pub(super) fn new(
        file: File,
        group: &RowGroupMetaData,
        mask: &ProjectionMask,
        left: ContentLeft,
    ) -> Result<Self> {
        let file_size = file.metadata()?.len();
        let columns = group.columns().iter().enumerate();
        let mut chunks: Vec<Chunk> = columns
            .filter(|(leaf, _)| mask.leaf_included(*leaf))
            .map(|(_, column)| Chunk::new(column, group.num_rows(), file_size))
            .collect::<Result<_>>()?;
        chunks.sort_unstable_by_key(|chunk| (chunk.range.start, chunk.range.end));
        // What is held for each column is found by the offset of its pages.
        if chunks.windows(2).any(|pair| pair[1].range.start < pair[0].range.end) {
            return Err(refused("the columns of a row group overlap"));
        }
        let held = Arc::new(Mutex::new(Held { chunks, before: 0 }));
        Ok(Self { file: Arc::new(file), left, held })
    }

    /// Whether some texts are said to be stored as differences.
    pub(super) fn has_deltas(&self) -> bool {
        lock(&self.held).chunks.iter().any(|chunk| chunk.has_deltas)
    }

    /// Begins another batch of rows: what only the one before needed is no longer held.
    pub(super) fn next_batch(&self) {
        lock(&self.held).before = 0;
    }

    fn read(&self, start: u64, len: u64) -> Result<Vec<u8>> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes of the header at `start`.
    fn header(&self, start: u64) -> Result<Vec<u8>> {
        let mut held = lock(&self.held);
        let remaining = held.chunk(start)?.range.end - start;
        let mut len = FIRST_READ;
        let (header, mut bytes) = loop {
            let bytes = self.read(start, len.min(remaining))?;
            match PageHeader::read(&bytes) {
                Err(ThriftError::EndsEarly) if len < remaining.min(MAX_HEADER) => len *= 4,
                header => {
                    let header = header.map_err(|error| {
                        ParquetError::General(format!("the header of the page at {start}: {error}"))
                    })?;
                    break (header, bytes);
                }
            }
        };
        bytes.truncate(header.len);
        if !self.left.take(header.uncompressed) {
            return Err(refused(
                "its pages are larger than may be read of it (of an input: --max-archive-bytes)",
            ));
        }
        held.add(start, &header)?;
        Ok(bytes)
    }
}

impl Length for CheckedPages {
    fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }
}

impl ChunkReader for CheckedPages {
    type T = HeaderReader;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(HeaderReader { pages: self.clone(), start, header: None })
    }

    /// A page.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let len = length as u64;
        let chunk_end = lock(&self.held).chunk(start)?.range.end;
        if len > MAX_PAGE || len > chunk_end - start {
            return Err(refused("a page is larger than 64 MiB or than its column"));
        }
        let bytes = self.read(start, len)?;
        if bytes.len() != length {
            return Err(refused("a page ends early"));
        }
        Ok(bytes.into())
    }
}

/// Reads the header of a page, which is checked when the first byte of it is asked for: the crate
/// also makes a reader when it has the header already.
pub(super) struct HeaderReader {
    pages: CheckedPages,
    start: u64,
    header: Option<Cursor<Vec<u8>>>,
}

impl Read for HeaderReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = match self.header.take() {
            Some(header) => header,
            None => Cursor::new(self.pages.header(self.start).map_err(io::Error::other)?),
        };
        self.header.insert(header).read(buffer)
    }
}

fn refused(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

/// What the header of a page says.
#[derive(Debug, Default, PartialEq, Eq)]
struct PageHeader {
    /// Its length.
    len: usize,
    is_dictionary: bool,
    compressed: u64,
    uncompressed: u64,
    values: u64,
    is_delta: bool,
}

impl PageHeader {
    fn read(bytes: &[u8]) -> Result<Self, ThriftError> {
        let mut header = Self::default();
        let len = check(bytes, &PAGE_HEADER, &mut |found| {
            let Found::Field { of, id, value } = found else { return Ok(()) };
            let size = || u64::try_from(value).map_err(|_| "a size is negative");
            match (of, id) {
                (Struct::PageHeader, UNCOMPRESSED_SIZE) => header.uncompressed = size()?,
                (Struct::PageHeader, COMPRESSED_SIZE) => header.compressed = size()?,
                (Struct::PageHeader, PAGE_TYPE) => header.is_dictionary = value == DICTIONARY_PAGE,
                (Struct::DataPage | Struct::DataPageV2 | Struct::DictionaryPage, NUM_VALUES) => {
                    header.values = header.values.max(size()?);
                }
                (Struct::DataPage, DATA_ENCODING) | (Struct::DataPageV2, DATA_V2_ENCODING) => {
                    header.is_delta |= value == DELTA_BYTE_ARRAY;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { len, ..header })
    }
}

/// `DICTIONARY_PAGE` in `parquet.thrift`'s `PageType`.
const DICTIONARY_PAGE: i64 = 2;
/// `DELTA_BYTE_ARRAY` in `parquet.thrift`'s `Encoding`.
const DELTA_BYTE_ARRAY: i64 = 7;

/// What the crate holds of a row group.
struct Held {
    /// In the order of the file.
    chunks: Vec<Chunk>,
    /// Bytes of pages before the current ones that rows of the batch may still need.
    before: u64,
}

/// The part of a row group that holds one column.
struct Chunk {
    range: Range<u64>,
    physical_type: Type,
    has_deltas: bool,
    /// Values that it says it has, without those of the pages read.
    values_left: u64,
    lists: Lists,
    /// Bytes that its dictionary takes.
    dictionary: u64,
    /// Bytes that its current page takes.
    page: u64,
}

/// Whether a column is inside lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    None,
    Usual,
    /// They have so many values that one row may have most of them.
    Long,
}

impl Chunk {
    fn new(column: &ColumnChunkMetaData, rows: i64, file_size: u64) -> Result<Self> {
        let (start, len) = column.byte_range();
        let end = start.checked_add(len).filter(|end| *end <= file_size);
        let end = end.ok_or_else(|| refused("a column is said to be outside the file"))?;
        Ok(Self {
            range: start..end,
            physical_type: column.column_type(),
            has_deltas: column.encodings().any(|encoding| encoding == Encoding::DELTA_BYTE_ARRAY),
            values_left: u64::try_from(column.num_values()).unwrap_or_default(),
            lists: match column.column_descr().max_rep_level() {
                0 => Lists::None,
                _ if column.num_values() / VALUES_PER_ROW > rows => Lists::Long,
                _ => Lists::Usual,
            },
            dictionary: 0,
            page: 0,
        })
    }
}

impl Held {
    fn chunk(&mut self, offset: u64) -> Result<&mut Chunk> {
        let index = self.chunks.partition_point(|chunk| chunk.range.end <= offset);
        let chunk = self.chunks.get_mut(index).filter(|chunk| chunk.range.contains(&offset));
        chunk.ok_or_else(|| refused("a page is outside its column"))
    }

    /// Adds the page whose header is at `start`.
    fn add(&mut self, start: u64, header: &PageHeader) -> Result<()> {
        let chunk = self.chunk(start)?;
        let size = header.uncompressed.max(header.compressed);
        if size > MAX_PAGE {
            return Err(refused("a page is larger than 64 MiB"));
        }
        let mut replaced = 0;
        if header.is_dictionary {
            let is_text = chunk.physical_type == Type::BYTE_ARRAY;
            if is_text && header.values > header.uncompressed / TEXT_LENGTH {
                return Err(refused("a dictionary is too short for its number of values"));
            }
            chunk.dictionary = size + if is_text { header.values * VIEW } else { 0 };
        } else {
            if header.is_delta && !chunk.has_deltas {
                return Err(refused("a page has an encoding that its column does not name"));
            }
            let mut values = 0;
            if chunk.lists != Lists::None {
                let left = chunk.values_left.checked_sub(header.values);
                chunk.values_left = left.ok_or_else(|| refused("a column has more values than it says"))?;
                if header.values > MAX_LIST_VALUES {
                    return Err(refused("a page of lists has more than 4 million values"));
                }
                if chunk.lists == Lists::Long {
                    values = header.values * LIST_VALUE;
                }
            }
            let copies = if header.is_delta { 1 + DELTA_ROWS } else { 1 };
            replaced = std::mem::replace(&mut chunk.page, size * copies + values);
        }
        self.before += replaced;
        let held: u64 = self.chunks.iter().map(|chunk| chunk.dictionary + chunk.page).sum();
        if self.before + held > MAX_HELD {
            return Err(refused("its pages need more than 128 MiB at a time"));
        }
        Ok(())
    }
}
