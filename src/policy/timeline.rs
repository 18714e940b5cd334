//! Which policy was in force for a key, from when until when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::document::{Policy, Statement};
use super::lenient::PastedPolicy;
use crate::model::{Arn, EventTime, KeyChange, KeyEffect, PolicyText, error_chain};

/// How long a change of a policy may take until it is in force everywhere, milliseconds. AWS says
/// so of grants ([eventual
/// consistency](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-eventual-consistency));
/// of policies it gives no figure.
const PROPAGATION: i64 = 5 * 60 * 1000;

/// How long after its end a share of AWS RAM may still be used, milliseconds. AWS says that changes
/// take a few minutes; the number is a choice.
const RAM_GRACE: i64 = 15 * 60 * 1000;

/// The policies of all keys.
#[derive(Debug, Clone, Default)]
pub struct PolicyBook {
    by_key: HashMap<String, Vec<PolicyVersion>>,
    /// A policy of a file that is for every key.
    for_all: Option<PolicyVersion>,
    /// Keys that are shared through AWS RAM.
    shared: HashMap<String, RamShare>,
}

/// A key is shared through AWS RAM, and so has a second policy, `AWS_RAM`, which no record shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RamShare {
    /// Since when, as far as records show; `None`: since before the input.
    pub from: Option<EventTime>,
    /// Until when.
    pub until: Option<EventTime>,
    /// ARN or name of the share; of several, one.
    pub share: String,
}

/// The policies of one key.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KeyPolicies<'b> {
    /// The versions of its policy `default`, in the order of time.
    pub versions: &'b [PolicyVersion],
    /// It is shared through AWS RAM.
    pub shared: Option<&'b RamShare>,
}

/// A policy that was in force.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PolicyVersion {
    /// Since when; `None`: it is that of a file, and taken for the whole input.
    pub from: Option<EventTime>,
    /// Until when; `None`: to the end of the input, as far as it shows.
    pub until: Option<EventTime>,
    /// Where it comes from.
    pub origin: Origin,
    /// The policy; or why it is not known.
    pub policy: Result<Policy, String>,
    /// Its text, as compact JSON.
    pub text: Option<String>,
    /// The place of the first of its statements that are of the policy `AWS_RAM`, which the user
    /// gave; `None`: it is not known.
    pub ram_from: Option<usize>,
    /// Only `AWS_RAM` is known, and `default` is not.
    pub is_partial: bool,
}

/// The name of the policy that AWS RAM manages.
pub const AWS_RAM: &str = "AWS_RAM";

impl PolicyVersion {
    fn of_file(file: String, policy: Policy) -> Self {
        let origin = Origin::File(file);
        Self {
            from: None,
            until: None,
            origin,
            policy: Ok(policy),
            text: None,
            ram_from: None,
            is_partial: false,
        }
    }

    /// Adds the statements of the policy `AWS_RAM`.
    fn add_ram(&mut self, ram: &Policy) {
        if let Ok(policy) = &mut self.policy {
            self.ram_from.get_or_insert(policy.statements.len());
            policy.statements.extend(ram.statements.iter().cloned());
        }
    }

    /// The statements of `default`.
    pub fn of_default(&self) -> &[Statement] {
        let all = self.policy.as_ref().map_or(&[][..], |policy| &policy.statements);
        self.ram_from.and_then(|at| all.get(..at)).unwrap_or(all)
    }
}

/// Where a policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A record of CreateKey, PutKeyPolicy or ReplicateKey.
    Record {
        /// Its `eventName`.
        event_name: String,
        /// Its `eventID`.
        event_id: Option<String>,
        /// Who called.
        by: String,
        /// The call asked not to check whether the key can still be managed.
        bypasses_lockout_check: bool,
    },
    /// A file that the user named.
    File(String),
}

/// Which keys a policy is for that the user gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyTarget {
    /// The key with this ARN or id.
    Key(String),
    /// Every key, whatever records say about its policy.
    EveryKey,
    /// Keys whose policy no record shows.
    KeysWithoutPolicy,
}

/// A policy that the user gives.
#[derive(Debug, Clone)]
pub struct GivenPolicy {
    /// The file.
    pub file: String,
    /// Which keys it is for.
    pub target: PolicyTarget,
    /// Its content.
    pub pasted: PastedPolicy,
}

impl PolicyBook {
    /// Builds the time line of each key from changes of keys. What the user gives takes the place
    /// of what records say.
    pub fn new(changes: &BTreeSet<KeyChange>, given: Vec<GivenPolicy>) -> Self {
        let mut changes: Vec<&KeyChange> = changes.iter().collect();
        changes.sort_by_key(|change| (change.by.time, &change.by.event_id));
        let mut book = Self::default();
        for change in changes {
            if let (KeyEffect::SetsPolicy { text, bypasses_lockout_check }, Some(key)) =
                (&change.effect, &change.key)
            {
                book.add(key, change, text, *bypasses_lockout_check);
            }
        }
        let mut for_keys = BTreeMap::new();
        // The policy that AWS RAM manages stands beside the others.
        let is_of_ram = |one: &GivenPolicy| one.pasted.name.as_deref() == Some(AWS_RAM);
        let (of_ram, given): (Vec<_>, Vec<_>) = given.into_iter().partition(is_of_ram);
        for one in given {
            let version = PolicyVersion::of_file(one.file, one.pasted.policy);
            match one.target {
                PolicyTarget::Key(key) => drop(for_keys.insert(key, vec![version])),
                PolicyTarget::EveryKey => {
                    book.by_key.clear();
                    book.for_all = Some(version);
                }
                PolicyTarget::KeysWithoutPolicy => book.for_all = Some(version),
            }
        }
        for (key, versions) in for_keys {
            // What the user names by its id, records name by its ARN.
            let is_it = |known: &String| known.rsplit_once("key/").is_some_and(|(_, id)| id == key);
            let named: Vec<String> = book.by_key.keys().filter(|known| is_it(known)).cloned().collect();
            named.iter().for_each(|known| drop(book.by_key.remove(known)));
            book.by_key.insert(key, versions);
        }
        of_ram.into_iter().for_each(|one| book.add_ram(one));
        book
    }

