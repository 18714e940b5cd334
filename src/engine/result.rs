//! What a run returns.

use std::collections::HashMap;

use super::filter_log::UnmatchedPattern;
use super::replaced::ReplacedArchives;
use crate::aggregate::{
    Access, Activity, Counts, Coverage, DailyRow, Grant, GrantLedger, GrantUses, InputTotals, Observations,
    PolicyUses, ShareLedger, UsageRow,
};
use crate::integrity::IntegritySummary;
use crate::knowledge::Facts;
use crate::model::IntegrityStatus;
use crate::policy::PolicyBook;
use crate::report::GrantRow;

/// The result of a run, besides the rows that the sink was given.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The accounting; it has been checked.
    pub counts: Counts,
    /// Usage per group, sorted.
    pub usage: Vec<UsageRow>,
    /// Usage per day, sorted.
    pub daily: Vec<DailyRow>,
    /// How many inputs were read, in part, not at all.
    pub inputs: InputTotals,
    /// Which accounts, regions and days the inputs cover.
    pub coverage: Coverage,
    /// When each key was last used by anybody, and who read log files.
    pub activity: Activity,
    /// Who called which API with which key, whatever is selected. Empty with `--no-learn`.
    pub access: Access,
    /// Properties of the selected events that caveats are made of.
    pub observations: Observations,
    /// The patterns of the selection that matched no KMS event.
    pub unmatched: Vec<UnmatchedPattern>,
    /// What became of archives that earlier runs have read, in an incremental run.
    pub replaced: ReplacedArchives,
    /// What records said about other calls.
    pub facts: Facts,
    /// The grants of the input.
    pub grants: GrantLedger,
    /// The calls that are consistent with them.
    pub grant_uses: GrantUses,
    /// The key policies that are known.
    pub policies: PolicyBook,
    /// What calls show about them.
    pub policy_uses: PolicyUses,
    /// What digests say of the inputs.
    pub integrity: IntegritySummary,
    /// What digests say of the archives in which grants were created, by the record's `eventID`.
    pub grant_integrity: HashMap<String, IntegrityStatus>,
    /// What is shared between accounts, and who used it.
    pub shares: ShareLedger,
}

impl Run {
    /// The rows of `grants.parquet`.
    pub fn grant_rows(&self) -> Vec<GrantRow<'_>> {
        self.grants.grants().iter().enumerate().map(|(n, grant)| self.grant_row(n, grant)).collect()
    }

    fn grant_row<'r>(&self, n: usize, grant: &'r Grant) -> GrantRow<'r> {
        let created = grant.created.as_ref().and_then(|created| created.event_id.as_ref());
        let integrity = created.and_then(|id| self.grant_integrity.get(id)).copied();
        GrantRow { grant, uses: self.grant_uses.of(&self.grants, n), integrity }
    }
}
