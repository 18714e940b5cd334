//! What keytrail reads and writes: the shapes of its inputs, whole and damaged, and its reports as
//! others read them.

// Tar and zip files that other programs wrote.
#[cfg(unix)]
mod containers;
// Bad input: cut off, corrupt, too large, not what it seems.
#[cfg(unix)]
mod damaged;
// CSV files of CloudTrail Lake.
mod lake_csv;
// Parquet files of OCSF, as Security Lake keeps them.
mod ocsf;
// Tar and zip files against the oracle.
#[cfg(unix)]
mod packed;
// Reports as pyarrow and DuckDB read them.
mod second_reader;
// Every shape that JSON records arrive in.
mod shapes;
// What other tools wrap around records.
mod envelopes;
