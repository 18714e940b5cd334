//! The texts and bytes in the cells of a batch, wherever they are nested.

use std::num::NonZero;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::basic::Type;
use parquet::schema::types::SchemaDescriptor;

/// Length of the shortest text that is looked at. Shorter ones hold no record, and do not name KMS.
const MIN_LEN: usize = 16;
/// How many texts of a column are remembered, so that one that many rows repeat is looked at once.
const REMEMBERED: usize = 256;

/// The columns with texts or bytes in them, and how many these are; `None` if there are none.
pub(super) fn text_columns(schema: &SchemaDescriptor) -> Option<(ProjectionMask, NonZero<u64>)> {
    let leaves = schema.columns().iter().enumerate();
    let texts = leaves.filter(|(_, leaf)| leaf.physical_type() == Type::BYTE_ARRAY);
    let roots: Vec<usize> = texts.map(|(n, _)| schema.get_column_root_idx(n)).collect();
    let count = NonZero::new(roots.len() as u64)?;
    Some((ProjectionMask::roots(schema, roots), count))
}

/// Whether any text or value of bytes is as asked for. Takes their lengths off `left`; if it is not
/// enough, nobody knows what the rest is.
pub(super) fn any(batch: &RecordBatch, left: &mut u64, is_asked_for: &impl Fn(&[u8]) -> bool) -> bool {
    batch.columns().iter().any(|column| any_in(column, left, is_asked_for))
}

fn any_in(array: &dyn Array, left: &mut u64, is_asked_for: &impl Fn(&[u8]) -> bool) -> bool {
    match array.data_type() {
        DataType::Utf8View => {
            let texts = array.as_string_view();
            any_of(texts.views(), left, |n| is_asked_for(texts.value(n).as_bytes()))
        }
        DataType::BinaryView => {
            let values = array.as_binary_view();
            any_of(values.views(), left, |n| is_asked_for(values.value(n)))
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().any(|column| any_in(column, left, is_asked_for))
        }
        DataType::List(_) => any_in(array.as_list::<i32>().values(), left, is_asked_for),
        DataType::Map(_, _) => {
            let map = array.as_map();
            [map.keys(), map.values()].into_iter().any(|column| any_in(column, left, is_asked_for))
        }
        _ => false,
    }
}

/// The same for the texts of an array. A view is the length of a text, and the text or its place.
fn any_of(views: &[u128], left: &mut u64, is_asked_for: impl Fn(usize) -> bool) -> bool {
    let mut remembered = [0; REMEMBERED];
    views.iter().enumerate().any(|(n, view)| {
        // The lower half has the length, the upper half the place: the buffer and the offset in it.
        let len = *view & u128::from(u32::MAX);
        if len < MIN_LEN as u128 {
            return false;
        }
        let slot = usize::try_from((*view >> 96) % REMEMBERED as u128).unwrap_or_default();
        if std::mem::replace(&mut remembered[slot], *view) == *view {
            return false;
        }
        let rest = left.checked_sub(u64::try_from(len).unwrap_or(u64::MAX));
        *left = rest.unwrap_or_default();
        rest.is_none() || is_asked_for(n)
    })
}
