//! The files in `deploy/`, held against the program and against those who read them: what cannot be
//! deployed here can at least not be wrong in an option, a field or a bracket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use regex::Regex;
use serde_json::Value;
use testkit::{Ran, binary, keytrail, python, root, run, skip, sorted};

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every file below `deploy/`, by its path in the repository.
fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("deploy")];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(found.len() > 8, "{found:?}");
    found
}

fn help() -> String {
    let ran = run(keytrail().args(["analyze", "--help"]));
    assert_eq!(ran.status, 0);
    String::from_utf8(ran.stdout).unwrap()
        + &String::from_utf8(run(keytrail().args(["events", "--help"])).stdout).unwrap()
}

#[test]
fn options_and_variables_are_the_programs() {
    let help = help();
    let variable = Regex::new(r"KEYTRAIL_[A-Z_]+").unwrap();
    let known: BTreeSet<&str> = variable.find_iter(&help).map(|found| found.as_str()).collect();
    let option = Regex::new(r"--[a-z][a-z-]+").unwrap();
    let options: BTreeSet<&str> = option.find_iter(&help).map(|found| found.as_str()).collect();
    let commands = Regex::new(r"keytrail (?:analyze|events)(?:[^\n`]|\\\n)*").unwrap();
    let mut used = BTreeSet::new();
    for name in files().into_iter().chain(["docs/batch.md".to_owned()]) {
        let text = read(&name);
        for found in variable.find_iter(&text) {
            assert!(known.contains(found.as_str()), "{name}: {}", found.as_str());
            used.insert(found.as_str().to_owned());
        }
        // Commands of keytrail to the end of the line, and of the lines that it goes on in.
        for command in commands.find_iter(&text) {
            for found in option.find_iter(command.as_str()) {
                assert!(options.contains(found.as_str()), "{name}: {}", command.as_str());
                used.insert(found.as_str().to_owned());
            }
        }
    }
    for name in ["KEYTRAIL_FAIL_ON", "KEYTRAIL_METRICS", "--incremental", "--no-learn"] {
        assert!(used.contains(name), "{name} was found");
    }
}

/// Runs what a file would run, with its settings, on the sample instead of a bucket.
fn run_here(args: &[String], env: &BTreeMap<String, String>) -> (tempfile::TempDir, Ran) {
    let dir = tempfile::tempdir().unwrap();
    let sample = root().join("sample-logs").display().to_string();
    let mut command = keytrail();
    for arg in args {
        command.arg(if arg.starts_with("s3://") { &sample } else { arg });
    }
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
        match name.as_str() {
            "KEYTRAIL_OUTPUT" => command.env(name, dir.path().join("report")),
            "KEYTRAIL_METRICS" => command.env(name, dir.path().join("keytrail.prom")),
            _ => command.env(name, value),
        };
    }
    let ran = run(&mut command);
    (dir, ran)
}

/// The sample's newest event is years old, and its README is no archive: both are alarms, and the
/// report is there.
fn assert_alarm(name: &str, args: &[String], env: &BTreeMap<String, String>) {
    let (dir, ran) = run_here(args, env);
    assert_eq!(ran.status, 3, "{name}: {}", ran.stderr);
    let last: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["alarms"], serde_json::json!(["max_age", "skipped"]), "{name}");
    assert!(dir.path().join("report/run.json").exists(), "{name}");
    assert!(dir.path().join("report/_keytrail").exists(), "{name}: it is incremental");
    assert_eq!(dir.path().join("keytrail.prom").exists(), env.contains_key("KEYTRAIL_METRICS"));
}

#[test]
fn the_containers_of_aws_run() {
    for (name, container) in [
        ("deploy/aws/batch-job-definition.json", "/containerProperties"),
        ("deploy/aws/ecs-task-definition.json", "/containerDefinitions/0"),
    ] {
        let file: Value = serde_json::from_str(&read(name)).unwrap();
        let container = file.pointer(container).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let args: Vec<String> = container["command"].as_array().unwrap().iter().map(text).collect();
        let env = container["environment"].as_array().unwrap();
        let env = env.iter().map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect();
        assert_alarm(name, &args, &env);
        // Only the temporary folder of the image can be written to.
        assert_eq!(
            (&container["readonlyRootFilesystem"], &container["user"]),
            (&true.into(), &"65532:65532".into())
        );
        assert_eq!(container["mountPoints"][0]["containerPath"], "/tmp");
        let dockerfile = read("deploy/Dockerfile");
        for line in
            ["USER 65532:65532", "VOLUME [\"/tmp\"]", "ENTRYPOINT [\"/usr/bin/keytrail\"]", "FROM scratch"]
        {
            assert!(dockerfile.lines().any(|found| found == line), "{line}");
        }
    }
}

