//! What cannot be read at all: one clear sentence with the next step, exit status 2, and no
//! hanging.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use super::archive;
use testkit::bed::{self, Bed, Fault, faults};
use testkit::{keytrail, run, skip};

/// Runs until it gives up, and holds that it says one sentence with all of these words.
fn refused(command: &mut Command, address: &str, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let ran = run(command.args(["analyze", address, "-o"]).arg(dir.path().join("report")));
    let took = started.elapsed();
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(took < Duration::from_secs(10), "{took:?}: {}", ran.stderr);
    assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    assert!(!dir.path().join("report/run.json").exists());
}

fn bed() -> Bed {
    let bed = Bed::start();
    bed.put("logs/0.json", &archive(0));
    bed
}

fn without_credentials(bed: &Bed) -> Command {
    let mut command = bed.around(keytrail());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
}

#[test]
fn without_credentials_it_says_so() {
    let bed = bed();
    refused(&mut without_credentials(&bed), &bed.uri("logs/"), &["credentials", &bed.bucket]);
    assert!(bed.proxy.asked().is_empty());
}

/// A metadata service that takes connections and never answers, as behind some firewalls.
#[test]
fn a_silent_metadata_service_is_not_waited_for() {
    let bed = bed();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut command = without_credentials(&bed);
    command.env_remove("AWS_EC2_METADATA_DISABLED").env_remove("AWS_REGION");
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    refused(&mut command, &bed.uri("logs/"), &["credentials"]);
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let bed = bed();
    let mut command = without_credentials(&bed);
    command.env("AWS_PROFILE", "no-such-profile");
    refused(&mut command, &bed.uri("logs/"), &["credentials", "no-such-profile"]);
}

/// A program that asks for a password nobody types, say.
#[test]
fn a_program_that_never_gives_credentials_is_not_waited_for() {
    let bed = bed();
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&config, "[default]\ncredential_process = sleep 30\n").unwrap();
    let mut command = without_credentials(&bed);
    command.env("AWS_CONFIG_FILE", config.path());
    refused(&mut command, &bed.uri("logs/"), &["credentials", "do not answer"]);
}

/// A password in the endpoint's URL, and what a program for credentials writes to its error output.
#[test]
fn no_credential_is_printed() {
    let bed = bed();
    let config = tempfile::NamedTempFile::new().unwrap();
    let process = "sh -c 'echo password-of-somebody >&2; exit 3'";
    std::fs::write(&config, format!("[default]\ncredential_process = {process}\n")).unwrap();
    let mut by_process = without_credentials(&bed);
    by_process.env("AWS_CONFIG_FILE", config.path());
    let mut by_url = bed.around(keytrail());
    by_url.env("AWS_ENDPOINT_URL", "http://somebody:password-of-somebody@127.0.0.1:1/x");
    for (command, part) in [(&mut by_process, "credential_process"), (&mut by_url, "127.0.0.1:1")] {
        let dir = tempfile::tempdir().unwrap();
        let ran = run(command.current_dir(dir.path()).args(["analyze", &bed.uri("logs/")]));
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
        assert!(!ran.stderr.contains("password-of-somebody"), "{}", ran.stderr);
    }
}

#[test]
fn a_wrong_secret_is_refused() {
    if bed::is_second() {
        return skip("a wrong secret", "moto accepts any signature");
    }
    let bed = bed();
    let mut command = bed.around(keytrail());
    command.env("AWS_SECRET_ACCESS_KEY", "wrong");
    refused(&mut command, &bed.uri("logs/"), &["credentials", &bed.bucket, "SignatureDoesNotMatch"]);
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let bed = bed();
    refused(
        &mut bed.around(keytrail()),
        "s3://no-such-bucket-here/logs/",
        &["no bucket", "no-such-bucket-here"],
    );
}

/// Listing is denied: the permission is named.
#[test]
fn denied_access_names_the_permission() {
    let bed = bed();
    bed.proxy.meddle(|_| Some(faults::access_denied()));
    refused(&mut bed.around(keytrail()), &bed.uri("logs/"), &["s3:ListBucket", &bed.bucket]);
}

/// What else S3 refuses with the same status is said as it is.
#[test]
fn what_is_not_a_matter_of_permissions_is_not_called_so() {
    for (status, code, words) in [
        (403, "RequestTimeTooSkewed", &["clock", "set it"][..]),
        (403, "InvalidSecurity", &["credentials", "InvalidSecurity"]),
        (403, "AllAccessDisabled", &["AllAccessDisabled: S3's own words."]),
        (301, "PermanentRedirect", &["PermanentRedirect: S3's own words."]),
    ] {
        let bed = bed();
        bed.proxy.meddle(move |_| Some(faults::error(status, code, "S3's own words.")));
        refused(&mut bed.around(keytrail()), &bed.uri("logs/"), words);
    }
}

/// Both ways in which S3 says that a bucket is elsewhere (Amazon S3 API Reference, "Error
/// responses").
#[test]
fn a_wrong_region_is_named() {
    for (status, code, elements, headers) in [
        (301, "PermanentRedirect", "", &[("x-amz-bucket-region", "eu-central-1")][..]),
        (400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>", &[]),
    ] {
        let bed = bed();
        bed.proxy
            .meddle(move |_| Some(faults::error_with(status, code, "It is elsewhere.", elements, headers)));
        refused(&mut bed.around(keytrail()), &bed.uri("logs/"), &["region", "eu-central-1", "us-east-1"]);
    }
}

#[test]
fn an_endpoint_that_nobody_serves_is_named() {
    let bed = bed();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string();
    let mut command = bed.around(keytrail());
    command.env("AWS_ENDPOINT_URL", format!("http://{closed}"));
    refused(&mut command, &bed.uri("logs/"), &[&closed]);
}

/// Where the report should go is asked for as shortly.
#[test]
fn a_silent_place_for_the_report_is_named() {
    let bed = bed();
    bed.proxy.meddle(|_| Some(Fault::Stall));
    let started = Instant::now();
    let ran = run(bed.around(keytrail()).args(["analyze", "sample-logs", "-o", &bed.uri("out")]));
    let took = started.elapsed();
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(took < Duration::from_secs(10), "{took:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(&bed.proxy.address.to_string()), "{}", ran.stderr);
}

#[test]
fn an_endpoint_that_stays_silent_is_named() {
    let bed = bed();
    bed.proxy.meddle(|_| Some(Fault::Stall));
    refused(&mut bed.around(keytrail()), &bed.uri("logs/"), &[&bed.proxy.address.to_string()]);
}

#[test]
fn what_is_no_address_is_said() {
    let bed = bed();
    for address in ["s3://", "s3:///logs", "s3://a bucket/logs"] {
        refused(&mut bed.around(keytrail()), address, &[address, "s3://bucket"]);
    }
}
