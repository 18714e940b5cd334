//! `keytrail evidence`: one zip file to hand over, of a finished report.

use std::io::{self, BufWriter};

use super::error::CliError;
use super::evidence_args::EvidenceArgs;
use super::exit::ExitStatus;
use super::inputs::open_report;
use super::plan;
use super::replaced_file::create_beside;
use super::reporter::ExitReporter;
use super::startup;
use super::terminal::say;
use super::values::LogFormat;
use keytrail::aggregate::InputTotals;
use keytrail::model::counted;
use keytrail::report::{EvidenceError, SinkError, printable, write_evidence};

/// Who may read the pack is decided by the umask, as for a report.
const READABLE: u32 = 0o666;

pub(super) fn run(args: &EvidenceArgs, reporter: &ExitReporter) -> Result<ExitStatus, CliError> {
    startup::start(&args.common)?;
    let path = args.output.display().to_string();
    let report = open_report(&args.report, &plan::buckets(&args.s3))?.ok_or_else(|| {
        let name = args.report.display();
        CliError::Usage(format!("{name} is not a report: it has no run.json beside its tables"))
    })?;
    if args.output.exists() && !args.output.is_file() {
        return Err(CliError::Usage(format!("{path} is not a file; name a file to write")));
    }
    if !args.force && args.output.exists() {
        return Err(CliError::Usage(format!("{path} exists; name another file, or use --force")));
    }
    let failed = |source: io::Error| SinkError::File { path: path.clone(), source };
    let mut file = create_beside(&args.output, READABLE).map_err(failed)?;
    let pack = write_evidence(&report, BufWriter::new(file.as_file_mut())).map_err(|error| match error {
        EvidenceError::Read(error) => CliError::from(error),
        EvidenceError::Rows(error) => CliError::from(error),
        EvidenceError::Write(error) => failed(error).into(),
        other => SinkError::Encode { path: path.clone(), source: other.into() }.into(),
    })?;
    file.persist(&args.output).map_err(|error| failed(error.error))?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let (files, members) = (counted(pack.report_files, "file"), pack.members.join(", "));
        // The pack is written, with or without this line.
        say(&format!("{}: {members}; hashes of {files} of the report", printable(&path)));
    }
    Ok(reporter.rows_printed(&InputTotals::default()))
}
