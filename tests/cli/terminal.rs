//! On a terminal: the table of events, colour and the progress bar.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::{decrypt, document, ended, keytrail, mkfifo, root, run};

use crate::streams::hostile_archive;
use crate::text;

/// `keytrail` with these arguments on a terminal of this width, made by `script` (util-linux, part
/// of every Debian).
fn on_terminal(dir: &Path, columns: u16, arguments: &str) -> Command {
    let program = keytrail();
    let line = format!(
        "stty cols {columns} rows 50; exec '{}' {arguments}",
        program.get_program().to_str().unwrap()
    );
    let mut command = Command::new("script");
    command.current_dir(dir).args(["-qec", &line, "/dev/null"]);
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// Up to the letter that ends it.
fn escape_sequence(rest: &mut std::str::Chars<'_>) -> String {
    let mut sequence = String::new();
    for c in rest {
        sequence.push(c);
        if c.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}

/// What stands on the terminal in the end: a line is written over, or cleared, as the escapes say.
fn screen(output: &[u8]) -> String {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = text(output).chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "an escape that no part of the program writes");
                let sequence: String = escape_sequence(&mut rest);
                match sequence.as_str() {
                    "2K" => lines[row].clear(),
                    "K" | "0K" => lines[row].truncate(column),
                    "1A" | "A" => row -= 1,
                    "1B" | "B" => row += 1,
                    "1G" | "G" => column = 0,
                    other => assert!(other.ends_with(['m', 'h', 'l']), "{other:?}"),
                }
            }
            c => {
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    let text: Vec<String> = lines.iter().map(|line| line.iter().collect()).collect();
    text.join("\n")
}

#[test]
fn on_a_terminal_events_are_a_table_that_fits() {
    let dir = hostile_archive();
    fs::write(dir.path().join("good.json"), document(&[decrypt(20), decrypt(21)])).unwrap();
    for columns in [60, 100, 240] {
        let args = "events --workload any --event any hostile.json good.json";
        let output = on_terminal(dir.path(), columns, args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let table = screen(&output.stdout);
        assert!(!table.contains("{\"event_time\""), "{table}");
        assert!(table.contains("event_time") || columns < 100, "{table}");
        assert!(table.contains('═') || table.contains('─'), "{table}");
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(columns), "{widest} of {columns} columns:\n{table}");
        let steering: Vec<char> = table.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(steering.is_empty(), "{table:?}");
    }
    // The narrow one has all rows that the wide one has.
    let cells = |columns| {
        let output = on_terminal(dir.path(), columns, "events good.json").output().unwrap();
        screen(&output.stdout).matches("2024").count()
    };
    assert_eq!(cells(60), cells(240));
}

/// One line a row at any width, whole times, and a foot that says what is left out.
#[test]
fn on_a_terminal_a_row_is_a_line() {
    for command in ["events", "summary", "grants", "review", "sharing --question used", "findings"] {
        for columns in [60_u16, 80, 137] {
            let args = format!("{command} -q '{}'", root().join("sample-logs").display());
            let output = on_terminal(root(), columns, &args).output().unwrap();
            let table = screen(&output.stdout);
            let lines: Vec<&str> = table.lines().collect();
            let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(columns), "{command}: {widest} of {columns} columns:\n{table}");
            let rules: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("──")).collect();
            let (Some(first), Some(last)) = (rules.first(), rules.last()) else { panic!("{table}") };
            let foot = lines[last + 1];
            let rows: usize = foot.split(' ').next().unwrap().replace(',', "").parse().unwrap();
            if rules.len() == 2 {
                assert_eq!(last - first - 1, rows, "{command} at {columns}:\n{table}");
            }
            assert!(foot.contains(" columns (--columns chooses)"), "{foot}");
        }
    }
    let args = format!("events -q --color always '{}'", root().join("sample-logs").display());
    let output = on_terminal(root(), 100, &args).output().unwrap();
    assert!(text(&output.stdout).contains("\u{1b}[31mdenied\u{1b}[0m"));
}

