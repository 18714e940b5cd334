//! Tables of the page: what a cell shows, and the value that it stands for.

use super::budget::Budget;
use super::escape::written_len;
use crate::model::{Arn, EventTime, number};
use crate::report::printable;

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is.
    Text,
    /// In the type of code, with places at which a line may break.
    Code,
    /// With a comma before each three digits.
    Number,
    /// A time in UTC.
    Time,
    /// A word from a closed list, as `denied`: shown with a mark.
    Word,
    /// The ARN of a key: its id, as a link to the key's section if the page has one.
    Key,
    /// Small text below the rest.
    Note,
}

/// A value in a cell of the table.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The column of the table's query that has the value; empty: it is not in the query.
    pub(super) column: &'static str,
    pub(super) kind: Kind,
    /// The value as the query gives it.
    pub(super) value: String,
    /// What is seen.
    pub(super) shown: String,
    /// The place in the page that it leads to.
    pub(super) link: Option<String>,
    /// English in every language of the page, as the report has it.
    pub(super) is_english: bool,
}

impl Field {
    fn new(column: &'static str, kind: Kind, value: String, shown: String) -> Self {
        Self { column, kind, value, shown, link: None, is_english: false }
    }

    /// Text, if there is some.
    pub(super) fn text(column: &'static str, kind: Kind, text: Option<&str>) -> Option<Self> {
        let value = text?.to_owned();
        let shown = match kind {
            Kind::Key => short_key(&value),
            _ => value.clone(),
        };
        Some(Self::new(column, kind, value, shown))
    }

    pub(super) fn count(column: &'static str, count: u64) -> Self {
        Self::new(column, Kind::Number, count.to_string(), number(count))
    }

    pub(super) fn time(column: &'static str, time: Option<EventTime>) -> Option<Self> {
        let value = time?.to_rfc3339();
        let shown = value.replace('T', " ").replace(".000Z", "").replace('Z', "");
        Some(Self::new(column, Kind::Time, value, shown))
    }

    /// Words of the page, not of the report.
    pub(super) fn words(kind: Kind, text: &str) -> Self {
        Self::new("", kind, String::new(), text.to_owned())
    }

    pub(super) fn linked(mut self, link: Option<String>) -> Self {
        self.link = link;
        self
    }

    /// Shows other words than the value.
    pub(super) fn shown_as(mut self, words: &str) -> Self {
        words.clone_into(&mut self.shown);
        self
    }

    /// Its words are English sentences of the report.
    pub(super) fn english(mut self) -> Self {
        self.is_english = true;
        self
    }

    /// The class of the element.
    pub(super) fn class(&self) -> &'static str {
        match self.kind {
            Kind::Text => "text",
            Kind::Code => "code",
            Kind::Key => "code key",
            Kind::Number => "number",
            Kind::Time => "time",
            Kind::Word => "word",
            Kind::Note => "note",
        }
    }

    pub(super) fn is_time(&self) -> bool {
        self.kind == Kind::Time
    }

    /// Whether the value has to be given beside what is seen.
    pub(super) fn differs(&self) -> bool {
        self.shown != self.value && !self.column.is_empty()
    }

    /// What is seen, in pieces between which a line may break.
    pub(super) fn pieces(&self) -> Vec<&str> {
        match self.kind {
            Kind::Code => self.shown.split_inclusive([':', '/', ',', '@', '_']).collect(),
            _ => vec![&self.shown],
        }
    }

    fn len(&self) -> usize {
        // The markup around it takes some bytes, too.
        let value = if self.differs() || self.is_time() { 2 * written_len(&self.value) } else { 0 };
        let breaks = 5 * self.pieces().len();
        64 + value + breaks + written_len(&self.shown)
    }
}

/// A cell: values, one below the other.
pub(super) type TableCell = Vec<Field>;

/// A row.
#[derive(Debug, Clone)]
pub(super) struct TableRow {
    /// Its place in the page, for links.
    pub(super) id: Option<String>,
    pub(super) cells: Vec<TableCell>,
}

/// A column's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) title: &'static str,
    pub(super) is_number: bool,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Its place in the page.
    pub(super) id: String,
    pub(super) caption: String,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<TableRow>,
    /// The query that gives these rows in this order; empty: there is none.
    pub(super) query: String,
    /// The query that gives all rows, if some are left out.
    pub(super) rest: Option<String>,
    /// How many rows there are, with those that are left out.
    pub(super) total: u64,
}

impl Table {
    pub(super) fn new(
        id: impl Into<String>,
        caption: impl Into<String>,
        heads: &[(&'static str, bool)],
    ) -> Self {
        let heads = heads.iter().map(|(title, is_number)| Head { title, is_number: *is_number });
        Self {
            id: id.into(),
            caption: caption.into(),
            heads: heads.collect(),
            rows: Vec::new(),
            query: String::new(),
            rest: None,
            total: 0,
        }
    }

    /// Adds rows as long as there is room in the page. `total` is how many there are in all.
    pub(super) fn fill(
        mut self,
        budget: &mut Budget,
        rows: impl IntoIterator<Item = TableRow>,
        total: u64,
        query: Query,
    ) -> Self {
        for row in rows {
            let bytes: usize = row.cells.iter().flatten().map(Field::len).sum();
            if !budget.take(bytes) {
                break;
            }
            self.rows.push(row);
        }
        self.total = total.max(self.rows.len() as u64);
        let is_cut = self.is_cut();
        let limit = if is_cut { format!(" limit {}", self.rows.len()) } else { String::new() };
        if !query.shown.is_empty() {
            self.query = format!("{}{limit}", query.shown);
            self.rest = is_cut.then(|| query.all.unwrap_or(query.shown));
        }
        self
    }

    pub(super) fn is_cut(&self) -> bool {
        (self.rows.len() as u64) < self.total
    }

    pub(super) fn shown_count(&self) -> String {
        number(self.rows.len() as u64)
    }

    pub(super) fn total_count(&self) -> String {
        number(self.total)
    }
}

/// A query over the files of the report, or none.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    shown: String,
    /// What gives those rows, too, that a table never shows, if there are such.
    all: Option<String>,
}

impl Query {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { shown: text.into(), all: None }
    }

    pub(super) fn of_all(self, all: String) -> Self {
        Self { all: Some(all), ..self }
    }
}

/// A text as SQL writes it. Characters that are not shown are written by their numbers, so that the
/// query can be copied from the page.
pub(super) fn literal(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut plain = String::new();
    for c in text.chars() {
        if c == '\'' {
            plain.push_str("''");
        } else if printable(c.encode_utf8(&mut [0; 4])).contains(c) {
            plain.push(c);
        } else {
            parts.push(format!("'{}'", std::mem::take(&mut plain)));
            parts.push(format!("chr({})", u32::from(c)));
        }
    }
    parts.push(format!("'{plain}'"));
    if parts.len() == 1 { parts.swap_remove(0) } else { format!("concat({})", parts.join(", ")) }
}

/// A row of cells, each with the values that there are.
pub(super) fn row<const N: usize>(cells: [Vec<Option<Field>>; N]) -> TableRow {
    TableRow { id: None, cells: cells.into_iter().map(|cell| cell.into_iter().flatten().collect()).collect() }
}

/// The id of a key, or the text itself.
pub(super) fn short_key(arn: &str) -> String {
    Arn::parse(arn).map_or(arn, |arn| arn.resource.strip_prefix("key/").unwrap_or(arn.resource)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_query_is_only_a_text() {
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a\u{202e}b"), "concat('a', chr(8238), 'b')");
        assert_eq!(literal("\u{fffd}"), "'\u{fffd}'");
    }
}
