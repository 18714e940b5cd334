//! Parquet files: whatever the footer and the page headers claim, reading ends, and records have
//! the rows that the file has.
#![no_main]

use std::io::Write;

use keytrail::format::container::may_hold_records_inside;
use keytrail::format::tabular::OcsfReader;
use libfuzzer_sys::fuzz_target;

/// Longest record that is rebuilt.
const MAX_RECORD: usize = 1 << 20;
/// Most bytes of pages, and most records that are looked at.
const MAX_CONTENT: u64 = 64 << 20;
const MAX_ROWS: usize = 10_000;

fuzz_target!(|stored: &[u8]| {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(stored).unwrap();
    let mut content = MAX_CONTENT;
    let opened = OcsfReader::open(file, MAX_RECORD, &mut content, may_hold_records_inside);
    assert!(content <= MAX_CONTENT);
    let Ok(Some(mut table)) = opened else { return };
    let mut next_row = 0;
    for record in std::iter::from_fn(|| table.next_record()).take(MAX_ROWS) {
        let Ok(record) = record else { continue };
        assert!(record.row >= next_row, "row {} follows row {next_row}", record.row);
        next_row = record.row + 1;
        assert!(record.json.is_none_or(|json| json.len() <= MAX_RECORD));
    }
});
