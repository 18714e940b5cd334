use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use super::*;
use crate::model::{Text, error_chain, normalize_service};

fn with(change: impl FnOnce(&mut KmsEvent<'static>)) -> KmsEvent<'static> {
    let mut event = KmsEvent::example();
    change(&mut event);
    event
}

fn role(name: &str) -> KmsEvent<'static> {
    with(|e| e.principal.name = format!("arn:aws:iam::111122223333:role/service-role/{name}").into())
}

fn service(name: &'static str) -> KmsEvent<'static> {
    with(|e| {
        (e.principal.name, e.principal.kind) = (name.into(), "AWSService".into());
        (e.principal.account_id, e.principal.invoked_by) = (None, Some(name.into()));
    })
}

fn object(bucket: &'static str, key: Option<&'static str>) -> KmsEvent<'static> {
    with(|e| (e.s3_bucket, e.s3_object_key) = (Some(bucket.into()), key.map(Into::into)))
}

fn grant(grantee: &'static str) -> KmsEvent<'static> {
    with(|e| (e.name, e.grantee_principal) = ("CreateGrant".into(), Some(grantee.into())))
}

fn session(name: &'static str) -> KmsEvent<'static> {
    with(|e| e.principal.session_name = Some(name.into()))
}

/// Every built-in rule fires on an event for it, and not on similar events.
#[test]
fn built_in_rules_fire_as_intended() {
    let classifier = Classifier::new(None).unwrap();
    let offline =
        "pfx/111122223333/sagemaker/us-west-2/offline-store/customers-1593511200/data/year=2020/x.parquet";
    let cases = [
        (service("sagemaker-geospatial.amazonaws.com"), "geospatial", "definitive", "G1"),
        (grant("sagemaker-geospatial.us-west-2.amazonaws.com"), "geospatial", "strong", "G2"),
        (session("SageMaker-Geospatial-StartVEJ-KMSAccess"), "geospatial", "strong", "G3"),
        (session("SageMaker-Geospatial--KMSAccess"), "other", "none", ""),
        (
            object("axis-earth-observation-job-378778860802", Some("1/j/output/x")),
            "geospatial",
            "strong",
            "G4",
        ),
        (object("axis-earth-observation-job-1", Some("x")), "other", "none", ""),
        (role("MyGeoSpatialRole"), "unknown", "weak", "G6"),
        (object("sagemaker-us-east-1-111122223333", Some("canvas/x")), "canvas", "strong", "C1,O5"),
        (object("sagemaker-us-east-1-111122223333", Some("Canvas/x")), "canvas", "strong", "C1,O5"),
        (object("sagemaker-us-east-1-111122223333", Some("Canvasx/x")), "unknown", "weak", "O5"),
        (object("artifacts", Some("ml/Canvas/user-1/x")), "canvas", "medium", "C1b"),
        (object("artifacts", Some("ml/Canvas/x")), "other", "none", ""),
        (role("AmazonSageMakerCanvasX"), "canvas", "medium", "C4"),
        (object("sagemaker-us-east-1-111122223333", None), "s3-unattributed", "weak", "C6,O5"),
        (role("AmazonSageMaker-ExecutionRole-20240101T120000"), "unknown", "weak", "C7"),
        (role("AmazonSagemakerCanvasForecastRole-20231125T142640"), "canvas-forecast", "strong", "C4,F1"),
        (role("AmazonSageMakerCanvasForecastRole"), "canvas-forecast", "strong", "C4,F1"),
        (role("AmazonSagemakerCanvasForecastRoles"), "canvas", "medium", "C4"),
        (service("forecast.amazonaws.com"), "forecast", "definitive", "F3"),
        (grant("forecast.us-east-1.amazonaws.com"), "forecast", "strong", "F3G"),
        (object("any-bucket", Some(offline)), "feature-store-offline", "strong", "O1"),
        (role("my-featurestore-writer"), "unknown", "weak", "O5"),
        (service("sagemaker.amazonaws.com"), "sagemaker-other", "definitive", "S1"),
        (session("SageMaker"), "sagemaker-other", "medium", "S3"),
        (
            with(|e| e.principal.invoked_by = Some("sagemaker.amazonaws.com".into())),
            "sagemaker-other",
            "strong",
            "S2",
        ),
        (
            with(|e| {
                (e.principal.invoked_by, e.principal.kind) =
                    (Some("sagemaker.amazonaws.com".into()), "SomethingNew".into());
            }),
            "sagemaker-other",
            "strong",
            "S2",
        ),
        (
            with(|e| e.principal.invoked_by = Some("forecast.amazonaws.com".into())),
            "forecast",
            "strong",
            "F3V",
        ),
        (service("dynamodb.amazonaws.com"), "other", "none", ""),
        (KmsEvent::example(), "other", "none", ""),
    ];
    let mut fired = String::new();
    for (event, workload, strength, rules) in cases {
        let evidence = classifier.classify(&event, &Knowledge::default());
        let found = (evidence.workload.to_string(), evidence.strength.as_str(), evidence.rules.clone());
        assert_eq!(found, (workload.to_owned(), strength, rules.to_owned()), "{:?}", event.principal.name);
        fired = format!("{fired},{},", evidence.rules);
    }
    for rule in classifier.rules() {
        assert!(fired.contains(&format!(",{},", rule.id)), "{} needs a case above", rule.id);
        assert!(
            !rule.about.is_empty() && !rule.source.is_empty(),
            "{} needs a description and a source",
            rule.id
        );
    }
}

#[test]
fn ties_are_reported_unless_one_label_is_more_specific() {
    let classifier = Classifier::new(None).unwrap();
    let mut both = role("AmazonSagemakerCanvasForecastRole-1");
    (both.s3_bucket, both.s3_object_key) =
        (Some("sagemaker-us-east-1-111122223333".into()), Some("Canvas/x".into()));
    let evidence = classifier.classify(&both, &Knowledge::default());
    assert_eq!(evidence.workload.to_string(), "canvas+canvas-forecast");
    assert!(evidence.workload.intersects(WorkloadSet::single(Workload::Canvas)));
    let mut granting = role("AmazonSagemakerCanvasForecastRole-1");
    (granting.name, granting.grantee_principal) =
        ("CreateGrant".into(), Some("forecast.amazonaws.com".into()));
    assert_eq!(classifier.classify(&granting, &Knowledge::default()).workload.to_string(), "canvas-forecast");
}

#[test]
fn log_files_have_no_workload() {
    let classifier = Classifier::new(None).unwrap();
    let mut event = object("sagemaker-us-east-1-111122223333", Some("Canvas/AWSLogs/x"));
    event.encryption_context = Some(r#"{"aws:cloudtrail:arn":"t"}"#.into());
    assert_eq!(classifier.classify(&event, &Knowledge::default()).workload.to_string(), "other");
}

#[test]
fn own_rules_are_added_to_the_built_in_ones() {
    let own = r#"
        [[rule]]
        id = "ours"
        workload = "autopilot"
        strength = "definitive"
        [[rule.when]]
        role_name = ["Exact"]
        [[rule.when]]
        principal = ['/:role/(service-role/)?ml/']
        not = { session_name = ['/^ci-/', 'Exact'], s3_bucket = [] }
    "#;
    let classifier = Classifier::new(Some(RuleFile { name: "own.toml", text: own })).unwrap();
    let evidence = classifier.classify(&role("Exact"), &Knowledge::default());
    assert_eq!((evidence.workload.to_string().as_str(), evidence.rules.as_str()), ("autopilot", "ours"));
    assert_eq!(classifier.classify(&role("exact"), &Knowledge::default()).rules, "");
    // A `not` condition also holds when the field is absent.
    for (session, rules) in [(None, "ours"), (Some("x"), "ours"), (Some("ci-1"), ""), (Some("Exact"), "")] {
        let mut event = role("ml-1");
        event.principal.session_name = session.map(Text::from);
        assert_eq!(classifier.classify(&event, &Knowledge::default()).rules, rules, "{session:?}");
    }
}

#[test]
fn errors_say_what_is_wrong_with_a_rule_file() {
    let rule = |id: &str, workload: &str, strength: &str, when: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nworkload = \"{workload}\"\nstrength = \"{strength}\"\n[[rule.when]]\n{when}\n"
        )
    };
    for (text, expected) in [
        ("rule = 1".to_owned(), "own.toml: not a rule file: TOML parse error at line 1"),
        (rule("G1", "canvas", "weak", "role_name=['x']"), "own.toml: rule G1: this id is taken"),
        (rule("x", "canvass", "weak", "role_name=['x']"), "own.toml: rule x: unknown workload \"canvass\""),
        (rule("x", "unknown", "weak", "role_name=['x']"), "own.toml: rule x: unknown workload"),
        (rule("x", "canvas", "none", "role_name=['x']"), "own.toml: rule x: strength \"none\" is not"),
        (
            rule("x", "canvas", "weak", "rolename=['x']"),
            "own.toml: rule x: unknown field \"rolename\"; the fields are",
        ),
        (rule("x", "canvas", "weak", "role_name=['/(/']"), "own.toml: rule x: /(/: regex parse error"),
        (
            rule("x", "canvas", "weak", "role_name=['x']\nnot={rolename=['x']}"),
            "own.toml: rule x: unknown field \"rolename\"; the fields are",
        ),
        (
            rule("x", "canvas", "weak", "absent=['s3_bucket']"),
            "own.toml: rule x: a [[rule.when]] needs at least one",
        ),
        (
            rule("a,b", "canvas", "weak", "role_name=['x']"),
            "own.toml: rule a,b: an id is a word without commas",
        ),
    ] {
        let error = Classifier::new(Some(RuleFile { name: "own.toml", text: &text })).unwrap_err();
        let error = error_chain(&error);
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Texts that rules match, similar ones, and letters whose other case is an ASCII letter.
fn text() -> impl Strategy<Value = String> {
    let parts = vec![
        "AmazonSageMaker",
        "AmazonSagemakerCanvasForecastRole",
        "Canvas",
        "canvas",
        "-ExecutionRole-",
        "20240101",
        "T120000",
        "-1",
        "geospatial",
        "GeoSpatial",
        "SageMaker-Geospatial-",
        "StartEOJ",
        "-KMSAccess",
        "SageMaker",
        "sagemaker",
        "sagemaker-us-east-1-",
        "111122223333",
        "axis-earth-observation-job-",
        "/",
        "offline-store",
        "/offline-store/",
        "sagemaker/us-west-2",
        "group-1593511200",
        "/data/",
        "metadata",
        "featureStore",
        "FEATURE\u{17f}TORE",
        "geo\u{17f}patial",
        "forecast",
        ".amazonaws.com",
        ".amazonaws.com.cn",
        "fas.",
        ".us-west-2",
        "sagemaker-geospatial",
        "é",
        ":",
        "role/",
        "arn:aws:iam::1:role/",
    ];
    prop::collection::vec(select(parts), 0..6).prop_map(|parts| parts.concat())
}

fn any_event() -> impl Strategy<Value = KmsEvent<'static>> {
    let role = text().prop_map(|name| format!("arn:aws:iam::1:role/{name}"));
    let maybe = || prop::option::weighted(0.4, text()).prop_map(|text| text.map(Into::into));
    let name = select(vec!["CreateGrant", "Decrypt"]);
    let kind = select(vec!["AWSService", "AssumedRole", "Unknown", "x"]);
    let caller = (prop_oneof![role, text()], kind, maybe(), maybe(), maybe(), maybe());
    let call = (name, maybe(), maybe(), maybe(), maybe(), maybe(), any::<Option<bool>>());
    (caller, call).prop_map(|(caller, call)| {
        with(|e| {
            (e.principal.name, e.principal.kind) = (caller.0.into(), caller.1.into());
            (e.principal.session_name, e.principal.invoked_by, e.source_ip, e.user_agent) =
                (caller.2, caller.3, caller.4, caller.5);
            (e.name, e.grantee_principal, e.retiring_principal) = (call.0.into(), call.1, call.2);
            (e.s3_bucket, e.s3_object_key, e.key.arn) = (call.3, call.4, call.5);
            e.log_delivery = call.6.is_some_and(|by_cloudtrail| by_cloudtrail);
            e.encryption_context = call.6.map(|_| r#"{"aws:cloudtrail:arn":"t"}"#.into());
        })
    })
}

/// Applies the rules directly from the rule file, one by one.
fn fired_by_rule_file(event: &KmsEvent<'_>) -> String {
    let text = |text: &Option<Text<'_>>| text.as_deref().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let service = |texts: [&Option<Text<'_>>; 2]| {
        texts
            .into_iter()
            .flatten()
            .map(|text| normalize_service(text.clone()).into_owned())
            .collect::<Vec<_>>()
    };
    let texts = |field: &str| match field {
        "event_name" => vec![event.name.to_string()],
        "principal" => vec![event.principal.name.to_string()],
        "principal_type" => vec![event.principal.kind.to_string()],
        "role_name" => event.principal.role_name().into_iter().map(str::to_owned).collect(),
        "session_name" => text(&event.principal.session_name),
        "invoked_by" => text(&event.principal.invoked_by),
        "service" => {
            [text(&event.principal.invoked_by), service([&event.source_ip, &event.user_agent])].concat()
        }
        "grant_principal" => service([&event.grantee_principal, &event.retiring_principal]),
        "key_arn" => text(&event.key.arn),
        "s3_bucket" => text(&event.s3_bucket),
        "s3_object_key" => text(&event.s3_object_key),
        "log_delivery" => event.log_delivery.then(|| "true".to_owned()).into_iter().collect(),
        "log_file" => event.is_on_log_file().then(|| "true".to_owned()).into_iter().collect(),
        "source_identity" => text(&event.principal.source_identity),
        "on_behalf_of" => text(&event.principal.on_behalf_of),
        "user_name" => text(&event.principal.user_name),
        "web_identity" => text(&event.principal.web_identity),
        "for_service" => text(&event.served().service.map(|text| text.into_owned().into())),
        "resource" => text(&event.served().resource.map(|text| text.into_owned().into())),
        other => panic!("{other}"),
    };
    let matches = |text: &str, pattern: &toml::Value| {
        let pattern = pattern.as_str().unwrap();
        match pattern.strip_prefix('/').and_then(|p| p.strip_suffix('/')) {
            Some(regex) => REGEXES.with_borrow_mut(|regexes| {
                regexes.entry(regex.to_owned()).or_insert_with(|| Regex::new(regex).unwrap()).is_match(text)
            }),
            None => text == pattern,
        }
    };
    let rules: toml::Table = toml::from_str(rules::BUILTIN).unwrap();
    let mut fired = Vec::new();
    for rule in rules["rule"].as_array().unwrap() {
        let any = |field: &str, values: &toml::Value| {
            let values = values.as_array().unwrap();
            texts(field).iter().any(|text| values.iter().any(|value| matches(text, value)))
        };
        let holds = rule["when"].as_array().unwrap().iter().any(|condition| {
            condition.as_table().unwrap().iter().all(|(name, values)| match name.as_str() {
                "absent" => {
                    values.as_array().unwrap().iter().all(|field| texts(field.as_str().unwrap()).is_empty())
                }
                "not" => !values.as_table().unwrap().iter().any(|(field, values)| any(field, values)),
                field => any(field, values),
            })
        });
        if holds {
            fired.push(rule["id"].as_str().unwrap().to_owned());
        }
    }
    fired.join(",")
}

thread_local! {
    static BUILT_IN: Classifier = Classifier::new(None).unwrap();
    static REGEXES: RefCell<HashMap<String, Regex>> = RefCell::default();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The classifier fires the same rules as a direct reading of the rule file.
    #[test]
    fn rules_fire_as_their_file_says(event in any_event()) {
        prop_assert_eq!(BUILT_IN.with(|rules| rules.classify(&event, &Knowledge::default())).rules, fired_by_rule_file(&event));
    }
}

/// A look-up finds the rules that a walk over all of them finds, in their order.
#[test]
fn many_rules_are_looked_up_and_decide_the_same() {
    let spellings = |n: usize| match n % 7 {
        0 => format!("\"Role-{n}\""),
        1 => format!("\"/^Role-{n}$/\""),
        2 => format!("\"/(?i)role-{}/\"", n / 7),
        3 => format!("\"/(?i:s)k-{n}/\""),
        4 => format!("\"/[0-9]{{{}}}$/\"", n % 5 + 1),
        5 => format!("\"Role-{}\", \"/-{n}/\"", n - 5),
        _ => (0..40).map(|m| format!("\"Role-{}\"", n + m)).collect::<Vec<_>>().join(","),
    };
    let rules: Vec<String> = (0..300)
        .map(|n| {
            let name = if n % 3 == 0 { "Decrypt" } else { "Encrypt" };
            format!(
                "[[rule]]\nid = \"X{n}\"\nworkload = \"canvas\"\nstrength = \"medium\"\n\
                 [[rule.when]]\nevent_name = [\"{name}\"]\nrole_name = [{}]\n\
                 [[rule.when]]\nsession_name = [\"s{n}\"]\nnot = {{ role_name = [\"Role-1\"] }}\n",
                spellings(n)
            )
        })
        .collect();
    let text = rules.concat();
    let mut classifier = Classifier::new(Some(RuleFile { name: "own", text: &text })).unwrap();
    let names = (0..310).map(|n| format!("Role-{n}"));
    let odd = ["ſK-3", "SK-3x", "ROLE-14", "größe-12345", "", "-299-298-297"].map(str::to_owned);
    let events: Vec<_> = names
        .chain(odd)
        .zip(0..)
        .map(|(name, n): (String, usize)| {
            let mut event = role(&name);
            event.principal.session_name = Some(format!("s{}", n / 2).into());
            event
        })
        .collect();
    let classify = |classifier: &Classifier| -> Vec<Evidence> {
        events.iter().map(|event| classifier.classify(event, &Knowledge::default())).collect()
    };
    let looked_up = classify(&classifier);
    assert!(classifier.index.take().is_some());
    assert_eq!(looked_up, classify(&classifier));
    assert!(looked_up.iter().filter(|evidence| evidence.rules.contains("X")).count() > 300);
}
