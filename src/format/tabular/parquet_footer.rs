//! Reads the footer of a Parquet file, which describes all else in it.
//!
//! The parquet crate builds the tree of columns by recursion and reserves memory for as many
//! columns as the footer claims. A stack that overflows ends the process. So the bytes are checked
//! first, and the crate gets the same bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::parquet_shapes::{COLUMNS, FILE_META_DATA, NAME, NUM_CHILDREN, ROW_GROUPS, SCHEMA, TYPE_LENGTH};
use super::thrift::{Found, Struct, check};

/// Magic bytes at the start of a Parquet file, and at its end.
pub const PARQUET_MAGIC: &[u8] = b"PAR1";
/// Length of the end of a file: the footer's length and the magic bytes.
const TAIL: u64 = 8;
/// Largest footer in bytes. One of 200 columns takes some 40 KB for each row group.
const MAX_FOOTER: u64 = 16 << 20;
/// Most columns, with the groups that they are in. OCSF's class has some 200.
const MAX_COLUMNS: i64 = 10_000;
/// How deep columns may be inside others. OCSF's are 10 deep, and each list takes 3.
const MAX_DEPTH: usize = 32;
/// Most row groups.
const MAX_ROW_GROUPS: i64 = 10_000;
/// Most column chunks in all row groups. The crate takes some 600 bytes for each.
const MAX_CHUNKS: i64 = 100_000;
/// Most elements of all other lists.
const MAX_ELEMENTS: i64 = 1_000_000;
/// Length of the paths of all columns in bytes: a path repeats the names of all groups around it.
const MAX_PATHS: i64 = 4 << 20;
/// Largest size of a column's values, where it is fixed. Nulls take as much.
const MAX_TYPE_LENGTH: i64 = 1 << 10;

/// Reads the footer at the end of `file`.
pub(super) fn read_footer(mut file: &File) -> Result<ParquetMetaData, ArrowError> {
    let size = file.metadata()?.len();
    let tail_start = size.checked_sub(TAIL).ok_or_else(|| refused("the file is too short"))?;
    let mut tail = [0; TAIL as usize];
    file.seek(SeekFrom::Start(tail_start))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != PARQUET_MAGIC {
        return Err(refused("it does not end with PAR1"));
    }
    let len = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = tail_start.checked_sub(len).ok_or_else(|| refused("its footer is longer than the file"))?;
    if len > MAX_FOOTER {
        return Err(refused("its footer is larger than 16 MiB"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut footer = Vec::new();
    file.take(len).read_to_end(&mut footer)?;
    if footer.len() as u64 != len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    decode_footer(&footer)
}

/// Decodes the bytes of a footer.
pub(super) fn decode_footer(footer: &[u8]) -> Result<ParquetMetaData, ArrowError> {
    let mut limits = Limits::default();
    check(footer, &FILE_META_DATA, &mut |found| limits.take(found))
        .map_err(|error| ParquetError::General(format!("footer: {error}")))?;
    Ok(ParquetMetaDataReader::decode_metadata(footer)?)
}

fn refused(why: &'static str) -> ArrowError {
    ParquetError::General(why.to_owned()).into()
}

/// How much of each thing was found.
#[derive(Default)]
struct Limits {
    columns: Columns,
    chunks: i64,
    elements: i64,
}

impl Limits {
    fn take(&mut self, found: Found) -> Result<(), &'static str> {
        match found {
            Found::List { of: Struct::FileMetaData, id: SCHEMA, count } => self.columns.begin(count),
            Found::Field { of: Struct::SchemaElement, id, value } => {
                match id {
                    NAME => self.columns.name = value,
                    NUM_CHILDREN => self.columns.children = value,
                    TYPE_LENGTH if value > MAX_TYPE_LENGTH => {
                        return Err("values are larger than 1 KiB each");
                    }
                    _ => {}
                }
                Ok(())
            }
            Found::End(Struct::SchemaElement) => self.columns.end_of_element(),
            Found::List { of: Struct::FileMetaData, id: ROW_GROUPS, count } if count > MAX_ROW_GROUPS => {
                Err("more than 10,000 row groups")
            }
            Found::List { of: Struct::RowGroup, id: COLUMNS, count } => {
                self.chunks += count;
                if self.chunks > MAX_CHUNKS { Err("more than 100,000 column chunks") } else { Ok(()) }
            }
            Found::List { count, .. } => self.list(count),
            _ => Ok(()),
        }
    }

    fn list(&mut self, count: i64) -> Result<(), &'static str> {
        self.elements += count;
        if self.elements > MAX_ELEMENTS { Err("more than a million values") } else { Ok(()) }
    }
}

/// The tree of columns, as far as it was read.
#[derive(Default)]
struct Columns {
    /// Elements that were not read yet.
    left: i64,
    /// The groups around the next element: how many elements directly inside each were not read
    /// yet, and the length of its path.
    groups: Vec<(i64, i64)>,
    paths: i64,
    /// Of the current element.
    name: i64,
    children: i64,
}

impl Columns {
    fn begin(&mut self, count: i64) -> Result<(), &'static str> {
        self.left = count;
        if count > MAX_COLUMNS { Err("more than 10,000 columns") } else { Ok(()) }
    }

    fn end_of_element(&mut self) -> Result<(), &'static str> {
        self.left -= 1;
        let (name, children) = (std::mem::take(&mut self.name), std::mem::take(&mut self.children));
        let path = name + 1 + self.groups.last().map_or(0, |group| group.1);
        if let Some((left, _)) = self.groups.last_mut() {
            *left -= 1;
        }
        if children > 0 {
            self.groups.push((children, path));
        } else {
            self.paths += path;
        }
        let inside: i64 = self.groups.iter().map(|group| group.0).sum();
        if children < 0 || inside > self.left {
            return Err("a group claims more columns than there are");
        }
        if self.groups.len() > MAX_DEPTH {
            return Err("columns are more than 32 deep");
        }
        if self.paths > MAX_PATHS {
            return Err("the names of columns are too long");
        }
        while self.groups.pop_if(|group| group.0 == 0).is_some() {}
        Ok(())
    }
}
