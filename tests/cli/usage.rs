//! Help, manual and completions, and options that are refused.

use std::fs;
use std::process::Command;

use testkit::{everything, folder, good, keytrail, run};

use crate::select::SELECT;
use crate::text;

#[test]
fn completions_and_manual() {
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef keytrail"),
        ("fish", "complete -c keytrail"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = run(keytrail().args(["completions", shell]));
        assert_eq!((ran.status, &*ran.stderr), (0, ""));
        let script = text(&ran.stdout);
        for word in [sign, "analyze", "events", "max-record-bytes", "ndjson"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let script = run(keytrail().args(["completions", "bash"])).stdout;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("keytrail.bash"), script).unwrap();
    // What the shell itself makes of the script.
    let typed = "source keytrail.bash; COMP_WORDS=(keytrail ana); COMP_CWORD=1; _keytrail keytrail ana keytrail; echo \"${COMPREPLY[@]}\"";
    let ran = run(Command::new("bash").current_dir(dir.path()).args(["--norc", "-c", typed]));
    assert_eq!(text(&ran.stdout).trim(), "analyze", "{}", ran.stderr);

    let ran = run(keytrail().arg("man"));
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let page = text(&ran.stdout);
    for sign in [".TH keytrail 1", ".SH NAME", ".SH SYNOPSIS", "analyze", "events"] {
        assert!(page.contains(sign), "no {sign} in {page}");
    }
    assert!(
        page.lines().filter(|line| line.starts_with('.')).all(|line| {
            [".TH", ".SH", ".TP", ".ie", ".el", ".br", ".RS", ".RE", ".PP", ".nf", ".fi", ".SS", ".IP", ".in"]
                .iter()
                .any(|request| line.starts_with(request))
        }),
        "a line of text that begins with a full stop would be taken for a request"
    );
}

#[test]
fn help_and_version() {
    let ran = run(keytrail().arg("--version"));
    assert_eq!((ran.status, text(&ran.stdout)), (0, concat!("keytrail ", env!("CARGO_PKG_VERSION"), "\n")));
    for command in [&[][..], &["analyze"], &["events"], &["completions"], &["man"]] {
        for flag in ["-h", "--help"] {
            let ran = run(keytrail().args(command).arg(flag));
            assert_eq!((ran.status, &*ran.stderr), (0, ""));
            assert!(text(&ran.stdout).contains("Usage: keytrail"), "{command:?}");
        }
    }
    let help = run(keytrail().args(["analyze", "--help"])).stdout;
    for (option, ..) in SELECT {
        assert!(text(&help).contains(&format!("KEYTRAIL_{}", option.to_uppercase())), "{option}");
    }
}

/// Each says which option, and what would do instead.
#[test]
fn invalid_options() {
    let dir = folder(&[("in.json", &good(1)), ("rules.toml", b"[[rule]\n")]);
    let cases: [(&[&str], &[&str]); 24] = [
        (&["--workload", "canvass"], &["--workload", "canvass", "canvas-forecast", "any"]),
        (&["--workload", ""], &["--workload", "empty", "all"]),
        (&["--account", ""], &["--account", "empty", "all"]),
        (&["--event", "decrypt"], &["--event", "Decrypt", "exactly"]),
        (&["--event", "kms:Decrypt"], &["--event", "kms:Decrypt", "Decrypt"]),
        (&["--event", "De crypt"], &["--event", "De crypt"]),
        (&["--since", "tomorrow"], &["--since", "yesterday", "2023-03-17", "30d"]),
        (&["--until", "2024-02-30"], &["--until", "2024-02-30", "2023-03-17"]),
        (&["--since", "30x"], &["--since", "30x", "30d"]),
        (&["--since", "2024-03-02", "--until", "2024-03-01"], &["--since", "--until", "2024-03-02"]),
        (&["--since", "2024-03-01", "--until", "2024-03-01"], &["--since", "--until"]),
        (&["--max-record-bytes", "0"], &["--max-record-bytes", "1"]),
        (&["--max-record-bytes", "4MiB"], &["--max-record-bytes", "4MiB"]),
        (&["--max-archive-bytes=-1"], &["--max-archive-bytes", "-1"]),
        (&["--threads", "many"], &["--threads", "many"]),
        (&["--color", "sometimes"], &["--color", "always", "never"]),
        (&["--log-format", "xml"], &["--log-format", "json"]),
        (&["--rules", "no-such.toml"], &["no-such.toml", "No such file"]),
        (&["--rules", "rules.toml"], &["rules.toml", "line 1"]),
        (&["--wrokload", "any"], &["--wrokload", "--workload"]),
        (&["--keep-duplicates=yes"], &["--keep-duplicates"]),
        (&["--account"], &["--account", "<ID,...>"]),
        (&["--output", ""], &["--output"]),
        (&["--quiet", "--quiet"], &["--quiet"]),
    ];
    for (args, wanted) in cases {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "in.json"]).args(args));
        assert_eq!(ran.status, 2, "{args:?}: {}", ran.stderr);
        for text in wanted {
            assert!(ran.stderr.contains(text), "{args:?} does not say {text}: {}", ran.stderr);
        }
        assert_eq!(ran.stdout, b"");
    }
    let cases: [(&[&str], &[&str]); 5] = [
        (&["analyze"], &["INPUT", "Usage"]),
        (&["events", "--format", "xml", "in.json"], &["--format", "ndjson", "parquet"]),
        (&["analyse", "in.json"], &["analyse", "analyze"]),
        (&["completions", "cobol"], &["cobol", "bash"]),
        (&[], &["Usage", "analyze", "events"]),
    ];
    for (args, wanted) in cases {
        let ran = run(keytrail().current_dir(dir.path()).args(args));
        assert_eq!(ran.status, 2, "{args:?}: {}", ran.stderr);
        for text in wanted {
            assert!(ran.stderr.contains(text), "{args:?} does not say {text}: {}", ran.stderr);
        }
    }
    assert_eq!(
        everything(dir.path()).keys().collect::<Vec<_>>(),
        ["in.json", "rules.toml"],
        "nothing is written"
    );
}
