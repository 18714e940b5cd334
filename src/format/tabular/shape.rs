//! What a table is.

/// The values of the `shape` column that tables add to those of [`unwrap`](crate::format::container::Shape).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Parquet with OCSF's columns.
    OcsfParquet,
    /// The same, without columns that records are rebuilt from.
    OcsfParquetLossy,
    /// CSV of CloudTrail Lake, every record in it whole.
    LakeCsv,
    /// The same, with records put together from what the query printed.
    LakeCsvLossy,
}

impl Shape {
    /// Every shape, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::OcsfParquet, Self::OcsfParquetLossy, Self::LakeCsv, Self::LakeCsvLossy];

    /// The value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OcsfParquet => "ocsf_parquet",
            Self::OcsfParquetLossy => "ocsf_parquet_lossy",
            Self::LakeCsv => "lake_csv",
            Self::LakeCsvLossy => "lake_csv_lossy",
        }
    }
}
