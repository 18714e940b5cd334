//! Members of another type than CloudTrail writes, and records without the member that says of
//! which service they are.

use serde_json::{Value, json};
use testkit::{ANY, analyze_in, document, folder};

use super::forms::{canvas, ec2, text};
use super::{counts, placeless, read, shape};

/// A record whose member is not what it should be, beside a sound one.
fn beside(member: &str, value: Value) -> String {
    let mut record = canvas(1);
    record[member] = value;
    document(&[canvas(2), record])
}

/// Another type in the place of an object or a list loses what the member said.
#[test]
fn members_of_another_type_are_rejects() {
    let identity = canvas(1)["userIdentity"].clone();
    let context = canvas(1)["requestParameters"]["encryptionContext"].clone();
    for (member, value) in [
        ("userIdentity", json!([identity])),
        ("userIdentity", json!(5)),
        ("userIdentity", json!("5")),
        ("userIdentity", json!(false)),
        ("userIdentity", json!("[object Object]")),
        ("userIdentity", json!("arn:aws:iam::111122223333:role/R")),
        ("userIdentity", json!({"type": "AssumedRole", "sessionContext": "[object Object]"})),
        ("userIdentity", json!({"type": "AssumedRole", "sessionContext": ["x"]})),
        ("userIdentity", json!({"type": "AssumedRole", "sessionContext": {"sessionIssuer": 1}})),
        ("userIdentity", json!({"type": {"S": "AssumedRole"}})),
        (
            "userIdentity",
            json!({"type": "AssumedRole", "arn": ["arn:aws:sts::111122223333:assumed-role/R/s"]}),
        ),
        ("requestParameters", json!({"keyId": ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"]})),
        ("requestParameters", json!({"keyId": {"S": "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"}})),
        ("requestParameters", json!({"destinationKeyId": ["alias/a"]})),
        ("requestParameters", json!({"KeyId": [["x"]]})),
        ("responseElements", json!({"keyId": {"S": "x"}})),
        ("responseElements", json!({"keyMetadata": {"arn": ["x"]}})),
        ("resources", json!([{"ARN": ["x"], "type": "AWS::KMS::Key"}])),
        ("resources", json!([{"ARN": {"S": "x"}}])),
        ("requestParameters", json!([{"name": "keyId", "value": "x"}])),
        ("requestParameters", json!(5)),
        ("requestParameters", json!("keyId=x")),
        ("requestParameters", json!({"encryptionContext": [context]})),
        ("requestParameters", json!({"encryptionContext": 7})),
        ("requestParameters", json!({"encryptionContext": "aws:s3:arn=x"})),
        ("responseElements", json!([1])),
        ("resources", json!("[object Object]")),
        ("resources", json!("the key")),
        ("resources", json!(5)),
        ("resources", json!(["x"])),
    ] {
        let report = read("in", beside(member, value.clone()).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{member}: {value}");
        assert_eq!(report.rejects()[0]["reason"], "unreadable_member", "{member}: {value}");
    }
    // What says that there is nothing loses nothing.
    for (member, value) in [
        ("responseElements", json!([])),
        ("requestParameters", json!({"encryptionContext": context, "operations": {}})),
        ("requestParameters", json!({"encryptionContext": context, "keyId": []})),
        ("responseElements", json!({"keyId": {}})),
        ("additionalEventData", json!("a note")),
        ("tlsDetails", json!(null)),
    ] {
        let report = read("in", beside(member, value.clone()).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{member}: {value}");
    }
}

/// A call whose parameters are hidden counts. Its key is the one that `resources` names, or none,
/// and the report says what is missing.
#[test]
fn hidden_parameters_are_said() {
    let key = canvas(1)["resources"][0]["ARN"].clone();
    for text in ["HIDDEN_DUE_TO_SECURITY_REASONS", "***", "REDACTED"] {
        for (resources, key) in [(canvas(1)["resources"].clone(), key.clone()), (json!(null), json!(null))] {
            let mut record = canvas(1);
            record["requestParameters"] = text.into();
            record["resources"] = resources;
            let dir = folder(&[("in", document(&[record]).as_bytes())]);
            let report = analyze_in(dir.path(), &[&["in"], &ANY[..]].concat());
            assert_eq!((counts(&report), report.status), ([1, 1, 0], 0), "{text}: {}", report.stderr);
            let event = &report.events()[0];
            assert_eq!((&event["key_arn"], &event["omitted_fields"]), (&key, &"requestParameters".into()));
            let caveats = report.run_json()["caveats"].to_string();
            assert!(caveats.contains("\"omitted_fields\""), "{caveats}");
            assert_eq!(caveats.contains("\"no_key\""), key.is_null(), "{caveats}");
        }
    }
    // Other text there is an object that was lost.
    let report = read("in", beside("requestParameters", "Hidden for good reasons".into()).as_bytes());
    assert_eq!((counts(&report), report.status), ([2, 1, 1], 1));
}

/// Callers behind a mask may be many: the input is lossy, and a caveat says it.
#[test]
fn masked_callers_are_said() {
    let masked = |arn: &str, account: &str, id: &str| {
        let mut record = canvas(1);
        record["userIdentity"] = json!({"type": "AssumedRole", "principalId": id, "arn": arn,
            "accountId": account, "sessionContext": {"sessionIssuer": {"type": "Role", "arn": arn}}});
        record
    };
    let role = "arn:aws:iam::111122223333:role/Reader";
    for (record, is_name) in [
        (masked("***", "111122223333", "***"), true),
        (masked("arn:aws:iam::XXXXXXXXXXXX:role/Reader", "XXXXXXXXXXXX", "AROAEXAMPLE"), true),
        (masked("arn:aws:iam::<account>:role/<redacted>", "<account>", "<redacted>"), true),
        (masked("REDACTED", "REDACTED", "REDACTED"), true),
        (masked(role, "****", "AROAEXAMPLE"), false),
    ] {
        let dir = folder(&[("in", document(&[record.clone(), canvas(2)]).as_bytes())]);
        let report = analyze_in(dir.path(), &[&["in"], &ANY[..]].concat());
        assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{record}: {}", report.stderr);
        assert_eq!(shape(&report), "mixed_lossy", "{record}");
        let caveats = report.run_json()["caveats"].to_string();
        assert!(caveats.contains("\"lossy_inputs\""), "{caveats}");
        assert_eq!(caveats.contains("\"unknown_callers\""), is_name, "{caveats}");
    }
    let report = read("in", document(&[masked(role, "111122223333", "AROAEXAMPLE")]).as_bytes());
    assert_eq!(shape(&report), "records");
    // A masked key is none.
    for key in ["arn:aws:kms:us-east-1:111122223333:key/***", "XXXXXXXX", "REDACTED"] {
        let mut record = canvas(1);
        (record["resources"], record["requestParameters"]) = (json!(null), json!({"keyId": key}));
        let dir = folder(&[("in", document(&[record]).as_bytes())]);
        let report = analyze_in(dir.path(), &[&["in"], &ANY[..]].concat());
        assert_eq!((counts(&report), &report.events()[0]["key_arn"]), ([1, 1, 0], &json!(null)), "{key}");
        assert!(report.run_json()["caveats"].to_string().contains("\"no_key\""), "{key}");
    }
}

/// One resource without its list, and ARNs without their objects, still name the key.
#[test]
fn resources_are_read_in_three_forms() {
    let resource = canvas(1)["resources"][0].clone();
    let arn = resource["ARN"].clone();
    let expected = placeless(read("in", document(&[canvas(2), canvas(1)]).as_bytes()).events());
    for (value, expected_shape) in
        [(resource, "records"), (arn.clone(), "mixed_lossy"), (json!([arn]), "mixed_lossy")]
    {
        let report = read("in", beside("resources", value.clone()).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{value}");
        assert_eq!(placeless(report.events()), expected, "{value}");
        assert_eq!(shape(&report), expected_shape, "{value}");
    }
}

/// A KMS call that does not say that it is one is a reject, not a record of another service.
#[test]
fn records_without_a_source_are_rejects() {
    let key = canvas(1)["resources"][0]["ARN"].clone();
    let without = |change: &dyn Fn(&mut Value)| {
        let mut record = canvas(1);
        record.as_object_mut().unwrap().remove("eventSource");
        change(&mut record);
        record
    };
    for record in [
        without(&|_| {}),
        without(&|r| r["eventSource"] = Value::Null),
        without(&|r| r["eventSource"] = "".into()),
        without(&|r| {
            r["resources"] = Value::Null;
            r["requestParameters"]["keyId"] = key.clone();
        }),
    ] {
        for document in [
            document(&[canvas(2), record.clone()]),
            json!([canvas(2), record]).to_string(),
            format!("{}\n{}\n", canvas(2), text(&record)),
            json!({"rows": [canvas(2), record]}).to_string(),
        ] {
            let report = read("in", document.as_bytes());
            assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{document}");
            let reject = &report.rejects()[0];
            assert_eq!(reject["reason"], "missing_field", "{document}");
            assert!(reject["detail"].as_str().unwrap().contains("eventSource"), "{reject}");
        }
    }
    // A record of another service may name a key, and one without anything of KMS is none of ours.
    let mut names_key = ec2();
    names_key["requestParameters"] = json!({"keyId": key});
    let mut nothing = ec2();
    nothing["eventSource"] = Value::Null;
    let report = read("in", document(&[canvas(2), names_key, nothing]).as_bytes());
    assert_eq!((counts(&report), report.status), ([3, 1, 0], 0));
}

/// Tools change the case of a name, or put blanks around it.
#[test]
fn the_source_is_read_in_any_case() {
    let expected = placeless(read("in", document(&[canvas(2), canvas(1)]).as_bytes()).events());
    for source in ["KMS.AMAZONAWS.COM", " kms.amazonaws.com ", "Kms.AmazonAWS.com", "kms.amazonaws.com\n"] {
        let mut record = canvas(1);
        record["eventSource"] = source.into();
        for document in [
            document(&[canvas(2), record.clone()]),
            format!("{}\n{}\n", canvas(2), text(&record)),
            json!({"rows": [{"message": text(&canvas(2))}, {"message": text(&record)}]}).to_string(),
        ] {
            let report = read("in", document.as_bytes());
            assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{document}");
            assert_eq!(placeless(report.events()), expected, "{document}");
        }
    }
    let report = read("in", beside("eventSource", "KMZ.AMAZONAWS.COM".into()).as_bytes());
    assert_eq!((counts(&report), report.status), ([2, 1, 0], 0));
}

/// The source in the forms that tools write, in every kind of file.
#[test]
fn sources_in_other_forms_are_kms() {
    let expected = placeless(read("in", document(&[canvas(1)]).as_bytes()).events());
    for source in [
        "KMS",
        "aws.kms",
        "AWS KMS",
        "kms.us-east-1.amazonaws.com",
        "kms-fips.us-east-1.amazonaws.com",
        "kms.cn-north-1.amazonaws.com.cn",
        "https://kms.amazonaws.com/",
        "kms[.]amazonaws[.]com",
        "\u{feff}kms.amazonaws.com\u{200b}",
    ] {
        let mut record = canvas(1);
        record["eventSource"] = source.into();
        let forms = [
            document(&[record.clone()]),
            format!("{record}\n"),
            json!({"events": [{"message": text(&record)}]}).to_string(),
            format!("time,_raw\n1,\"{}\"\n", text(&record).replace('"', "\"\"")),
        ];
        for form in forms {
            let report = read("in", form.as_bytes());
            assert_eq!((counts(&report), report.status), ([1, 1, 0], 0), "{form}: {}", report.stderr);
            assert_eq!(placeless(report.events()), expected, "{form}");
        }
    }
    for source in ["kms.example.com", "Key Management Service (KMS)"] {
        let mut record = canvas(1);
        record["eventSource"] = source.into();
        let report = read("in", document(&[record]).as_bytes());
        assert_eq!((counts(&report), report.status), ([1, 0, 1], 1), "{source}");
        assert_eq!(report.rejects()[0]["reason"], "unreadable_member", "{source}");
    }
}

/// A record without eventSource may be of KMS by its API, even if it names no key.
#[test]
fn records_without_a_source_are_told() {
    let without = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut record = canvas(1);
        let members = record.as_object_mut().unwrap();
        members.remove("eventSource");
        members.remove("resources");
        members.remove("requestParameters");
        change(members);
        record
    };
    for (record, rejected) in [
        (without(&|_| ()), 1),
        (without(&|members| drop(members.insert("eventName".into(), "CreateGrant".into()))), 1),
        (json!({"text": "Decrypt by Alice, kms.amazonaws.com"}), 0),
        (json!({"index": {"_index": "logs"}}), 0),
        (without(&|members| drop(members.insert("eventName".into(), "RunInstances".into()))), 0),
    ] {
        for form in [document(&[canvas(2), record.clone()]), format!("{}\n{record}\n", canvas(2))] {
            let report = read("in", form.as_bytes());
            let expected = [2, 1, rejected];
            assert_eq!(counts(&report), expected, "{form}: {}", report.stderr);
            assert_eq!(report.status, i32::from(rejected > 0), "{form}");
        }
    }
    // Cut off before its source.
    let cut = text(&canvas(1));
    let cut = &cut[..cut.find("eventTime").unwrap()];
    let report = read("in", format!("{}\n{cut}\n{}\n", canvas(2), canvas(3)).as_bytes());
    assert_eq!((counts(&report), report.status), ([3, 2, 1], 1), "{}", report.stderr);
}

/// Beside records in one list, what names KMS and is no record is told.
#[test]
fn what_is_no_record_in_a_list_of_records_is_told() {
    let good = text(&canvas(1));
    for (line, rejected) in [
        ("eventSource=kms.amazonaws.com eventName=Decrypt keyId=x", 1),
        ("<event><eventSource>kms.amazonaws.com</eventSource><eventName>Decrypt</eventName></event>", 1),
        ("@{eventVersion=1.11; eventSource=kms.amazonaws.com; eventName=Decrypt}", 1),
        ("a line of another program", 0),
    ] {
        let form = json!({"data": {"result": [{"values": [["1", good], ["2", line]]}]}}).to_string();
        let report = read("in", form.as_bytes());
        let expected = [1 + rejected, 1, rejected];
        assert_eq!(counts(&report), expected, "{form}: {}", report.stderr);
        assert_eq!(report.status, i32::from(rejected > 0), "{form}");
    }
}

/// Search tools print the members of a list of resources as a list, each name for itself.
#[test]
fn resources_printed_by_name_are_read() {
    let key = canvas(1)["resources"][0]["ARN"].clone();
    for arns in [json!([key]), json!(key), json!([key, "arn:aws:kms:us-east-1:111122223333:alias/a"])] {
        let rows = json!({"results": [{
            "eventTime": "2025-10-07T08:20:01Z",
            "eventSource": "kms",
            "eventName": "Decrypt",
            "userIdentity.type": "IAMUser",
            "userIdentity.arn": "arn:aws:iam::111122223333:user/Alice",
            "resources{}.ARN": arns,
        }]});
        let report = read("in", rows.to_string().as_bytes());
        let run = report.run_json();
        assert_eq!(run["totals"]["rejected"], 0, "{arns}: {}", report.stderr);
        assert_eq!((report.status, &run["totals"]["other_workload"]), (0, &json!(1)), "{arns}");
    }
}

/// A source that is masked or no name of a service, in a record that is a KMS call by what else it
/// has.
#[test]
fn masked_sources_and_names_are_told() {
    for source in [json!("***"), json!("REDACTED"), json!("-"), json!(5), json!("Key Management Service")] {
        let report = read("in", beside("eventSource", source.clone()).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{source}: {}", report.stderr);
    }
    for name in ["***", "De****t"] {
        let report = read("in", beside("eventName", json!(name)).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{name}: {}", report.stderr);
    }
    let expected = placeless(read("in", document(&[canvas(2), canvas(1)]).as_bytes()).events());
    for name in ["decrypt", "kms:Decrypt", " Decrypt ", "KMS:DECRYPT"] {
        let report = read("in", beside("eventName", json!(name)).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{name}: {}", report.stderr);
        assert_eq!(placeless(report.events()), expected, "{name}");
    }
    // A call that failed in a way that is lost is no use.
    for (member, value) in [
        ("errorCode", json!({"code": "AccessDenied"})),
        ("errorCode", json!(["AccessDenied"])),
        ("errorMessage", json!({"text": "not authorized"})),
        ("eventTime", json!(20_251_007_082_001_u64)),
    ] {
        let report = read("in", beside(member, value.clone()).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{member}: {value}: {}", report.stderr);
    }
}

/// An event of another system that has the names of a record, around one.
#[test]
fn records_inside_events_of_other_systems_are_read() {
    let inner = canvas(1);
    for outer in [
        json!({"eventSource": "filebeat", "eventName": "log", "message": text(&inner)}),
        json!({"eventSource": "filebeat", "eventName": "log", "related": [inner]}),
        json!({"eventSource": "agent-7", "userIdentity": "root", "record": inner}),
    ] {
        let report = read("in", format!("{}\n{outer}\n", canvas(2)).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 2, 0], 0), "{outer}: {}", report.stderr);
    }
}

/// Joins give a table two columns of one name, or the members of two events: what names KMS and
/// would be lost is told.
#[test]
fn columns_given_twice_are_told() {
    let row = |source: &str, other: &str| {
        format!(
            "eventTime,eventSource,eventName,eventID,userIdentity,eventSource\n\
             2025-10-07T08:20:01Z,{source},Decrypt,e1,Alice,{other}\n"
        )
    };
    for table in
        [row("kms.amazonaws.com", "ec2.amazonaws.com"), row("ec2.amazonaws.com", "kms.amazonaws.com")]
    {
        let report = read("in.csv", table.as_bytes());
        assert_eq!((counts(&report)[2], report.status), (1, 1), "{table}: {}", report.stderr);
    }
    let join = json!([{
        "a.eventTime": "2025-10-07T08:20:01Z",
        "a.eventSource": "ec2.amazonaws.com",
        "a.eventName": "RunInstances",
        "a.eventID": "e1",
        "b.eventSource": "kms.amazonaws.com",
        "b.eventName": "Decrypt",
        "b.eventID": "e2",
    }]);
    let report = read("in", join.to_string().as_bytes());
    assert_eq!(report.status, 1, "{}", report.stderr);
}
