//! Comma-separated values with a header.

use std::io::Write;
use std::path::Path;

use super::encoder::{OutputTarget, RowEncoder, STANDARD_OUTPUT, output_error};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::text::{cell_text, is_invisible, printable};

/// What a spreadsheet may need that other readers of CSV do not expect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CsvForm {
    /// A byte-order mark before the header: Excel then reads UTF-8.
    pub byte_order_mark: bool,
    /// Account ids as `="012345678901"`, which spreadsheets show with their leading zeros.
    pub text_accounts: bool,
}

pub(super) struct CsvEncoder<W: Write> {
    writer: csv::Writer<W>,
    target: OutputTarget,
    /// The columns whose account ids are written as formulas.
    accounts: Vec<usize>,
}

impl<W: Write> CsvEncoder<W> {
    pub(super) fn new(
        names: &[&'static str],
        form: CsvForm,
        mut out: W,
        target: OutputTarget,
    ) -> Result<Self, SinkError> {
        if form.byte_order_mark {
            out.write_all("\u{feff}".as_bytes()).map_err(output_error)?;
        }
        let is_account = |name: &&str| form.text_accounts && name.ends_with("account_id");
        let accounts = names.iter().enumerate().filter(|(_, name)| is_account(name));
        let accounts = accounts.map(|(place, _)| place).collect();
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(names).map_err(csv_error)?;
        Ok(Self { writer, target, accounts })
    }
}

/// Whether a text is an account id and nothing else: twelve digits.
fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<W: Write> RowEncoder for CsvEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let (accounts, target) = (&self.accounts, self.target);
        let field = |(place, cell): (usize, Cell<'_>)| match (&cell, target) {
            (Cell::Text(text), _) if accounts.contains(&place) && is_account_id(text) => {
                format!("=\"{text}\"")
            }
            (_, OutputTarget::Terminal { .. }) => printable(&csv_field(&cell)),
            (_, OutputTarget::File) => csv_field(&cell),
        };
        self.writer.write_record(row.cells().enumerate().map(field)).map_err(csv_error)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.writer.flush().map_err(output_error)
    }
}

/// Text that a spreadsheet would take for a formula gets an apostrophe before it. User agents,
/// session names and object keys are chosen by whoever makes the call.
pub(super) fn csv_field(cell: &Cell<'_>) -> String {
    let text = cell_text(cell);
    if !matches!(cell, Cell::Text(_)) {
        return text;
    }
    let is_first = is_formula(&text) || text.starts_with(['\t', '\r', '\n']);
    let mut safe = if is_first { "'".to_owned() } else { String::new() };
    // Where `;` or a tab separates cells, quotes inside a line do not hold: what follows begins a
    // cell, and what follows a line break begins a line.
    for part in text.split_inclusive([';', '\t', '\n', '\r']) {
        safe.push_str(if !safe.ends_with('\'') && is_formula(part) { "'" } else { "" });
        safe.push_str(part);
    }
    safe
}

/// Spreadsheets pass over blanks and invisible characters, and take full-width signs for plain
/// ones.
fn is_formula(text: &str) -> bool {
    let is_passed_over = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c);
    let begins = text.trim_start_matches(is_passed_over);
    begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

fn csv_error(error: csv::Error) -> SinkError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => output_error(error),
        other => SinkError::encode(Path::new(STANDARD_OUTPUT))(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_sees_text_not_formulas() {
        for start in ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u{200b}=", "\u{a0}@", "\n+", "＝", "＠"]
        {
            let text = format!("{start}cmd|' /C calc'!A0");
            let field = csv_field(&Cell::text(&text));
            assert!(field.starts_with('\''), "{field}");
            assert_eq!(field.replacen("'", "", 1).replace("\n'", "\n"), text);
        }
        for (text, expected) in [
            ("a;=1+1", "a;'=1+1"),
            ("a; @b;c", "a;' @b;c"),
            ("a\t-1", "a\t'-1"),
            ("a\n+1", "a\n'+1"),
            ("=1;=2", "'=1;'=2"),
            ("a;b;c=d", "a;b;c=d"),
            (";", ";"),
            ("a\n\nb", "a\n\nb"),
        ] {
            assert_eq!(csv_field(&Cell::text(text)), expected);
        }
        assert_eq!(csv_field(&Cell::text("a=b")), "a=b");
        assert_eq!(csv_field(&Cell::Int(-1)), "-1");
    }
}
