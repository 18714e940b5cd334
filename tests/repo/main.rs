//! The repository itself: its documents, its files for deployment, and the shape of its sources.

// The files in `deploy/`.
mod deploy;
// No document lies: generated parts, lists, links, commands.
mod docs;
// What no source does: print, panic without a reason, grow too long.
mod habits;
// Which room may import which, and no circles between files.
mod layering;
// The sources, with code, comments and tests told apart.
mod sources;
// Coined words do not come back.
mod words;
