//! Runs the program under test, and what it takes to stop it, starve it and wait for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::Duration;

use crate::require::skip;

/// The program under test.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        // Cargo and nextest say at run time where it is.
        for variable in ["CARGO_BIN_EXE_keytrail", "NEXTEST_BIN_EXE_keytrail"] {
            if let Some(path) = std::env::var_os(variable) {
                return path.into();
            }
        }
        // A test that was started by hand lies in `target/<profile>/deps`, the program one folder
        // up.
        let test = std::env::current_exe().unwrap();
        let name = format!("keytrail{}", std::env::consts::EXE_SUFFIX);
        let program = test.ancestors().nth(2).unwrap().join(name);
        assert!(program.is_file(), "{} is missing: run `cargo build`", program.display());
        program
    });
    &BINARY
}

/// A command that runs the program under test, without the `KEYTRAIL_` variables of this process.
pub fn keytrail() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
        command.env_remove(name);
    }
    command.env_remove("NO_COLOR");
    command
}

/// What a process did.
pub struct Ran {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Runs a command to its end, with nothing on standard input unless it says otherwise.
pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().expect("the process ended by itself"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for a process that might hang; a test that waits for ever tells nobody anything.
pub fn ended(child: &mut Child) -> i32 {
    for _ in 0..1200 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("the process ended by itself");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("the process still runs after a minute");
}

/// The program with so much address space, in KiB: whatever it takes, more it cannot get. One
/// thread, so that the machine does not matter; and one arena, since glibc reserves 64 to 128 MiB
/// of addresses, not of memory, for each further thread that allocates.
pub fn with_memory(kib: u32, cwd: &Path, args: &[&str]) -> Ran {
    limited(&format!("-v {kib}"), cwd, &[&ANALYZE, args].concat())
}

/// Any command of the program with this much memory, in KiB.
pub fn command_with_memory(kib: u32, cwd: &Path, args: &[&str]) -> Ran {
    limited(&format!("-v {kib}"), cwd, args)
}

const ANALYZE: [&str; 5] = ["analyze", "--threads", "1", "-o", "report"];

/// The program, killed after so many seconds on a processor, however busy the machine is.
pub fn with_cpu(seconds: u32, cwd: &Path, args: &[&str]) -> Ran {
    limited(&format!("-t {seconds}"), cwd, &[&ANALYZE, args].concat())
}

fn limited(limit: &str, cwd: &Path, args: &[&str]) -> Ran {
    let program = keytrail();
    let mut shell = Command::new("sh");
    shell.current_dir(cwd).args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]);
    shell.env("MALLOC_ARENA_MAX", "1");
    shell.arg(program.get_program()).args(args);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    run(&mut shell)
}

/// More than a run takes (an ordinary archive of up to 64 MiB is held whole), and less than it
/// would take to hold what these tests feed it.
pub const LITTLE: u32 = 160 << 10;

/// The program without root's right to read and write everything, so that permissions hold.
/// `None` if this process is root and cannot give up that right; that check is then skipped.
#[track_caller]
pub fn unprivileged() -> Option<Command> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !is_root {
        return Some(keytrail());
    }
    let options = ["--bounding-set=-dac_override,-dac_read_search", "--"];
    let works = Command::new("setpriv").args(options).arg("true").output();
    if !works.as_ref().is_ok_and(|output| output.status.success()) {
        skip("what permissions forbid", format!("root needs setpriv to give up its rights: {works:?}"));
        return None;
    }
    let program = keytrail();
    let mut command = Command::new("setpriv");
    command.args(options).arg(program.get_program());
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    Some(command)
}

/// Sends a signal to a process: `signal(&child, "INT")`.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
