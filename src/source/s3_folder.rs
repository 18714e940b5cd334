//! Lists a folder in S3 in order, with many requests at a time.
//!
//! Folders that cannot hold the selected events are not listed ([`PruneFilter`]). To find them, the
//! levels of CloudTrail's grammar are listed folder by folder, unless one page holds everything.
//! Below the last level that decides, and where nothing decides, keys are listed without folders, a
//! thousand per request. Pages are requested ahead and kept in order. The number of objects held is
//! bounded, unless one level has very many folders.
//!
//! [`PruneFilter`]: super::prune::PruneFilter

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use super::archive::{Archive, ListedInput, Location, Version};
use super::fetch::CANCEL_CHECK;
use super::input::ListContext;
use super::name::NameFields;
use super::object::RemoteObject;
use super::prune::PruneDecision;
use crate::s3::{Address, Bucket, Grouping, ListRequest, Object, Page, S3Error};

/// How many pages are requested at a time.
const PAGES_AHEAD: usize = 16;
/// With this many objects held, only the next page in order is requested.
const OBJECTS_AHEAD: usize = 10_000;
/// How many levels below the input are listed folder by folder to find CloudTrail's folders among
/// them: a prefix, an organization's id. A deeper level is listed folder by folder only if it does
/// not fit on one page: it may have very many folders that are not CloudTrail's.
const UNKNOWN_LEVELS: usize = 2;
/// How many of CloudTrail's folders may fail to fit on one page before that is no longer tried. In
/// a small archive nearly all fit, in a large one nearly none.
const FAILED_TRIES: u32 = 16;

/// Follows every key that starts with the text before it. Names the rest of a listing.
const AFTER_PREFIX: char = char::MAX;

/// Lists the objects in a folder or a whole bucket.
pub(super) struct FolderListing {
    bucket: Bucket,
    folder: Address,
    context: ListContext,
    /// Items found, by the key they are sorted by.
    found: BTreeMap<String, FoundItem>,
    /// Pages to request, by the key that their content follows in the order.
    to_request: BTreeMap<String, PageRequest>,
    /// The keys of pages that have been requested.
    in_flight: BTreeSet<String>,
    /// How many more folders may fail to fit on one page.
    tries_left: u32,
    results: Receiver<PageResult>,
    result_sender: Sender<PageResult>,
}

enum FoundItem {
    Object(Object),
    /// The rest of a folder cannot be listed.
    UnlistedFolder {
        key: String,
        error: S3Error,
    },
}

#[derive(Clone)]
struct PageRequest {
    list: ListRequest,
    use_of_page: UseOfPage,
}

/// When a page is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UseOfPage {
    Always,
    /// Only if there is no further page. Otherwise the folder is listed folder by folder, because
    /// some of the folders in it may be left out.
    OnlyIfComplete,
}

struct PageResult {
    sort_key: String,
    request: PageRequest,
    page: Result<Page, S3Error>,
}

impl FolderListing {
    /// The folder's key is empty or ends in `/`.
    pub(super) fn new(bucket: Bucket, folder: Address, context: ListContext) -> Self {
        let (result_sender, results) = channel();
        let mut listing = Self {
            bucket,
            context,
            found: BTreeMap::new(),
            to_request: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            tries_left: FAILED_TRIES,
            results,
            result_sender,
            folder,
        };
        listing.add_folder(listing.folder.key.clone());
        listing
    }

    fn add_folder(&mut self, folder: String) {
        let decision = self.context.prune.decide(&folder);
        let is_report = self.context.prune.is_report(&self.folder.bucket, &folder);
        if is_report {
            return;
        }
        if decision == PruneDecision::Exclude {
            self.context.count_unlisted_folder();
            return;
        }
        let depth = folder[self.folder.key.len()..].matches('/').count();
        let (grouping, use_of_page) = match decision {
            PruneDecision::Unknown if depth <= UNKNOWN_LEVELS => (Grouping::Folders, UseOfPage::Always),
            PruneDecision::Unknown | PruneDecision::Descend => (Grouping::Keys, UseOfPage::OnlyIfComplete),
            PruneDecision::DescendOtherAccount => (Grouping::Folders, UseOfPage::Always),
            PruneDecision::Include | PruneDecision::Exclude => (Grouping::Keys, UseOfPage::Always),
        };
        let list = ListRequest { prefix: folder.clone(), grouping, ..ListRequest::default() };
        self.to_request.insert(folder, PageRequest { list, use_of_page });
    }

    /// Requests as many pages as there is room for, and the next one in order in any case.
    fn request_pages(&mut self) {
        while self.in_flight.len() < PAGES_AHEAD
            && let Some(first) = self.to_request.first_entry()
        {
            let is_next = self.found.first_key_value().is_none_or(|(found, _)| first.key() <= found);
            if self.found.len() >= OBJECTS_AHEAD && !is_next {
                return;
            }
            let (sort_key, mut request) = first.remove_entry();
            let descends = || self.context.prune.decide(&request.list.prefix) == PruneDecision::Descend;
            if self.tries_left == 0 && request.use_of_page == UseOfPage::OnlyIfComplete && descends() {
                request.use_of_page = UseOfPage::Always;
                request.list.grouping = Grouping::Folders;
            }
            self.in_flight.insert(sort_key.clone());
            let sender = self.result_sender.clone();
            let (sent_key, sent_request) = (sort_key.clone(), request.clone());
            let started = self.bucket.start_list_page(request.list.clone(), move |page| {
                // If the listing is gone, the page is dropped.
                let _ = sender.send(PageResult { sort_key: sent_key, request: sent_request, page });
            });
            if let Err(error) = started {
                self.add_result(PageResult { sort_key, request, page: Err(error) });
            }
        }
    }

