//! The repository itself: its documents, its files for deployment, and the shape of its sources.

// The files in `deploy/`.
mod deploy;
// No document lies: generated parts, lists, links, commands.
mod docs;
// Which room may import which, and other rules for the sources.
mod layering;
