//! Lists inputs: files, directories walked in sorted order, objects in S3, standard input.
//!
//! A [`Listing`] returns archives one by one, in the bytewise order of their URIs. So a run over
//! millions of objects does not hold them all in memory, and its report does not depend on how the
//! inputs were named on the command line. A [`PruneFilter`] leaves out folders in S3 that cannot
//! hold the selected events; a [`Prefetcher`] fetches objects before they are opened. Deliberately
//! absent: what is inside archives.
//!
//! ```
//! use std::path::Path;
//! use keytrail::source::{Input, ListContext, ListedInput, Listing};
//!
//! let inputs = [Input::parse(Path::new("sample-logs"))?];
//! let mut bytes = 0;
//! for listed in Listing::new(&inputs, None, &ListContext::default()) {
//!     if let ListedInput::Archive(archive) = listed {
//!         bytes += archive.size.unwrap_or_default();
//!     }
//! }
//! assert!(bytes > 0);
//! # Ok::<(), keytrail::source::InputError>(())
//! ```

mod archive;
mod fetch;
mod folders;
mod input;
mod listed_text;
mod listing;
mod local;
mod name;
mod named_path;
mod object;
mod prefetcher;
mod prune;
mod s3_folder;

pub use archive::{Archive, ListedInput, Version};
pub use folders::{FolderNames, NameTaken};
pub use input::{Input, InputError, ListContext};
pub use listed_text::ListedTextError;
pub use listing::Listing;
pub use name::{Family, NameFields, member_name_to_text, name_to_text};
pub use object::Signature;
pub use prefetcher::{Prefetchable, Prefetcher};
pub use prune::PruneFilter;
