//! Which permissions of key policies did nobody use?
//!
//! ```text
//! cargo run --example policy_check -- sample-logs
//! ```

use std::error::Error;

use keytrail::audit::{PolicyStatus, policy_lines};
use keytrail::engine::{self, Plan, Progress};
use keytrail::report::{EVENTS, OutputFormat, RowForm, RowStream, printable};
use keytrail::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder of archives")?;
    let plan = Plan::new(vec![Input::parse(folder.as_ref())?])?;
    let mut rows = RowStream::new(EVENTS, RowForm::of_file(OutputFormat::Csv), std::io::sink())?;
    let run = engine::run(&plan, &mut rows, &Progress::default())?;
    for line in policy_lines(&run.policies, &run.policy_uses) {
        if line.status == PolicyStatus::AllowedNotUsed {
            let [principal, permission] = [&line.principal, &line.permission].map(|text| text.as_deref());
            let text = format!("{}  {}  {}", line.key, principal.unwrap_or("-"), permission.unwrap_or("-"));
            // Policies are texts of others: nothing in them may steer the terminal.
            println!("{}", printable(&text));
        }
    }
    Ok(())
}
