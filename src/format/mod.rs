//! From stored bytes to the places where records stand. Each module can be used by itself.

pub mod archive;
pub mod container;
pub mod decode;
pub mod json;
pub mod tabular;