#[test]
fn on_a_terminal_binary_formats_are_refused() {
    let dir = hostile_archive();
    for format in ["parquet", "arrow"] {
        let output =
            on_terminal(dir.path(), 80, &format!("events --format {format} hostile.json")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stdout).contains("redirect"), "{}", text(&output.stdout));
        assert!(!output.stdout.contains(&0), "binary on a terminal");
    }
}

#[test]
fn on_a_terminal_the_summary_has_colour_unless_told_otherwise() {
    let dir = hostile_archive();
    let run = |args: &str, no_color: Option<&str>| {
        let mut command = on_terminal(dir.path(), 100, &format!("analyze --force hostile.json {args}"));
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        text(&output.stdout).contains("\u{1b}[1m")
    };
    assert!(run("", None));
    assert!(run("", Some("")), "an empty NO_COLOR means nothing");
    assert!(!run("", Some("1")));
    assert!(!run("--color never", None));
    assert!(run("--color always", Some("1")));
}

/// The input holds back until the bar is seen, so the test does not depend on how fast anything is.
#[test]
fn on_a_terminal_a_progress_bar_shows_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mkfifo(&pipe);
    let mut child =
        on_terminal(dir.path(), 100, "analyze -o report pipe").stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    writer.write_all((decrypt(1).to_string() + "\n").as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("read · scanning") {
        let some = out.fill_buf().unwrap().to_vec();
        assert!(!some.is_empty(), "no bar in {:?}", String::from_utf8_lossy(&seen));
        out.consume(some.len());
        seen.extend(some);
    }
    writer.write_all(decrypt(2).to_string().as_bytes()).unwrap();
    drop(writer);
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!(ended(&mut child), 0);
    let rest = screen(&rest);
    let summary = rest.find("accounting").expect("a summary after the bar");
    assert!(!rest[summary..].contains("read ·"), "the bar is still there: {rest}");
    assert!(rest[summary..].starts_with("accounting 2 = 2 selected"), "{rest}");

    // Nor does it show when it is not wanted.
    fs::remove_file(&pipe).unwrap();
    for flag in ["--no-progress", "-q"] {
        mkfifo(&pipe);
        let args = format!("analyze --force -o report {flag} pipe");
        let child = on_terminal(dir.path(), 100, &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        writer.write_all(decrypt(1).to_string().as_bytes()).unwrap();
        // Several times as long as it takes a bar to be drawn.
        std::thread::sleep(std::time::Duration::from_millis(600));
        drop(writer);
        let output = child.wait_with_output().unwrap();
        assert!(!text(&output.stdout).contains("read ·"), "{flag}: {}", text(&output.stdout));
        fs::remove_file(&pipe).unwrap();
    }
}

/// Rows come out while the bar stands on the same terminal: it may not wipe any of them away.
#[test]
fn on_a_terminal_the_bar_wipes_no_row_away() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mkfifo(&pipe);
    let mut child =
        on_terminal(dir.path(), 200, "events --no-learn pipe").stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    let mut out = child.stdout.take().unwrap();
    let (give, take) = std::sync::mpsc::channel();
    // Read all the time: a terminal does not hold a program up.
    let reader = std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(n @ 1..) = out.read(&mut some) {
            give.send(some[..n].to_vec()).unwrap();
        }
    });
    let mut seen = Vec::new();
    for part in 0..3 {
        let records: String = (0..1500).map(|n| decrypt(part * 1500 + n).to_string() + "\n").collect();
        writer.write_all(records.as_bytes()).unwrap();
        let before = seen.len();
        // Once the bar is there, every part of the table meets it.
        while !String::from_utf8_lossy(&seen[before..]).contains("archives ·") {
            seen.extend(take.recv().expect("a bar is shown while the program waits"));
        }
    }
    drop(writer);
    seen.extend(take.iter().flatten());
    reader.join().unwrap();
    assert_eq!(ended(&mut child), 0);
    let screen = screen(&seen);
    assert!(!screen.lines().last().unwrap_or_default().contains("archives ·"), "the bar is still there");
    assert_eq!(screen.matches("2024-").count(), 4500);
}

