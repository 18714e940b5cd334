//! The structs of a Parquet file's footer and page headers, as `parquet.thrift` defines them.
//!
//! See <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use super::thrift::Shape::{Binary, Bool, Byte, Double, Int, List};
use super::thrift::{Shape, Struct, StructShape};

const I32: Shape = Int(32);
const I64: Shape = Int(64);
const EMPTY: Shape = Shape::Struct(&StructShape { name: Struct::Other, fields: &[] });

/// A struct of which no value is asked for.
macro_rules! other {
    ($($field:expr),* $(,)?) => {
        Shape::Struct(&StructShape { name: Struct::Other, fields: &[$($field),*] })
    };
}

const STATISTICS: Shape = other![
    (1, Binary), // max
    (2, Binary), // min
    (3, I64),    // null_count
    (4, I64),    // distinct_count
    (5, Binary), // max_value
    (6, Binary), // min_value
    (7, Bool),   // is_max_value_exact
    (8, Bool),   // is_min_value_exact
    (9, I64),    // nan_count
];

const KEY_VALUE: Shape = other![(1, Binary), (2, Binary)];

const TIME_UNIT: Shape = other![(1, EMPTY), (2, EMPTY), (3, EMPTY)];

const LOGICAL_TYPE: Shape = other![
    (1, EMPTY),                             // STRING
    (2, EMPTY),                             // MAP
    (3, EMPTY),                             // LIST
    (4, EMPTY),                             // ENUM
    (5, other![(1, I32), (2, I32)]),        // DECIMAL: scale, precision
    (6, EMPTY),                             // DATE
    (7, other![(1, Bool), (2, TIME_UNIT)]), // TIME
    (8, other![(1, Bool), (2, TIME_UNIT)]), // TIMESTAMP
    (10, other![(1, Byte), (2, Bool)]),     // INTEGER
    (11, EMPTY),                            // UNKNOWN
    (12, EMPTY),                            // JSON
    (13, EMPTY),                            // BSON
    (14, EMPTY),                            // UUID
    (15, EMPTY),                            // FLOAT16
    (16, other![(1, Byte)]),                // VARIANT
    (17, other![(1, Binary)]),              // GEOMETRY
    (18, other![(1, Binary), (2, I32)]),    // GEOGRAPHY
];

/// Field of `SchemaElement`: length of values of fixed length.
pub(super) const TYPE_LENGTH: i16 = 2;
/// Field of `SchemaElement`: the column's name.
pub(super) const NAME: i16 = 4;
/// Field of `SchemaElement`: how many of the elements after this one are directly inside it.
pub(super) const NUM_CHILDREN: i16 = 5;

const SCHEMA_ELEMENT: Shape = Shape::Struct(&StructShape {
    name: Struct::SchemaElement,
    fields: &[
        (1, I32), // type
        (TYPE_LENGTH, I32),
        (3, I32), // repetition_type
        (NAME, Binary),
        (NUM_CHILDREN, I32),
        (6, I32), // converted_type
        (7, I32), // scale
        (8, I32), // precision
        (9, I32), // field_id
        (10, LOGICAL_TYPE),
    ],
});

const SIZE_STATISTICS: Shape = other![(1, I64), (2, List(&I64)), (3, List(&I64))];

const BOUNDING_BOX: Shape = other![
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
];

const COLUMN_META_DATA: Shape = other![
    (1, I32),                                          // type
    (2, List(&I32)),                                   // encodings
    (3, List(&Binary)),                                // path_in_schema
    (4, I32),                                          // codec
    (5, I64),                                          // num_values
    (6, I64),                                          // total_uncompressed_size
    (7, I64),                                          // total_compressed_size
    (8, List(&KEY_VALUE)),                             // key_value_metadata
    (9, I64),                                          // data_page_offset
    (10, I64),                                         // index_page_offset
    (11, I64),                                         // dictionary_page_offset
    (12, STATISTICS),                                  // statistics
    (13, List(&other![(1, I32), (2, I32), (3, I32)])), // encoding_stats
    (14, I64),                                         // bloom_filter_offset
    (15, I32),                                         // bloom_filter_length
    (16, SIZE_STATISTICS),                             // size_statistics
    (17, other![(1, BOUNDING_BOX), (2, List(&I32))]),  // geospatial_statistics
];

