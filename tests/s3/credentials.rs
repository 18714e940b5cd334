//! Who asks S3: every place where AWS's own tools find credentials (AWS SDKs and Tools Reference
//! Guide, "Standardized credential providers"), with the services that give them played by a server
//! beside the bed.
//!
//! All of them give the bed's keys, and a session token that tells which of them was used.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use testkit::bed::{ACCESS_KEY, Asked, Bed, Message, Operation, Proxy, SECRET_KEY, faults};
use testkit::{analyze_by, decrypt, document, keytrail, run};

const EXPIRES: &str = "2099-01-01T00:00:00Z";

/// A bed with one archive, and the program without keys.
fn without_keys() -> (Bed, Command) {
    let bed = Bed::start();
    bed.put("logs/0.json", document(&[decrypt(0)]).as_bytes());
    let mut command = bed.around(keytrail());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    // Of S3 alone: the services beside it have their own.
    command.env_remove("AWS_ENDPOINT_URL").env("AWS_ENDPOINT_URL_S3", bed.endpoint());
    (bed, command)
}

/// The run succeeds, and every request to S3 bears this session's token.
fn reads_as(bed: &Bed, command: &mut Command, token: &str) {
    let report = analyze_by(command, &[&bed.uri("logs/")]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert_eq!(report.run_json()["totals"]["selected"], 1);
    let asked = bed.proxy.asked();
    assert!(!asked.is_empty());
    for asked in asked {
        assert_eq!(asked.header("x-amz-security-token"), Some(token), "{}", asked.target);
    }
}

fn answer(body: impl Into<Vec<u8>>) -> Option<Message> {
    let headers = vec![("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), "21600".to_owned())];
    Some(Message { start: "HTTP/1.1 200 OK".to_owned(), headers, body: body.into() })
}

/// As containers and instances give them.
fn role_json(token: &str) -> String {
    json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2024-01-01T00:00:00Z", "Expiration": EXPIRES,
        "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Token": token, "AccountId": "111122223333",
    })
    .to_string()
}

/// An answer of STS to this action.
fn sts(action: &str, token: &str) -> Option<Message> {
    answer(format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{ACCESS_KEY}</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>{EXPIRES}</Expiration></Credentials></{action}Result></{action}Response>"
    ))
}

fn home(command: &Command) -> PathBuf {
    command.get_envs().find(|(name, _)| *name == "HOME").unwrap().1.unwrap().into()
}

