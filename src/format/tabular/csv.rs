//! CSV with a line of names first, fed in pieces: query results that CloudTrail Lake saves. `csv-core` takes the lines apart; only the row that is
//! being read is kept, at most so much of it.

use csv_core::{ReadRecordResult, Reader};
use memchr::memchr_iter;

/// What a CSV file is, told by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvKind {
    /// Results of a query of CloudTrail Lake: columns of the schema that AWS documents, in lower case.
    Lake,
    /// The event history as CloudTrail's console saves it.
    EventHistory,
}

/// Bytes that [`CsvKind::of`] looks at: more than all names together.
pub const LOOKS_AT: usize = 4096;
/// Columns of events, of which each by itself is found in other tables, too: event logs have an `eventid`.
const TELLING: [&str; 5] = ["eventname", "eventid", "eventversion", "useridentity", "requestid"];
/// More columns than any schema has.
const COLUMNS: usize = 1024;

impl CsvKind {
    /// Tells a CSV file by its first bytes.
    pub fn of(first: &[u8]) -> Option<Self> {
        // Names begin so; JSON does not, and need not be looked at twice.
        if !first.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'"' | 0xEF)) {
            return None;
        }
        let mut csv = Csv::new(LOOKS_AT);
        let mut rest = first;
        let CsvStep::Row { .. } = csv.step(&mut rest, first.len() < LOOKS_AT) else { return None };
        let names: Vec<&str> =
            csv.fields().map(|field| std::str::from_utf8(field).unwrap_or_default()).collect();
        let has = |name: &str| names.contains(&name);
        let lower = names.iter().all(|name| !name.bytes().any(|b| b.is_ascii_uppercase()));
        let telling = TELLING.into_iter().filter(|name| has(name)).count();
        if lower && (has("eventjson") || has("eventsource") || telling > 1) {
            return Some(Self::Lake);
        }
        (has("Event ID") && has("Event time") && (has("Event source") || has("Event name")))
            .then_some(Self::EventHistory)
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvStep {
    /// More bytes are needed.
    More,
    /// A row, of which [`Csv::fields`] gives the fields.
    Row {
        /// Where it begins.
        offset: u64,
        /// It is longer than what is kept: its fields are not there.
        too_long: bool,
        /// The file ends inside one of its quoted fields.
        cut: bool,
    },
    /// There is nothing more.
    End,
}

/// A CSV file being read.
pub struct Csv {
    reader: Reader,
    text: Vec<u8>,
    len: usize,
    ends: Vec<usize>,
    fields: usize,
    longest: usize,
    too_long: bool,
    done: bool,
    /// Offset of the next byte, and of the first of the row.
    at: u64,
    start: u64,
    begun: bool,
    /// Quotes in the row; outside of a quoted field, their number is even.
    quotes: usize,
}

impl Csv {
    /// Reads rows of at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        let (text, ends) = (vec![0; longest.min(8 << 10)], vec![0; COLUMNS]);
        Self {
            reader: Reader::new(),
            text,
            len: 0,
            ends,
            fields: 0,
            longest,
            too_long: false,
            done: false,
            at: 0,
            start: 0,
            begun: false,
            quotes: 0,
        }
    }

    /// The fields of the row that the last step came to.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let from = |n: usize| if n == 0 { 0 } else { self.ends[n - 1] };
        (0..self.fields).map(move |n| &self.text[from(n)..self.ends[n]])
    }

    /// Where the row begins that has been begun and not ended, if there is one.
    pub fn unfinished(&self) -> Option<u64> {
        (self.begun && !self.done).then_some(self.start)
    }

    /// Takes bytes from `input` up to the end of a row; `last`: none will follow.
    pub fn step(&mut self, input: &mut &[u8], last: bool) -> CsvStep {
        if self.done {
            (self.len, self.fields, self.quotes) = (0, 0, 0);
            (self.too_long, self.done, self.begun) = (false, false, false);
        }
        loop {
            if !self.begun {
                let breaks = input.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                self.start = self.at + breaks as u64;
                self.begun = breaks < input.len();
            }
            if input.is_empty() && !last {
                return CsvStep::More;
            }
            let (text, ends) = (&mut self.text[self.len..], &mut self.ends[self.fields..]);
            let (result, taken, written, ended) = self.reader.read_record(input, text, ends);
            let at_end = input.is_empty();
            self.quotes += memchr_iter(b'"', &input[..taken]).count();
            *input = &input[taken..];
            self.at += taken as u64;
            self.len += written;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty if last => {} // once more, without any input
                ReadRecordResult::InputEmpty => return CsvStep::More,
                ReadRecordResult::OutputFull if self.text.len() < self.longest => {
                    let more = (2 * self.text.len()).min(self.longest);
                    self.text.resize(more, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (self.too_long, self.len, self.fields) = (true, 0, 0);
                }
                ReadRecordResult::Record => {
                    self.done = true;
                    if self.too_long {
                        self.fields = 0;
                    }
                    let cut = at_end && self.quotes % 2 == 1;
                    return CsvStep::Row { offset: self.start, too_long: self.too_long, cut };
                }
                ReadRecordResult::End => return CsvStep::End,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], size: usize, longest: usize) -> Vec<(u64, Option<Vec<String>>)> {
        let (mut csv, mut rows) = (Csv::new(longest), Vec::new());
        let mut pieces: Vec<&[u8]> = text.chunks(size).collect();
        pieces.push(b"");
        for (n, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            while let CsvStep::Row { offset, too_long, cut } = csv.step(&mut rest, n + 1 == pieces.len()) {
                let fields = csv.fields().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect();
                assert_eq!(cut, text.ends_with(b"6,7") && offset == 31);
                rows.push((offset, (!too_long).then_some(fields)));
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
    fn a_row_that_is_too_long_costs_itself() {
        let long = "x".repeat(5000);
        let text = format!("a,b\n{long},1\n2,3\n{}\n4,5\n", ",".repeat(3000));
        for size in [1, 999, 100_000] {
            let rows = rows(text.as_bytes(), size, 2000);
            let whole: Vec<bool> = rows.iter().map(|(_, fields)| fields.is_some()).collect();
            assert_eq!(whole, [true, false, true, false, true], "{size}");
            assert_eq!(rows[4].0, text.len() as u64 - 4);
        }
    }

    #[test]
    fn names_tell() {
        let of = |text: &str| CsvKind::of(text.as_bytes());
        assert_eq!(of("eventversion,useridentity,eventtime\n1.08,{type=Root},x\n"), Some(CsvKind::Lake));
        assert_eq!(of("\"eventid\",count,\"eventname\"\r\nx\r\n"), Some(CsvKind::Lake));
        assert_eq!(of("eventsource\n"), Some(CsvKind::Lake));
        assert_eq!(of("eventid,computer,message\n1,a,b\n"), None);
        assert_eq!(of("eventjson"), Some(CsvKind::Lake));
        assert_eq!(of("Event ID,Event time,User name,Event source\n"), Some(CsvKind::EventHistory));
        assert_eq!(of("eventTime,eventSource\n"), None);
        assert_eq!(of("a,b\n1,2\n"), None);
        assert_eq!(of(""), None);
        assert_eq!(of(&format!("eventjson{}", "x".repeat(5000))), None);
    }
}
