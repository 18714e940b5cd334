//! A finished report → one HTML page to read, print and sign.
//!
//! The page is one file without any request to elsewhere. It can be read without JavaScript, which
//! only adds filters, sorting and copying. It has at most about 10 MB, whatever the report has:
//! where rows are left out, the page says so, with the query that gives all of them.
//!
//! Every table carries the SQL that gives its rows from the files of the report, and so does every
//! number that stands alone. A test runs all of them with DuckDB and compares.
//!
//! Deliberately absent: counting (`aggregate`), and reading archives: what is not in the report is
//! not in the page.
//!
//! | to add | go to |
//! |---|---|
//! | a section | a file in `sections` |
//! | a picture | a file in `charts` |
//! | a text, or a language | `texts` |
//!
//! ```
//! use keytrail::page::{Language, write_page};
//! use keytrail::{engine, report, source::Input};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let folder = dir.path().join("report");
//! # if false {
//! let Some(report) = report::FinishedReport::open(&folder)? else { return Ok(()) };
//! write_page(&report, Language::English, std::fs::File::create("report.html")?)?;
//! # }
//! # Ok(())
//! # }
//! ```

mod aliases;
mod below;
mod budget;
mod charts;
mod content;
mod drawing;
mod error;
mod escape;
mod events;
mod groups;
mod keys;
mod overview;
mod rows;
mod sections;
mod source;
mod table;
mod texts;

use std::io::{BufWriter, Write};

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use error::PageError;
pub use texts::Language;

use crate::format::decode::sha256_of;
use crate::model::Sha256;
use crate::report::FinishedReport;
use budget::Budget;
use content::{Block, Section};
use events::Events;
use overview::Overview;
use source::Source;
use texts::Texts;

/// Bytes of rows and pictures in the page, about. The rest of the page takes up to 1 MiB more.
const ROOM: usize = 8 << 20;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page, as the template takes it.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    language: &'static str,
    t: &'static Texts,
    sections: Vec<Section>,
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
}

/// Writes the page of a report: HTML in UTF-8.
///
/// The tables that the report has not got, or that this version does not know, are left out.
///
/// # Errors
/// When a table cannot be read, or the page cannot be written.
pub fn write_page(report: &FinishedReport, language: Language, out: impl Write) -> Result<(), PageError> {
    let page = Page {
        language: language.code(),
        t: language.texts(),
        sections: sections(&Source::open(report, language)?)?,
        style: STYLE,
        script: SCRIPT,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
    };
    let mut out = BufWriter::new(out);
    page.write_into(&mut out).map_err(PageError::Write)?;
    out.flush().map_err(PageError::Write)
}

fn sections(source: &Source<'_>) -> Result<Vec<Section>, PageError> {
    let mut overview = Overview::read(source)?;
    let places = overview.keys.parts();
    let mut budget = Budget::new(ROOM);
    let mut list = vec![sections::glance(source, &overview), sections::read(source, &mut budget)?];
    list.extend(sections::findings(source, &places, &mut budget)?);
    list.extend(sections::uses(source, &mut overview, &places, &mut budget)?);
    list.extend(sections::refusals(source, &overview, &mut budget));
    list.extend(sections::sharing(source, &mut budget)?);
    list.extend(sections::limits(source));
    // Keys come last, since they are many; their place in the page is before the refusals.
    let mut events = Events::read(source, &places)?;
    let keys = sections::keys(source, &overview, &places, &mut events, &mut budget)?;
    let before = list.iter().position(|section| section.id == "refusals").unwrap_or(list.len());
    list.splice(before..before, keys);
    list.push(sections::sign(source, &mut budget)?);
    Ok(list)
}

/// A hash for the Content-Security-Policy.
fn hash(text: &str) -> String {
    // Reading from memory cannot fail. Without a hash, the browser would refuse style and script.
    let hash = sha256_of(text.as_bytes()).ok().and_then(|hex| Sha256::from_hex(&hex));
    hash.map_or_else(String::new, |hash| format!("sha256-{}", STANDARD.encode(hash.0)))
}