    /// Adds the policy `AWS_RAM` of a file.
    fn add_ram(&mut self, given: GivenPolicy) {
        let GivenPolicy { file, target, pasted } = given;
        let ram = pasted.policy;
        let partial = || {
            let mut version = PolicyVersion::of_file(file.clone(), Policy::default());
            version.is_partial = true;
            vec![version]
        };
        let PolicyTarget::Key(key) = target else {
            let for_all = self.for_all.get_or_insert_with(|| partial().remove(0));
            for_all.add_ram(&ram);
            return self.by_key.values_mut().flatten().for_each(|version| version.add_ram(&ram));
        };
        let is_it = |known: &String| *known == key || key_id(known) == Some(&key);
        let named: Vec<String> = self.by_key.keys().filter(|known| is_it(known)).cloned().collect();
        if named.is_empty() {
            let versions = self.for_all.clone().map_or_else(partial, |version| vec![version]);
            self.by_key.insert(key.clone(), versions);
        }
        for key in named.iter().chain([&key]) {
            self.by_key.get_mut(key).into_iter().flatten().for_each(|version| version.add_ram(&ram));
        }
    }

    /// Adds that keys are shared through AWS RAM, by their ARNs.
    pub fn share(&mut self, shared: HashMap<String, RamShare>) {
        self.shared = shared;
    }

    fn add(&mut self, key: &str, change: &KeyChange, text: &PolicyText, bypasses_lockout_check: bool) {
        let given = match text {
            PolicyText::Given(text) => Ok(text.clone()),
            PolicyText::Default => match Arn::parse(key) {
                Some(arn) => Ok(Policy::default_of(arn.account, arn.partition).to_string()),
                None => Err("the record does not show the key's account".to_owned()),
            },
            PolicyText::Unknown => Err("the record does not show the policy".to_owned()),
        };
        let policy = match &given {
            Ok(text) => Policy::parse(text).map_err(|error| error_chain(&error)),
            Err(why) => Err(why.clone()),
        };
        let versions = self.by_key.entry(key.to_owned()).or_default();
        if let Some(last) = versions.last_mut() {
            // The other account's copy of the call, or the call again.
            if last.from == Some(change.by.time) && last.text == given.clone().ok() {
                return;
            }
            last.until = Some(change.by.time);
        }
        versions.push(PolicyVersion {
            from: Some(change.by.time),
            until: None,
            origin: Origin::Record {
                event_name: change.by.event_name.clone(),
                event_id: change.by.event_id.clone(),
                by: change.principal.clone(),
                bypasses_lockout_check,
            },
            policy,
            text: given.ok(),
            ram_from: None,
            is_partial: false,
        });
    }

    /// Forgets the policies of other keys than those wanted.
    pub fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.by_key.retain(|key, _| is_wanted(key));
    }

    /// Whether no policy is known.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.for_all.is_none()
    }

    /// The keys of which policies are known by name, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
    }

    fn of_key(&self, key_arn: &str) -> Option<&Vec<PolicyVersion>> {
        let by_id = || key_arn.rsplit_once("key/").and_then(|(_, id)| self.by_key.get(id));
        self.by_key.get(key_arn).or_else(by_id)
    }

    /// The policies of a key.
    pub fn of(&self, key_arn: &str) -> KeyPolicies<'_> {
        KeyPolicies { versions: self.versions(key_arn), shared: self.shared.get(key_arn) }
    }

    /// The versions of a key's policy, in the order of time.
    pub fn versions(&self, key_arn: &str) -> &[PolicyVersion] {
        self.of_key(key_arn).map_or_else(|| self.for_all.as_slice(), Vec::as_slice)
    }
}

/// The id in the ARN of a key.
fn key_id(arn: &str) -> Option<&str> {
    arn.rsplit_once("key/").map(|(_, id)| id)
}

impl KeyPolicies<'_> {
    /// Why a version of the policy does not say all about a call at `time`; `None`: it does.
    pub fn what_is_unknown(&self, version: usize, time: EventTime) -> Option<&'static str> {
        let version = self.versions.get(version)?;
        if version.is_partial {
            return Some("of the key's policies, only AWS_RAM is known");
        }
        let shared = self.shared.filter(|_| version.ram_from.is_none())?;
        let has_begun = shared.from.is_none_or(|from| from <= time);
        let is_over = shared.until.is_some_and(|until| time.0.saturating_sub(until.0) > RAM_GRACE);
        (has_begun && !is_over)
            .then_some("the key is shared through AWS RAM, and no record shows its second policy, AWS_RAM")
    }
}

/// The versions of one key that may have been in force at `time`, by their places: the last one
/// that had begun, and shortly after a change also the one before. None: the policy of that time is
/// not known.
pub fn in_force(versions: &[PolicyVersion], time: EventTime) -> impl Iterator<Item = usize> + use<> {
    let begun = versions.partition_point(|version| version.from.is_none_or(|from| from <= time));
    let last = begun.checked_sub(1);
    let is_new = |from: EventTime| time.0.saturating_sub(from.0) < PROPAGATION;
    let is_new = last.and_then(|n| versions.get(n)?.from).is_some_and(is_new);
    let before = last.filter(|_| is_new).and_then(|n| n.checked_sub(1));
    last.into_iter().chain(before)
}
