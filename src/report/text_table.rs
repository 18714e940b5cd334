//! A table for people: one line a row, as wide as the terminal.
//!
//! No cell is broken into lines. Where the room is too small, the widest columns are shortened
//! first: ARNs lose what is the same in all rows (it is said once, below the table), then their
//! path, then ids keep only their beginning. Names stay apart: what would make two of them look
//! alike is not done. Then columns are left out, the last ones first.

use std::collections::HashSet;

use unicode_width::UnicodeWidthStr;

use crate::model::Arn;

/// Columns between two cells.
const GAP: usize = 2;

/// The forms of a cell, from the whole text to the shortest.
const LEVELS: usize = 10;

/// What is known of a column before its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableHead<'h> {
    /// Its name.
    pub(super) name: &'h str,
    /// Numbers, which are aligned to the right.
    pub(super) is_number: bool,
}

/// How wide columns are, and how their cells are shortened.
#[derive(Debug, Clone)]
pub(super) struct TableLayout<'h> {
    columns: Vec<ColumnLayout<'h>>,
    /// How many columns are left out.
    hidden: usize,
}

#[derive(Debug, Clone)]
struct ColumnLayout<'h> {
    head: TableHead<'h>,
    same: SameParts,
    level: usize,
    width: usize,
    /// Whether cells are cut to the width, even if two of them look alike then.
    is_cut: bool,
}

/// What all ARNs of a column have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SameParts {
    account: Option<String>,
    region: Option<String>,
}

impl SameParts {
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let (mut accounts, mut regions) = (HashSet::new(), HashSet::new());
        for arn in texts.filter_map(Arn::parse) {
            accounts.insert(arn.account);
            regions.insert(arn.region);
        }
        let only = |set: &HashSet<&str>| match set.len() {
            1 => set.iter().next().map(|text| (*text).to_owned()),
            _ => None,
        };
        Self { account: only(&accounts), region: only(&regions) }
    }
}

impl<'h> TableLayout<'h> {
    /// For these rows, each with a cell for each column.
    pub(super) fn new(heads: &[TableHead<'h>], rows: &[Vec<String>], width: Option<u16>) -> Self {
        for shown in (1..=heads.len()).rev() {
            let mut columns = whole_columns(&heads[..shown], rows);
            let fits = width.is_none_or(|width| shorten_columns(&mut columns, rows, usize::from(width)));
            if !fits && shown == 1 {
                columns.iter_mut().for_each(|column| column.cut(width));
            }
            if fits || shown == 1 {
                return Self { columns, hidden: heads.len() - shown };
            }
        }
        Self { columns: Vec::new(), hidden: 0 }
    }

    /// Whether more rows can be written in the same columns.
    pub(super) fn suits(&self, rows: &[Vec<String>]) -> bool {
        self.columns.iter().enumerate().all(|(place, column)| {
            let same = SameParts::of(texts(rows, place));
            let is_same = column.level == 0
                || same.account.is_none_or(|account| column.same.account == Some(account))
                    && same.region.is_none_or(|region| column.same.region == Some(region));
            is_same
                && texts(rows, place).all(|text| column.cell(text).width() <= column.width)
                && (column.is_cut || column.keeps_apart(rows, place, column.level))
        })
    }

    /// How many columns are left out.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// The names of the columns.
    pub(super) fn head(&self) -> String {
        self.write(self.columns.iter().map(|column| column.head.name.to_owned()), |_, text| text)
    }

    /// The line below the names of the columns.
    pub(super) fn rule(&self) -> String {
        let widths: usize = self.columns.iter().map(|column| column.width).sum();
        "─".repeat(widths + GAP * self.columns.len().saturating_sub(1))
    }

    /// A row. `paint` adds what takes no room, such as a color, to the text in a column.
    pub(super) fn row(&self, row: &[String], paint: impl Fn(usize, String) -> String) -> String {
        self.write(self.columns.iter().zip(row).map(|(column, text)| column.cell(text)), paint)
    }

    /// Account and Region of shortened ARNs, a line for each column.
    pub(super) fn said_once(&self) -> Vec<String> {
        let said = |column: &ColumnLayout<'_>| {
            let SameParts { account, region } = column.same.clone();
            let known = |part: Option<String>| part.filter(|text| !text.is_empty());
            let account = known(account).map(|account| format!("account {account}"));
            let parts: Vec<String> = account.into_iter().chain(known(region)).collect();
            let is_said = column.level > 0 && !parts.is_empty();
            is_said.then(|| format!("{}: {}", column.head.name, parts.join(", ")))
        };
        self.columns.iter().filter_map(said).collect()
    }

