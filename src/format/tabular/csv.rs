//! Splits CSV files into fields.
//!
//! The input arrives in pieces of any size. `csv-core` parses the syntax; only the current row is
//! kept, up to a maximum length.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr_iter;

/// Maximum number of columns; more than any schema has.
const MAX_COLUMNS: usize = 1024;

/// The result of [`CsvReader::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvStep {
    /// The input is used up and more is needed.
    NeedMore,
    /// A row ended. [`CsvReader::fields`] returns its fields.
    Row {
        /// Offset of its first byte in the file.
        offset: u64,
        /// Whether the fields are the whole row.
        state: RowState,
    },
    /// The file ended.
    End,
}

/// Whether a row was read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// All fields were read.
    Complete,
    /// The row is longer than the limit, and its fields were dropped.
    TooLong,
    /// The file ends inside a quoted field of this row.
    UnclosedQuote,
}

/// A CSV parser that is fed pieces of the file. Rows may have fewer or more fields than the header.
pub struct CsvReader {
    reader: Reader,
    /// The text of all fields, one after the other; the first `text_len` bytes are used.
    text: Vec<u8>,
    text_len: usize,
    /// Ends of the fields in `text`; the first `field_count` are used.
    ends: Vec<usize>,
    field_count: usize,
    max_row: usize,
    row: RowProgress,
    too_long: bool,
    /// Offset of the next byte.
    at: u64,
    /// Offset of the first byte of the row.
    row_start: u64,
    /// Number of quotes in the row. It is odd inside a quoted field.
    quotes: usize,
}

/// How far the current row is read.
#[derive(PartialEq, Eq)]
enum RowProgress {
    /// Only line breaks so far.
    NotStarted,
    Started,
    /// The last step returned the row.
    Returned,
}

impl CsvReader {
    /// A parser for rows of at most `max_row` bytes.
    pub fn new(max_row: usize) -> Self {
        Self::with_delimiter(max_row, b',')
    }

    /// A parser for rows of at most `max_row` bytes, with another delimiter than a comma.
    pub fn with_delimiter(max_row: usize, delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: vec![0; max_row.min(8 << 10)],
            text_len: 0,
            ends: vec![0; MAX_COLUMNS],
            field_count: 0,
            max_row,
            row: RowProgress::NotStarted,
            too_long: false,
            at: 0,
            row_start: 0,
            quotes: 0,
        }
    }

    /// The fields of the row that the last step returned.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let start = |n: usize| if n == 0 { 0 } else { self.ends[n - 1] };
        (0..self.field_count).map(move |n| &self.text[start(n)..self.ends[n]])
    }

    /// Offset of the row that has started and not ended, if there is one.
    pub fn unfinished_row(&self) -> Option<u64> {
        (self.row == RowProgress::Started).then_some(self.row_start)
    }

    /// Consumes bytes of `input` up to the end of a row. `last` means that no input follows.
    pub fn step(&mut self, input: &mut &[u8], last: bool) -> CsvStep {
        if self.row == RowProgress::Returned {
            (self.text_len, self.field_count, self.quotes) = (0, 0, 0);
            (self.too_long, self.row) = (false, RowProgress::NotStarted);
        }
        loop {
            if self.row == RowProgress::NotStarted {
                let breaks = input.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                self.row_start = self.at + breaks as u64;
                if breaks < input.len() {
                    self.row = RowProgress::Started;
                }
            }
            if input.is_empty() && !last {
                return CsvStep::NeedMore;
            }
            let text = &mut self.text[self.text_len..];
            let ends = &mut self.ends[self.field_count..];
            let (result, consumed, written, fields) = self.reader.read_record(input, text, ends);
            let at_end = input.is_empty();
            self.quotes += memchr_iter(b'"', &input[..consumed]).count();
            *input = &input[consumed..];
            self.at += consumed as u64;
            self.text_len += written;
            self.field_count += fields;
            match result {
                // An empty input tells `csv-core` that the content has ended.
                ReadRecordResult::InputEmpty if last => {}
                ReadRecordResult::InputEmpty => return CsvStep::NeedMore,
                ReadRecordResult::OutputFull if self.text.len() < self.max_row => {
                    let len = (2 * self.text.len()).min(self.max_row);
                    self.text.resize(len, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (self.too_long, self.text_len, self.field_count) = (true, 0, 0);
                }
                ReadRecordResult::Record => return self.end_row(at_end),
                ReadRecordResult::End => return CsvStep::End,
            }
        }
    }

    fn end_row(&mut self, at_end: bool) -> CsvStep {
        self.row = RowProgress::Returned;
        let state = if self.too_long {
            self.field_count = 0;
            RowState::TooLong
        } else if at_end && self.quotes % 2 == 1 {
            RowState::UnclosedQuote
        } else {
            RowState::Complete
        };
        CsvStep::Row { offset: self.row_start, state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], size: usize, max_row: usize) -> Vec<(u64, Option<Vec<String>>)> {
        let (mut csv, mut rows) = (CsvReader::new(max_row), Vec::new());
        let mut pieces: Vec<&[u8]> = text.chunks(size).collect();
        pieces.push(b"");
        for (n, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            while let CsvStep::Row { offset, state } = csv.step(&mut rest, n + 1 == pieces.len()) {
                let fields = csv.fields().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect();
                let unclosed = text.ends_with(b"6,7") && offset == 31;
                assert_eq!(state == RowState::UnclosedQuote, unclosed);
                rows.push((offset, (state != RowState::TooLong).then_some(fields)));
            }
        }
        rows
    }

    #[test]
    fn rows_are_the_same_in_pieces_of_any_size() {
        let text = b"a,b\r\n1,\"two, \"\"2\"\"\n2\"\r\n\r\n3,4\n,\n\"unclosed,5\n6,7";
        let expected = [
            (0, vec!["a", "b"]),
            (5, vec!["1", "two, \"2\"\n2"]),
            (25, vec!["3", "4"]),
            (29, vec!["", ""]),
            (31, vec!["unclosed,5\n6,7"]),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(at, fields)| (at, Some(fields.into_iter().map(str::to_owned).collect::<Vec<_>>())))
            .collect();
        for size in [1, 2, 3, 7, 100] {
            assert_eq!(rows(text, size, 1000), expected, "{size}");
        }
    }

    #[test]
    fn a_row_that_is_too_long_is_the_only_one_lost() {
        let long = "x".repeat(5000);
        let text = format!("a,b\n{long},1\n2,3\n{}\n4,5\n", ",".repeat(3000));
        for size in [1, 999, 100_000] {
            let rows = rows(text.as_bytes(), size, 2000);
            let whole: Vec<bool> = rows.iter().map(|(_, fields)| fields.is_some()).collect();
            assert_eq!(whole, [true, false, true, false, true], "{size}");
            assert_eq!(rows[4].0, text.len() as u64 - 4);
        }
    }
}
