//! Which archives are being read: for an end of the process that nothing in it can catch, such as
//! an abort or the kernel's kill for lack of memory.
//!
//! The file names the archives that are in work at any moment. What a run finds there was in work
//! when an earlier run died. It reads such an archive alone, so that the next death has one suspect
//! only. An archive that was in work when two runs died is set aside.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};

use super::rows::ArchiveVersion;
use super::settings::Earlier;
use crate::base::{lock, open_regular};

/// The name of the file.
pub(super) const JOURNAL: &str = "reading.json";
/// Bytes of it that are read at most.
const MAX_JOURNAL: u64 = 4 << 20;
/// After so many deaths of a run an archive is not read any more.
const MAX_DEATHS: u32 = 2;

/// The archives that are being read. A clone is the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// `None`: nothing is noted.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    /// Held for writing while a suspect is read, and for reading while another archive is.
    turns: RwLock<()>,
}

#[derive(Debug)]
struct State {
    file: File,
    archives: BTreeMap<ArchiveId, Entry>,
    /// Bytes of the file.
    length: usize,
    /// The run is over: nothing is in work any more.
    is_closed: bool,
}

/// One version of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct ArchiveId {
    uri: Box<str>,
    size: Option<u64>,
    etag: Option<Box<str>>,
    modified: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Runs that died while it was in work.
    deaths: u32,
    in_work: bool,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    archive: ArchiveId,
    #[serde(flatten)]
    entry: Entry,
}

/// Whether an archive may be read.
#[derive(Debug)]
pub enum Verdict<'j> {
    /// It may, as long as this value lives.
    Read(Reading<'j>),
    /// Two runs died while it was read.
    Refuse,
}

/// An archive in work. It ends when this value is dropped.
#[derive(Debug)]
pub struct Reading<'j> {
    noted: Option<(&'j Shared, ArchiveId)>,
    _turn: Option<Turn<'j>>,
}

#[derive(Debug)]
enum Turn<'j> {
    WithOthers { _guard: RwLockReadGuard<'j, ()> },
    Alone { _guard: RwLockWriteGuard<'j, ()> },
}

impl Journal {
    /// The journal in a folder. A run that reads all archives again forgets what earlier ones
    /// noted.
    ///
    /// Where it cannot be written, nothing is noted: that is no reason to read nothing.
    pub(super) fn open(folder: &Path, earlier: Earlier) -> Self {
        let path = folder.join(JOURNAL);
        let archives = match earlier {
            Earlier::Continue => read(&path),
            Earlier::Rebuild => BTreeMap::new(),
        };
        // Whatever is in its place is not written to.
        let _ = fs::remove_file(&path);
        let Ok(file) = File::options().write(true).create_new(true).open(&path) else {
            return Self::default();
        };
        let state = State { file, archives, length: 0, is_closed: false };
        let shared = Shared { path, state: Mutex::new(state), turns: RwLock::default() };
        lock(&shared.state).write();
        Self { shared: Some(Arc::new(shared)) }
    }

    /// Begins to read an archive. If it was in work when a run died, this waits until no other
    /// archive is read, and others wait for its end.
    pub fn begin(&self, archive: &ArchiveVersion) -> Verdict<'_> {
        let Some(shared) = self.shared.as_deref() else {
            return Verdict::Read(Reading { noted: None, _turn: None });
        };
        let archive = ArchiveId {
            uri: (*archive.uri).into(),
            size: archive.size,
            etag: archive.etag.clone(),
            modified: archive.modified.map(|time| time.0),
        };
        let deaths = lock(&shared.state).archives.get(&archive).map_or(0, |entry| entry.deaths);
        let turn = match deaths {
            0 => {
                let guard = shared.turns.read().unwrap_or_else(PoisonError::into_inner);
                Turn::WithOthers { _guard: guard }
            }
            MAX_DEATHS.. => return Verdict::Refuse,
            _ => {
                let guard = shared.turns.write().unwrap_or_else(PoisonError::into_inner);
                Turn::Alone { _guard: guard }
            }
        };
        let mut state = lock(&shared.state);
        state.archives.entry(archive.clone()).or_default().in_work = true;
        state.write();
        drop(state);
        Verdict::Read(Reading { noted: Some((shared, archive)), _turn: Some(turn) })
    }

    /// Ends the run: an archive that is in work from now on did not end it.
    pub fn close(&self) {
        let Some(shared) = self.shared.as_deref() else { return };
        let mut state = lock(&shared.state);
        state.archives.retain(|_, entry| entry.deaths >= MAX_DEATHS);
        state.archives.values_mut().for_each(|entry| entry.in_work = false);
        if state.archives.is_empty() && !state.is_closed {
            let _ = fs::remove_file(&shared.path);
        } else {
            state.write();
        }
        state.is_closed = true;
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some((shared, archive)) = self.noted.take() {
            let mut state = lock(&shared.state);
            state.archives.remove(&archive);
            state.write();
        }
    }
}

