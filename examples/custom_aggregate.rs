//! A count of one's own: refused calls by hour of the day.
//!
//! ```text
//! cargo run --example custom_aggregate -- sample-logs
//! ```
//!
//! A run hands its rows to a `Sink`. This one keeps two columns of each event and writes nothing.

use std::collections::BTreeMap;
use std::error::Error;

use keytrail::engine::{self, Plan, Progress};
use keytrail::model::Rejection;
use keytrail::report::{Cell, EVENTS, EncodedRow, EventStep, Sink, SinkError, column_position};
use keytrail::source::Input;

/// Refused calls by hour, UTC.
#[derive(Default)]
struct Refused(BTreeMap<i64, u64>);

impl Sink for Refused {
    fn event(&mut self, _day: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        const TIME: usize = column_position(EVENTS, "event_time");
        const OUTCOME: usize = column_position(EVENTS, "outcome");
        let EventStep::Row(row, _) = step else { return Ok(()) };
        if let (Some(Cell::Time(time)), Some("denied")) = (row.cells().nth(TIME), row.text_at(OUTCOME)) {
            *self.0.entry(time.0.div_euclid(3_600_000).rem_euclid(24)).or_default() += 1;
        }
        Ok(())
    }

    fn reject(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError> {
        eprintln!("{archive:?}: {}", rejection.reason.as_str());
        Ok(())
    }

    fn input(&mut self, _row: EncodedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish_rows(&mut self, _keep_going: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder of archives")?;
    let plan = Plan::new(vec![Input::parse(folder.as_ref())?])?;
    let mut refused = Refused::default();
    let run = engine::run(&plan, &mut refused, &Progress::default())?;
    for (hour, count) in &refused.0 {
        println!("{hour:02}:00  {count}");
    }
    println!("of {} selected calls", run.counts.selected);
    Ok(())
}