    fn write(&self, cells: impl Iterator<Item = String>, paint: impl Fn(usize, String) -> String) -> String {
        let mut line = String::new();
        let last = self.columns.len().saturating_sub(1);
        for (place, (column, text)) in self.columns.iter().zip(cells).enumerate() {
            let room = " ".repeat(column.width.saturating_sub(text.width()));
            if place > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match column.head.is_number {
                true => line.extend([room, paint(place, text)]),
                false if place == last => line.push_str(&paint(place, text)),
                false => line.extend([paint(place, text), room]),
            }
        }
        line
    }
}

/// A table as lines of text: its head, and a line a row.
pub(super) fn text_table(heads: &[TableHead<'_>], rows: &[Vec<String>], width: Option<u16>) -> String {
    let layout = TableLayout::new(heads, rows, width);
    let lines = rows.iter().map(|row| layout.row(row, |_, text| text));
    let lines = [layout.head()].into_iter().chain(lines);
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

impl ColumnLayout<'_> {
    fn cell(&self, text: &str) -> String {
        let text = shortened(text, self.level, &self.same);
        match text.width() <= self.width || !self.is_cut {
            true => text,
            // A character may be two columns wide.
            false if text.is_ascii() => middle_cut(&text, self.width),
            false => middle_cut(&text, self.width / 2),
        }
    }

    /// There is no column that could be left out.
    fn cut(&mut self, width: Option<u16>) {
        self.width = width.map_or(self.width, usize::from).min(self.width);
        self.is_cut = true;
    }

    fn width_at(&self, rows: &[Vec<String>], place: usize, level: usize) -> usize {
        let cells = texts(rows, place).map(|text| shortened(text, level, &self.same).width());
        cells.max().unwrap_or(0).max(self.head.name.width())
    }

    /// Whether names that differ still do. Sentences may be cut.
    fn keeps_apart(&self, rows: &[Vec<String>], place: usize, level: usize) -> bool {
        let names: HashSet<&str> = texts(rows, place).filter(|text| !text.contains(' ')).collect();
        let short: HashSet<String> = names.iter().map(|name| shortened(name, level, &self.same)).collect();
        short.len() == names.len()
    }
}

fn texts(rows: &[Vec<String>], place: usize) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(move |row| row.get(place)).map(String::as_str)
}

fn whole_columns<'h>(heads: &[TableHead<'h>], rows: &[Vec<String>]) -> Vec<ColumnLayout<'h>> {
    let column = |(place, head): (usize, &TableHead<'h>)| {
        let same = SameParts::of(texts(rows, place));
        let mut column = ColumnLayout { head: *head, same, level: 0, width: 0, is_cut: false };
        column.width = column.width_at(rows, place, 0);
        column
    };
    heads.iter().enumerate().map(column).collect()
}

