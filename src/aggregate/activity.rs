//! What all KMS calls of the input show, whatever is selected: when each key was last used, and who
//! read CloudTrail's log files.
//!
//! Memory: some 300 bytes per key and per reader, of at most [`LIMIT`] each.

use std::collections::HashMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::base::stable_hash;
use crate::model::{EventTime, KmsEvent, Outcome};

/// How many keys, and how many readers, are kept: those with the smallest hashes, so that it does
/// not depend on the order of the calls which they are.
pub const LIMIT: usize = 100_000;

/// The calls that use a key.
///
/// Source: [cryptographic
/// operations](https://docs.aws.amazon.com/kms/latest/developerguide/kms-cryptography.html#cryptographic-operations).
const USES: [&str; 13] = [
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Whether this API of KMS uses a key.
pub fn is_use(event_name: &str) -> bool {
    USES.contains(&event_name)
}

/// The latest use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyUse {
    /// When: `eventTime`.
    pub time: EventTime,
    /// `eventID`. Of several calls at that time, the one with the smallest id is told.
    pub event_id: Option<String>,
    /// Who called.
    pub principal: String,
    /// KMS API.
    pub event_name: String,
}

/// Who read log files of CloudTrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogReads {
    /// Calls. Every delivered copy counts.
    pub calls: u64,
    /// The latest: `eventTime`.
    pub last: EventTime,
}

/// What all KMS calls show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The latest use of each key, by its ARN.
    keys: Bounded<KeyUse>,
    /// Readers of log files, by principal.
    readers: Bounded<LogReads>,
    /// Keys under which selected `ReEncrypt` calls encrypted, and the latest such call. Rows of
    /// `usage` name only the key that decrypted.
    destinations: Bounded<EventTime>,
}

impl Activity {
    /// Adds a call. What was refused or failed used no key. A key that is known only by an alias is
    /// not counted.
    pub fn add(&mut self, event: &KmsEvent<'_>) {
        if event.outcome != Outcome::Success || !is_use(&event.name) {
            return;
        }
        let (event_id, principal) = (event.event_id.as_deref(), &*event.principal.name);
        for arn in [&event.key.arn, &event.destination_key_arn].into_iter().flatten() {
            let call = (event.time, event_id, principal, &*event.name);
            match self.keys.map.get_mut(&**arn) {
                Some(last) if is_earlier(last, call) => last.set(call),
                Some(_) => {}
                None => self.keys.insert(arn, KeyUse::new(call)),
            }
        }
        if event.name == "Decrypt" && event.is_on_log_file() && !event.log_delivery {
            let reads = LogReads { calls: 1, last: event.time };
            match self.readers.map.get_mut(principal) {
                Some(known) => *known += reads,
                None => self.readers.insert(principal, reads),
            }
        }
    }

    /// Adds that a call is selected. Copies of a call may be added, too.
    pub fn add_selected(&mut self, event: &KmsEvent<'_>) {
        let Some(arn) = &event.destination_key_arn else { return };
        if event.outcome == Outcome::Success {
            self.add_destination(arn, event.time);
        }
    }

    fn add_destination(&mut self, arn: &str, time: EventTime) {
        match self.destinations.map.get_mut(arn) {
            Some(last) => *last = time.max(*last),
            None => self.destinations.insert(arn, time),
        }
    }

    /// When a selected `ReEncrypt` last encrypted under the key with this ARN.
    pub fn last_selected_destination(&self, key_arn: &str) -> Option<EventTime> {
        self.destinations.map.get(key_arn).copied()
    }

    /// The latest use of the key with this ARN.
    pub fn last_use(&self, key_arn: &str) -> Option<&KeyUse> {
        self.keys.map.get(key_arn)
    }

    /// Who read log files, those with the most calls first.
    pub fn log_readers(&self) -> Vec<(&str, LogReads)> {
        let mut readers: Vec<(&str, LogReads)> =
            self.readers.map.iter().map(|(name, reads)| (&**name, *reads)).collect();
        readers.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then_with(|| a.0.cmp(b.0)));
        readers
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.keys.map.is_empty() && self.readers.map.is_empty()
    }

    /// Whether there were more keys than the limit: the last use of some is not known.
    pub fn has_forgotten_keys(&self) -> bool {
        self.keys.has_forgotten
    }

    /// Forgets what is beyond the limit. Call it when everything has been added.
    pub fn trim(&mut self) {
        self.keys.trim();
        self.readers.trim();
        self.destinations.trim();
    }
}

impl AddAssign for Activity {
    fn add_assign(&mut self, other: Self) {
        self.keys.has_forgotten |= other.keys.has_forgotten;
        self.readers.has_forgotten |= other.readers.has_forgotten;
        for (arn, call) in other.keys.map {
            match self.keys.map.get_mut(&*arn) {
                Some(last) if is_earlier(last, call.as_call()) => *last = call,
                Some(_) => {}
                None => self.keys.insert(&arn, call),
            }
        }
        for (principal, reads) in other.readers.map {
            match self.readers.map.get_mut(&*principal) {
                Some(known) => *known += reads,
                None => self.readers.insert(&principal, reads),
            }
        }
        other.destinations.map.iter().for_each(|(arn, time)| self.add_destination(arn, *time));
    }
}

