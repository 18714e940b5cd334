//! Folders that are named in another way or moved, and what a run leaves of the one before.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{Ran, is_dated, keytrail, rows, run, sorted};

use super::{World, files};

/// The next run, over these folders, from another current folder.
fn go_on(world: &World, cwd: &Path, folders: &[&str]) -> Ran {
    let mut command = keytrail();
    command.current_dir(cwd).args(["analyze", "-q", "--event", "any", "--incremental"]);
    run(command.env("KEYTRAIL_WORKLOAD", "any").arg("-o").arg(world.report()).args(folders))
}

/// How a folder is named makes no difference, and neither does where it is.
#[test]
fn a_folder_under_another_name_is_the_same() {
    let world = World::new();
    (0..12).for_each(|n| world.put(n, n));
    assert!(world.go_on(&[]).status < 2);
    let first = files(&world.report());
    let logs = world.dir.path().join("logs");
    symlink(&logs, world.dir.path().join("link")).unwrap();
    fs::create_dir(world.dir.path().join("elsewhere")).unwrap();
    let go_on = |folders: &[&str], cwd: &str| go_on(&world, &world.dir.path().join(cwd), folders);
    let is_as_before = |said: &str| {
        let now = files(&world.report());
        assert_eq!(now.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>(), "{said}");
        for (name, bytes) in &now {
            assert!(is_dated(name) || *bytes == first[name], "{said}: {name}");
        }
        let run: Value = serde_json::from_slice(&now["run.json"]).unwrap();
        assert_eq!(
            run["incremental"],
            serde_json::json!({
                "archives_read": 0, "archives_known": 12, "archives_replaced": 0, "events_gone": 0
            }),
            "{said}"
        );
    };
    let whole = logs.to_str().unwrap();
    for (folders, cwd) in [
        (&["./logs/"][..], ""),
        (&[whole], ""),
        (&["logs/../logs"], ""),
        (&["elsewhere/./../logs"], ""),
        (&["link"], ""),
        (&["../logs"], "elsewhere"),
        (&["."], "logs"),
        // Part of it, twice, with its own name in the whole.
        (&["logs/03"], ""),
        (&["03"], "logs"),
        (&["link/03", whole, "logs"], ""),
        // Everything around it.
        (&["logs", "elsewhere"], ""),
    ] {
        let ran = go_on(folders, cwd);
        assert!(ran.status < 2, "{folders:?}: {}", ran.stderr);
        if folders != ["logs", "elsewhere"] {
            is_as_before(&format!("{folders:?} in {cwd:?}"));
        }
    }
    // What is new in it gets the name that the folder had first.
    world.put(20, 20);
    let ran = go_on(&["../logs"], "elsewhere");
    assert!(ran.status < 2, "{}", ran.stderr);
    world.check(&[]);
    // What has changed takes the place of what it was.
    world.put(30, 3);
    let ran = go_on(&["link/"], "");
    assert!(ran.status < 2, "{}", ran.stderr);
    world.check(&[]);
}