/// Shortens the widest columns until all fit into `width`; `false`: they do not.
fn shorten_columns(columns: &mut [ColumnLayout<'_>], rows: &[Vec<String>], width: usize) -> bool {
    let gaps = GAP * columns.len().saturating_sub(1);
    // What each column could be next, with its width.
    let next = |column: &ColumnLayout<'_>, place: usize| {
        let is_shorter = |level: &usize| column.width_at(rows, place, *level) < column.width;
        let levels = (column.level + 1..LEVELS).filter(is_shorter);
        levels.into_iter().find(|level| column.keeps_apart(rows, place, *level))
    };
    let mut nexts: Vec<Option<usize>> =
        columns.iter().enumerate().map(|(place, column)| next(column, place)).collect();
    while columns.iter().map(|column| column.width).sum::<usize>() + gaps > width {
        let can_be = (0..columns.len()).filter(|place| nexts[*place].is_some());
        // The first of the widest: the columns are in the order of their importance.
        let Some(place) = can_be.rev().max_by_key(|place| columns[*place].width) else { return false };
        let column = &mut columns[place];
        column.level = nexts[place].unwrap_or(column.level);
        column.width = column.width_at(rows, place, column.level);
        nexts[place] = next(column, place);
    }
    true
}

/// A form of a text: 0 is the whole text. Times and numbers are never so long that a form is
/// shorter.
fn shortened(text: &str, level: usize, same: &SameParts) -> String {
    if level == 0 {
        return text.to_owned();
    }
    let arn = Arn::parse(text);
    let is_path = level >= 2;
    let (parts, name) = match arn {
        Some(arn) => {
            // Names of different accounts may be the same.
            let has_parts = !(4..8).contains(&level);
            let account = Some(arn.account).filter(|_| same.account.is_none() && has_parts);
            let region = Some(arn.region).filter(|_| same.region.is_none() && has_parts);
            let parts = region.into_iter().chain(account).filter(|part| !part.is_empty());
            (parts.map(|part| format!("{part}:")).collect::<String>(), arn.resource)
        }
        None => (String::new(), text),
    };
    if name.contains(' ') {
        return parts
            + &match level {
                0..=5 => name.to_owned(),
                6 | 8 => start_cut(name, 48),
                _ => start_cut(name, 24),
            };
    }
    let (path, last) = match name.rsplit_once('/').filter(|_| is_path) {
        Some((_, last)) if !last.is_empty() => ("…/", last),
        _ => ("", name),
    };
    let end = match (short_id(last), level) {
        (Some(id), 3 | 5) if path.is_empty() && parts.is_empty() => format!("{id}…"),
        (Some(id), 3 | 5) => id,
        (_, ..=5) => last.to_owned(),
        (_, 6 | 8) => middle_cut(last, 25),
        _ => middle_cut(last, 15),
    };
    format!("{parts}{path}{end}")
}

/// The first characters of an id: eight of its hexadecimal digits.
fn short_id(name: &str) -> Option<String> {
    const SHOWN: usize = 8;
    let (prefix, id) = match name.strip_prefix("mrk-") {
        Some(id) => ("mrk-", id),
        None => ("", name),
    };
    let digits = id.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_id = digits >= 32 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    // Hexadecimal digits are bytes.
    is_id.then(|| format!("{prefix}{}", &id[..SHOWN]))
}

/// A long name without its middle: the ends tell names apart.
fn middle_cut(name: &str, len: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    let end = len / 2;
    match chars.len() > len {
        true => chars[..end].iter().chain(&['…']).chain(&chars[chars.len() - end..]).collect(),
        false => name.to_owned(),
    }
}

