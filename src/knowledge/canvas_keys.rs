//! The keys that settings name for Canvas's folders in S3, and calls there with other keys.

use std::collections::{BTreeMap, HashMap};

use super::facts::RecordPlace;
use super::lookups::{is_in_canvas_folder, splits};
use crate::model::{CanvasKey, EventTime, KmsEvent};

/// Keys by bucket, then path.
#[derive(Debug, Default)]
pub struct CanvasKeys {
    by_bucket: HashMap<String, HashMap<String, Vec<NamedKey>>>,
}

/// A key that settings named.
#[derive(Debug)]
struct NamedKey {
    since: EventTime,
    key: String,
}

impl CanvasKeys {
    /// Builds the look-up.
    pub fn new(facts: &BTreeMap<CanvasKey, RecordPlace>) -> Self {
        let mut keys = Self::default();
        for CanvasKey { by, bucket, path, key } in facts.keys() {
            let paths = keys.by_bucket.entry(bucket.clone()).or_default();
            let named = paths.entry(path.clone()).or_default();
            named.push(NamedKey { since: by.time, key: key.clone() });
        }
        keys
    }

    /// The bucket and the path of Canvas's folder in which the call's object is, if settings had
    /// named keys for the folder by then, and the call's key is none of them.
    ///
    /// A key that was named once may encrypt what was stored then. An alias says nothing: it may
    /// have pointed to any key.
    pub fn mismatch<'e>(&self, event: &'e KmsEvent<'_>) -> Option<(&'e str, &'e str)> {
        if self.by_bucket.is_empty() || event.is_on_log_file() {
            return None;
        }
        let (bucket, object) = (event.s3_bucket.as_deref()?, event.s3_object_key.as_deref()?);
        let found = event.key.arn.as_deref()?;
        let paths = self.by_bucket.get(bucket)?;
        for (path, _) in splits(object).filter(|(_, below)| is_in_canvas_folder(below)) {
            let named = paths.get(path).into_iter().flatten().filter(|named| named.since <= event.time);
            let mut keys = named.map(|named| named.key.as_str()).peekable();
            if keys.peek().is_some() && keys.all(|key| !is_alias(key) && id_of(key) != id_of(found)) {
                return Some((bucket, path));
            }
        }
        None
    }
}

fn is_alias(key: &str) -> bool {
    key.starts_with("alias/") || key.contains(":alias/")
}

/// The id in the ARN of a key. Related multi-Region keys have the same.
fn id_of(key: &str) -> &str {
    key.rsplit_once(":key/").map_or(key, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provenance;

    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/k";

    fn event(time: i64, object: &'static str) -> KmsEvent<'static> {
        let mut event = KmsEvent { time: EventTime(time), ..KmsEvent::example() };
        event.key.arn = Some(KEY.into());
        (event.s3_bucket, event.s3_object_key) = (Some("b".into()), Some(object.into()));
        event
    }

    fn named(path: &str, keys: &[(i64, &str)]) -> CanvasKeys {
        let fact = |(time, key): &(i64, &str)| {
            let by = Provenance {
                time: EventTime(*time),
                event_name: "CreateDomain".to_owned(),
                event_id: None,
                account_id: None,
            };
            let key = CanvasKey { by, bucket: "b".to_owned(), path: path.to_owned(), key: (*key).to_owned() };
            (key, RecordPlace::new("a".into(), 0))
        };
        CanvasKeys::new(&keys.iter().map(fact).collect())
    }

    #[test]
    fn a_key_that_no_settings_named_by_then_is_told() {
        let other = "arn:aws:kms:us-west-2:111122223333:key/l";
        for (keys, is_other) in [
            (&[(5, other)][..], true),
            (&[(5, "l")], true),
            (&[(5, KEY)], false),
            (&[(5, "k")], false),
            (&[(5, "arn:aws:kms:eu-west-1:111122223333:key/k")], false),
            (&[(11, other)], false),
            (&[(5, other), (7, KEY)], false),
            (&[(5, other), (11, KEY)], true),
            (&[(5, "alias/canvas")], false),
            (&[(5, other), (6, "arn:aws:kms:us-west-2:111122223333:alias/canvas")], false),
            (&[], false),
        ] {
            let found = named("p", keys);
            let found = found.mismatch(&event(10, "p/Canvas/jane/x")).is_some();
            assert_eq!(found, is_other, "{keys:?}");
        }
    }

    #[test]
    fn only_objects_in_canvass_folder_count() {
        for (path, object, is_in) in [
            ("", "Canvas/jane/x", true),
            ("", "canvas/jane/x", true),
            ("", "p/Canvas/jane/x", false),
            ("p", "p/Canvas/x", true),
            ("p", "p/x", false),
            ("p", "Canvas/x", false),
        ] {
            let found = named(path, &[(5, "l")]);
            let event = event(10, object);
            assert_eq!(found.mismatch(&event), is_in.then_some(("b", path)), "{path} {object}");
        }
        let mut without_key = event(10, "Canvas/x");
        without_key.key.arn = None;
        assert_eq!(named("", &[(5, "l")]).mismatch(&without_key), None);
    }
}
