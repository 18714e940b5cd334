//! Are the log files as CloudTrail wrote them? What digests say, in one sentence.
//!
//! ```text
//! cargo run --example verify -- logs keys.json
//! ```
//!
//! `keys.json` is the output of `aws cloudtrail list-public-keys`. Without it, nothing is verified.

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use keytrail::engine::{self, Plan, Progress};
use keytrail::integrity::PublicKeys;
use keytrail::report::{EVENTS, OutputFormat, RowForm, RowStream};
use keytrail::source::Input;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("name a folder of log files and digests")?;
    let mut keys = PublicKeys::default();
    for file in arguments {
        keys.add(&fs::read(&file)?, &file.to_string_lossy())?;
    }
    let mut plan = Plan::new(vec![Input::parse(folder.as_ref())?])?;
    plan.digests.keys = keys;
    plan.digests.hash_all = true;
    let mut rows = RowStream::new(EVENTS, RowForm::of_file(OutputFormat::Csv), std::io::sink())?;
    let run = engine::run(&plan, &mut rows, &Progress::default())?;
    println!("{}", run.integrity.sentence());
    let is_verified = run.integrity.signed_digests > 0 && run.integrity.broken() == 0;
    Ok(if is_verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
