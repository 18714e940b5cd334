//! `keytrail export`: the tables of a finished report for other programs.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::CliError;
use super::exit::ExitStatus;
use super::export_args::{ExportArgs, ExportFormat};
use super::inputs::open_report;
use super::plan;
use super::replaced_file::{check_new_file, create_beside};
use super::reporter::ExitReporter;
use super::startup;
use super::terminal::{say, write_stdout};
use super::values::LogFormat;
use keytrail::aggregate::InputTotals;
use keytrail::model::counted;
use keytrail::report::{
    CsvForm, EXPORTED_TABLES, ExportError, ExportedRows, FinishedReport, SinkError, export_csv,
    export_markdown, export_workbook, printable,
};

/// Who may read the files is decided by the umask, as for a report.
const READABLE: u32 = 0o666;

pub(super) fn run(args: &ExportArgs, reporter: &ExitReporter) -> Result<ExitStatus, CliError> {
    startup::start(&args.common)?;
    check(args)?;
    let name = args.report.display();
    let report = open_report(&args.report, &plan::buckets(&args.s3))?.ok_or_else(|| {
        CliError::Usage(format!("{name} is not a report: it has no run.json beside its tables"))
    })?;
    if !report.files()?.iter().any(|file| file.starts_with("events/")) {
        return usage(format!(
            "{name} is only a part of a report: its events are missing; copy the whole folder"
        ));
    }
    let output = args.output_or_default();
    if output.as_os_str() == "-" {
        to_stdout(args, &report)?;
        return Ok(reporter.rows_printed(&InputTotals::default()));
    }
    let exported = match args.format {
        ExportFormat::Csv => to_folder(args, &report, &output)?,
        _ => to_file(args, &report, &output)?,
    };
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let path = printable(&output.display().to_string());
        let what = match exported.len() {
            0 => format!("{path}: the text of {}", printable(&name.to_string())),
            tables => {
                format!("{path}: {} of {}", counted(tables as u64, "table"), printable(&name.to_string()))
            }
        };
        // It is written, with or without these lines.
        say(&what);
        for table in exported.iter().filter(|table| table.left_out > 0) {
            let rows = counted(table.left_out, "row");
            say(&format!("{}: {rows} left out, a sheet has no room for them", table.table));
        }
    }
    Ok(reporter.rows_printed(&InputTotals::default()))
}

fn usage<T>(text: String) -> Result<T, CliError> {
    Err(CliError::Usage(text))
}

/// Whether the options fit together.
fn check(args: &ExportArgs) -> Result<(), CliError> {
    if args.format != ExportFormat::Csv && (args.bom || args.text_accounts) {
        let option = if args.bom { "--bom" } else { "--text-accounts" };
        return usage(format!("{option} is for --format csv"));
    }
    if args.format == ExportFormat::Md && !args.table.is_empty() {
        return usage(
            "--table is for --format csv and xlsx; Markdown has parts of several tables".to_owned(),
        );
    }
    if args.output_or_default().as_os_str() != "-" {
        return Ok(());
    }
    if args.format == ExportFormat::Csv && tables(args).len() != 1 {
        return usage(
            "standard output can take one table: name it with --table, or a directory with -o".to_owned(),
        );
    }
    if args.format == ExportFormat::Xlsx && io::stdout().is_terminal() {
        return usage(
            "a terminal cannot show this format; redirect standard output to a file or a program".to_owned(),
        );
    }
    Ok(())
}

/// The tables that are asked for, each once, in the order of a report.
fn tables(args: &ExportArgs) -> Vec<&'static str> {
    let is_asked =
        |name: &&str| args.table.is_empty() || args.table.iter().any(|table| table.as_str() == *name);
    EXPORTED_TABLES.into_iter().filter(is_asked).collect()
}

