//! Signals stop a run at once, and nothing is left behind.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use testkit::{decrypt, ended, everything, keytrail, mkfifo, names, run, signal};

use crate::SAMPLE;

/// Input without end; the run is told to stop in the middle of it.
#[test]
fn a_signal_ends_a_run_and_leaves_nothing_behind() {
    for (name, old_report) in [("INT", false), ("TERM", false), ("INT", true)] {
        let dir = tempfile::tempdir().unwrap();
        if old_report {
            let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]));
            assert_eq!(ran.status, 0, "{}", ran.stderr);
        }
        let before = everything(dir.path());
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "--force", "-o", "report", "pipe"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        // More than a pipe holds: when this is written, the program has begun to read.
        let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
        writer.write_all(chunk.as_bytes()).unwrap();
        let feeder = std::thread::spawn(move || while writer.write_all(chunk.as_bytes()).is_ok() {});
        signal(&child, name);
        assert_eq!(ended(&mut child), 130, "SIG{name}");
        feeder.join().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("stopped"), "{stderr}");
        fs::remove_file(&pipe).unwrap();
        assert!(everything(dir.path()) == before, "SIG{name}: {:?}", everything(dir.path()).keys());
        assert_eq!(dir.path().join("report").exists(), old_report, "SIG{name}");
    }
}

/// The same while the program waits for bytes that never come.
#[test]
fn a_signal_ends_a_run_that_waits_for_its_input() {
    for command_name in ["analyze", "events"] {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args([command_name, "pipe"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
        writer.write_all(chunk.as_bytes()).unwrap();
        signal(&child, "INT");
        assert_eq!(ended(&mut child), 130, "{command_name}");
        drop(writer);
        fs::remove_file(&pipe).unwrap();
        assert_eq!(names(dir.path()), [""; 0], "{command_name}");
    }
}

/// Temporary folders are closed to other users while the run lasts, and gone when a signal ends it.
#[test]
fn temporary_folders_are_private_and_removed() {
    for args in [&["analyze", "-o", "report", "pipe"][..], &["events", "--format", "parquet", "pipe"]] {
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).env("TMPDIR", &temporary).args(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
        writer.write_all(chunk.as_bytes()).unwrap();
        let parent = if args[0] == "analyze" { dir.path().join("report") } else { temporary.clone() };
        let folders: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(folders.len(), 1, "{parent:?}");
        let mode = folders[0].metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{args:?}");
        signal(&child, "TERM");
        assert_eq!(ended(&mut child), 130, "{args:?}");
        drop(writer);
        assert_eq!(names(&temporary), [""; 0], "{args:?}");
        assert!(!dir.path().join("report").exists());
    }
}
