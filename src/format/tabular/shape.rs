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
    /// Any other CSV file with events.
    Csv,
    /// The same, with records that may lack something.
    CsvLossy,
    /// Parquet with the members of records as columns, or with records in a column.
    Parquet,
    /// The same, with records that may lack something.
    ParquetLossy,
}

impl TableShape {
    /// All shapes, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::OcsfParquet,
        Self::OcsfParquetLossy,
        Self::LakeCsv,
        Self::LakeCsvLossy,
        Self::Csv,
        Self::CsvLossy,
        Self::Parquet,
        Self::ParquetLossy,
    ];

    /// The shape of the same table with records that may lack something.
    pub fn lossy(self) -> Self {
        match self {
            Self::OcsfParquet | Self::OcsfParquetLossy => Self::OcsfParquetLossy,
            Self::LakeCsv | Self::LakeCsvLossy => Self::LakeCsvLossy,
            Self::Csv | Self::CsvLossy => Self::CsvLossy,
            Self::Parquet | Self::ParquetLossy => Self::ParquetLossy,
        }
    }

    /// The value of the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OcsfParquet => "ocsf_parquet",
            Self::OcsfParquetLossy => "ocsf_parquet_lossy",
            Self::LakeCsv => "lake_csv",
            Self::LakeCsvLossy => "lake_csv_lossy",
            Self::Csv => "csv",
            Self::CsvLossy => "csv_lossy",
            Self::Parquet => "parquet",
            Self::ParquetLossy => "parquet_lossy",
        }
    }
}
