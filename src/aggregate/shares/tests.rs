//! Bounds that hold whatever a record says.

use std::collections::BTreeSet;

use super::{KeyCalls, ShareBook, ShareLedger};
use crate::model::{EventTime, Outcome, Provenance, ShareCall, ShareEffect, ShareTerms};

fn call(effect: ShareEffect) -> ShareCall {
    ShareCall {
        by: Provenance {
            time: EventTime(0),
            event_name: "CreateResourceShare".to_owned(),
            account_id: Some("111122223333".to_owned()),
            event_id: Some("e".to_owned()),
        },
        region: Some("eu-central-1".to_owned()),
        principal: "p".to_owned(),
        caller_account: Some("111122223333".to_owned()),
        shared_event_id: None,
        outcome: Outcome::Success,
        error_code: None,
        effect,
    }
}

#[test]
fn rows_with_giant_names_are_bounded_by_their_bytes() {
    let terms = ShareTerms {
        share: Some("arn:aws:ram:eu-central-1:111122223333:resource-share/1".to_owned()),
        name: Some("n".repeat(2 << 20)),
        resources: (0..100).map(|n| format!("arn:aws:ec2:eu-central-1:111122223333:subnet/{n}")).collect(),
        principals: (0..100).map(|n| format!("{:012}", 400_000_000_000_u64 + n)).collect(),
        ..ShareTerms::default()
    };
    let book = ShareBook::new(
        &BTreeSet::from([call(ShareEffect::CreatesShare(terms))]),
        &BTreeSet::new(),
        |_, _| None,
    );
    let ledger = ShareLedger::new(&book, std::iter::empty(), KeyCalls::default());
    let kept = ledger.shares().len() as u64;
    assert_eq!((kept, kept + ledger.left_out()), (128, 10_000));
}