fn write(command: &Command, path: &str, text: &str) -> PathBuf {
    let path = home(command).join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// ECS, and EKS Pod Identity.
#[test]
fn containers_give_credentials() {
    let (bed, mut command) = without_keys();
    let secret = |asked: &Asked| asked.header("authorization") == Some("who I am");
    let agent = bed.beside(move |asked| {
        (asked.target == "/v2/credentials" && secret(asked)).then(|| answer(role_json("of-the-container")))?
    });
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/v2/credentials", agent.address));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "who I am");
    reads_as(&bed, &mut command, "of-the-container");
}

/// EC2's metadata service, version 2: nothing without its token.
#[test]
fn instances_give_credentials() {
    let (bed, mut command) = without_keys();
    let service = metadata(&bed);
    command.env_remove("AWS_EC2_METADATA_DISABLED");
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", service.address));
    reads_as(&bed, &mut command, "of-the-instance");
}

fn metadata(bed: &Bed) -> Proxy {
    bed.beside(|asked| {
        if (&*asked.method, &*asked.target) == ("PUT", "/latest/api/token") {
            return answer("token of IMDSv2");
        }
        if asked.header("x-aws-ec2-metadata-token") != Some("token of IMDSv2") {
            return None;
        }
        match &*asked.target {
            "/latest/meta-data/iam/security-credentials/" => answer("role"),
            "/latest/meta-data/iam/security-credentials/role" => answer(role_json("of-the-instance")),
            _ => None,
        }
    })
}

/// The role of the machine does not stand in for a profile that is not there, or cannot be read.
#[test]
fn a_profile_that_is_asked_for_must_be_there() {
    let audit = "[profile audit]\nrole_arn = arn:aws:iam::111122223333:role/Audit\nsource_profile = bsae\n";
    for (profile, config, words) in [
        ("typo", audit, "there is no profile \"typo\" in ~/.aws/config"),
        ("typo", "", "there is no profile \"typo\" in ~/.aws/config"),
        ("audit", audit, "there is no profile \"bsae\", which profile \"audit\" names"),
        ("audit", "[profile audit\nregion = x\n", "the AWS profiles cannot be read"),
    ] {
        let (bed, mut command) = without_keys();
        let service = metadata(&bed);
        command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_PROFILE", profile);
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", service.address));
        write(&command, ".aws/config", config);
        let report = home(&command).join("report");
        let ran = run(command.args(["analyze", &bed.uri("logs/"), "-o"]).arg(report));
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert!(bed.proxy.asked().is_empty() && service.asked().is_empty());
    }
}

/// Also where keys in the environment would be used: whoever names a profile expects its settings.
#[test]
fn a_profile_that_is_named_must_be_there_even_beside_keys() {
    let (bed, mut command) = without_keys();
    write(&command, ".aws/config", "[profile audit]\nregion = us-east-1\n");
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    let report = home(&command).join("report");
    command.args(["analyze", "--force", &bed.uri("logs/"), "-o"]).arg(report);
    for (profile, option, status) in
        [("typo", "", 2), ("audit", "", 0), ("", "", 0), ("audit", "typo", 2), ("typo", "keys", 0)]
    {
        let keys =
            format!("[keys]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
        write(&command, ".aws/credentials", &keys);
        let ran = run(command.env("AWS_PROFILE", profile).env("KEYTRAIL_PROFILE", option));
        assert_eq!(ran.status, status, "{profile} {option}: {}", ran.stderr);
        assert!(status == 0 || ran.stderr.contains("there is no profile \"typo\""), "{}", ran.stderr);
    }
}

/// The options of S3 that every AWS tool has say the same as the variables.
#[test]
fn profile_region_and_endpoint_are_options_too() {
    let (bed, mut command) = without_keys();
    let keys = format!("[audit]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    write(&command, ".aws/credentials", &keys);
    let endpoint = format!("http://{}", bed.proxy.address);
    // Without the options, nobody could sign, and nobody would answer.
    command.env("AWS_ACCESS_KEY_ID", "wrong").env("AWS_SECRET_ACCESS_KEY", "wrong");
    command.env_remove("AWS_REGION").env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
    let options = ["--profile", "audit", "--aws-region", "us-east-1", "--endpoint-url", &endpoint];
    let report = analyze_by(&mut command, &[&[&*bed.uri("logs/")][..], &options].concat());
    assert_eq!(report.status, 0, "{}", report.stderr);
}

/// Credentials that are refused, and a program that has no others, or none any more: it is not
/// started for each object.
#[test]
fn who_has_no_other_credentials_is_not_asked_for_each_object() {
    const OBJECTS: u32 = 20;
    for then in ["", "; rm \"$HOME/printed\""] {
        let (bed, mut command) = without_keys();
        (1..OBJECTS).for_each(|n| bed.put(&format!("logs/{n}.json"), document(&[decrypt(n)]).as_bytes()));
        bed.proxy.meddle(|asked| {
            let is_get = asked.operation == Operation::GetObject;
            is_get.then(|| faults::error(400, "ExpiredToken", "The provided token has expired."))
        });
        let keys = json!({"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Expiration": EXPIRES});
        write(&command, "printed", &keys.to_string());
        let process = format!("echo x >> \"$HOME/asked\"; cat \"$HOME/printed\"{then}");
        write(&command, ".aws/config", &format!("[default]\ncredential_process = {process}\n"));
        let report = analyze_by(&mut command, &[&bed.uri("logs/")]);
        assert_eq!(report.status, 1, "{}", report.stderr);
        assert_eq!(report.inputs().len(), OBJECTS as usize);
        assert!(report.inputs().iter().all(|input| input["status"] == "unreadable"));
        let asked = std::fs::read_to_string(home(&command).join("asked")).unwrap().lines().count();
        assert!((2..8).contains(&asked), "asked {asked} times for {OBJECTS} objects");
    }
}

/// Kubernetes' service accounts, and other providers of identity.
#[test]
fn web_identities_give_credentials() {
    let (bed, mut command) = without_keys();
    let service = bed.beside(|_| sts("AssumeRoleWithWebIdentity", "of-the-web-identity"));
    let file = write(&command, "token", "header.body.signature");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", file);
    command
        .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/Audit")
        .env("AWS_ROLE_SESSION_NAME", "nightly");
    command.env("AWS_ENDPOINT_URL_STS", format!("http://{}", service.address));
    reads_as(&bed, &mut command, "of-the-web-identity");
}

/// A profile that assumes a role in the name of another.
#[test]
fn profiles_assume_roles() {
    let (bed, mut command) = without_keys();
    let service = bed.beside(|_| sts("AssumeRole", "of-the-role"));
    let config = format!(
        "[profile base]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n\
         [profile audit]\nrole_arn = arn:aws:iam::111122223333:role/Audit\nsource_profile = base\n"
    );
    write(&command, ".aws/config", &config);
    command.env("AWS_PROFILE", "audit").env("AWS_ENDPOINT_URL_STS", format!("http://{}", service.address));
    reads_as(&bed, &mut command, "of-the-role");
}

/// A profile of IAM Identity Center, after `aws sso login`.
#[test]
fn single_sign_on_gives_credentials() {
    let (bed, mut command) = without_keys();
    let portal = bed.beside(|asked| {
        let right = asked.header("x-amz-sso_bearer_token") == Some("of the login")
            && asked.parameter("role_name") == Some("Audit")
            && asked.parameter("account_id") == Some("111122223333");
        let credentials: Value = json!({"roleCredentials": {
            "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "sessionToken": "of-single-sign-on",
            "expiration": 4_070_908_800_000_i64,
        }});
        right.then(|| answer(credentials.to_string()))?
    });
    write(
        &command,
        ".aws/config",
        "[profile audit]\nsso_session = audit-sso\nsso_account_id = 111122223333\nsso_role_name = Audit\n\
         [sso-session audit-sso]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n",
    );
    // The file is named by the SHA-1 of the session's name.
    let login = json!({"accessToken": "of the login", "expiresAt": EXPIRES, "region": "us-east-1",
        "startUrl": "https://example.awsapps.com/start"});
    write(&command, ".aws/sso/cache/9e75a338e259ff167b8a623289eec3b72a0c1ab2.json", &login.to_string());
    command.env("AWS_PROFILE", "audit").env("AWS_ENDPOINT_URL_SSO", format!("http://{}", portal.address));
    reads_as(&bed, &mut command, "of-single-sign-on");
}
