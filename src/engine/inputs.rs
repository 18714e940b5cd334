//! The rows of `inputs.parquet`, in the order of the inputs. A row whose copies still wait for their partners is not final: it and those behind it
//! are kept, on disk when they become many, until the end.

use std::collections::HashMap;
use std::io;

use super::RunError;
use crate::aggregate::InputSummary;
use crate::base::SpillFile;
use crate::report::{Cell, EncodedRow, INPUTS, Sink, column_position, encode_row};

/// Rows on their way to the sink.
pub(super) struct InputRows {
    spool: SpillFile,
    /// Where each row kept is, and the number of the first of them.
    kept: Vec<u64>,
    first_kept: u64,
    /// Inputs done.
    done: u64,
    /// Copies placed since their input was done: those that count, and those that are another's.
    placed: HashMap<u64, (i64, i64)>,
    row: Vec<u8>,
}

impl InputRows {
    pub(super) fn new() -> Self {
        Self {
            spool: SpillFile::new(),
            kept: Vec::new(),
            first_kept: 0,
            done: 0,
            placed: HashMap::new(),
            row: Vec::new(),
        }
    }

    /// The number of the input being merged.
    pub(super) fn current(&self) -> u64 {
        self.done
    }

    /// The next input is done, but for copies that wait, if any.
    pub(super) fn push(
        &mut self,
        input: &InputSummary,
        waiting: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        self.row.clear();
        encode_row(INPUTS, input, &mut self.row);
        if self.kept.is_empty() && !waiting {
            sink.input(EncodedRow::new(&self.row))?;
        } else {
            if self.kept.is_empty() {
                self.first_kept = self.done;
            }
            self.kept.push(self.spool.push(&self.row).map_err(RunError::Temporary)?);
        }
        self.done += 1;
        Ok(())
    }

    /// A copy that waited when its input was done has been placed.
    pub(super) fn place(&mut self, input: u64, selected: bool) {
        let (counted, other) = self.placed.entry(input).or_default();
        *counted += i64::from(selected);
        *other += i64::from(!selected);
    }

    /// Gives out the rows kept.
    pub(super) fn finish(mut self, sink: &mut dyn Sink) -> Result<(), RunError> {
        const SELECTED: usize = column_position(INPUTS, "selected");
        const OTHER_COPY: usize = column_position(INPUTS, "other_copy");
        for (number, place) in (self.first_kept..).zip(std::mem::take(&mut self.kept)) {
            let stored: Result<Vec<u8>, io::Error> = self.spool.read(place);
            let stored = stored.map_err(RunError::Temporary)?;
            let (counted, other) = self.placed.get(&number).copied().unwrap_or_default();
            self.row.clear();
            EncodedRow::new(&stored).encode_with(&mut self.row, |index, cell| match cell {
                Cell::Int(n) if index == SELECTED => Cell::Int(n + counted),
                Cell::Int(n) if index == OTHER_COPY => Cell::Int(n + other),
                cell => cell,
            });
            sink.input(EncodedRow::new(&self.row))?;
        }
        Ok(())
    }
}
