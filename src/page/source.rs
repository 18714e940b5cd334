//! The report that a page is made from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::PageError;
use super::rows::Row;
use super::texts::{Language, Texts};
use crate::audit::{JapaneseFinding, japanese_finding};
use crate::report::{FinishedReport, Kept, Table};

/// A report, what it has, and the words of the page.
pub(super) struct Source<'r> {
    pub(super) report: &'r FinishedReport,
    pub(super) files: BTreeSet<String>,
    pub(super) language: Language,
    pub(super) texts: &'static Texts,
    /// What may still be kept of the tables.
    pub(super) kept: Kept,
}

impl<'r> Source<'r> {
    pub(super) fn open(report: &'r FinishedReport, language: Language) -> Result<Self, PageError> {
        let files = report.files()?.into_iter().collect();
        Ok(Self { report, files, language, texts: language.texts(), kept: report.kept() })
    }

    /// Whether the report has the file of a table. Older reports lack some.
    pub(super) fn has<T: Table>(&self) -> bool {
        self.files.contains(&format!("{}.parquet", T::NAME))
    }

    /// What findings of a rule say in the page's language, if the report's English is not it.
    pub(super) fn finding(&self, rule: &str) -> Option<JapaneseFinding> {
        match self.language {
            Language::English => None,
            Language::Japanese => japanese_finding(rule),
        }
    }

    /// Whether the report has the files of its events.
    pub(super) fn has_events(&self) -> bool {
        self.files.iter().any(|file| file.starts_with("events/"))
    }

    /// Hands over each row of a table, with these columns; none, if the report does not have it.
    pub(super) fn read<T: Table>(
        &self,
        columns: &[usize],
        mut take: impl FnMut(Row<'_>),
    ) -> Result<(), PageError> {
        if self.has::<T>() {
            self.report.read_kept::<T>(columns, &self.kept, |row| take(Row::new(row)))?;
        }
        Ok(())
    }

    /// A value of `run.json`, by the names on the way to it.
    pub(super) fn run(&self, names: &[&str]) -> &Value {
        names.iter().fold(self.report.run(), |value, name| value.get(name).unwrap_or(&Value::Null))
    }

    /// A list of `run.json`.
    pub(super) fn list(&self, names: &[&str]) -> &[Value] {
        self.run(names).as_array().map_or(&[], Vec::as_slice)
    }
}

/// A field of a value of `run.json`, as text for people; empty for null.
pub(super) fn field(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// A number of a value of `run.json`; zero if it is missing.
pub(super) fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}