impl State {
    /// Writes the file, as far as that is possible. It never becomes shorter: a kill in between
    /// leaves no rest of an older text.
    fn write(&mut self) {
        if self.is_closed {
            return;
        }
        let lines = self.archives.iter().filter_map(|(archive, entry)| {
            serde_json::to_string(&Line { archive: archive.clone(), entry: *entry }).ok()
        });
        let mut text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
        let padding = self.length.saturating_sub(text.len());
        text.extend(std::iter::repeat_n(' ', padding));
        self.length = text.len();
        let _ = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(text.as_bytes()));
    }
}

/// What an earlier run left behind. Archives that were in work then died with it.
fn read(path: &Path) -> BTreeMap<ArchiveId, Entry> {
    let mut text = String::new();
    let opened = open_regular(path);
    if opened.and_then(|file| file.take(MAX_JOURNAL).read_to_string(&mut text)).is_err() {
        return BTreeMap::new();
    }
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines
        .map(|Line { archive, entry: Entry { deaths, in_work } }| {
            (archive, Entry { deaths: deaths.saturating_add(u32::from(in_work)), in_work: false })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    fn archive(name: &str, size: u64) -> ArchiveVersion {
        ArchiveVersion { uri: name.into(), size: Some(size), etag: None, modified: None }
    }

    fn read_all(journal: &Journal, names: &[&str]) -> Vec<bool> {
        let may_read = |name: &&str| matches!(journal.begin(&archive(name, 1)), Verdict::Read(_));
        names.iter().map(may_read).collect()
    }

    /// A run that dies while it reads these.
    fn die_in(folder: &Path, names: &[&str]) {
        let journal = Journal::open(folder, Earlier::Continue);
        for name in names {
            std::mem::forget(journal.begin(&archive(name, 1)));
        }
    }

    #[test]
    fn an_archive_that_killed_two_runs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        die_in(dir.path(), &["a", "bad"]);
        // The second run reads what is left one by one, and dies in the bad one.
        let journal = Journal::open(dir.path(), Earlier::Continue);
        assert_eq!(read_all(&journal, &["a", "b"]), [true, true]);
        std::mem::forget(journal.begin(&archive("bad", 1)));
        for _ in 0..2 {
            let journal = Journal::open(dir.path(), Earlier::Continue);
            assert_eq!(read_all(&journal, &["a", "bad", "b"]), [true, false, true]);
            assert!(matches!(journal.begin(&archive("bad", 2)), Verdict::Read(_)), "another version");
            journal.close();
        }
        let journal = Journal::open(dir.path(), Earlier::Rebuild);
        assert_eq!(read_all(&journal, &["bad"]), [true], "--force");
        journal.close();
        assert!(!dir.path().join(JOURNAL).exists(), "nothing is left to note");
    }

    #[test]
    fn a_run_that_ends_blames_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..4 {
            let journal = Journal::open(dir.path(), Earlier::Continue);
            let Verdict::Read(reading) = journal.begin(&archive("a", 1)) else { panic!() };
            std::mem::forget(journal.begin(&archive("b", 1)));
            journal.clone().close(); // a signal
            drop(reading);
            std::mem::forget(journal.begin(&archive("c", 1)));
        }
        assert!(!dir.path().join(JOURNAL).exists());
    }

    #[test]
    fn a_suspect_is_read_alone() {
        let dir = tempfile::tempdir().unwrap();
        die_in(dir.path(), &["suspect"]);
        let journal = Journal::open(dir.path(), Earlier::Continue);
        let other = journal.begin(&archive("a", 1));
        let (began, begins) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let suspect = journal.begin(&archive("suspect", 1));
                began.send(()).unwrap();
                drop(suspect);
            });
            thread::sleep(std::time::Duration::from_millis(50));
            assert!(begins.try_recv().is_err(), "it waits for the other one");
            drop(other);
            begins.recv().unwrap();
        });
    }

    #[test]
    fn a_damaged_journal_blames_what_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        die_in(dir.path(), &["a"]);
        die_in(dir.path(), &["a"]);
        let path = dir.path().join(JOURNAL);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{{\"archive\":\n{text}   \n[1, 2]\n")).unwrap();
        assert_eq!(read_all(&Journal::open(dir.path(), Earlier::Continue), &["a", "b"]), [false, true]);
        fs::write(&path, [0xff; 100]).unwrap();
        assert_eq!(read_all(&Journal::open(dir.path(), Earlier::Continue), &["a"]), [true]);
    }
}
