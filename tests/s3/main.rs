//! S3, played by a real server on loopback; with `KEYTRAIL_S3_ENDPOINT`, by the server that listens
//! there.

// Profiles and endpoints, and which keys of a bucket become inputs.
mod access;
// The test bed itself: what the others rely on.
mod bed;
// The client by itself: pages, conditions, parts, lost answers.
mod client;
// Every place where credentials are found.
mod credentials;
// The journal of archives in work.
mod killed;
// Archives in S3: read once, with faults on the way, or refused.
mod reading;
// Reports in S3, incremental ones included.
mod report;
// The files of a checkpoint: one suite for directories and for S3.
mod segment_stores;
// Faults and kills while a report is written.
mod writing;
