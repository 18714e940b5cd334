//! Which archives are being read: for an end of the process that nothing in it can catch, such as
//! an abort or the kernel's kill for lack of memory.
//!
//! The journal names the archives that are in work at any moment. What a run finds there was in
//! work when an earlier run died. It reads such an archive alone, so that the next death has one
//! suspect only. An archive that was in work when two runs died is set aside.

mod entries;
mod file;
mod object;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::rows::ArchiveVersion;
use super::settings::Earlier;
use crate::base::lock;
use crate::s3::{Bucket, S3Error};
use entries::{ArchiveId, Entries, MAX_DEATHS};
use file::JournalFile;
use object::JournalObject;

/// The name of the file or object.
pub(super) const JOURNAL: &str = "reading.json";

/// The archives that are being read. A clone is the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// `None`: nothing is noted.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    entries: Arc<Mutex<Entries>>,
    place: Place,
    /// Held for writing while a suspect is read, and for reading while another archive is.
    turns: RwLock<()>,
}

/// Where the text is kept.
#[derive(Debug)]
enum Place {
    File(Mutex<JournalFile>),
    Object(Arc<JournalObject>),
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
    pub(super) fn in_directory(folder: &Path, earlier: Earlier) -> Self {
        let path = folder.join(JOURNAL);
        let entries = match earlier {
            Earlier::Continue => Entries::of_earlier_run(&file::read(&path)).0,
            Earlier::Rebuild => Entries::default(),
        };
        match JournalFile::create(&path) {
            Ok(file) => {
                let journal = Self::new(entries, Place::File(Mutex::new(file)));
                journal.shared.iter().for_each(|shared| shared.note());
                journal
            }
            Err(_) => Self::default(),
        }
    }

    /// The journal in a folder of S3, a key with a slash at its end. The caller holds the lease of
    /// the report.
    ///
    /// # Errors
    /// When what an earlier run has left cannot be read.
    pub(super) fn in_bucket(bucket: &Bucket, folder: &str, earlier: Earlier) -> Result<Self, S3Error> {
        let key = format!("{folder}{JOURNAL}");
        let (entries, has_died) = match earlier {
            Earlier::Continue => {
                let bytes = bucket.read(&key)?.map_or_else(Vec::new, |content| content.bytes);
                Entries::of_earlier_run(&String::from_utf8_lossy(&bytes))
            }
            Earlier::Rebuild => (Entries::default(), false),
        };
        Ok(Self::new(entries, Place::Object(JournalObject::new(bucket, key, has_died))))
    }

    fn new(entries: Entries, place: Place) -> Self {
        let entries = Arc::new(Mutex::new(entries));
        Self { shared: Some(Arc::new(Shared { entries, place, turns: RwLock::default() })) }
    }

    /// Begins to read an archive. If it was in work when a run died, this waits until no other
    /// archive is read, and others wait for its end.
    pub fn begin(&self, archive: &ArchiveVersion) -> Verdict<'_> {
        let Some(shared) = self.shared.as_deref() else {
            return Verdict::Read(Reading { noted: None, _turn: None });
        };
        let archive = ArchiveId::from(archive);
        let deaths = lock(&shared.entries).deaths(&archive);
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
        lock(&shared.entries).begin(archive.clone());
        shared.note();
        Verdict::Read(Reading { noted: Some((shared, archive)), _turn: Some(turn) })
    }

    /// Ends the run early: an archive that is in work did not end it, nor does one from now on.
    /// Returns at once.
    pub fn close(&self) {
        self.shared.iter().for_each(|shared| shared.close(false));
    }

    /// Ends the run, and returns when that is noted. If it has read all archives, only those stay
    /// that were set aside.
    pub fn finish(&self, has_read_all: bool) {
        if let Some(shared) = &self.shared {
            shared.close(has_read_all);
            if let Place::Object(object) = &shared.place {
                object.wait_for_end();
            }
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some((shared, archive)) = self.noted.take() {
            lock(&shared.entries).end(&archive);
            if let Place::File(_) = shared.place {
                shared.note();
            }
        }
    }
}

impl Shared {
    fn note(&self) {
        match &self.place {
            Place::File(file) => {
                let mut file = lock(file); // first: what is written last is what is so
                let entries = lock(&self.entries);
                if !entries.is_closed() {
                    file.write(entries.text(Duration::ZERO));
                }
            }
            Place::Object(object) => object.note(&self.entries),
        }
    }

    fn close(&self, has_read_all: bool) {
        let mut entries = lock(&self.entries);
        if !entries.close(has_read_all) {
            return;
        }
        let text = Some(entries.text(Duration::ZERO)).filter(|text| !text.is_empty());
        drop(entries);
        match (&self.place, text) {
            (Place::File(file), None) => lock(file).remove(),
            (Place::File(file), Some(text)) => lock(file).write(text),
            (Place::Object(object), text) => object.end(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        let journal = Journal::in_directory(folder, Earlier::Continue);
        for name in names {
            std::mem::forget(journal.begin(&archive(name, 1)));
        }
    }

    #[test]
    fn an_archive_that_killed_two_runs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        die_in(dir.path(), &["a", "bad"]);
        // The second run reads what is left one by one, and dies in the bad one.
        let journal = Journal::in_directory(dir.path(), Earlier::Continue);
        assert_eq!(read_all(&journal, &["a", "b"]), [true, true]);
        std::mem::forget(journal.begin(&archive("bad", 1)));
        for _ in 0..2 {
            let journal = Journal::in_directory(dir.path(), Earlier::Continue);
            assert_eq!(read_all(&journal, &["a", "bad", "b"]), [true, false, true]);
            assert!(matches!(journal.begin(&archive("bad", 2)), Verdict::Read(_)), "another version");
            journal.close();
        }
        let journal = Journal::in_directory(dir.path(), Earlier::Rebuild);
        assert_eq!(read_all(&journal, &["bad"]), [true], "--force");
        journal.close();
        assert!(!dir.path().join(JOURNAL).exists(), "nothing is left to note");
    }

    #[test]
    fn a_run_that_ends_blames_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..4 {
            let journal = Journal::in_directory(dir.path(), Earlier::Continue);
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
        let journal = Journal::in_directory(dir.path(), Earlier::Continue);
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
        assert_eq!(
            read_all(&Journal::in_directory(dir.path(), Earlier::Continue), &["a", "b"]),
            [false, true]
        );
        fs::write(&path, [0xff; 100]).unwrap();
        assert_eq!(read_all(&Journal::in_directory(dir.path(), Earlier::Continue), &["a"]), [true]);
    }
}
