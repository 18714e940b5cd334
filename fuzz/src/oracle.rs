//! The tests' oracle, as far as it reads a single record: its own JSON parser, its own resolution of keys and principals.

#![allow(dead_code, reason = "the oracle of the tests, of which a part is used here")]

#[path = "../../tests/oracle/json.rs"]
pub mod json;
#[path = "../../tests/oracle/key.rs"]
pub mod key;
#[path = "../../tests/oracle/names.rs"]
pub mod names;
#[path = "../../tests/oracle/outcome.rs"]
pub mod outcome;
#[path = "../../tests/oracle/record.rs"]
pub mod record;
#[path = "../../tests/oracle/workload.rs"]
pub mod workload;
