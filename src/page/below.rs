//! Who is below the principals that use a key: users, as records name them, or else sessions.

use std::collections::HashMap;

use crate::base::keyed_hash;
use crate::model::EventTime;

/// Bytes of names that are kept, with the counts beside them. With more, no names are shown.
const ROOM: usize = 48 << 20;
/// Bytes of a name's counts and of its place in the tables, about.
const EACH: usize = 320;

/// How a record names who is below its principal: `source_identity`, `on_behalf_of`, `user_name`,
/// `web_identity`; `session_name` only where none of them says who.
pub(super) type Names<T> = [Option<T>; 5];

/// Somebody below a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) principal: String,
    pub(super) names: Names<String>,
    pub(super) events: u64,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
    /// How many the principal has.
    pub(super) of_principal: u64,
}

/// The names of each key. Memory: at most some 50 MiB.
#[derive(Debug, Default)]
pub(super) struct Below {
    keys: HashMap<String, HashMap<u128, User>>,
    bytes: usize,
    is_full: bool,
}

impl Below {
    /// Adds an event of a key.
    pub(super) fn add(&mut self, key: &str, principal: &str, names: Names<&str>, time: EventTime) {
        let names = match names {
            [None, None, None, None, _] => names,
            [a, b, c, d, _] => [a, b, c, d, None],
        };
        if self.is_full || names.iter().all(Option::is_none) {
            return;
        }
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_owned(), HashMap::new());
        }
        let Some(users) = self.keys.get_mut(key) else { return };
        let user = users.entry(keyed_hash(&(principal, names))).or_insert_with(|| {
            self.bytes +=
                EACH + principal.len() + names.iter().flatten().map(|name| name.len()).sum::<usize>();
            let (principal, names) = (principal.to_owned(), names.map(|name| name.map(str::to_owned)));
            User { principal, names, events: 0, first: time, last: time, of_principal: 0 }
        });
        user.events += 1;
        user.first = user.first.min(time);
        user.last = user.last.max(time);
        if self.bytes > ROOM {
            *self = Self { is_full: true, ..Self::default() };
        }
    }

    /// Whether there are too many names to say any.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes those of a key, at most `most` of a principal: principals with the most events first,
    /// then names with the most events. And how many there are in all.
    pub(super) fn take(&mut self, key: &str, most: u64) -> (Vec<User>, u64) {
        let mut users: Vec<User> = self.keys.remove(key).into_iter().flat_map(HashMap::into_values).collect();
        let total = users.len() as u64;
        let mut sums: HashMap<String, (u64, u64)> = HashMap::new();
        for user in &users {
            let (events, names) = sums.entry(user.principal.clone()).or_default();
            *events += user.events;
            *names += 1;
        }
        let sum = |user: &User| sums.get(&user.principal).copied().unwrap_or_default();
        users.sort_by(|a, b| {
            let of_principal = sum(b).0.cmp(&sum(a).0).then_with(|| a.principal.cmp(&b.principal));
            of_principal.then_with(|| b.events.cmp(&a.events)).then_with(|| a.names.cmp(&b.names))
        });
        let mut place = (String::new(), 0);
        users.retain_mut(|user| {
            place = if place.0 == user.principal {
                (place.0.clone(), place.1 + 1)
            } else {
                (user.principal.clone(), 1)
            };
            user.of_principal = sum(user).1;
            place.1 <= most
        });
        (users, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_active_names_of_each_principal_are_kept() {
        let mut below = Below::default();
        let mut add = |principal: &str, n: u64, names: Names<&str>| {
            (0..n).for_each(|ms| below.add("k", principal, names, EventTime(ms.cast_signed())));
        };
        add("a", 3, [Some("ann"), None, None, None, Some("s1")]);
        add("a", 1, [Some("ann"), None, None, None, Some("s2")]);
        add("a", 4, [None, None, None, None, Some("s1")]);
        add("a", 2, [None, None, Some("bob"), None, None]);
        add("b", 20, [None, None, None, None, Some("s1")]);
        add("c", 5, [None; 5]);
        let (users, total) = below.take("k", 2);
        assert_eq!(total, 4);
        let said: Vec<_> = users
            .iter()
            .map(|user| {
                let name = user.names.iter().flatten().next().map(String::as_str);
                (user.principal.as_str(), name, user.events, user.of_principal)
            })
            .collect();
        let expected = [("b", Some("s1"), 20, 1), ("a", Some("s1"), 4, 3), ("a", Some("ann"), 4, 3)];
        assert_eq!(said, expected);
        assert_eq!((users[0].first, users[0].last), (EventTime(0), EventTime(19)));
        assert_eq!(below.take("k", 2), (Vec::new(), 0));
    }

    #[test]
    fn too_many_names_are_none() {
        let mut below = Below::default();
        let name = "x".repeat(1 << 20);
        for n in 0..60_u32 {
            let session = format!("{name}{n}");
            below.add("k", "p", [None, None, None, None, Some(&session)], EventTime(0));
            assert!(below.bytes <= ROOM);
        }
        assert!(below.is_full());
        assert_eq!(below.take("k", 2), (Vec::new(), 0));
    }
}
