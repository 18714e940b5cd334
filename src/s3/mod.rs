//! S3: lists, reads and writes objects with the credentials, regions and endpoints that AWS's own
//! tools would use.
//!
//! Deliberately absent: what the objects are for.
//!
//! # The feature `s3`
//!
//! The types of this module exist in every build, so that no other module depends on the feature.
//! Without it, `unsupported` takes the place of `network`: [`Buckets::open`] fails with
//! [`S3Error::Unsupported`], and no network crate is compiled. `cfg(feature = "s3")` is allowed in
//! this file only.
//!
//! # Example
//!
//! Lists the objects in a folder:
//!
//! ```no_run
//! use keytrail::s3::{Access, Buckets};
//!
//! let bucket = Buckets::new(Access::default()).open("my-trail")?;
//! for object in bucket.list("AWSLogs/")? {
//!     println!("{} has {} bytes", object.key, object.size);
//! }
//! # Ok::<(), keytrail::s3::S3Error>(())
//! ```

mod address;
mod error;
mod lease;
mod lookalike;
#[cfg(feature = "s3")]
mod network;
mod object;
#[cfg(not(feature = "s3"))]
mod unsupported;

pub use address::{Address, AddressError};
pub use error::{Cause, S3Error};
pub use lease::Lease;
pub use lookalike::Lookalike;
#[cfg(feature = "s3")]
pub use network::{Bucket, Buckets, read_page};
pub use object::{Access, Grouping, ListRequest, Object, ObjectBytes, ObjectContent, Page, WriteCondition};
#[cfg(not(feature = "s3"))]
pub use unsupported::{Bucket, Buckets};