fn none_there<T>(args: &ExportArgs) -> Result<T, CliError> {
    usage(format!("{} has no table {}", args.report.display(), args.table.join(", ")))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> SinkError {
    let path = path.display().to_string();
    move |source| SinkError::File { path: path.clone(), source }
}

/// The error of an export to `path`.
fn export_failed(error: ExportError, path: &Path) -> CliError {
    match error {
        ExportError::Read(error) => error.into(),
        // The encoder does not know the name of the file.
        ExportError::Rows(SinkError::File { source, .. }) => failed(path)(source).into(),
        ExportError::Rows(error) => error.into(),
        other => SinkError::Encode { path: path.display().to_string(), source: other.into() }.into(),
    }
}

/// Writes what one file can hold. No table: it is a text.
fn write(
    args: &ExportArgs,
    report: &FinishedReport,
    table: &str,
    file: &mut File,
) -> Result<Vec<ExportedRows>, ExportError> {
    let mut out = BufWriter::new(file);
    let exported = match args.format {
        ExportFormat::Csv => {
            let form = CsvForm { byte_order_mark: args.bom, text_accounts: args.text_accounts };
            export_csv(report, table, form, &mut out)?.into_iter().collect()
        }
        ExportFormat::Xlsx => export_workbook(report, &tables(args), &mut out)?,
        ExportFormat::Md => {
            let text = export_markdown(report)?;
            out.write_all(text.as_bytes()).map_err(failed(Path::new("")))?;
            Vec::new()
        }
    };
    out.flush().map_err(failed(Path::new("")))?;
    Ok(exported)
}

fn to_stdout(args: &ExportArgs, report: &FinishedReport) -> Result<(), CliError> {
    if args.format == ExportFormat::Md {
        let path = Path::new("standard output");
        let text = export_markdown(report).map_err(|error| export_failed(error, path))?;
        return Ok(write_stdout(text.as_bytes())?);
    }
    // Nothing is printed of what fails half-way.
    let mut file = tempfile::tempfile().map_err(SinkError::Temporary)?;
    let path = std::env::temp_dir();
    let exported =
        write(args, report, tables(args)[0], &mut file).map_err(|error| export_failed(error, &path))?;
    if exported.is_empty() {
        return none_there(args);
    }
    file.rewind().map_err(SinkError::Temporary)?;
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).map_err(SinkError::Temporary)? {
            0 => return Ok(()),
            n => write_stdout(&piece[..n])?,
        }
    }
}

fn to_file(args: &ExportArgs, report: &FinishedReport, path: &Path) -> Result<Vec<ExportedRows>, CliError> {
    check_new_file(path, args.force)?;
    let mut file = create_beside(path, READABLE).map_err(failed(path))?;
    let exported = write(args, report, "", file.as_file_mut()).map_err(|error| export_failed(error, path))?;
    if exported.is_empty() && args.format == ExportFormat::Xlsx {
        return none_there(args);
    }
    file.persist(path).map_err(|error| failed(path)(error.error))?;
    Ok(exported)
}

/// All files are written before the first is in its place.
fn to_folder(
    args: &ExportArgs,
    report: &FinishedReport,
    folder: &Path,
) -> Result<Vec<ExportedRows>, CliError> {
    let name = folder.display();
    if folder.exists() && !folder.is_dir() {
        return usage(format!("{name} is not a directory; name a directory to write"));
    }
    let is_filled = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_filled && !args.force {
        return usage(format!("{name} is not empty; name another directory, or use --force"));
    }
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let (mut exported, mut files): (Vec<ExportedRows>, Vec<(PathBuf, NamedTempFile)>) = Default::default();
    for table in tables(args) {
        let path = folder.join(format!("{table}.csv"));
        let mut file = create_beside(&path, READABLE).map_err(failed(&path))?;
        let rows =
            write(args, report, table, file.as_file_mut()).map_err(|error| export_failed(error, &path))?;
        if !rows.is_empty() {
            files.push((path, file));
            exported.extend(rows);
        }
    }
    if exported.is_empty() {
        return none_there(args);
    }
    // Tables of an earlier export do not stay beside those of this report.
    for table in EXPORTED_TABLES {
        let path = folder.join(format!("{table}.csv"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error).into()),
            _ => {}
        }
    }
    for (path, file) in files {
        file.persist(&path).map_err(|error| failed(&path)(error.error))?;
    }
    Ok(exported)
}
