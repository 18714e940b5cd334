//! The shapes of tables.

/// The kind of table; adds values to the `shape` column of `inputs.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableShape {
    /// Parquet with the columns of OCSF.
    OcsfParquet,
    /// The same, without some columns that records are rebuilt from.
    OcsfParquetLossy,
    /// CSV of CloudTrail Lake in which every row contains the whole record.
    LakeCsv,
    /// The same, with records rebuilt from other columns.
    LakeCsvLossy,
}

impl TableShape {
    /// All shapes, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::OcsfParquet, Self::OcsfParquetLossy, Self::LakeCsv, Self::LakeCsvLossy];

    /// The value of the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OcsfParquet => "ocsf_parquet",
            Self::OcsfParquetLossy => "ocsf_parquet_lossy",
            Self::LakeCsv => "lake_csv",
            Self::LakeCsvLossy => "lake_csv_lossy",
        }
    }
}
