//! Inputs made by an attacker, at the size that once did harm: each must end in bounded time and
//! memory, with a reject, and cost no other input anything.

#![cfg(unix)]

// Inputs that end the process.
mod killed;
// Names that are kept in memory.
mod memory;
// Compressed files of very many members.
mod members;
// Time that grows with the square of the input.
mod time;
// Parquet files whose footer or page headers lie.
mod parquet;
// Reports that somebody else made.
mod report;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{LITTLE, good, read_report, state, with_memory};

/// Time for one run. Nothing is optimized, and other tests run beside it.
const TIME: Duration = Duration::from_secs(60);

/// What became of an attack.
struct Attacked {
    run: Value,
    inputs: Vec<Value>,
    rejects: Vec<Value>,
}

/// Analyzes `bytes` and then a sound archive, in little time and memory. The run must end with
/// this status, and the two events of the sound archive must be counted.
fn attack(name: &str, bytes: &[u8], status: i32, args: &[&str]) -> Attacked {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    fs::write(dir.path().join("sound.json"), good(1)).unwrap();
    let since = Instant::now();
    let ran = with_memory(LITTLE, dir.path(), &[&[name, "sound.json"], args].concat());
    let took = since.elapsed();
    assert_eq!(ran.status, status, "{}", ran.stderr);
    assert!(took < TIME, "{name} took {took:?}");
    let (run, inputs, rejects) = read_report(dir.path());
    assert_eq!(state(&inputs, "sound.json"), ("complete", ""));
    Attacked { run, inputs, rejects }
}
