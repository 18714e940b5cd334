//! Parquet files whose footer or page headers lie.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use testkit::{gzip, state};

use super::{Attacked, attack};

/// Values in thrift's compact protocol.
#[derive(Default)]
struct Thrift(Vec<u8>);

impl Thrift {
    fn varint(mut self, mut value: u64) -> Self {
        while value > 0x7F {
            self.0.push(value as u8 & 0x7F | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// The field whose id is `delta` more than that of the last one.
    fn field(mut self, delta: u8, kind: u8) -> Self {
        self.0.push(delta << 4 | kind);
        self
    }

    fn i32(self, delta: u8, value: i32) -> Self {
        let value = i64::from(value);
        self.field(delta, 5).varint(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    fn i64(self, delta: u8, value: usize) -> Self {
        self.field(delta, 6).varint(value as u64 * 2)
    }

    fn text(self, delta: u8, text: &str) -> Self {
        self.field(delta, 8).bytes(text)
    }

    fn bytes(self, text: &str) -> Self {
        let mut longer = self.varint(text.len() as u64);
        longer.0.extend(text.as_bytes());
        longer
    }

    fn list(self, delta: u8, kind: u8, count: usize) -> Self {
        self.field(delta, 9).field(15, kind).varint(count as u64)
    }

    fn with(mut self, others: impl IntoIterator<Item = Thrift>) -> Self {
        others.into_iter().for_each(|other| self.0.extend(other.0));
        self
    }

    fn end(mut self) -> Self {
        self.0.push(0);
        self
    }
}

const STRUCT: u8 = 12;
const REQUIRED: i32 = 0;
const BYTE_ARRAY: i32 = 6;

fn group(name: &str, children: i32) -> Thrift {
    Thrift::default().i32(3, REQUIRED).text(1, name).i32(1, children).end()
}

fn text_column(name: &str, repetition: i32) -> Thrift {
    Thrift::default().i32(1, BYTE_ARRAY).i32(2, repetition).text(1, name).end()
}

/// The columns of a file: it begins a footer.
fn schema(elements: Vec<Thrift>) -> Thrift {
    Thrift::default().i32(1, 1).list(1, STRUCT, elements.len()).with(elements)
}

/// A file with these bytes before its footer.
fn file(before: &[u8], footer: Thrift) -> Vec<u8> {
    let len = u32::try_from(footer.0.len()).unwrap().to_le_bytes();
    [before, &footer.0, &len, b"PAR1"].concat()
}

/// A file without rows.
fn empty(elements: Vec<Thrift>) -> Vec<u8> {
    file(b"PAR1", schema(elements).i64(1, 0).list(1, STRUCT, 0).end())
}

/// A page: its header, and what follows.
struct Page {
    dictionary: bool,
    encoding: i32,
    values: i32,
    claimed: usize,
    content: Vec<u8>,
}

impl Page {
    fn bytes(&self) -> Vec<u8> {
        let stored = zstd::bulk::compress(&self.content, 1).unwrap();
        let header = Thrift::default()
            .i32(1, if self.dictionary { 2 } else { 0 })
            .i32(1, i32::try_from(self.claimed).unwrap())
            .i32(1, i32::try_from(stored.len()).unwrap());
        let inner = Thrift::default().i32(1, self.values).i32(1, self.encoding);
        let header = match self.dictionary {
            true => header.field(4, STRUCT).with([inner.end()]),
            false => header.field(2, STRUCT).with([inner.i32(1, 3).i32(1, 3).end()]),
        };
        [header.end().0, stored].concat()
    }
}

const PLAIN: i32 = 0;
const DELTA_BYTE_ARRAY: i32 = 7;
const RLE_DICTIONARY: i32 = 8;

/// A file with one column of texts, `record`, and as many row groups, which all say that these
/// pages are theirs.
fn pages(repetition: i32, rows: usize, values: usize, pages: &[Page], groups: usize) -> Vec<u8> {
    let body: Vec<u8> = pages.iter().flat_map(Page::bytes).collect();
    let has_dictionary = pages[0].dictionary;
    let first = if has_dictionary { pages[0].bytes().len() } else { 0 };
    let row_group = || {
        let encodings = [PLAIN, DELTA_BYTE_ARRAY, RLE_DICTIONARY];
        let meta = Thrift::default()
            .i32(1, BYTE_ARRAY)
            .list(1, 5, encodings.len())
            .with(encodings.map(|encoding| Thrift::default().varint(encoding as u64 * 2)))
            .list(1, 8, 1)
            .bytes("record")
            .i32(1, 6) // ZSTD
            .i64(1, values)
            .i64(1, 1)
            .i64(1, body.len())
            .i64(2, 4 + first);
        let meta = if has_dictionary { meta.i64(2, 4) } else { meta };
        let chunk = Thrift::default().i64(2, 4).field(1, STRUCT).with([meta.end()]).end();
        Thrift::default().list(1, STRUCT, 1).with([chunk]).i64(1, 1).i64(1, rows).end()
    };
    let columns = vec![group("schema", 1), text_column("record", repetition)];
    let footer = schema(columns).i64(1, rows * groups).list(1, STRUCT, groups);
    file(&[b"PAR1", &body[..]].concat(), footer.with((0..groups).map(|_| row_group())).end())
}

/// The file with another name for the column, which does not say that there are records.
fn renamed(mut bytes: Vec<u8>) -> Vec<u8> {
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, b"record").collect();
    places.into_iter().for_each(|at| bytes[at..at + 6].copy_from_slice(b"zeilen"));
    bytes
}

/// The file is rejected, for this reason, whatever the name of its column.
#[track_caller]
fn rejected(bytes: &[u8], why: &str) -> Attacked {
    rejected_once(&renamed(bytes.to_vec()), why);
    rejected_once(bytes, why)
}

#[track_caller]
fn rejected_once(bytes: &[u8], why: &str) -> Attacked {
    let attacked = attack("a.parquet", bytes, 1, &[]);
    assert_eq!(state(&attacked.inputs, "a.parquet"), ("partial", "parquet_corrupt"));
    let detail = attacked.rejects[0]["detail"].as_str().unwrap();
    assert!(detail.contains(why), "{detail}");
    assert_eq!(attacked.run["totals"]["selected"], 2);
    attacked
}

#[test]
fn the_generator_makes_files_that_are_read() {
    let record = testkit::decrypt(7).to_string();
    let mut content = u32::try_from(record.len()).unwrap().to_le_bytes().to_vec();
    content.extend(record.as_bytes());
    let page = Page { dictionary: false, encoding: PLAIN, values: 1, claimed: content.len(), content };
    let attacked = attack("a.parquet", &pages(REQUIRED, 1, 1, &[page], 1), 0, &[]);
    assert_eq!(state(&attacked.inputs, "a.parquet"), ("complete", ""), "{:?}", attacked.rejects);
    assert_eq!(attacked.run["totals"]["selected"], 3);
}

/// Once: the stack overflowed, and the process was gone.
#[test]
fn columns_inside_columns() {
    let mut elements: Vec<Thrift> = (0..10_000).map(|_| group("a", 1)).collect();
    elements.push(text_column("record", REQUIRED));
    let bytes = empty(elements);
    rejected(&bytes, "10,000 columns");
    let mut elements: Vec<Thrift> = (0..3_000).map(|_| group("a", 1)).collect();
    elements.push(text_column("record", REQUIRED));
    let bytes = empty(elements);
    rejected(&bytes, "32 deep");
    let packed = gzip(&bytes);
    assert!(packed.len() < 400, "{}", packed.len());
    let attacked = attack("a.gz", &packed, 1, &[]);
    assert_eq!(state(&attacked.inputs, "a.gz"), ("partial", "parquet_corrupt"));
}

/// Once: 16 GiB were asked for.
#[test]
fn groups_that_claim_more_columns_than_there_are() {
    for children in [i32::MAX, i32::MIN, -1, 2] {
        let elements = vec![group("schema", children), text_column("record", REQUIRED)];
        rejected(&empty(elements), "more columns than there are");
    }
}

#[test]
fn lists_that_claim_more_elements_than_there_are() {
    for count in [1 << 31, (1 << 31) - 1, 1 << 24] {
        let footer = Thrift::default().i32(1, 1).list(1, STRUCT, count);
        rejected(&file(b"PAR1", footer), "ends too early");
        let footer = schema(vec![group("schema", 1), text_column("record", REQUIRED)]);
        rejected(&file(b"PAR1", footer.i64(1, 0).list(1, STRUCT, count)), "ends too early");
    }
    let mut many = schema(vec![group("schema", 1), text_column("record", REQUIRED)]);
    many = many.i64(1, 0).list(1, STRUCT, 8 << 20);
    many.0.resize(9 << 20, 0);
    rejected(&file(b"PAR1", many), "10,000 row groups");
}

/// A path repeats the names around it: 10,000 columns inside a name of 1 MiB are 10 GiB.
#[test]
fn long_names_around_many_columns() {
    let mut elements = vec![group("schema", 1), group(&"a".repeat(1 << 20), 9_000)];
    elements.extend((0..9_000).map(|_| text_column("record", REQUIRED)));
    rejected(&empty(elements), "the names of columns are too long");
}

#[test]
fn a_footer_that_is_longer_than_its_file() {
    let mut bytes = empty(vec![group("schema", 1), text_column("record", REQUIRED)]);
    let end = bytes.len() - 8;
    bytes[end..end + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    rejected(&bytes, "longer than the file");
}

/// Once: 2 GiB were reserved for each thread.
#[test]
fn a_page_that_claims_2_gib() {
    let claimed = (1 << 31) - 1;
    let page = Page { dictionary: false, encoding: PLAIN, values: 1, claimed, content: vec![0; 16] };
    rejected(&pages(REQUIRED, 1, 1, &[page], 1), "larger than 64 MiB");
}

/// Each text takes 4 bytes in the file, which compress to nothing, and 16 in memory. Once: 5 GiB.
#[test]
fn dictionaries_of_empty_texts() {
    let dictionary = |len: usize, values: usize| Page {
        dictionary: true,
        encoding: PLAIN,
        values: i32::try_from(values).unwrap(),
        claimed: len,
        content: vec![0; len],
    };
    let data =
        || Page { dictionary: false, encoding: RLE_DICTIONARY, values: 1, claimed: 1, content: vec![0] };
    let size = 60 << 20;
    rejected(&pages(REQUIRED, 1, 1, &[dictionary(size, size / 4), data()], 1), "more than 128 MiB");
    rejected(&pages(REQUIRED, 1, 1, &[dictionary(64, 1 << 30), data()], 1), "too short");
}

/// Row groups may all say that the same pages are theirs: 2 KB, decompressed 1,000 times.
#[test]
fn pages_that_are_used_a_thousand_times() {
    let content = vec![0; 16 << 20];
    let page = Page { dictionary: false, encoding: PLAIN, values: 1, claimed: content.len(), content };
    let bytes = pages(REQUIRED, 1, 1, &[page], 1000);
    let attacked = attack("a.parquet", &bytes, 1, &["--max-archive-bytes", "100000000"]);
    assert_eq!(state(&attacked.inputs, "a.parquet"), ("partial", "parquet_corrupt"));
}

/// Rows without a value take no bytes, but time. Once: 20 s of a kilobyte.
#[test]
fn rows_of_nothing() {
    let rows = 1_000_000;
    let none: ArrayRef = Arc::new(StringArray::new_null(rows));
    let batch = RecordBatch::try_from_iter_with_nullable([("record", none, true)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    for _ in 0..20 {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let attacked = attack("a.parquet", &bytes, 1, &[]);
    assert_eq!(
        state(&attacked.inputs, "a.parquet"),
        ("partial", "archive_too_large"),
        "{:?}",
        attacked.rejects
    );
}

/// What the files in a container come to counts together.
#[test]
fn containers_of_pages_that_are_decompressed_again() {
    let page = || Page {
        dictionary: false,
        encoding: PLAIN,
        values: 1,
        claimed: 16 << 20,
        content: vec![0; 16 << 20],
    };
    let file = pages(REQUIRED, 1, 1, &[page()], 5);
    for file in [renamed(file.clone()), file] {
        let mut tar = tar::Builder::new(Vec::new());
        for n in 0..40 {
            let mut header = tar::Header::new_gnu();
            header.set_size(file.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{n}.parquet"), &file[..]).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        let attacked = attack("a.tar", &tar, 1, &["--max-archive-bytes", "100000000"]);
        assert_eq!(state(&attacked.inputs, "a.tar!/0.parquet"), ("skipped", "parquet"));
        assert_eq!(state(&attacked.inputs, "a.tar!/39.parquet").0, "partial");
    }
}

/// A text stored as a difference may repeat all of the text before it.
#[test]
fn texts_that_repeat_the_one_before() {
    let len = 40 << 20;
    let content = vec![0; len];
    let page = Page { dictionary: false, encoding: DELTA_BYTE_ARRAY, values: 64, claimed: len, content };
    rejected(&pages(REQUIRED, 64, 64, &[page], 1), "more than 128 MiB");
}

/// A run of equal levels takes a few bytes, whatever its length: one row had a billion values.
#[test]
fn a_list_of_a_billion_values() {
    for (values, why) in [(1 << 30, "4 million values"), (4 << 20, "a time")] {
        let run = |count: i32, value: u8| {
            let mut run = Thrift::default().varint(count as u64 * 2).0;
            run.push(value);
            run
        };
        let level = |runs: Vec<u8>| [&(runs.len() as u32).to_le_bytes()[..], &runs].concat();
        let repeats = level([run(1, 0), run(values - 1, 1)].concat());
        let content = [repeats, level(run(values, 1)), vec![0], run(values, 0)].concat();
        let data = |content: Vec<u8>| Page {
            dictionary: false,
            encoding: 8,
            values,
            claimed: content.len(),
            content,
        };
        let text = vec![0; 4];
        let dictionary = Page { dictionary: true, encoding: PLAIN, values: 1, claimed: 4, content: text };
        let page = data(content);
        let more = if why == "a time" {
            vec![dictionary, data(page.content.clone()), page]
        } else {
            vec![dictionary, page]
        };
        rejected(&pages(2, 1, values as usize * 2, &more, 1), why);
    }
}
