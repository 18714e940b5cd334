//! The sheet to sign, and which files the page was made from.

use crate::format::decode::sha256_of;
use crate::page::budget::Budget;
use crate::page::content::{Block, Section};
use crate::page::error::PageError;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, row};

pub(crate) fn sign(source: &Source<'_>, budget: &mut Budget) -> Result<Section, PageError> {
    let t = source.texts;
    let mut section = Section::new("sign", t.sign);
    section.breaks = true;
    section.text(t.sign_intro);
    let mut rows = Vec::new();
    // The page itself cannot have its own hash. Events are in the tables that are made of them.
    let is_listed = |file: &&String| !file.contains('/') && *file != "report.html";
    for file in source.files.iter().filter(is_listed) {
        let failed = |error| PageError::File { file: file.clone(), source: error };
        let sha256 = sha256_of(source.report.open_file(file)?).map_err(failed)?;
        rows.push(row([
            vec![Field::text("file", Kind::Code, Some(file))],
            vec![Field::text("sha256", Kind::Code, Some(&sha256))],
        ]));
    }
    let total = rows.len() as u64;
    let table = Table::new("files", t.files, &[(t.files, false), ("SHA-256", false)]);
    section.add(Block::Table(Box::new(table.fill(budget.part(40_000), rows, total, Query::default()))));
    let lines = [t.sign_conclusion, t.sign_exceptions, t.sign_prepared, t.sign_reviewed, t.sign_approved];
    section.add(Block::Sheet(lines.into_iter().map(str::to_owned).collect()));
    Ok(section)
}