const COLUMN_CHUNK: Shape = other![
    (1, Binary),           // file_path
    (2, I64),              // file_offset
    (3, COLUMN_META_DATA), // meta_data
    (4, I64),              // offset_index_offset
    (5, I32),              // offset_index_length
    (6, I64),              // column_index_offset
    (7, I32),              // column_index_length
    (9, Binary),           // encrypted_column_metadata
];

/// Field of `RowGroup`: its column chunks.
pub(super) const COLUMNS: i16 = 1;

const ROW_GROUP: Shape = Shape::Struct(&StructShape {
    name: Struct::RowGroup,
    fields: &[
        (COLUMNS, List(&COLUMN_CHUNK)),
        (2, I64),                                           // total_byte_size
        (3, I64),                                           // num_rows
        (4, List(&other![(1, I32), (2, Bool), (3, Bool)])), // sorting_columns
        (5, I64),                                           // file_offset
        (6, I64),                                           // total_compressed_size
        (7, Int(16)),                                       // ordinal
    ],
});

/// Field of `FileMetaData`: the columns, each before those inside it.
pub(super) const SCHEMA: i16 = 2;
/// Field of `FileMetaData`.
pub(super) const ROW_GROUPS: i16 = 4;

/// What the footer of a file is.
pub(super) static FILE_META_DATA: StructShape = StructShape {
    name: Struct::FileMetaData,
    fields: &[
        (1, I32), // version
        (SCHEMA, List(&SCHEMA_ELEMENT)),
        (3, I64), // num_rows
        (ROW_GROUPS, List(&ROW_GROUP)),
        (5, List(&KEY_VALUE)),                      // key_value_metadata
        (6, Binary),                                // created_by
        (7, List(&other![(1, EMPTY), (2, EMPTY)])), // column_orders
        (9, Binary),                                // footer_signing_key_metadata
    ],
};

/// Field of `PageHeader`: what kind of page it is.
pub(super) const PAGE_TYPE: i16 = 1;
/// Field of `PageHeader`.
pub(super) const UNCOMPRESSED_SIZE: i16 = 2;
/// Field of `PageHeader`.
pub(super) const COMPRESSED_SIZE: i16 = 3;
/// Field of the three kinds of header inside `PageHeader`.
pub(super) const NUM_VALUES: i16 = 1;

/// Field of `DataPageHeader`: how its values are stored.
pub(super) const DATA_ENCODING: i16 = 2;
/// The same of `DataPageHeaderV2`.
pub(super) const DATA_V2_ENCODING: i16 = 4;

/// What stands before each page.
pub(super) static PAGE_HEADER: StructShape = StructShape {
    name: Struct::PageHeader,
    fields: &[
        (PAGE_TYPE, I32),
        (UNCOMPRESSED_SIZE, I32),
        (COMPRESSED_SIZE, I32),
        (4, I32), // crc
        (
            5,
            Shape::Struct(&StructShape {
                name: Struct::DataPage,
                fields: &[(NUM_VALUES, I32), (DATA_ENCODING, I32), (3, I32), (4, I32), (5, STATISTICS)],
            }),
        ),
        (6, EMPTY), // index_page_header
        (
            7,
            Shape::Struct(&StructShape {
                name: Struct::DictionaryPage,
                fields: &[(NUM_VALUES, I32), (2, I32), (3, Bool)],
            }),
        ),
        (
            8,
            Shape::Struct(&StructShape {
                name: Struct::DataPageV2,
                fields: &[
                    (NUM_VALUES, I32),
                    (2, I32), // num_nulls
                    (3, I32), // num_rows
                    (DATA_V2_ENCODING, I32),
                    (5, I32), // definition_levels_byte_length
                    (6, I32), // repetition_levels_byte_length
                    (7, Bool),
                    (8, STATISTICS),
                ],
            }),
        ),
    ],
};
