//! What lies in a bucket, listed in order while many folders are asked for at a time.
//!
//! Folders that cannot hold what is asked for are not listed ([`PruneFilter`]). To know them, the levels of CloudTrail's grammar are listed folder by
//! folder, unless one page lists all there is; below the last level that decides, and where nothing decides, keys are listed as they come, a thousand a request. Pages are
//! asked for ahead, and kept in order; what is held is bounded, unless one level has very many folders.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::prune::PruneDecision;
use super::{Archive, ListContext, Listed, NameFields, Place, Version};
use crate::s3::{self, Address, Bucket, Grouping, ListRequest, Page, S3Error};

/// Pages asked for at a time.
const PAGES_AHEAD: usize = 16;
/// Objects held beyond which no page is asked for ahead.
const OBJECTS_AHEAD: usize = 10_000;
/// Levels below the input that are listed folder by folder to find CloudTrail's among them: a prefix, an organisation's id. Deeper, only where
/// there is more than a page lists: there may be very many folders that are none of CloudTrail's.
const UNKNOWN_LEVELS: usize = 2;
/// Folders of CloudTrail's that may turn out to have more than a page lists, before it is no longer tried whether they have less: in a small
/// archive nearly all have less, in a large one nearly none.
const VAIN_TRIES: u32 = 16;
/// How often to see whether the run has been cancelled.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Behind all that begins like the text before it: where a list goes on.
const BEHIND: char = char::MAX;

/// The objects of a folder, or of a bucket.
pub(super) struct Walk {
    store: Bucket,
    folder: Address,
    reach: ListContext,
    /// Objects, and folders that cannot be listed, by name.
    found: BTreeMap<String, Found>,
    /// Pages to ask for, by the name from which on they list.
    wanted: BTreeMap<String, Step>,
    /// Pages asked for.
    running: BTreeSet<String>,
    /// Vain tries that are left.
    tries: u32,
    told: Receiver<PageResult>,
    teller: Sender<PageResult>,
    is_empty: bool,
}

enum Found {
    Object(s3::Object),
    /// A folder, and why what is left of it cannot be listed.
    Unlisted(String, S3Error),
}

#[derive(Clone)]
struct Step {
    want: ListRequest,
    /// If there is more than this page, it is better to go folder by folder: one of them may be left out.
    only_if_whole: bool,
}

struct PageResult {
    name: String,
    step: Step,
    page: Result<Page, S3Error>,
}

impl Walk {
    /// Lists what lies in a folder, whose key is empty or ends in `/`.
    pub(super) fn new(store: Bucket, folder: Address, reach: ListContext) -> Self {
        let (teller, told) = channel();
        let mut walk = Self {
            store,
            reach,
            found: BTreeMap::new(),
            wanted: BTreeMap::new(),
            running: BTreeSet::new(),
            tries: VAIN_TRIES,
            told,
            teller,
            is_empty: true,
            folder,
        };
        walk.want_folder(walk.folder.key.clone());
        walk
    }

