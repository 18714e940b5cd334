//! The S3 client: everything that needs the network crates.
//!
//! Its face, [`Bucket`] and [`Buckets`], is synchronous. A private runtime waits for the network;
//! no other module knows of it. A request that fails for a reason that may pass (server errors,
//! `SlowDown`, resets, timeouts, responses that break off) is repeated, with exponential backoff
//! and jitter. A response that breaks off is continued where it ended, and never taken for
//! complete.
//!
//! | file | its one job |
//! |---|---|
//! | `bucket` | the methods of a bucket |
//! | `buckets` | opens buckets: who asks, where, and over which connection |
//! | `env` | environment variables |
//! | `config` | what the environment and the AWS profile say |
//! | `credentials` | obtains credentials and caches them |
//! | `profile` | refuses a profile that does not exist |
//! | `region` | finds a bucket's region |
//! | `endpoint` | the host and URL of a bucket |
//! | `client` | one signed request |
//! | `refusal` | an error response of S3, and why a request failed |
//! | `retry` | how often, and after which pause |
//! | `list`, `get`, `write` | the operations |
//! | `connection` | HTTP settings, time limits, and the runtime |

mod bucket;
mod buckets;
mod client;
mod config;
mod connection;
mod credentials;
mod endpoint;
mod env;
mod get;
mod list;
mod profile;
mod refusal;
mod region;
mod retry;
mod write;

pub use bucket::Bucket;
pub use buckets::Buckets;
pub use list::read_page;
