//! Checks bytes in thrift's compact protocol before a library reads them: that they have the shape
//! expected, and how deep and how many their parts are.
//!
//! See <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>. The
//! parquet crate does not compare a field's type with the one that it expects. So a field of
//! another type is an error here, lest the two read the same bytes differently.

use thiserror::Error;

/// How deep values of unknown fields may be nested.
const MAX_DEPTH: u32 = 16;

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Bool,
    Byte,
    /// An integer of 16, 32 or 64 bits.
    Int(u32),
    Double,
    Binary,
    Struct(&'static StructShape),
    List(&'static Shape),
}

/// The fields of a struct that are known, by their ids.
#[derive(Debug)]
pub(super) struct StructShape {
    pub(super) name: Struct,
    pub(super) fields: &'static [(i16, Shape)],
}

/// The structs whose values somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struct {
    FileMetaData,
    SchemaElement,
    RowGroup,
    PageHeader,
    DataPage,
    DictionaryPage,
    DataPageV2,
    Other,
}

/// Something that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// An integer or the length of a text, in a field.
    Field { of: Struct, id: i16, value: i64 },
    /// A list, in a field, and how many elements it has.
    List { of: Struct, id: i16, count: i64 },
    /// The end of a struct.
    End(Struct),
}

/// Why bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ThriftError {
    /// They end within a value.
    #[error("it ends too early")]
    EndsEarly,
    /// A value is not of the type that it should be.
    #[error("field {id} has type {found}")]
    Type {
        /// The field's id; 0 for an element of a list.
        id: i16,
        /// The type in the compact protocol.
        found: u8,
    },
    /// A number has more digits than its type.
    #[error("a number is too large")]
    Number,
    /// The fields of a struct are not in the order of their ids.
    #[error("fields are out of order")]
    Order,
    /// Values are nested too deep.
    #[error("values are nested more than {MAX_DEPTH} deep")]
    Depth,
    /// Something found is not as it should be.
    #[error("{0}")]
    Refused(&'static str),
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

impl Shape {
    fn is_of(self, found: u8) -> bool {
        match self {
            Self::Bool => found == TRUE || found == FALSE,
            Self::Byte => found == BYTE,
            Self::Int(16) => found == I16,
            Self::Int(32) => found == I32,
            Self::Int(_) => found == I64,
            Self::Double => found == DOUBLE,
            Self::Binary => found == BINARY,
            Self::Struct(_) => found == STRUCT,
            Self::List(_) => found == LIST,
        }
    }
}

/// Takes what is found, and refuses it with a reason.
pub(super) type Visit<'v> = &'v mut dyn FnMut(Found) -> Result<(), &'static str>;

/// Reads a struct at the start of `bytes` and returns its length.
///
/// # Errors
/// When it is not of this shape, or `visit` refuses something.
pub(super) fn check(
    bytes: &[u8],
    shape: &'static StructShape,
    visit: Visit<'_>,
) -> Result<usize, ThriftError> {
    let mut reader = Reader { bytes, visit };
    reader.read_struct(shape)?;
    Ok(bytes.len() - reader.bytes.len())
}

struct Reader<'a, 'v> {
    bytes: &'a [u8],
    visit: Visit<'v>,
}

impl Reader<'_, '_> {
    fn byte(&mut self) -> Result<u8, ThriftError> {
        let (first, rest) = self.bytes.split_first().ok_or(ThriftError::EndsEarly)?;
        self.bytes = rest;
        Ok(*first)
    }

    fn skip(&mut self, n: u64) -> Result<(), ThriftError> {
        let n = usize::try_from(n).map_err(|_| ThriftError::EndsEarly)?;
        self.bytes = self.bytes.get(n..).ok_or(ThriftError::EndsEarly)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, ThriftError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ThriftError::Number)
    }

    fn int(&mut self, bits: u32) -> Result<i64, ThriftError> {
        let zigzag = self.varint()?;
        // The lowest bit is the sign.
        let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        let spare = 64 - bits;
        if (value << spare) >> spare == value { Ok(value) } else { Err(ThriftError::Number) }
    }

    /// The id and type of the next field; `None` at the end of the struct.
    fn field(&mut self, last: i16) -> Result<Option<(i16, u8)>, ThriftError> {
        let byte = self.byte()?;
        let (delta, kind) = (i16::from(byte >> 4), byte & 0x0F);
        if kind == 0 {
            return Ok(None);
        }
        let id = match delta {
            0 => i16::try_from(self.int(16)?).map_err(|_| ThriftError::Number)?,
            _ => last.checked_add(delta).ok_or(ThriftError::Order)?,
        };
        if id > last { Ok(Some((id, kind))) } else { Err(ThriftError::Order) }
    }

    /// The type and number of the elements of a list.
    fn list(&mut self) -> Result<(u8, u64), ThriftError> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        // Each takes a byte or more.
        let enough = usize::try_from(count).is_ok_and(|count| count <= self.bytes.len());
        if enough { Ok((byte & 0x0F, count)) } else { Err(ThriftError::EndsEarly) }
    }

    fn found(&mut self, found: Found) -> Result<(), ThriftError> {
        (self.visit)(found).map_err(ThriftError::Refused)
    }

    fn read_struct(&mut self, shape: &'static StructShape) -> Result<(), ThriftError> {
        let mut last = 0;
        while let Some((id, kind)) = self.field(last)? {
            last = id;
            match shape.fields.iter().find(|field| field.0 == id) {
                None => self.skip_value(kind, Within::Struct, MAX_DEPTH)?,
                Some((_, expected)) if expected.is_of(kind) => self.value((shape.name, id), *expected)?,
                Some(_) => return Err(ThriftError::Type { id, found: kind }),
            }
        }
        self.found(Found::End(shape.name))
    }

    /// Reads the value of a field. The depth is that of the shape.
    fn value(&mut self, (of, id): (Struct, i16), shape: Shape) -> Result<(), ThriftError> {
        let value = match shape {
            Shape::Bool => return Ok(()), // its type is its value
            Shape::Byte => return self.skip(1),
            Shape::Double => return self.skip(8),
            Shape::Struct(shape) => return self.read_struct(shape),
            Shape::Int(bits) => self.int(bits)?,
            Shape::Binary => {
                let len = self.varint()?;
                self.skip(len)?;
                len.cast_signed()
            }
            Shape::List(element) => {
                let (kind, count) = self.list()?;
                if count > 0 && !element.is_of(kind) {
                    return Err(ThriftError::Type { id: 0, found: kind });
                }
                self.found(Found::List { of, id, count: count.cast_signed() })?;
                for _ in 0..count {
                    match element {
                        Shape::Bool => self.skip(1)?,
                        element => self.value((Struct::Other, 0), *element)?,
                    }
                }
                return Ok(());
            }
        };
        self.found(Found::Field { of, id, value })
    }

    /// Skips a value of any type.
    fn skip_value(&mut self, kind: u8, within: Within, depth: u32) -> Result<(), ThriftError> {
        let depth = depth.checked_sub(1).ok_or(ThriftError::Depth)?;
        match kind {
            TRUE | FALSE => self.skip(u64::from(within == Within::List)),
            BYTE => self.skip(1),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.skip(8),
            UUID => self.skip(16),
            BINARY => {
                let len = self.varint()?;
                self.skip(len)
            }
            LIST | SET => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_value(kind, Within::List, depth))
            }
            STRUCT => {
                let mut last = 0;
                while let Some((id, kind)) = self.field(last)? {
                    last = id;
                    self.skip_value(kind, Within::Struct, depth)?;
                }
                Ok(())
            }
            // Parquet has no maps.
            MAP.. | 0 => Err(ThriftError::Type { id: 0, found: kind }),
        }
    }
}

