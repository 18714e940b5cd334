//! `keytrail html`: the page of a finished report.

use std::io;

use super::error::CliError;
use super::exit::ExitStatus;
use super::html_args::HtmlArgs;
use super::inputs::open_report;
use super::plan;
use super::replaced_file::{check_new_file, create_beside};
use super::reporter::ExitReporter;
use super::startup;
use super::terminal::say;
use super::values::LogFormat;
use keytrail::aggregate::InputTotals;
use keytrail::page::{PageError, write_page};
use keytrail::report::{SinkError, printable};

/// Who may read the page is decided by the umask, as for a report.
const READABLE: u32 = 0o666;

pub(super) fn run(args: &HtmlArgs, reporter: &ExitReporter) -> Result<ExitStatus, CliError> {
    startup::start(&args.common)?;
    let path = args.output.display().to_string();
    let name = args.report.display();
    let report = open_report(&args.report, &plan::buckets(&args.s3))?.ok_or_else(|| {
        CliError::Usage(format!("{name} is not a report: it has no run.json beside its tables"))
    })?;
    if !report.files()?.iter().any(|file| file.starts_with("events/")) {
        let text =
            format!("{name} is only a part of a report: its events are missing; copy the whole folder");
        return Err(CliError::Usage(text));
    }
    if args.output.as_os_str() == "-" {
        let mut page = Vec::new();
        write_page(&report, args.language.language, &mut page)?;
        super::terminal::write_stdout(&page)?;
        return Ok(reporter.rows_printed(&InputTotals::default()));
    }
    check_new_file(&args.output, args.force)?;
    let failed = |source: io::Error| SinkError::File { path: path.clone(), source };
    let mut file = create_beside(&args.output, READABLE).map_err(failed)?;
    write_page(&report, args.language.language, file.as_file_mut()).map_err(|error| match error {
        PageError::Write(error) => CliError::from(failed(error)),
        error => error.into(),
    })?;
    file.persist(&args.output).map_err(|error| failed(error.error))?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The page is written, with or without this line.
        say(&format!("{}: the page of {}", printable(&path), printable(&name.to_string())));
    }
    Ok(reporter.rows_printed(&InputTotals::default()))
}
