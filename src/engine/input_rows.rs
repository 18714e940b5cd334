//! The rows of `inputs.parquet`, in the order of the inputs. While duplicates of an input are
//! pending, its row is not final: it and the rows behind it are held, in a spill file when they
//! become many, until the end.

use std::collections::HashMap;

use super::error::RunError;
use crate::aggregate::InputSummary;
use crate::base::SpillFile;
use crate::report::{Cell, EncodedRow, INPUTS, Sink, column_position, encode_row};

/// Rows on their way to the sink.
pub(super) struct InputRows {
    spill: SpillFile,
    /// Where each held row is in the spill file, and the number of the first one's input.
    held: Vec<u64>,
    first_held: u64,
    /// Inputs merged.
    merged: u64,
    /// Pending duplicates decided after their input was merged, by input.
    late: HashMap<u64, LateCounts>,
    row: Vec<u8>,
}

/// Pending duplicates of one input that were decided late.
#[derive(Clone, Copy, Default)]
struct LateCounts {
    selected: i64,
    other_copy: i64,
}

impl InputRows {
    pub(super) fn new() -> Self {
        Self {
            spill: SpillFile::new(),
            held: Vec::new(),
            first_held: 0,
            merged: 0,
            late: HashMap::new(),
            row: Vec::new(),
        }
    }

    /// The number of the input being merged.
    pub(super) fn current(&self) -> u64 {
        self.merged
    }

    /// The next input is merged; `pending`: how many of its duplicates are not decided yet.
    pub(super) fn push(
        &mut self,
        input: &InputSummary,
        pending: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        self.row.clear();
        encode_row(INPUTS, input, &mut self.row);
        if self.held.is_empty() && pending == 0 {
            sink.input(EncodedRow::new(&self.row))?;
        } else {
            if self.held.is_empty() {
                self.first_held = self.merged;
            }
            self.held.push(self.spill.push(&self.row).map_err(RunError::Temporary)?);
        }
        self.merged += 1;
        Ok(())
    }

    /// A pending duplicate of that input was selected, after the input was merged.
    pub(super) fn select_late(&mut self, input: u64) {
        self.late.entry(input).or_default().selected += 1;
    }

    /// A pending duplicate of that input is another's copy, found after the input was merged.
    pub(super) fn discard_late(&mut self, input: u64) {
        self.late.entry(input).or_default().other_copy += 1;
    }

    /// Emits the rows that were held.
    pub(super) fn finish(mut self, sink: &mut dyn Sink) -> Result<(), RunError> {
        const SELECTED: usize = column_position(INPUTS, "selected");
        const OTHER_COPY: usize = column_position(INPUTS, "other_copy");
        for (number, stored) in (self.first_held..).zip(std::mem::take(&mut self.held)) {
            let stored = self.spill.read(stored).map_err(RunError::Temporary)?;
            let late = self.late.get(&number).copied().unwrap_or_default();
            self.row.clear();
            EncodedRow::new(&stored).encode_with(&mut self.row, |index, cell| match cell {
                Cell::Int(n) if index == SELECTED => Cell::Int(n + late.selected),
                Cell::Int(n) if index == OTHER_COPY => Cell::Int(n + late.other_copy),
                cell => cell,
            });
            sink.input(EncodedRow::new(&self.row))?;
        }
        Ok(())
    }
}
