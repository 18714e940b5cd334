//! A maker of CloudTrail archives whose every record is known: for tests, benchmarks and the sample
//! tree.
//!
//! It imports nothing from the program it helps to test. `examples/generate.rs` is its command
//! line. The ways in:
//!
//! * [`archive::Corpus`]: archives of any size and number; `archive(n)` makes one in memory,
//!   `write` all of them. An archive's content depends on what the corpus is and on the archive's
//!   number, never on the threads.
//! * [`truth::Truth`]: what a reader must find in them, under the default selection and under
//!   `any`/`any`.
//! * [`sample::archives`]: the repository's `sample-logs/`, with their truth.
//! * [`damaged::cases`]: damaged and unusual inputs, each with what must come of it.
//! * [`shapes::cases`]: the same records in every shape, each with what must come of it.

pub mod archive;
pub mod cast;
pub mod damaged;
pub mod documented;
pub mod everyday;
pub mod json;
pub mod kms;
pub mod learned;
pub mod other;
pub mod readme;
pub mod refusal;
pub mod rng;
pub mod sample;
pub mod shapes;
pub mod share_worlds;
pub mod sharing_stories;
pub mod stories;
pub mod traps;
pub mod truth;
pub mod workloads;
pub mod wrap;
