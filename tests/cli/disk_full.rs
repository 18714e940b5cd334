//! Disks that are full and places that cannot be written to: no half report, and the old one stays.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{Ran, ended, everything, folder, good, keytrail, run, skip, unprivileged};

use crate::SAMPLE;

/// No file may grow past `blocks` (of 512 or 1024 bytes, as the shell likes); the failure comes as
/// an error, as on a full disk, not as a signal.
fn with_small_files(blocks: u32, cwd: &Path, args: &[&str]) -> Ran {
    let program = keytrail();
    let mut shell = Command::new("sh");
    shell
        .current_dir(cwd)
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(args);
    for (name, _) in program.get_envs() {
        shell.env_remove(name);
    }
    run(&mut shell)
}

#[test]
fn disk_full_leaves_no_file_of_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut failed = 0;
    // Each limit stops another file.
    for blocks in [0, 1, 2, 4, 8] {
        let args = ["analyze", "--workload", "any", "--event", "any", "-o", "report", SAMPLE];
        let ran = with_small_files(blocks, dir.path(), &args);
        assert_eq!(ran.status, 2, "{blocks} blocks: {}", ran.stderr);
        assert!(ran.stderr.starts_with("keytrail: cannot write "), "{}", ran.stderr);
        let left: Vec<String> =
            everything(dir.path()).into_keys().filter(|name| !name.ends_with('/')).collect();
        assert_eq!(left, [""; 0], "{blocks} blocks");
        failed += 1;
    }
    assert_eq!(failed, 5);
}

#[test]
fn disk_full_leaves_the_report_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let first = run(keytrail().arg("analyze").arg("-o").arg(&report).arg(SAMPLE));
    assert_eq!(first.status, 0, "{}", first.stderr);
    let before = everything(dir.path());
    let args = ["analyze", "--force", "--workload", "any", "--event", "any", "-o", "report", SAMPLE];
    for blocks in [0, 2, 8] {
        let ran = with_small_files(blocks, dir.path(), &args);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(everything(dir.path()) == before, "{blocks} blocks: the old report has changed");
    }
}

/// The same with a real file system that is full. Mounting takes root, or a kernel that lets
/// anybody mount in a namespace of their own.
#[test]
fn disk_full_on_a_small_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k none full || exit 77
        \"$0\" analyze --workload any --event any -o full/report \"$1\"; status=$?
        find full ! -type d; exit $status";
    fs::create_dir(dir.path().join("full")).unwrap();
    let program = keytrail();
    let in_namespace = |options: &str| {
        let mut command = Command::new("unshare");
        command.current_dir(dir.path()).args([options, "sh", "-c", script]);
        command.arg(program.get_program()).arg(SAMPLE).output()
    };
    // Its own mount namespace goes away with it. Who is not root needs a user namespace, too.
    let mut why = String::new();
    let mounted = ["-m", "-rm"].into_iter().find_map(|options| match in_namespace(options) {
        Ok(ran) if ran.status.code() != Some(77) && !ran.stderr.starts_with(b"unshare:") => Some(ran),
        Ok(ran) => {
            why = String::from_utf8_lossy(&ran.stderr).into_owned();
            None
        }
        Err(error) => {
            why = format!("unshare: {error}");
            None
        }
    });
    let Some(ran) = mounted else { return skip("a file system that is full", why) };
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "something was left on the full disk");
}

#[test]
fn disk_full_under_standard_output() {
    for format in ["ndjson", "csv", "table", "parquet", "arrow"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = keytrail();
        command.args(["events", "--format", format, SAMPLE]).stdout(full).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        assert_eq!(ended(&mut child), 2, "{format}");
        let mut stderr = String::new();
        child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("standard output"), "{format}: {stderr}");
    }
}

#[test]
fn output_not_writable() {
    let dir = folder(&[("in.json", &good(1)), ("file", b"not a directory")]);
    for output in ["file", "file/report", "/proc/no-such-directory/report"] {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", output, "in.json"]));
        assert_eq!(ran.status, 2, "{output}: {}", ran.stderr);
        assert!(ran.stderr.contains(output), "{}", ran.stderr);
    }
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"not a directory");
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let Some(mut command) = unprivileged() else { return };
    let ran = run(command.current_dir(dir.path()).args(["analyze", "-o", "locked/report", "in.json"]));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
}
