use std::fs;

use keytrail::page::{Language, write_page};
use keytrail::report::FinishedReport;
use serde_json::{Value, json};
use testkit::{decrypt, keytrail, run};

use crate::Made;
use crate::numbers::read_back;

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-4333-8444-555555555555";

/// A call by a role's session, with this key, for this person.
fn call(n: u32, role: &str, session: &str, person: Option<&str>) -> Value {
    let mut record = decrypt(n);
    let issuer = format!("arn:aws:iam::111122223333:role/{role}");
    record["userIdentity"] = json!({
        "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{session}"), "accountId": "111122223333",
        "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer, "accountId": "111122223333"}},
    });
    if let Some(person) = person {
        record["userIdentity"]["sessionContext"]["sourceIdentity"] = json!(person);
    }
    record["resources"][0]["ARN"] = json!(KEY);
    record
}

/// The text of a table's part of the page, by the table's id.
fn table<'p>(page: &'p str, id: &str) -> Option<&'p str> {
    let from = page.find(&format!("<table id=\"{id}\""))?;
    let table = &page[from..];
    Some(&table[..table.find("</table>")?])
}

#[test]
fn users_below_a_role_have_names() {
    let mut records: Vec<Value> = (0..30).map(|n| call(n, "jobs", &format!("job-{n:02}"), None)).collect();
    records.extend((30..36).map(|n| call(n, "people", &format!("session-{n}"), Some("ann@example.com"))));
    records.extend((36..38).map(|n| call(n, "people", "session", Some("bob@example.com"))));
    // An IAM user is no user below itself.
    let mut user = decrypt(38);
    user["userIdentity"] = json!({"type": "IAMUser", "userName": "carol", "accountId": "111122223333",
        "arn": "arn:aws:iam::111122223333:user/carol"});
    user["resources"][0]["ARN"] = json!(KEY);
    records.push(user);
    let made = Made::of_records(&records);
    let page = made.page();
    let below = table(&page, "key-1-below").unwrap();
    assert_eq!(
        below.matches(">ann@example.com<").count() + below.matches(">ann@<wbr>example.com<").count(),
        1
    );
    assert!(below.contains("bob@"), "{below}");
    assert_eq!(below.matches("<tr>").count(), 1 + 20 + 2, "the head, 20 of 30 sessions, two people");
    assert!(!below.contains("session-3"), "where somebody is named, sessions are not");
    assert!(!below.contains("carol"));
    let rest = &page[page.find(below).unwrap() + below.len()..][..2_000];
    assert!(rest.contains("There is no room for more rows") && rest.contains("events/*/*.parquet"), "{rest}");
    read_back(&made);
}

#[test]
fn an_alias_is_shown_where_it_means_one_key() {
    let with_alias = |n: u32, alias: &str, key: &str| {
        let mut record = call(n, "jobs", "job", None);
        record["requestParameters"]["keyId"] = json!(alias);
        record["resources"][0]["ARN"] = json!(key);
        record
    };
    let other = KEY.replace("11111111-", "99999999-");
    let third = KEY.replace("11111111-", "77777777-");
    let records = [
        with_alias(1, "alias/own", KEY),
        with_alias(2, "alias/both", &other),
        with_alias(3, "alias/both", &third),
    ];
    let made = Made::of_records(&records);
    let page = made.page();
    assert_eq!(page.matches("<code class=\"alias\">alias/own</code>").count(), 1);
    assert!(table(&page, "keys-table").unwrap().contains("alias/own"));
    assert!(!page.contains("alias/both"), "it could mean two keys");
}

#[test]
fn a_report_without_events_says_so() {
    let made = Made::sample(&[]);
    let text = "The report has no events: it is not known here who is below the principals";
    assert!(!made.page().contains(text));
    fs::remove_dir_all(made.report().join("events")).unwrap();
    let report = FinishedReport::open(&made.report()).unwrap().unwrap();
    let mut page = Vec::new();
    write_page(&report, Language::English, &mut page).unwrap();
    assert!(String::from_utf8(page).unwrap().contains(text));
    let ran = run(keytrail().arg("html").arg(made.report()).args(["-o", "-"]));
    assert_eq!(ran.status, 2, "the command asks for the whole folder");
}