#[test]
fn the_service_of_systemd_runs() {
    let settings = read("deploy/systemd/keytrail.env");
    let env: BTreeMap<String, String> = settings
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let service = read("deploy/systemd/keytrail.service");
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/keytrail"));
    let args: Vec<String> = words
        .flat_map(|word| word.strip_prefix('$').map_or(word, |name| &env[name]).split(' '))
        .map(str::to_owned)
        .collect();
    assert_alarm("keytrail.service", &args, &env);
}

/// As systemd itself reads them, where it is installed.
#[test]
fn systemd_accepts_the_units() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["keytrail.service", "keytrail.timer"] {
        // The program must be where the unit says.
        let text = read(&format!("deploy/systemd/{name}"));
        let text = text.replace("/usr/local/bin/keytrail", binary().to_str().unwrap());
        fs::write(dir.path().join(name), text).unwrap();
    }
    let verify = |names: &[&str]| {
        let paths = names.iter().map(|name| dir.path().join(name));
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(paths).output()
    };
    let Ok(output) = verify(&["keytrail.service", "keytrail.timer"]) else {
        return skip("the units, by systemd itself", "systemd-analyze is not installed");
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    fs::write(dir.path().join("wrong.service"), "[Service]\nType=oneshot\nExecStart=/nowhere\n").unwrap();
    assert!(!verify(&["wrong.service"]).unwrap().status.success(), "it can refuse");
}

/// What `.dockerignore` lets through is enough to build from.
#[test]
fn the_image_is_built_from_all_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let ignore = read(".dockerignore");
    let let_through = ignore.lines().filter_map(|line| line.strip_prefix('!'));
    for name in let_through {
        let to = dir.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let status = Command::new("cp").arg("-r").args([root().join(name), to]).status();
        assert!(status.unwrap().success(), "{name}");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = dir.path().join("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"]);
    let output = command.arg("--manifest-path").arg(&manifest).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Files that the sources read when they are compiled lie beside them.
    let included = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut folders = vec![dir.path().join("src")];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                for file in included.captures_iter(&fs::read_to_string(&path).unwrap()) {
                    assert!(path.parent().unwrap().join(&file[1]).exists(), "{}", path.display());
                }
            }
        }
    }
}

/// AWS's own description of its interfaces, as its Python library brings it, and a parser of
/// Terraform's language, where there are some.
#[test]
fn the_files_for_aws_have_the_fields_of_its_interfaces() {
    let script = r#"
import json, sys, botocore.session, botocore.validate, hcl2
session, wrong = botocore.session.get_session(), []
def check(what, value, service, operation):
    shape = session.get_service_model(service).operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(value, shape)
    if report.has_errors(): wrong.append(f"{what}: {report.generate_report()}")
files = {name: json.load(open(f"deploy/aws/{name}.json")) for name in
         ["batch-job-definition", "batch-schedule", "ecs-task-definition", "ecs-schedule"]}
check("batch-job-definition", files["batch-job-definition"], "batch", "RegisterJobDefinition")
check("ecs-task-definition", files["ecs-task-definition"], "ecs", "RegisterTaskDefinition")
for name in ["batch-schedule", "ecs-schedule"]: check(name, files[name], "scheduler", "CreateSchedule")
job = json.loads(files["batch-schedule"]["Target"]["Input"])
check("the job", {key[0].lower() + key[1:]: value for key, value in job.items()}, "batch", "SubmitJob")
terraform = hcl2.load(open("deploy/terraform/main.tf"))
resources = sorted(kind.strip('"') for resource in terraform["resource"] for kind in resource)
json.dump({"wrong": wrong, "resources": resources}, sys.stdout)
"#;
    let output = Command::new(python()).current_dir(root()).args(["-c", script]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let why = format!("{} cannot import botocore and hcl2", python().display());
        return skip("the fields of the files for AWS", why);
    };
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["wrong"], serde_json::json!([]));
    let resources = found["resources"].as_array().unwrap();
    assert!(resources.iter().any(|kind| kind == "aws_batch_job_definition"), "{resources:?}");
}
