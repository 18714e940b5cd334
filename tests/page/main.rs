//! The HTML page of a report: its numbers, its texts, and how it behaves in a browser.

// Every number is in the files of the report, as DuckDB reads them.
mod numbers;

// Who is below a role, and aliases, by name.
mod names;

// No English where Japanese was asked for.
mod japanese;

// Texts from records stay texts; nothing makes the page large.
mod hostile;

// Chromium: filters, sorting, printing, no requests, accessibility.
mod browser;

// `keytrail html`, and what it refuses.
mod command;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{ANY, document, gzip, keytrail, root, run};

/// A report in a folder of its own.
struct Made {
    dir: TempDir,
}

impl Made {
    /// The report of these inputs with these options.
    fn of(inputs: &Path, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ran = run(keytrail()
            .arg("analyze")
            .arg(inputs)
            .args(["-q", "-o"])
            .arg(dir.path().join("report"))
            .args(options));
        assert!(ran.status <= 1, "{}", ran.stderr);
        Self { dir }
    }

    fn sample(options: &[&str]) -> Self {
        Self::of(&root().join("sample-logs"), options)
    }

    /// The report of one archive with these records, whatever they are for.
    fn of_records(records: &[Value]) -> Self {
        let logs = tempfile::tempdir().unwrap();
        fs::write(logs.path().join("a.json.gz"), gzip(document(records).as_bytes())).unwrap();
        Self::of(logs.path(), &ANY)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report")
    }

    fn page(&self) -> String {
        fs::read_to_string(self.report().join("report.html")).unwrap()
    }
}
