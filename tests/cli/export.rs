//! `keytrail export`: what other programs read in its files is what the report has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use testkit::{ANY, Ran, decrypt, document, gzip, keytrail, python, run, skip};

/// Texts that would do harm in a spreadsheet, a ticket or a terminal.
const TEXTS: [&str; 10] = [
    "=HYPERLINK(\"http://example.com\")",
    "+1+cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "a`b``c|d\\|e",
    "![x](http://example.com/x.png)",
    "line\nbreak\r\n| a | b |\n# head",
    "\u{202e}desrever\u{200b}\u{1b}[31m\u{7}",
    "_x003D_1+1 \u{fffe}",
    "@everyone #1 www.example.com",
    "000000000012",
];

/// A report in a folder of its own, with room beside it.
struct Made {
    dir: TempDir,
}

impl Made {
    fn of(inputs: &Path, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ran = run(keytrail()
            .arg("analyze")
            .arg(inputs)
            .args(["-q", "--no-html", "-o"])
            .arg(dir.path().join("report"))
            .args(options));
        assert!(ran.status <= 1, "{}", ran.stderr);
        Self { dir }
    }

    fn sample() -> Self {
        Self::of(Path::new(super::SAMPLE), &[])
    }

    /// Records with hostile texts wherever a caller can put one; an account has leading zeros.
    fn hostile() -> Self {
        let record = |(n, text): (u32, &&str)| {
            let mut record = decrypt(n);
            record["userIdentity"] = json!({
                "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{text}"), "accountId": "000022223333",
                "arn": format!("arn:aws:sts::000022223333:assumed-role/{text}/{text}"),
                "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE",
                    "accountId": "000022223333", "arn": text, "userName": text}},
            });
            record["userAgent"] = json!(text);
            record["errorCode"] = json!(if n.is_multiple_of(2) { text } else { "AccessDenied" });
            record["errorMessage"] = json!(format!("{text} is not authorized to perform: kms:{text}"));
            record["recipientAccountId"] = json!("000022223333");
            record["resources"][0]["ARN"] = json!(format!("arn:aws:kms:us-west-2:000022223333:key/{text}"));
            record
        };
        let records: Vec<_> = (0..).zip(&TEXTS).map(record).collect();
        let logs = tempfile::tempdir().unwrap();
        fs::write(logs.path().join("a.json.gz"), gzip(document(&records).as_bytes())).unwrap();
        Self::of(logs.path(), &ANY)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn export(&self, options: &[&str]) -> Ran {
        run(keytrail().current_dir(self.dir.path()).args(["export", "report"]).args(options))
    }

    /// Exports, which must succeed.
    fn exported(&self, options: &[&str]) -> Ran {
        let ran = self.export(options);
        assert_eq!(ran.status, 0, "{options:?}: {}", ran.stderr);
        ran
    }

    fn refused(&self, options: &[&str], expected: &str) {
        let ran = self.export(options);
        assert_eq!((ran.status, ran.stdout.len()), (2, 0), "{options:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{options:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }

    /// Compares a workbook and a folder of CSV with the Parquet files, in Python.
    fn compare(&self, workbook: &str, folder: &str) {
        let ready = Command::new(python()).args(["-c", "import openpyxl, pyarrow"]).output();
        if !ready.is_ok_and(|output| output.status.success()) {
            return skip("the exported tables", "there is no Python with openpyxl and pyarrow");
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/export.py");
        let output = Command::new(python())
            .arg(script)
            .args([self.report(), self.path(workbook), self.path(folder)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        println!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn workbook_and_csv_have_what_the_report_has() {
    for made in [Made::sample(), Made::hostile()] {
        made.exported(&["--format", "xlsx", "-o", "a.xlsx"]);
        made.exported(&["--format", "csv", "-o", "tables"]);
        made.compare("a.xlsx", "tables");
        made.exported(&["--format", "xlsx", "-o", "b.xlsx"]);
        assert_eq!(fs::read(made.path("a.xlsx")).unwrap(), fs::read(made.path("b.xlsx")).unwrap());
    }
}

#[test]
fn a_missing_table_is_a_missing_sheet() {
    let made = Made::sample();
    for table in ["findings", "grants", "shares", "integrity", "superseded"] {
        fs::remove_file(made.report().join(format!("{table}.parquet"))).unwrap();
    }
    made.exported(&["--format", "xlsx"]);
    made.exported(&["--format", "csv"]);
    made.compare("report.xlsx", "report-csv");
    assert!(!made.path("report-csv/findings.csv").exists() && made.path("report-csv/usage.csv").exists());
    let text = String::from_utf8(made.exported(&["--format", "md"]).stdout).unwrap();
    assert!(!text.contains("## Open findings") && text.contains("## Most frequent use"), "{text}");
    made.refused(
        &["--format", "csv", "--table", "grants,shares", "-o", "few"],
        "has no table grants, shares",
    );
    made.refused(&["--format", "xlsx", "--table", "grants", "-o", "few.xlsx"], "has no table grants");
    assert!(!made.path("few.xlsx").exists());
}

#[test]
fn csv_is_for_spreadsheets_on_request() {
    let made = Made::hostile();
    let plain = made.exported(&["--format", "csv", "--table", "usage", "-o", "-"]).stdout;
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.starts_with("key_arn,") && plain.contains(",000022223333,"), "{plain}");
    assert!(plain.contains("'=HYPERLINK"), "{plain}");
    let options = ["--format", "csv", "--table", "usage", "--bom", "--text-accounts", "-o"];
    made.exported(&[&options[..], &["tables"]].concat());
    let marked = fs::read_to_string(made.path("tables/usage.csv")).unwrap();
    let accounts = "\"=\"\"000022223333\"\"\"";
    assert!(marked.starts_with("\u{feff}key_arn,") && marked.contains(accounts), "{marked}");
    assert_eq!(marked.trim_start_matches('\u{feff}').replace(accounts, "000022223333"), plain);
    // Only ids of accounts are written so, wherever else twelve digits are.
    assert!(!marked.contains("\"=\"\"000000000012"), "{marked}");
    assert_eq!(fs::read_dir(made.path("tables")).unwrap().count(), 1);
}

#[test]
fn markdown_is_a_ticket() {
    let made = Made::sample();
    let text = String::from_utf8(made.exported(&["--format", "md"]).stdout).unwrap();
    for part in [
        "- Input: `",
        "- First KMS record: `",
        "- records: 2,453",
        "## Open findings",
        "## Most frequent use\n\n74 events in ",
        "## Refusals and failures, by cause",
        "`kms:Decrypt`",
        "## What the numbers cannot prove",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    made.exported(&["--format", "md", "-o", "ticket.md"]);
    assert_eq!(fs::read_to_string(made.path("ticket.md")).unwrap(), text);
}

