//! Listings of S3: whatever pages a server answers, each one is refused or goes on behind the last,
//! so that a listing comes to its end.
#![no_main]

use keytrail::s3::{ListRequest, read_page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut list = ListRequest::default();
    list.prefix = "a/".to_owned();
    // The server repeats its pages without end.
    let pages: Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    for answered in 0.. {
        let Ok(page) = read_page(&list, pages[answered % pages.len()]) else { return };
        let names = page.objects.iter().map(|object| &object.key).chain(&page.folders);
        for name in names {
            assert!(name.starts_with("a/") && list.after.as_ref().is_none_or(|after| name > after));
        }
        let Some(next) = list.next(&page) else { return };
        assert!(next.after >= list.after);
        list = next;
        assert!(answered < 100 * (pages.len() + 2), "it comes to its end");
    }
});
