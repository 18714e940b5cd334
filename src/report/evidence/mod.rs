//! The evidence pack: one zip file to hand over, with what a report found, what it is of, and
//! hashes of everything.

mod population;

use std::io::{self, Seek as _, Write};

use rawzip::ZipArchiveWriter;
use thiserror::Error;

use super::error::SinkError;
use super::formats::{OutputFormat, RowForm, RowStream};
use super::read::{FinishedReport, ReadError};
use super::table::Table;
use super::tables::{FindingsTable, InputsTable, IntegrityTable, RejectsTable};
use crate::format::decode::sha256_of;

/// Why an evidence pack could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The report cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows cannot be written.
    #[error(transparent)]
    Rows(#[from] SinkError),
    /// The pack, or a temporary file for it, cannot be written.
    #[error("cannot write the evidence pack")]
    Write(#[source] io::Error),
    /// The zip file cannot be made.
    #[error("cannot write the evidence pack")]
    Zip(#[source] rawzip::Error),
}

/// What is in an evidence pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidencePack {
    /// Its members.
    pub members: Vec<String>,
    /// Files of the report whose hashes it has.
    pub report_files: u64,
}

/// Writes the evidence pack of a report: a zip file without compression, which has
///
/// - `population.txt`: what was asked, read and left out, for people;
/// - `run.json` of the report, unchanged: options, version, totals, caveats;
/// - `findings.csv`, `integrity.csv`, `inputs.csv`, `rejects.csv`: these tables of the report;
/// - `report.sha256`: SHA-256 of each file of the report;
/// - `SHA256SUMS`: SHA-256 of each other member.
///
/// The same report gives the same bytes. Tables that an older report lacks are left out.
///
/// # Errors
/// When the report cannot be read, or the pack cannot be written.
pub fn write_evidence(report: &FinishedReport, out: impl Write) -> Result<EvidencePack, EvidenceError> {
    let files = report.files()?;
    let mut pack = Pack { zip: ZipArchiveWriter::new(out), sums: String::new(), members: Vec::new() };
    pack.add("population.txt", population::statement(report)?.as_bytes())?;
    pack.add_file("run.json", &mut report.open_file("run.json")?)?;
    pack.add_table::<FindingsTable>(report, &files)?;
    pack.add_table::<IntegrityTable>(report, &files)?;
    pack.add_table::<InputsTable>(report, &files)?;
    pack.add_table::<RejectsTable>(report, &files)?;
    let mut sums = String::new();
    for file in &files {
        let sha256 = sha256_of(report.open_file(file)?).map_err(EvidenceError::Write)?;
        sums.push_str(&format!("{sha256}  {file}\n"));
    }
    pack.add("report.sha256", sums.as_bytes())?;
    pack.finish(files.len() as u64)
}

/// A pack being written.
struct Pack<W: Write> {
    zip: ZipArchiveWriter<W>,
    sums: String,
    members: Vec<String>,
}

impl<W: Write> Pack<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        let sha256 = sha256_of(bytes).map_err(EvidenceError::Write)?;
        self.sums.push_str(&format!("{sha256}  {name}\n"));
        self.store(name, &mut &bytes[..])
    }

    fn add_file(&mut self, name: &str, file: &mut std::fs::File) -> Result<(), EvidenceError> {
        let sha256 = sha256_of(&*file).map_err(EvidenceError::Write)?;
        self.sums.push_str(&format!("{sha256}  {name}\n"));
        file.rewind().map_err(EvidenceError::Write)?;
        self.store(name, file)
    }

    /// Adds a table of the report as CSV.
    fn add_table<T: Table>(
        &mut self,
        report: &FinishedReport,
        files: &[String],
    ) -> Result<(), EvidenceError> {
        if !files.contains(&format!("{}.parquet", T::NAME)) {
            return Ok(());
        }
        let mut file = tempfile::tempfile().map_err(EvidenceError::Write)?;
        let out = io::BufWriter::new(&file);
        let form = RowForm::of_file(OutputFormat::Csv);
        let mut rows = RowStream::new(T::COLUMNS, form, out)?;
        let mut pushed = Ok(());
        report.read::<T>(|row| {
            if pushed.is_ok() {
                pushed = rows.push(row);
            }
        })?;
        pushed?;
        rows.finish()?;
        file.rewind().map_err(EvidenceError::Write)?;
        self.add_file(&format!("{}.csv", T::NAME), &mut file)
    }

    fn store(&mut self, name: &str, content: &mut dyn io::Read) -> Result<(), EvidenceError> {
        let (mut entry, config) = self.zip.new_file(name).start().map_err(EvidenceError::Zip)?;
        let mut writer = config.wrap(&mut entry);
        io::copy(content, &mut writer).map_err(EvidenceError::Write)?;
        let (_, output) = writer.finish().map_err(EvidenceError::Zip)?;
        entry.finish(output).map_err(EvidenceError::Zip)?;
        self.members.push(name.to_owned());
        Ok(())
    }

    fn finish(mut self, report_files: u64) -> Result<EvidencePack, EvidenceError> {
        let sums = std::mem::take(&mut self.sums);
        self.store("SHA256SUMS", &mut sums.as_bytes())?;
        self.zip.finish().map_err(EvidenceError::Zip)?.flush().map_err(EvidenceError::Write)?;
        Ok(EvidencePack { members: self.members, report_files })
    }
}