/// Where a value is: a truth value in a struct is part of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Struct,
    List,
}

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: StructShape = StructShape { name: Struct::Other, fields: &[] };
    static OUTER: StructShape = StructShape {
        name: Struct::PageHeader,
        fields: &[(1, Shape::Int(32)), (2, Shape::Binary), (3, Shape::List(&Shape::Struct(&INNER)))],
    };

    fn read(bytes: &[u8]) -> Result<(usize, Vec<i64>), ThriftError> {
        let mut values = Vec::new();
        let len = check(bytes, &OUTER, &mut |found| {
            if let Found::Field { of: Struct::PageHeader, value, .. }
            | Found::List { of: Struct::PageHeader, count: value, .. } = found
            {
                values.push(value);
            }
            Ok(())
        })?;
        Ok((len, values))
    }

    #[test]
    fn values_are_found() {
        let bytes = [0x15, 0x05, 0x18, 2, b'a', b'b', 0x19, 0x2C, 0, 0, 0, 9];
        assert_eq!(read(&bytes), Ok((11, vec![-3, 2, 2])));
        for len in 0..11 {
            assert_eq!(read(&bytes[..len]), Err(ThriftError::EndsEarly), "{len}");
        }
        // An id in full.
        assert_eq!(read(&[0x05, 2, 4, 0]), Ok((4, vec![2])));
        // Unknown fields: a list of truth values, a struct.
        assert_eq!(read(&[0x49, 0x31, 1, 2, 1, 0x1C, 0x11, 0, 0]), Ok((9, vec![])));
    }

    #[test]
    fn what_others_may_read_differently_is_refused() {
        assert_eq!(read(&[0x16, 4, 0]), Err(ThriftError::Type { id: 1, found: 6 }));
        assert_eq!(read(&[0x15, 4, 0x05, 2, 4, 0]), Err(ThriftError::Order));
        let int = |value: u64| {
            let mut bytes = vec![0x15];
            bytes.extend((0..5).map(|n| (value >> (7 * n)) as u8 & 0x7F | if n < 4 { 0x80 } else { 0 }));
            read(&[&bytes[..], &[0]].concat())
        };
        assert_eq!(int(u64::from(u32::MAX)), Ok((7, vec![i64::from(i32::MIN)])));
        assert_eq!(int(u64::from(u32::MAX) + 1), Err(ThriftError::Number));
        let long = [&[0x15][..], &[0x80; 10], &[0, 0]].concat();
        assert_eq!(read(&long), Err(ThriftError::Number));
        // As many elements as there are bytes at most.
        assert_eq!(read(&[0x39, 0xFC, 0xFF, 0xFF, 3, 0]), Err(ThriftError::EndsEarly));
    }

    #[test]
    fn depth_is_bounded() {
        for (depth, result) in [(15, Ok((32, vec![]))), (3000, Err(ThriftError::Depth))] {
            let bytes = [&[0x4C][..], &vec![0x1C; depth - 1], &vec![0; depth + 1]].concat();
            let expected = if depth == 15 { result.map(|_| (bytes.len(), vec![])) } else { result };
            assert_eq!(read(&bytes), expected);
        }
    }
}