/// What callers and file names choose does not steer a terminal, whatever the format; a pipe gets
/// it as it is.
#[test]
fn on_a_terminal_nothing_steers_it() {
    const ODD: [char; 6] = ['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}', '\u{200b}', '\u{8}'];
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Value> = (1..)
        .zip(ODD)
        .map(|(n, odd)| {
            let mut record = decrypt(n);
            record["userAgent"] = format!("{odd}[31mred\nnext").into();
            record
        })
        .collect();
    fs::write(dir.path().join("a.json"), document(&records)).unwrap();
    let rules = "[[rule]]\nid = \"own\"\nworkload = \"canvas\"\nstrength = \"weak\"\nabout = \"\\u001b[31mred\"\nuser_agent = [\"x\"]\n";
    fs::write(dir.path().join("rules.toml"), rules).unwrap();
    let odd_name = "$'x\\e[31m\\u202e\\nkeytrail: fine'";
    let arguments = [
        "events --format csv a.json".to_owned(),
        "events --format ndjson a.json".to_owned(),
        "events --format table --columns event_name,user_agent a.json".to_owned(),
        "events --format line a.json".to_owned(),
        "events --format tsv --columns user_agent a.json".to_owned(),
        "events --format md --columns user_agent a.json".to_owned(),
        format!("events --columns {odd_name} a.json"),
        format!("summary --source-ip {odd_name} a.json"),
        format!("record {odd_name} a.json"),
        "rules --rules rules.toml --format csv".to_owned(),
        "rules --rules rules.toml --format table".to_owned(),
        format!("analyze -o {odd_name}/x/y a.json --rules {odd_name}"),
        format!("analyze -o /dev/null/{odd_name} a.json"),
        format!("analyze -o {odd_name} a.json"),
        format!("analyze -o r --aliases {odd_name} a.json"),
        format!("analyze -o r {odd_name}"),
        format!("events --no-such-option={odd_name}"),
        format!("analyze --threads {odd_name} a.json"),
        odd_name.to_owned(),
    ];
    // Colours, and what the progress bar writes, are the program's own.
    let own = regex::Regex::new("\u{1b}\\[[0-9;?]*[a-zA-Z]").unwrap();
    for arguments in arguments {
        let mut command = Command::new("script");
        let program = keytrail();
        let path = program.get_program().to_str().unwrap();
        command.current_dir(dir.path()).args(["-qec", "exec bash -c \"$KT\"", "/dev/null"]);
        command.env("KT", format!("stty cols 100; exec '{path}' {arguments}"));
        command.env("TERM", "xterm-256color").stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        let shown = text(&output.stdout).replace("\r\n", "\n");
        assert!(!shown.trim().is_empty(), "{arguments}");
        assert!(
            !shown.contains("\u{1b}[31mred") && !shown.contains("\u{1b}[31m\u{fffd}"),
            "{arguments}: {shown:?}"
        );
        let rest = own.replace_all(&shown, "");
        let steering: Vec<char> =
            rest.chars().filter(|c| (c.is_control() && !"\n\r".contains(*c)) || ODD.contains(c)).collect();
        assert!(steering.is_empty(), "{arguments}: {shown:?}");
        assert!(!shown.lines().any(|line| line == "keytrail: fine"), "{arguments}: {shown}");
    }
    let ran = run(keytrail().current_dir(dir.path()).args(["events", "--format", "csv", "a.json"]));
    assert!(ODD.iter().all(|odd| text(&ran.stdout).contains(*odd)), "a pipe gets what is there");
}