    /// Adds what a page lists, and requests for the pages that follow from it.
    fn add_result(&mut self, result: PageResult) {
        let PageResult { sort_key, request: PageRequest { list, use_of_page }, page } = result;
        self.in_flight.remove(&sort_key);
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.found.insert(sort_key, FoundItem::UnlistedFolder { key: list.prefix, error });
                return;
            }
        };
        if use_of_page == UseOfPage::OnlyIfComplete {
            if page.continuation.is_some() {
                self.tries_left = self.tries_left.saturating_sub(1);
                let list = ListRequest { grouping: Grouping::Folders, ..list };
                self.to_request.insert(sort_key, PageRequest { list, use_of_page: UseOfPage::Always });
                return;
            }
            self.tries_left = FAILED_TRIES.min(self.tries_left + 1);
        }
        if let Some(list) = list.next(&page) {
            let last = list.after.as_ref().unwrap_or(&list.prefix);
            let sort_key = format!("{last}{AFTER_PREFIX}");
            self.to_request.insert(sort_key, PageRequest { list, use_of_page });
        }
        page.folders.into_iter().for_each(|folder| self.add_folder(folder));
        let mut excluded_folder = String::new();
        for object in page.objects {
            let root = self.folder.key.len();
            // The objects of a folder follow one another.
            if let Some(folder) = self.context.prune.excluded_folder(&object.key, root)
                && folder != excluded_folder
            {
                self.context.count_unlisted_folder();
                folder.clone_into(&mut excluded_folder);
            }
            // Consoles create an empty object for a folder. Local folders are not listed either.
            let is_folder = object.size == 0 && object.key.ends_with('/');
            let prune = &self.context.prune;
            if !is_folder
                && !prune.excludes_object(&object.key)
                && !prune.is_report(&self.folder.bucket, &object.key)
            {
                self.found.insert(object.key.clone(), FoundItem::Object(object));
            }
        }
    }

    /// Whether the first item found is the next one: no page that may precede it is missing.
    fn is_first_item_next(&self) -> bool {
        let Some((first, _)) = self.found.first_key_value() else { return false };
        let precedes = |page: Option<&String>| page.is_none_or(|page| first < page);
        precedes(self.to_request.first_key_value().map(|(key, _)| key)) && precedes(self.in_flight.first())
    }

    fn to_input(&self, item: FoundItem) -> ListedInput {
        match item {
            FoundItem::Object(object) => to_archive(&self.bucket, &self.folder.bucket, object, &self.context),
            FoundItem::UnlistedFolder { key, error } => {
                unreadable(&Address { bucket: self.folder.bucket.clone(), key }, error)
            }
        }
    }
}

impl Iterator for FolderListing {
    type Item = ListedInput;

    fn next(&mut self) -> Option<ListedInput> {
        loop {
            while let Ok(result) = self.results.try_recv() {
                self.add_result(result);
            }
            self.request_pages();
            if self.is_first_item_next() {
                let (_, item) = self.found.pop_first()?;
                return Some(self.to_input(item));
            }
            if self.to_request.is_empty() && self.in_flight.is_empty() {
                return None;
            }
            match receive(&self.results, &self.context) {
                Ok(result) => self.add_result(result),
                Err(_) => return None,
            }
        }
    }
}

/// Waits for a value. Returns [`RecvTimeoutError::Timeout`] when the run has been cancelled.
fn receive<T>(receiver: &Receiver<T>, context: &ListContext) -> Result<T, RecvTimeoutError> {
    loop {
        match receiver.recv_timeout(CANCEL_CHECK) {
            Err(RecvTimeoutError::Timeout) if !context.is_cancelled() => {}
            outcome => return outcome,
        }
    }
}

/// Finds the object with exactly this key; `None` if there is none, or the run has been cancelled.
///
/// It lists the key as a prefix: the key itself comes first among the keys that start with it.
/// Listing needs no permission that reading its folder does not need.
pub(super) fn find_object(
    bucket: &Bucket,
    address: &Address,
    context: &ListContext,
) -> Result<Option<ListedInput>, S3Error> {
    let (sender, receiver) = channel();
    let request = ListRequest { prefix: address.key.clone(), max_keys: Some(1), ..ListRequest::default() };
    bucket.start_list_page(request, move |page| drop(sender.send(page)))?;
    let page = match receive(&receiver, context) {
        Ok(page) => page?,
        Err(RecvTimeoutError::Timeout) => return Ok(None),
        Err(RecvTimeoutError::Disconnected) => {
            let operation = format!("listing {address}");
            return Err(S3Error::Failed { operation, source: "the request was given up".into() });
        }
    };
    let exact = page.objects.into_iter().find(|object| object.key == address.key);
    Ok(exact.map(|object| to_archive(bucket, &address.bucket, object, context)))
}

/// An item for an object or folder that cannot be listed.
pub(super) fn unreadable(address: &Address, error: S3Error) -> ListedInput {
    ListedInput::Unreadable { uri: address.to_string().into(), error: io::Error::from(error) }
}

fn to_archive(bucket: &Bucket, bucket_name: &str, object: Object, context: &ListContext) -> ListedInput {
    let Object { key, size, etag, modified } = object;
    ListedInput::Archive(Archive {
        uri: format!("s3://{bucket_name}/{key}").into(),
        size: Some(size),
        name_fields: NameFields::from_key(&key),
        version: Version { etag: etag.map(String::into_boxed_str), inode: None, modified },
        may_be_listed: false,
        location: Location::S3(RemoteObject::new(bucket.clone(), key, size, context.cancel.clone())),
    })
}
