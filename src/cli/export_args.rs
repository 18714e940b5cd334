//! The arguments of `keytrail export`.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};
use clap::{Args as ClapArgs, ValueEnum};

use super::options::{CommonOptions, S3Options};
use keytrail::report::EXPORTED_TABLES;

/// Write the tables of a report as CSV files or a workbook, or the report as text for a ticket
///
/// Texts from records are never formulas in it. A workbook has a sheet per table, and a first sheet
/// that says what the report is of: account ids stay texts, times are date-times in UTC. Markdown
/// has what the report is of, counts, the worst open findings, the most frequent use, refusals by
/// cause, and caveats. A table that the report does not have is left out.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail export report --format xlsx -o keys-2023-q1.xlsx
  keytrail export report --format csv --bom --table usage,findings -o tables
  keytrail export s3://example-reports/kms --format md > ticket.md")]
pub(super) struct ExportArgs {
    /// The directory of a report, or s3://BUCKET/FOLDER
    #[arg(value_name = "REPORT", help_heading = "Arguments")]
    pub(super) report: PathBuf,

    /// What to write
    #[arg(long, value_name = "FORMAT", env = "KEYTRAIL_EXPORT_FORMAT")]
    pub(super) format: ExportFormat,

    /// File to write, or the directory of CSV files; - is standard output
    ///
    /// The default is report.xlsx, the directory report-csv, or, for Markdown, standard output. Of
    /// CSV, standard output can take a single table.
    #[arg(short, long, value_name = "FILE_OR_DIR", env = "KEYTRAIL_EXPORT")]
    pub(super) output: Option<PathBuf>,

    /// Write only these tables, as CSV or into the workbook
    #[arg(
        long,
        value_name = "TABLE,...",
        env = "KEYTRAIL_TABLE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(EXPORTED_TABLES)
    )]
    pub(super) table: Vec<String>,

    /// Begin CSV files with a byte-order mark, by which Excel knows UTF-8
    #[arg(long, env = "KEYTRAIL_BOM", value_parser = FalseyValueParser::new())]
    pub(super) bom: bool,

    /// Write account ids in CSV as ="012345678901", so that spreadsheets keep leading zeros
    #[arg(long, env = "KEYTRAIL_TEXT_ACCOUNTS", value_parser = FalseyValueParser::new())]
    pub(super) text_accounts: bool,

    /// Replace the file, or the tables in the directory, if they exist
    #[arg(long, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

impl ExportArgs {
    /// What is written.
    pub(super) fn output_or_default(&self) -> PathBuf {
        let default = match self.format {
            ExportFormat::Csv => "report-csv",
            ExportFormat::Xlsx => "report.xlsx",
            ExportFormat::Md => "-",
        };
        self.output.clone().unwrap_or_else(|| PathBuf::from(default))
    }
}

/// What a report is exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// A directory with a CSV file per table
    Csv,
    /// A workbook with a sheet per table
    Xlsx,
    /// Markdown for a ticket
    Md,
}
