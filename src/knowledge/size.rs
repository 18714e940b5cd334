//! What facts take in memory, about, in bytes: with what is derived from them at the end.

use std::io::{self, Write};

use crate::model::{Fact, GrantTerms, KeyEffect, LearnedCondition, ListedLog, PolicyText};

/// An entry of a table with what belongs to it, beside its texts.
const ENTRY: usize = 300;
/// A session: two hashes, with the slack of their table.
const SESSION: usize = 120;
/// A grant with its place among others, beside its texts.
const GRANT: usize = 1500;
/// Constraints of a grant, read and sorted for the search, take so many times their text.
const CONSTRAINTS: usize = 24;
/// What is shared, with whom, takes so many times its text: each name is kept with its history.
const SHARE: usize = 48;
/// A parsed policy takes so many times its text.
const POLICY: usize = 32;
/// A log file that a digest lists, beside its texts.
const LOG: usize = size_of::<ListedLog>() + 400;
/// A digest, beside what it lists.
const DIGEST: usize = 2048;

/// About the bytes that a fact takes for which there was nothing yet.
pub(super) fn bytes(fact: &Fact<'_>) -> usize {
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    match fact {
        Fact::Rule(_, when, _) => ENTRY + condition(when),
        Fact::Session(..) => SESSION,
        Fact::Alias { alias, key, .. } => ENTRY + alias.len() + key.as_ref().map_or(0, |key| key.len()),
        Fact::Correction { original, by, event_name, original_request_id, request_id, .. } => {
            let requests = [original_request_id, request_id].into_iter().flatten();
            ENTRY + original.len() + by.len() + event_name.len() + requests.map(|id| id.len()).sum::<usize>()
        }
        Fact::Trail(change) => ENTRY + change.trail.len() + len(&change.principal),
        Fact::CanvasKey(folder) => ENTRY + folder.bucket.len() + folder.path.len() + folder.key.len(),
        Fact::Key(change) => {
            let effect = match &change.effect {
                KeyEffect::SetsPolicy { text: PolicyText::Given(text), .. } => POLICY * text.len(),
                KeyEffect::CreatesGrant(GrantTerms {
                    grantee,
                    retiring,
                    operations,
                    constraints,
                    name,
                    ..
                }) => {
                    let texts = [grantee, retiring, operations, name].map(len).iter().sum::<usize>();
                    GRANT + 2 * texts + CONSTRAINTS * len(constraints)
                }
                _ => 0,
            };
            2 * ENTRY + 2 * (len(&change.key) + change.principal.len()) + effect
        }
        Fact::Share(call) => {
            let mut length = Length(0);
            // Texts and names of variants only: this cannot fail.
            let _ = serde_json::to_writer(&mut length, &call.effect);
            2 * ENTRY + 2 * call.principal.len() + SHARE * length.0
        }
        Fact::Digest(digest) => {
            let object = |log: &ListedLog| log.place.object.len();
            DIGEST + digest.logs.iter().map(|log| LOG + object(log)).sum::<usize>()
        }
        Fact::Content(_) => ENTRY,
    }
}

fn condition(when: &LearnedCondition<'_>) -> usize {
    match when {
        LearnedCondition::Role(one)
        | LearnedCondition::Key(one)
        | LearnedCondition::Bucket(one)
        | LearnedCondition::SessionOn(one) => one.len(),
        LearnedCondition::RoleAndKey(one, two)
        | LearnedCondition::Path(one, two)
        | LearnedCondition::CanvasFolder(one, two)
        | LearnedCondition::OfflineStoreFolder(one, two) => one.len() + two.len(),
    }
}

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