/// A folder with another one in it that has a name of its own.
#[test]
fn a_folder_around_a_known_one_reads_the_rest() {
    let world = World::new();
    (0..12).for_each(|n| world.put(n, n));
    let analyze = |folder: &str| go_on(&world, &world.logs(""), &[folder]);
    let inputs = || {
        let rows = rows(&world.report().join("inputs.parquet"));
        rows.iter().map(|row| row["archive"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(analyze("03").status < 2);
    assert!(inputs().iter().all(|name| name.starts_with("03/")));
    assert!(analyze("../logs").status < 2);
    let names = inputs();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(names, unique);
    let of = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    assert_eq!((of("../logs/03/"), of("03/") > 0, of("../logs/04/") > 0), (0, true, true), "{names:?}");
    assert_eq!(files(&world.logs("")).len(), 12);
}

/// A folder that was moved is known by its inode, where the file system says when it was created.
#[test]
fn a_folder_that_was_moved_is_the_same() {
    let world = World::new();
    (0..12).for_each(|n| world.put(n, n));
    assert!(world.go_on(&[]).status < 2);
    let first = files(&world.report());
    let rename = |from: &str, to: &str| {
        fs::rename(world.dir.path().join(from), world.dir.path().join(to)).unwrap();
    };
    if fs::metadata(world.logs("")).unwrap().created().is_err() {
        eprintln!("skipped: this file system does not know when folders were created");
        return;
    }
    fs::create_dir(world.dir.path().join("old")).unwrap();
    rename("logs", "old/trail");
    let go_on = |folder: &str| go_on(&world, world.dir.path(), &[folder]);
    // Two runs: the second one finds it where the first one has found it.
    for _ in 0..2 {
        let ran = go_on("old/trail");
        assert!(ran.status < 2, "{}", ran.stderr);
        let now = files(&world.report());
        assert!(now.iter().all(|(name, bytes)| is_dated(name) || *bytes == first[name]));
    }
    // Another folder in its old place is another one.
    fs::create_dir_all(world.logs("00")).unwrap();
    for path in sorted(&world.dir.path().join("old/trail/00")) {
        fs::write(world.logs("00").join(path.file_name().unwrap()), r#"{"Records":[]}"#).unwrap();
    }
    let ran = go_on("logs");
    assert!(ran.status < 2, "{}", ran.stderr);
    let rows = rows(&world.report().join("inputs.parquet"));
    let real = world.dir.path().canonicalize().unwrap();
    let new = rows.iter().filter(|row| row["archive"].as_str().unwrap().starts_with(real.to_str().unwrap()));
    assert_eq!(new.count(), fs::read_dir(world.logs("00")).unwrap().count());
}

/// A folder that is gone makes room: each night another temporary folder, of the same name.
#[test]
fn the_same_name_elsewhere_is_the_same_folder_once_the_first_is_gone() {
    let world = World::new();
    (0..6).for_each(|n| world.put(n, n));
    let (one, other) = (world.dir.path().join("one"), world.dir.path().join("other"));
    let copy = |to: &Path| {
        for path in archives_in(&world.logs("")) {
            let copy = to.join("logs").join(path.strip_prefix(world.logs("")).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&path, &copy).unwrap();
            let modified = path.metadata().unwrap().modified().unwrap();
            File::options().write(true).open(&copy).unwrap().set_modified(modified).unwrap();
        }
    };
    let go_on = |cwd: &Path| {
        let ran = go_on(&world, cwd, &["logs"]);
        assert!(ran.status < 2, "{}", ran.stderr);
        let run: Value = serde_json::from_slice(&fs::read(world.report().join("run.json")).unwrap()).unwrap();
        run["incremental"]["archives_read"].as_u64().unwrap()
    };
    copy(&one);
    assert_eq!(go_on(&one), 6);
    fs::remove_dir_all(&one).unwrap();
    copy(&other);
    assert_eq!(go_on(&other), 0);
    // As long as it is there, it is another one.
    copy(&one);
    assert_eq!(go_on(&one), 6);
}

fn archives_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in sorted(folder) {
        if path.is_dir() { found.extend(archives_in(&path)) } else { found.push(path) }
    }
    found
}

/// A report that was made in one go takes the checkpoint away that was there.
#[test]
fn force_without_incremental_leaves_no_checkpoint() {
    let world = World::new();
    (0..5).for_each(|n| world.put(n, n));
    assert!(world.go_on(&[]).status < 2);
    fs::write(world.report().join("_keytrail/notes.txt"), "of somebody else").unwrap();
    fs::remove_dir_all(world.logs("")).unwrap();
    fs::create_dir(world.logs("")).unwrap();
    (7..9).for_each(|n| world.put(n, n));
    assert!(run(&mut world.command(&world.report(), &["--force"])).status < 2);
    world.check(&[]);
    let left: Vec<PathBuf> = sorted(&world.report().join("_keytrail"));
    assert!(left.iter().all(|path| path.ends_with("notes.txt") || path.ends_with("lock")), "{left:?}");
    let ran = world.go_on(&[]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    fs::remove_file(world.report().join("_keytrail/notes.txt")).unwrap();
    assert!(world.go_on(&["--force"]).status < 2);
    world.check(&[]);
    assert!(run(&mut world.command(&world.report(), &["--force"])).status < 2);
    assert!(!world.report().join("_keytrail").exists());
}

/// A narrower window is refused, and one that moves on says what it leaves behind.
#[test]
fn events_do_not_disappear_in_silence() {
    let world = World::new();
    (0..40).for_each(|n| world.put(n * 3, n));
    assert!(world.go_on(&["--since", "2000-01-01"]).status < 2);
    let before = files(&world.report());
    for (options, words) in [
        (&["--since", "2023-03-20"][..], "would lose the events from 20"),
        (&["--until", "2023-03-01"], "would lose the events up to 20"),
        (&["--since", "1d"], "leave --since as it was"),
    ] {
        let ran = world.go_on(options);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert!(files(&world.report()) == before);
    }
    assert!(world.go_on(&["--since", "1999-01-01", "--until", "2100-01-01"]).status < 2);
    assert!(world.go_on(&["--since", "2023-03-20", "--force"]).status < 2);
    world.check(&["--since", "2023-03-20"]);
    // The same number of days, a day later.
    let mut command = keytrail();
    command.current_dir(world.dir.path()).args(["analyze", "--incremental", "--since", "2023-03-21"]);
    command.args(["--event", "any", "--workload", "any", "-o"]).arg(world.report()).arg("logs");
    let ran = run(&mut command);
    assert!(ran.status < 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("now since 2023-03-21T00:00:00.000Z: events from 2023-03-20"),
        "{}",
        ran.stderr
    );
    world.check(&["--since", "2023-03-21"]);
}
