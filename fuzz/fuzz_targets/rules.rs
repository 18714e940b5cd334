//! Rule files: any text gives rules or an error, and rules give the same answer each time. A file
//! with many copies of its rules, which are looked up, fires the same ones.
#![no_main]

use keytrail::classify::{Classifier, RuleFile};
use keytrail::knowledge::Knowledge;
use keytrail::parse::{RecordKind, parse};
use libfuzzer_sys::fuzz_target;

/// Rules that make a file one of many, and fire on no event.
const OTHERS: usize = 100;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(few) = Classifier::new(Some(RuleFile { name: "few", text })) else { return };
    let other = |n| {
        format!(
            "\n[[rule]]\nid = \"other-{n}\"\nworkload = \"canvas\"\nstrength = \"weak\"\n\
             [[rule.when]]\nrole_name = [\"no role {n}\"]\n"
        )
    };
    let text = text.to_owned() + &(0..OTHERS).map(other).collect::<String>();
    // The text may end inside a comment or a table that the others cannot follow.
    let Ok(many) = Classifier::new(Some(RuleFile { name: "many", text: &text })) else { return };
    for n in [1, 2] {
        let record = testkit::decrypt(n).to_string();
        let Ok(outline) = parse(record.as_bytes()) else { panic!("a sound record") };
        let RecordKind::Event(event) = outline.kind else { panic!("a call of KMS") };
        let [few, many] = [&few, &many].map(|rules| rules.classify(&event, &Knowledge::default()));
        if !many.rules.contains("other-") {
            assert_eq!(few, many);
        }
    }
});