#[test]
fn texts_of_records_are_no_markdown() {
    let made = Made::hostile();
    let text = String::from_utf8(made.exported(&["--format", "md"]).stdout).unwrap();
    for markup in ["<script", "![", "](", "\n# head", "\\|", "``", "\u{202e}", "\u{1b}", "\u{200b}", "\r"] {
        assert!(!text.contains(markup), "{markup:?}: {text}");
    }
    // Outside of code there is neither a mention nor a link.
    let outside: String = text
        .split("<code>")
        .map(|part| part.split_once("</code>").map_or(part, |(_, rest)| rest))
        .flat_map(|part| part.split('`').step_by(2))
        .collect();
    for odd in ["@", "://", "www."] {
        assert!(!outside.contains(odd), "{odd}: {outside}");
    }
    // Every row of a table has as many cells as the row before it, and no pipe is elsewhere.
    let mut columns = 0;
    for line in text.lines() {
        let pipes = line.matches('|').count();
        let is_row = line.starts_with('|');
        assert!(pipes == 0 || is_row && (columns == 0 || columns == pipes), "{line}");
        columns = pipes;
    }
    assert!(text.contains("&#60;script&#62;"), "it is still to be read: {text}");
}

#[test]
fn nothing_is_replaced_without_being_asked() {
    let made = Made::sample();
    for (options, names) in [
        (["--format", "xlsx", "-o", "a.xlsx"], "a.xlsx exists; name another file, or use --force"),
        (["--format", "md", "-o", "a.md"], "a.md exists; name another file, or use --force"),
        (["--format", "csv", "-o", "tables"], "tables is not empty; name another directory, or use --force"),
    ] {
        made.exported(&options);
        made.refused(&options, names);
        made.exported(&[&options[..], &["--force"]].concat());
    }
    // Tables of the export before do not stay; other files do.
    fs::write(made.path("tables/notes.csv"), "mine").unwrap();
    made.exported(&["--format", "csv", "-o", "tables", "--table", "usage,rejects", "--force"]);
    let mut names: Vec<_> =
        fs::read_dir(made.path("tables")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["notes.csv", "rejects.csv", "usage.csv"]);
    made.refused(&["--format", "xlsx", "-o", "tables", "--force"], "tables is not a file");
    made.refused(&["--format", "csv", "-o", "a.md", "--force"], "a.md is not a directory");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let made = Made::sample();
    made.refused(&["--format", "xlsx", "--bom"], "--bom is for --format csv");
    made.refused(&["--format", "md", "--text-accounts"], "--text-accounts is for --format csv");
    made.refused(&["--format", "md", "--table", "usage"], "--table is for --format csv and xlsx");
    made.refused(&["--format", "csv", "-o", "-"], "standard output can take one table");
    assert_eq!(made.export(&["--format", "csv", "--table", "usages"]).status, 2);
}

#[test]
fn what_is_no_whole_report_is_refused_in_a_sentence() {
    let made = Made::sample();
    let refused = |expected: &str| {
        for (format, output) in [("xlsx", "a.xlsx"), ("csv", "tables"), ("md", "a.md")] {
            made.refused(&["--format", format, "-o", output], expected);
            assert!(!made.path(output).is_file(), "{output}");
        }
    };
    let run_json = made.report().join("run.json");
    let text = fs::read_to_string(&run_json).unwrap();
    fs::write(&run_json, text.replace("\"schema_version\": 1", "\"schema_version\": 7")).unwrap();
    refused("schema version 7");
    fs::write(&run_json, &text[..text.len() / 2]).unwrap();
    refused("is not the run.json of a keytrail report");
    fs::write(&run_json, &text).unwrap();
    let usage = fs::read(made.report().join("usage.parquet")).unwrap();
    fs::write(made.report().join("usage.parquet"), &usage[..usage.len() / 2]).unwrap();
    refused("usage.parquet");
    fs::write(made.report().join("usage.parquet"), &usage).unwrap();
    fs::remove_dir_all(made.report().join("events")).unwrap();
    refused("its events are missing");
    fs::remove_file(&run_json).unwrap();
    refused("is not a report");
}
