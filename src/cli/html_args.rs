//! The arguments of `keytrail html`, and the options of the page.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};

use super::options::{CommonOptions, S3Options};
use keytrail::page::Language;

/// Write the HTML page of a report: one file to read, print and sign
///
/// The page needs no network and no JavaScript. Each table has the SQL that gives its rows from the
/// files of the report. `keytrail analyze` writes the same page as report.html.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  keytrail html report -o keys-2023-q1.html
  keytrail html report --lang ja -o report-ja.html
  keytrail html s3://example-reports/kms -o kms.html")]
pub(super) struct HtmlArgs {
    /// The directory of a report, or s3://BUCKET/FOLDER
    #[arg(value_name = "REPORT", help_heading = "Arguments")]
    pub(super) report: PathBuf,

    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE", env = "KEYTRAIL_HTML", default_value = "report.html")]
    pub(super) output: PathBuf,

    /// Replace the file if it exists
    #[arg(long, env = "KEYTRAIL_FORCE", value_parser = FalseyValueParser::new())]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) language: LanguageOption,

    #[command(flatten)]
    pub(super) s3: S3Options,

    #[command(flatten)]
    pub(super) common: CommonOptions,
}

/// The language of the page.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(super) struct LanguageOption {
    /// Language of the HTML page; what comes from the records stays as it is
    #[arg(long = "lang", value_name = "LANGUAGE", env = "KEYTRAIL_LANG", default_value = "en", value_parser = language())]
    pub(super) language: Language,
}

fn language() -> impl TypedValueParser<Value = Language> {
    let value =
        |(code, language): (&'static str, Language)| PossibleValue::new(code).help(format!("{language:?}"));
    PossibleValuesParser::new(Language::ALL.map(value)).try_map(|code| {
        let known = Language::ALL.into_iter().find(|(known, _)| *known == code);
        known.map(|(_, language)| language).ok_or("an unknown language")
    })
}
