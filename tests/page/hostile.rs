use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use testkit::{ANY, decrypt, keytrail, run, sorted};

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

/// What [`TEXTS`] and [`UNSEEN`] have, and no page or text of keytrail.
fn is_odd(c: &char) -> bool {
    (c.is_control() && *c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}' | '\u{3164}')
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
    assert_eq!(page.chars().find(is_odd), None);
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

/// What steers a terminal, or is not seen.
const UNSEEN: &str = "<script>\u{1b}]0;x\u{7}\u{202e}\u{200b}\u{3164}\u{9b}2J";

/// Adds rows to a table: of each column of texts, its first rows with another text in it.
fn add_rows(table: &Path) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(table).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let mut writer = ArrowWriter::try_new(File::create(table).unwrap(), schema.clone(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    if let Some(first) = batches.first() {
        let first = first.slice(0, first.num_rows().min(8));
        let texts = (0..first.num_columns()).filter(|n| *first.column(*n).data_type() == DataType::Utf8);
        for n in texts {
            let mut columns = first.columns().to_vec();
            let unseen: ArrayRef = Arc::new(StringArray::from(vec![UNSEEN; first.num_rows()]));
            columns[n] = unseen;
            writer.write(&RecordBatch::try_new(schema.clone(), columns).unwrap()).unwrap();
        }
    }
    writer.close().unwrap();
}

/// The value with another text behind each of its texts.
fn with_unseen(value: &Value) -> Value {
    match value {
        Value::String(text) => format!("{text}{UNSEEN}").into(),
        Value::Array(items) => items.iter().map(with_unseen).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (format!("{name}{UNSEEN}"), with_unseen(value)));
            members.collect()
        }
        other => other.clone(),
    }
}

/// A report may be of anyone: its columns of closed lists have any text, too.
#[test]
fn texts_of_a_report_stay_texts() {
    let made = Made::sample(&ANY);
    let days = sorted(&made.report().join("events"));
    let folders = [made.report()].into_iter().chain(days);
    let files = folders.flat_map(|folder| sorted(&folder));
    let tables = files.filter(|file| file.extension().is_some_and(|end| end == "parquet"));
    tables.for_each(|table| add_rows(&table));
    let file = made.report().join("run.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for part in ["options", "coverage", "inputs"] {
        let members = json[part].as_object().map(|members| {
            // Names on the way stay, or nothing would be found below them.
            members.iter().map(|(name, value)| (name.clone(), with_unseen(value))).collect::<Value>()
        });
        json[part] = members.unwrap_or_else(|| with_unseen(&json[part]));
    }
    json["caveats"] = json!([{"id": UNSEEN, "text": UNSEEN}]);
    fs::write(&file, json.to_string()).unwrap();

    let dir = made.dir.path();
    let ran = run(keytrail().current_dir(dir).args(["html", "report", "-o", "page.html"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let page = fs::read_to_string(dir.join("page.html")).unwrap();
    assert!(page.contains("class=\"life "), "there are grants");
    assert_eq!(page.matches("<script").count(), 1, "the page's own");

    let ran = run(keytrail().current_dir(dir).args(["evidence", "report", "-o", "pack.zip"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let extraction = ["-m", "zipfile", "-e", "pack.zip", "pack"];
    assert!(Command::new("python3").current_dir(dir).args(extraction).status().unwrap().success());
    let population = fs::read_to_string(dir.join("pack/population.txt")).unwrap();
    for text in [page, population] {
        assert!(text.contains('\u{fffd}'));
        let odd = text.lines().filter(|line| line.contains(|c| is_odd(&c)));
        assert_eq!(odd.map(str::escape_debug).map(|line| line.to_string()).next(), None);
    }
}
