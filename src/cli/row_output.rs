//! Where the rows of a command go: standard output or a file, in the format that is asked for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use super::error::CliError;
use super::options::{CommonOptions, RowOptions};
use super::progress::BarAwareWriter;
use super::replaced_file::{check_new_file, create_beside};
use super::similar::most_similar;
use super::terminal;
use keytrail::report::{Column, OutputFormat, OutputTarget, RowForm, RowStream, SinkError, Style, Table};

const BUFFER_BYTES: usize = 64 << 10;

/// Who may read the file is decided by the umask, as for a report.
const READABLE: u32 = 0o666;

/// An output for the rows of a command.
pub(super) struct RowOutput<'o> {
    format: OutputFormat,
    target: OutputTarget,
    columns: &'o [String],
    out: BufWriter<Box<dyn Write + Send>>,
    /// The file that takes the place of a path at the end.
    file: Option<(NamedTempFile, PathBuf)>,
}

impl<'o> RowOutput<'o> {
    /// Opens what the options name.
    ///
    /// # Errors
    /// When a terminal cannot show the format, or the file exists or cannot be created.
    pub(super) fn open(
        options: &'o RowOptions,
        common: &CommonOptions,
        bar: &ProgressBar,
    ) -> Result<Self, CliError> {
        let path = match &options.output {
            Some(path) if path.as_os_str() != "-" => path,
            _ => return Self::stdout(options.format, &options.columns, common, bar),
        };
        check_new_file(path, options.force)?;
        let failed = |source: io::Error| SinkError::File { path: path.display().to_string(), source };
        let file = create_beside(path, READABLE).map_err(failed)?;
        let out: File = file.as_file().try_clone().map_err(failed)?;
        Ok(Self {
            format: options.format.unwrap_or_else(|| format_of(path)),
            target: OutputTarget::File,
            columns: &options.columns,
            out: BufWriter::with_capacity(BUFFER_BYTES, Box::new(out)),
            file: Some((file, path.clone())),
        })
    }

    /// Standard output.
    ///
    /// # Errors
    /// When a terminal cannot show the format.
    pub(super) fn stdout(
        format: Option<OutputFormat>,
        columns: &'o [String],
        common: &CommonOptions,
        bar: &ProgressBar,
    ) -> Result<Self, CliError> {
        let is_terminal = io::stdout().is_terminal();
        let out: Box<dyn Write + Send> = Box::new(BarAwareWriter::new(bar, io::stdout()));
        Ok(Self {
            format: terminal::stdout_format(format, is_terminal)?,
            target: terminal::output_target(is_terminal, common.color),
            columns,
            out: BufWriter::with_capacity(BUFFER_BYTES, out),
            file: None,
        })
    }

    /// The format of the rows.
    pub(super) fn format(&self) -> OutputFormat {
        self.format
    }

    /// Whether the rows go into a file.
    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// A stream of rows of a table. A table for people has the `important` columns.
    ///
    /// # Errors
    /// When the table has no column of a name that is asked for.
    pub(super) fn rows<T: Table>(
        &mut self,
        columns: &'static [Column<T>],
        important: &[&'static str],
    ) -> Result<RowStream<'_>, CliError> {
        check_columns(self.columns, columns)?;
        let chosen = Some(self.columns).filter(|columns| !columns.is_empty());
        let form = RowForm { format: self.format, target: self.target, important, chosen };
        Ok(RowStream::new(columns, form, &mut self.out)?)
    }

    /// How a text for people may look.
    pub(super) fn style(&self) -> Style {
        match self.target {
            OutputTarget::Terminal { width, color } => Style { color, width },
            OutputTarget::File => Style::default(),
        }
    }

    /// Writes a text for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn text(&mut self, text: &str) -> Result<(), CliError> {
        Ok(self.out.write_all(text.as_bytes()).map_err(stdout_failed)?)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When it cannot be written or moved.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        let Some((file, path)) = self.file.take() else {
            return Ok(self.out.flush().map_err(stdout_failed)?);
        };
        let failed = |source: io::Error| SinkError::File { path: path.display().to_string(), source };
        self.out.flush().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Checks that a table has the columns that are asked for.
///
/// # Errors
/// When it has no column of one of the names.
pub(super) fn check_columns<T: Table>(asked: &[String], columns: &[Column<T>]) -> Result<(), CliError> {
    let names = || columns.iter().map(|column| column.name);
    let Some(wrong) = asked.iter().find(|name| !names().any(|known| known == name.as_str())) else {
        return Ok(());
    };
    Err(CliError::Usage(match most_similar(wrong, names()) {
        Some(name) => format!("--columns {wrong:?} is unknown; did you mean {name}?"),
        None => {
            let known = names().collect::<Vec<_>>().join(", ");
            format!("--columns {wrong:?} is unknown; the columns are: {known}")
        }
    }))
}

fn stdout_failed(source: io::Error) -> SinkError {
    match source.kind() {
        io::ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::File { path: "standard output".to_owned(), source },
    }
}

/// The format that the name of a file asks for.
fn format_of(path: &Path) -> OutputFormat {
    match path.extension().and_then(OsStr::to_str) {
        Some("csv") => OutputFormat::Csv,
        Some("tsv") => OutputFormat::Tsv,
        Some("md") => OutputFormat::Md,
        Some("parquet") => OutputFormat::Parquet,
        Some("arrow" | "arrows") => OutputFormat::Arrow,
        Some("txt") => OutputFormat::Table,
        _ => OutputFormat::Ndjson,
    }
}