impl AddAssign for LogReads {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.last = self.last.max(other.last);
    }
}

/// Time, event id, principal and API of a call.
type Call<'c> = (EventTime, Option<&'c str>, &'c str, &'c str);

impl KeyUse {
    fn new(call: Call<'_>) -> Self {
        let mut last =
            Self { time: call.0, event_id: None, principal: String::new(), event_name: String::new() };
        last.set(call);
        last
    }

    /// Reuses the memory of the texts: this happens for most calls.
    fn set(&mut self, (time, event_id, principal, event_name): Call<'_>) {
        self.time = time;
        match (&mut self.event_id, event_id) {
            (Some(known), Some(id)) => id.clone_into(known),
            (known, id) => *known = id.map(str::to_owned),
        }
        principal.clone_into(&mut self.principal);
        event_name.clone_into(&mut self.event_name);
    }

    fn as_call(&self) -> Call<'_> {
        (self.time, self.event_id.as_deref(), &self.principal, &self.event_name)
    }
}

/// Whether `call` takes the place of `last`.
fn is_earlier(last: &KeyUse, call: Call<'_>) -> bool {
    last.time < call.0 || last.time == call.0 && last.as_call() > call
}

/// Values by name, of at most twice the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Bounded<V> {
    map: HashMap<Box<str>, V>,
    has_forgotten: bool,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Self { map: HashMap::default(), has_forgotten: false }
    }
}

impl<V> Bounded<V> {
    fn insert(&mut self, name: &str, value: V) {
        self.map.insert(name.into(), value);
        if self.map.len() >= 2 * LIMIT {
            self.trim();
        }
    }

    fn trim(&mut self) {
        if self.map.len() <= LIMIT {
            return;
        }
        let mut hashes: Vec<u64> = self.map.keys().map(|name| stable_hash(0, name)).collect();
        let (_, limit, _) = hashes.select_nth_unstable(LIMIT - 1);
        let limit = *limit;
        self.map.retain(|name, _| stable_hash(0, name) <= limit);
        self.has_forgotten = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(key: &str, time: i64, id: &str, who: &str) -> KmsEvent<'static> {
        let mut event = KmsEvent::example();
        event.key.arn = Some(key.to_owned().into());
        event.time = EventTime(time);
        event.event_id = Some(id.to_owned().into());
        event.principal.name = who.to_owned().into();
        event
    }

    #[test]
    fn the_latest_use_is_kept_in_any_order() {
        let mut calls = vec![
            call("k", 1, "a", "first"),
            call("k", 3, "c", "last, larger id"),
            call("k", 3, "b", "last"),
            call("l", 2, "d", "another key"),
        ];
        calls.extend(
            ["k", "l"].map(|key| KmsEvent { outcome: Outcome::KeyState, ..call(key, 9, "e", "failed") }),
        );
        calls.push(KmsEvent { name: "DescribeKey".into(), ..call("k", 9, "f", "no use") });
        for turn in 0..calls.len() {
            calls.rotate_left(1);
            let mut whole = Activity::default();
            let mut parts = [Activity::default(), Activity::default()];
            for (n, event) in calls.iter().enumerate() {
                whole.add(event);
                parts[n % 2].add(event);
            }
            let [mut first, second] = parts;
            first += second;
            assert_eq!(first, whole, "turn {turn}");
            let last = |key| whole.last_use(key).map(|last| (last.time.0, &*last.principal));
            assert_eq!(
                [last("k"), last("l"), last("m")],
                [Some((3, "last")), Some((2, "another key")), None]
            );
        }
    }

    #[test]
    fn who_reads_log_files_is_counted_and_cloudtrail_is_not() {
        let mut activity = Activity::default();
        let on_log = |who, log_delivery| KmsEvent {
            encryption_context: Some(r#"{"aws:cloudtrail:arn":"t"}"#.into()),
            log_delivery,
            ..call("k", 1, "a", who)
        };
        for event in [on_log("reader", false), on_log("reader", false), on_log("b", false)] {
            activity.add(&event);
        }
        activity.add(&on_log("cloudtrail.amazonaws.com", true));
        activity.add(&call("k", 1, "a", "other"));
        let readers: Vec<(&str, u64)> =
            activity.log_readers().into_iter().map(|(who, reads)| (who, reads.calls)).collect();
        assert_eq!(readers, [("reader", 2), ("b", 1)]);
    }

    #[test]
    fn beyond_the_limit_it_does_not_depend_on_the_order_what_is_kept() {
        let names: Vec<String> = (0..LIMIT + 5000).map(|n| format!("k{n}")).collect();
        let of = |names: &mut dyn Iterator<Item = &String>| {
            let mut bounded = Bounded::default();
            names.for_each(|name| bounded.insert(name, ()));
            bounded.trim();
            bounded
        };
        let forwards = of(&mut names.iter());
        assert_eq!(forwards.map.len(), LIMIT);
        assert!(forwards.has_forgotten);
        assert!(!of(&mut names.iter().take(LIMIT)).has_forgotten);
        assert_eq!(forwards, of(&mut names.iter().rev()));
    }
}