/// The beginning of a sentence, whole words.
fn start_cut(text: &str, len: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(len) else { return text.to_owned() };
    let start = &text[..end];
    let words = start.rsplit_once(' ').map_or(start, |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/Etl";

    fn table(rows: &[[&str; 3]], width: u16) -> (TableLayout<'static>, Vec<String>) {
        let heads = ["event_time", "principal", "key_arn"].map(|name| TableHead { name, is_number: false });
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let layout = TableLayout::new(&heads, &rows, Some(width));
        assert!(layout.suits(&rows));
        let lines = rows.iter().map(|row| layout.row(row, |_, text| text)).collect();
        (layout, lines)
    }

    #[test]
    fn cells_are_shortened_before_columns_are_left_out() {
        let row = ["2021-07-30T16:00:00Z", ROLE, KEY];
        let lines = |width| table(&[row], width).1;
        assert_eq!(lines(200), [format!("{}  {ROLE}  {KEY}", row[0])]);
        let (layout, lines_of_100) = table(&[row], 100);
        assert_eq!(
            lines_of_100,
            ["2021-07-30T16:00:00Z  role/service-role/Etl  key/1234abcd-12ab-34cd-56ef-1234567890ab"]
        );
        assert_eq!(
            layout.said_once(),
            ["principal: account 111122223333", "key_arn: account 111122223333, us-west-2"]
        );
        assert_eq!(lines(60), ["2021-07-30T16:00:00Z  role/service-role/Etl  …/1234abcd"]);
        assert_eq!(lines(45), ["2021-07-30T16:00:00Z  …/Etl      …/1234abcd"]);
        let (layout, lines) = table(&[row], 35);
        assert_eq!((lines, layout.hidden()), (vec!["2021-07-30T16:00:00Z  …/Etl".to_owned()], 1));
    }

    #[test]
    fn names_that_differ_do_not_look_alike() {
        let other = KEY.replace("34cd", "0000");
        let time = "2021-07-30T16:00:00Z";
        let rows = [[time, ROLE, KEY], [time, "arn:aws:iam::444455556666:role/Etl", &other]];
        let (layout, lines) = table(&rows, 110);
        assert!(lines[0].contains("111122223333:role/service-role/Etl"), "{lines:?}");
        assert!(layout.said_once().iter().all(|line| line.starts_with("key_arn: ")));
        let (_, lines) = table(&rows, 90);
        let cells = |place: usize| {
            lines.iter().filter_map(move |line| line.split_whitespace().nth(place)).collect::<HashSet<_>>()
        };
        assert_eq!((cells(1).len(), cells(2).len()), (2, 2), "{lines:?}");
    }

    #[test]
    fn the_account_stays_where_it_tells_names_apart() {
        let role = |account: &str| {
            format!("arn:aws:iam::{account}:role/AmazonSageMaker-ExecutionRole-20240101T120000")
        };
        let (one, other) = (role("111122223333"), role("444455556666"));
        let time = "2021-07-30T16:00:00Z";
        let (layout, lines) = table(&[[time, &one, KEY], [time, &other, KEY]], 72);
        assert_eq!(layout.hidden(), 0);
        assert!(lines[0].contains("111122223333:…/AmazonS…T120000"), "{lines:?}");
    }

    #[test]
    fn lines_are_as_wide_as_the_terminal_at_most() {
        let long = "x".repeat(500);
        let wide = "名前".repeat(40);
        let sentence = "a sentence of many words ".repeat(10);
        for width in 60..140 {
            for text in [&*long, &*wide, &*sentence, KEY, ROLE] {
                let (layout, lines) = table(&[["2021-07-30T16:00:00Z", text, ROLE], ["-", "b", "c"]], width);
                for line in lines.iter().chain(&[layout.head(), layout.rule()]) {
                    assert!(line.width() <= usize::from(width), "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn other_rows_may_need_other_columns() {
        let (layout, _) = table(&[["2021-07-30T16:00:00Z", ROLE, KEY]], 60);
        let row = |role: &str, key: &str| vec![vec!["-".to_owned(), role.to_owned(), key.to_owned()]];
        assert!(layout.suits(&row(ROLE, &KEY.replace("1234abcd", "99999999"))));
        assert!(!layout.suits(&row(&ROLE.replace("Etl", "EtlOfAnotherTeam"), KEY)), "too wide");
        assert!(!layout.suits(&row(ROLE, &KEY.replace("us-west-2", "us-east-1"))), "said otherwise");
    }
}
