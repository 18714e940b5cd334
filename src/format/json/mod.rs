//! JSON bytes → where a value ends.
//!
//! A [`ValueScanner`] is sans-I/O. It starts at the first byte of a JSON value and is fed the bytes
//! in pieces of any size. It tracks only quotes, escapes and the depth of brackets, so look-alike
//! records inside strings or nested values cannot mislead it. It does not validate: the parser is
//! strict about the records that matter. On the way it notes whether the value can contain
//! `kms.amazonaws.com`.
//!
//! Deliberately absent: containers and their keys (`format::container`).
//!
//! ```
//! use keytrail::format::json::ValueScanner;
//!
//! let mut scanner = ValueScanner::new(b'{');
//! assert_eq!(scanner.advance(br#"{"eventName":"a } in a str"#), None);
//! assert_eq!(scanner.advance(br#"ing"},{"eventName":"next"}"#), Some(5));
//! ```

mod block;
mod error;
mod needle;
mod nested;
mod scanner;
#[allow(
    unsafe_code,
    reason = "vector instructions: a comment justifies each block, and tests compare it with safe code"
)]
mod simd;

pub use error::BackendError;
pub use scanner::{MayMatch, ValueScanner};
pub use simd::Backend;

#[cfg(test)]
mod tests;
