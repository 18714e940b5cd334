//! From stored bytes to records. Each module can be used on its own.

pub mod archive;
pub mod container;
pub mod decode;
pub mod json;
pub mod rebuild;
pub mod tabular;
