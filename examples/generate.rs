//! Makes CloudTrail archives of known content; see `tests/testkit/src/corpus/mod.rs`.
//!
//! ```text
//! cargo run --release --example generate -- /data/logs --mib 1024 --seed 7 --kms-share 0.3
//! cargo run --release --example generate -- /data/small --mib 100 --archive-kib 1
//! cargo run --release --example generate -- --sample sample-logs --truth tests/data/sample-truth.json
//! cargo run --release --example generate -- --damaged tests/data/damaged
//! cargo run --release --example generate -- --shapes tests/data/shapes
//! ```

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use testkit::corpus::archive::{Corpus, json_text, write_file};
use testkit::corpus::{damaged, sample, shapes};

/// Make CloudTrail archives whose every record is known
#[derive(Parser)]
struct Options {
    /// Directory for AWSLogs/ and truth.json
    #[arg(required_unless_present_any = ["sample", "damaged", "shapes"])]
    out: Option<PathBuf>,
    /// MiB of JSON to make
    #[arg(long, default_value_t = 64.0, value_name = "N")]
    mib: f64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of the records that are KMS events, 0 to 1
    #[arg(long, default_value_t = 0.3, value_name = "P", value_parser = share)]
    kms_share: f64,
    /// Share of the records that are SageMaker's, 0 to 1; without it, a fixed share of those that
    /// are not KMS
    #[arg(long, value_name = "P", value_parser = share)]
    sagemaker_share: Option<f64>,
    /// KiB of JSON in one archive; each holds at least one record, so 1 makes archives of one
    /// record
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    archive_kib: u64,
    /// Spell and compress everything as CloudTrail does, for measuring; without it, records are
    /// spelled in odd ways, too
    #[arg(long)]
    everyday: bool,
    /// Write the repository's sample-logs/ tree to DIR instead
    #[arg(long, value_name = "DIR")]
    sample: Option<PathBuf>,
    /// With --sample: where the expected result goes
    #[arg(long, value_name = "FILE", requires = "sample")]
    truth: Option<PathBuf>,
    /// Write the damaged inputs of the tests to DIR instead
    #[arg(long, value_name = "DIR")]
    damaged: Option<PathBuf>,
    /// Write the tests' inputs of every shape to DIR instead
    #[arg(long, value_name = "DIR")]
    shapes: Option<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| format!("{text} is not a number"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share lies between 0 and 1".into()) }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    if let Some(folder) = &options.sample {
        let truth = sample::write(folder)?;
        if let Some(file) = &options.truth {
            write_file(file, json_text(&truth.to_json())?.as_bytes())?;
        }
    }
    if let Some(folder) = &options.damaged {
        damaged::write(folder)?;
    }
    if let Some(folder) = &options.shapes {
        shapes::write(folder)?;
    }
    if let Some(out) = &options.out {
        // Archives of another run would make truth.json wrong.
        if out.join("AWSLogs").exists() {
            return Err(io::Error::other(format!(
                "{} has archives already: remove them first",
                out.display()
            )));
        }
        if options.kms_share + options.sagemaker_share.unwrap_or(0.0) > 1.0 {
            return Err(io::Error::other("the shares add up to more than 1"));
        }
        let mut corpus = Corpus::sized(options.seed, options.mib, options.archive_kib, options.kms_share);
        corpus.sagemaker_share = options.sagemaker_share;
        if options.everyday {
            corpus = corpus.everyday();
        }
        let truth = corpus.write(out)?;
        println!(
            "{} archives, {:.1} MiB of JSON, {} records, {} of them KMS",
            truth.archives,
            truth.json_bytes as f64 / 1_048_576.0,
            truth.records,
            truth.kms_records
        );
    }
    Ok(())
}
