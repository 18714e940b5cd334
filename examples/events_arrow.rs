//! Events as Arrow record batches, while archives are read.
//!
//! ```text
//! cargo run --example events_arrow -- sample-logs
//! ```
//!
//! The batches can go to whatever takes Arrow. Here, they are added up.

use std::error::Error;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use keytrail::engine::{self, Plan, Progress};
use keytrail::report::{BatchTaker, EVENTS, RowStream, SinkError};
use keytrail::source::Input;

#[derive(Default)]
struct Sizes {
    batches: usize,
    rows: usize,
    bytes: usize,
}

impl BatchTaker for &mut Sizes {
    fn begin(&mut self, schema: SchemaRef) -> Result<(), SinkError> {
        println!("{} columns", schema.fields().len());
        Ok(())
    }

    fn take(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.batches += 1;
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder of archives")?;
    let plan = Plan::new(vec![Input::parse(folder.as_ref())?])?;
    let mut sizes = Sizes::default();
    let mut rows = RowStream::batches(EVENTS, None, &mut sizes)?;
    engine::run(&plan, &mut rows, &Progress::default())?;
    rows.finish()?; // the rows of the last batch
    println!("{} rows in {} batches, {} KiB", sizes.rows, sizes.batches, sizes.bytes >> 10);
    Ok(())
}
