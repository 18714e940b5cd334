//! Which patterns of the selection matched anything, and what the KMS events have instead. People
//! mistype patterns; a pattern that matches nothing must be named, with what would match.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::select::{Filter, Selection};
use crate::base::lock;
use crate::model::KmsEvent;

/// Distinct values remembered of each kind, by each thread. Values that come later are not offered.
const VALUES: usize = 1000;
/// Threads that have a log of their own.
const THREADS: usize = 64;

/// What a run notes about its filters.
#[derive(Debug)]
pub struct FilterLog {
    /// For each pattern of each filter: whether it has matched a KMS event.
    matched: Vec<(Filter, String, AtomicBool)>,
    /// By thread, so that threads do not wait for one another.
    values: Vec<Mutex<Values>>,
}

type Values = HashMap<Filter, HashMap<Box<str>, u64>>;

/// A pattern that matched no KMS event of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmatchedPattern {
    /// The option that it was given to.
    pub filter: Filter,
    /// The pattern, as it was written.
    pub pattern: String,
    /// What the KMS events have in its place, with the number of events, most frequent first. In
    /// inputs with very many distinct values, not all of them.
    pub values: Vec<(String, u64)>,
}

impl FilterLog {
    pub(super) fn new(selection: &Selection) -> Self {
        let patterns = selection.patterns().into_iter();
        let matched = patterns.map(|(filter, text)| (filter, text, AtomicBool::new(false))).collect();
        Self { matched, values: (0..THREADS).map(|_| Mutex::default()).collect() }
    }

    /// Whether the selection has filters.
    pub(super) fn has_filters(&self) -> bool {
        !self.matched.is_empty()
    }

    /// Notes a KMS event, selected or not. Call it once for each. `may_be_key`: the event's key may
    /// be asked for although its names are not.
    pub(super) fn add(&self, selection: &Selection, event: &KmsEvent<'_>, may_be_key: bool) {
        if !self.has_filters() {
            return;
        }
        let mut index = 0;
        for filter in Filter::ALL {
            for nth in 0..selection.count(filter) {
                let has_matched = &self.matched[index + nth].2;
                // Most patterns match early; from then on they cost nothing here.
                if !has_matched.load(Ordering::Relaxed)
                    && (selection.matches(filter, nth, event) || filter == Filter::Key && may_be_key)
                {
                    has_matched.store(true, Ordering::Relaxed);
                }
            }
            index += selection.count(filter);
        }
        let is_unmatched = |wanted: Filter| {
            self.matched
                .iter()
                .any(|(filter, _, matched)| *filter == wanted && !matched.load(Ordering::Relaxed))
        };
        if !Filter::ALL.into_iter().any(is_unmatched) {
            return;
        }
        let thread = rayon::current_thread_index().unwrap_or_default() % THREADS;
        let mut values = lock(&self.values[thread]);
        for filter in Filter::ALL.into_iter().filter(|filter| is_unmatched(*filter)) {
            let counts = values.entry(filter).or_default();
            for value in filter.values(event) {
                if let Some(count) = counts.get_mut(&*value) {
                    *count += 1;
                } else if counts.len() < VALUES {
                    counts.insert(value.into(), 1);
                }
            }
        }
    }

    /// The patterns that matched nothing. None if there was no KMS event at all.
    pub(super) fn unmatched(&self) -> Vec<UnmatchedPattern> {
        let mut all = Values::new();
        for values in &self.values {
            for (filter, counts) in lock(values).iter() {
                let all = all.entry(*filter).or_default();
                counts.iter().for_each(|(value, n)| *all.entry(value.clone()).or_default() += n);
            }
        }
        if all.is_empty() {
            return Vec::new();
        }
        let sorted = |filter: Filter| {
            let counts = all.get(&filter).into_iter().flatten();
            let mut values: Vec<(String, u64)> = counts.map(|(value, n)| (value.to_string(), *n)).collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values
        };
        let unmatched = self.matched.iter().filter(|(.., matched)| !matched.load(Ordering::Relaxed));
        unmatched
            .map(|(filter, pattern, _)| UnmatchedPattern {
                filter: *filter,
                pattern: pattern.clone(),
                values: sorted(*filter),
            })
            .collect()
    }
}
