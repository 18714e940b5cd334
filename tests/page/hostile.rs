use serde_json::{Value, json};
use testkit::decrypt;

use crate::Made;
use crate::numbers::read_back;

/// Texts that would do harm in a page, a terminal or a spreadsheet.
const TEXTS: [&str; 10] = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "' onmouseover='window.pwned=1",
    "</style></script><svg onload=window.pwned=1>",
    "&lt;b&gt;&amp;&#60;",
    "\u{202e}desrever\u{2066}\u{200b}",
    "\u{1b}[31mred\u{7}\u{0}\n\r\t",
    "=HYPERLINK(\"http://example.com\")",
    "{{ section }}{% raw %}<!-- --> ]]>",
    "'; drop table usage; --|a|b",
];

/// A record with this text wherever a caller can put one.
fn record(n: u32, text: &str) -> Value {
    let mut record = decrypt(n);
    record["userIdentity"] = json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLE:{text}"),
        "arn": format!("arn:aws:sts::111122223333:assumed-role/{text}/{text}"),
        "accountId": "111122223333",
        "userName": text,
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "principalId": "AROAEXAMPLE", "arn": format!("arn:aws:iam::111122223333:role/{text}"),
            "accountId": "111122223333", "userName": text,
        }, "sourceIdentity": text},
    });
    record["eventName"] = json!(if n.is_multiple_of(2) { "Decrypt" } else { text });
    record["userAgent"] = json!(text);
    record["sourceIPAddress"] = json!(text);
    record["errorCode"] = json!(if n.is_multiple_of(3) { text } else { "AccessDenied" });
    record["errorMessage"] = json!(format!("User: {text} is not authorized to perform: kms:{text}"));
    record["requestParameters"] =
        json!({"encryptionContext": {text: text, "aws:s3:arn": format!("arn:aws:s3:::{text}/{text}")}});
    record["resources"][0]["ARN"] = json!(format!("arn:aws:kms:us-west-2:111122223333:key/{text}"));
    record["awsRegion"] = json!(if n.is_multiple_of(5) { text } else { "us-west-2" });
    record
}

pub fn hostile() -> Made {
    let records: Vec<Value> = TEXTS.iter().cycle().zip(0..60).map(|(text, n)| record(n, text)).collect();
    Made::of_records(&records)
}

#[test]
fn texts_of_records_stay_texts() {
    let made = hostile();
    let page = made.page();
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_eq!(page.matches("</style>").count(), 1);
    for markup in ["<img", "<svg onload", "<b>", "<!-- -->"] {
        assert!(!page.contains(markup), "{markup}");
    }
    let odd = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}')
    };
    assert_eq!(page.chars().find(odd), None);
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "it is still to be read");
    read_back(&made);
}

/// However much the report has, the page stays small enough, and says what it leaves out.
#[test]
fn much_is_cut_and_said() {
    let name = "long-name-".repeat(40);
    let records: Vec<Value> = (0..9_000)
        .map(|n| {
            let mut record = decrypt(n);
            let role = format!("arn:aws:iam::111122223333:role/{name}{n}");
            record["userIdentity"] = json!({
                "type": "AssumedRole", "arn": role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/s",
                "principalId": "AROAEXAMPLE:s", "accountId": "111122223333",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": "111122223333"}},
            });
            record["resources"][0]["ARN"] = json!(format!("arn:aws:kms:us-west-2:111122223333:key/{n:036}"));
            record
        })
        .collect();
    let made = Made::of_records(&records);
    let page = made.page();
    assert!(page.len() < 10_000_000, "{}", page.len());
    assert!(page.contains("There is no room for more rows in this page"));
    assert!(page.contains("of 9,000"));
    read_back(&made);
}
