//! What counts, and as whose: each rule by itself, all of them against the oracle, and what must
//! make no difference.

// Who called what, whatever is asked for.
mod access;
// The program against the oracle and against the generator's truth.
mod agreement;
// What people had in hand.
mod cases;
// The sentences under `caveats`.
mod caveats;
// Threads, order and naming of inputs make no difference.
mod engine;
// What an auditor should look at.
mod findings;
mod grants;
// What the input says about itself: learned rules, aliases, corrections.
mod learned;
// Key policies and calls.
mod policies;
// The records of AWS's documentation, in every column.
mod samples;
// What calls were for: services and resources.
mod served;
// What is shared between accounts, and who used it.
mod shares;
// What was done to trails, when and by whom.
mod trails;
// The rules of docs/what-counts.md, one by one.
mod what_counts;