    /// Whether nothing at all was in it, or will be; asked when it has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn want_folder(&mut self, folder: String) {
        let standing = self.reach.prune.standing(&folder);
        if standing == PruneDecision::Outside || self.reach.prune.is_report(&self.folder.bucket, &folder) {
            self.is_empty = false; // nobody has looked
            return;
        }
        let depth = folder[self.folder.key.len()..].matches('/').count();
        let (grouping, only_if_whole) = match standing {
            PruneDecision::Unknown if depth <= UNKNOWN_LEVELS => (Grouping::Folders, false),
            PruneDecision::Unknown | PruneDecision::Mixed => (Grouping::Keys, true),
            PruneDecision::Others => (Grouping::Folders, false),
            PruneDecision::Inside | PruneDecision::Outside => (Grouping::Keys, false),
        };
        let want = ListRequest { prefix: folder.clone(), grouping, ..ListRequest::default() };
        self.wanted.insert(folder, Step { want, only_if_whole });
    }

    /// Asks for the next pages, the first of them in any case.
    fn ask(&mut self) {
        while self.running.len() < PAGES_AHEAD
            && let Some(first) = self.wanted.first_entry()
        {
            let is_next = self.found.first_key_value().is_none_or(|(found, _)| first.key() <= found);
            if self.found.len() >= OBJECTS_AHEAD && !is_next {
                return;
            }
            let (name, mut step) = first.remove_entry();
            let is_mixed = || self.reach.prune.standing(&step.want.prefix) == PruneDecision::Mixed;
            if self.tries == 0 && step.only_if_whole && is_mixed() {
                (step.only_if_whole, step.want.grouping) = (false, Grouping::Folders);
            }
            let teller = self.teller.clone();
            let (asked, told) = (step.want.clone(), (name.clone(), step.clone()));
            let begun = self.store.start_list_page(asked, move |page| {
                // A listing that nobody follows any more has no use for it.
                let _ = teller.send(PageResult { name: told.0, step: told.1, page });
            });
            self.running.insert(name.clone());
            if let Err(error) = begun {
                self.take(PageResult { name, step, page: Err(error) });
            }
        }
    }

    /// Puts what a page lists in the page's place.
    fn take(&mut self, told: PageResult) {
        let PageResult { name, step, page } = told;
        self.running.remove(&name);
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.is_empty = false;
                self.found.insert(name, Found::Unlisted(step.want.prefix, error));
                return;
            }
        };
        self.is_empty &= page.objects.is_empty() && page.folders.is_empty();
        if step.only_if_whole && page.continuation.is_none() {
            self.tries = VAIN_TRIES.min(self.tries + 1);
        } else if step.only_if_whole {
            self.tries = self.tries.saturating_sub(1);
            let want = ListRequest { grouping: Grouping::Folders, ..step.want };
            self.wanted.insert(name, Step { want, only_if_whole: false });
            return;
        }
        if let Some(from) = page.continuation {
            let last_object = page.objects.last().map(|object| object.key.as_str());
            let last = last_object.max(page.folders.last().map(String::as_str)).unwrap_or(&step.want.prefix);
            let name = format!("{last}{BEHIND}");
            self.wanted
                .insert(name, Step { want: ListRequest { continuation: Some(from), ..step.want }, ..step });
        }
        page.folders.into_iter().for_each(|folder| self.want_folder(folder));
        for object in page.objects {
            // Consoles make folders of empty objects. On a disk, folders are not listed either.
            let is_folder = object.size == 0 && object.key.ends_with('/');
            let prune = &self.reach.prune;
            if !is_folder
                && !prune.leaves_out(&object.key)
                && !prune.is_report(&self.folder.bucket, &object.key)
            {
                self.found.insert(object.key.clone(), Found::Object(object));
            }
        }
    }

    /// Waits for a page; false when the run has been cancelled.
    fn wait(&mut self) -> bool {
        match wait_for(&self.told, &self.reach) {
            Ok(told) => {
                self.take(told);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the first thing found is the next one of all.
    fn is_next_found(&self) -> bool {
        let Some((found, _)) = self.found.first_key_value() else { return false };
        let precedes = |awaited: Option<&String>| awaited.is_none_or(|awaited| found < awaited);
        precedes(self.wanted.first_key_value().map(|(name, _)| name)) && precedes(self.running.first())
    }
}

impl Iterator for Walk {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        loop {
            while let Ok(told) = self.told.try_recv() {
                self.take(told);
            }
            self.ask();
            if self.is_next_found() {
                let (_, found) = self.found.pop_first()?;
                return Some(match found {
                    Found::Object(object) => archive(&self.store, &self.folder.bucket, object, &self.reach),
                    Found::Unlisted(key, error) => {
                        unlisted(&Address { bucket: self.folder.bucket.clone(), key }, error)
                    }
                });
            }
            if self.wanted.is_empty() && self.running.is_empty() || !self.wait() {
                return None;
            }
        }
    }
}

/// Waits for what is told; [`RecvTimeoutError::Timeout`] when the run has been cancelled.
fn wait_for<T>(told: &Receiver<T>, reach: &ListContext) -> Result<T, RecvTimeoutError> {
    loop {
        match told.recv_timeout(LOOK_UP) {
            Err(RecvTimeoutError::Timeout) if !reach.is_cancelled() => {}
            outcome => return outcome,
        }
    }
}

/// The object of exactly this key, if there is one; none when the run has been cancelled.
pub(super) fn object(
    store: &Bucket,
    address: &Address,
    reach: &ListContext,
) -> Result<Option<Listed>, S3Error> {
    // The key itself comes first among those that begin with it. Listing needs no permission that reading its folder does not.
    let (tell, told) = channel();
    let want = ListRequest { prefix: address.key.clone(), max_keys: Some(1), ..ListRequest::default() };
    store.start_list_page(want, move |page| drop(tell.send(page)))?;
    let page = match wait_for(&told, reach) {
        Ok(page) => page?,
        Err(RecvTimeoutError::Timeout) => return Ok(None),
        Err(RecvTimeoutError::Disconnected) => {
            let source = "no answer".into();
            return Err(S3Error::Failed { operation: format!("listing {address}"), source });
        }
    };
    let exact = page.objects.into_iter().find(|object| object.key == address.key);
    Ok(exact.map(|object| archive(store, &address.bucket, object, reach)))
}

pub(super) fn unlisted(address: &Address, error: S3Error) -> Listed {
    Listed::Unreadable { uri: address.to_string().into(), error: io::Error::from(error) }
}

fn archive(store: &Bucket, bucket: &str, object: s3::Object, reach: &ListContext) -> Listed {
    let s3::Object { key, size, etag, modified } = object;
    Listed::Archive(Archive {
        uri: format!("s3://{bucket}/{key}").into(),
        size: Some(size),
        facts: NameFields::read(&key),
        version: Version { etag: etag.map(String::into_boxed_str), modified },
        place: Place::S3(super::prefetch::Remote::new(store.clone(), key, size, reach.cancel.clone())),
    })
}
