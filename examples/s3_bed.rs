//! A folder in S3, as far away as told: for measuring. Serves until standard input ends, and says
//! in one line of JSON how to reach it.
//!
//! ```text
//! cargo run --release --example s3_bed -- /data/logs --latency-ms 30
//! ```
//!
//! Each answer comes from the server once and from memory afterwards, so that what is measured is
//! hardly the server. With `--writable` it comes from the server each time, as the tests of the
//! Python package need it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use testkit::bed;

/// Serve a folder as objects of a bucket
#[derive(Parser)]
struct Options {
    /// Folder whose files become objects
    folder: PathBuf,
    /// Milliseconds that each request waits
    #[arg(long, default_value_t = 30, value_name = "N")]
    latency_ms: u64,
    /// Objects may change: no answer is kept
    #[arg(long)]
    writable: bool,
}

fn main() {
    let options = Options::parse();
    let bed = if options.writable { bed::Bed::start() } else { bed::Bed::keeping() };
    bed.put_folder("", &options.folder);
    bed.proxy.delay(Duration::from_millis(options.latency_ms));
    let command = bed.around(Command::new("keytrail"));
    let environment: BTreeMap<_, _> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_string_lossy(), value?.to_string_lossy())))
        .collect();
    println!("{}", serde_json::json!({"uri": bed.uri(""), "environment": environment}));
    // Whoever started this closes our input when there is nothing more to measure.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
