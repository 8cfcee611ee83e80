//! The files below the database: each write, sync and truncation of a small journal in turn fails, or is the last thing that
//! a process does, half done, or with everything lost that was not synced.
//!
//! `faults.c` stands between a process and its files. It is loaded into a process of its own, see [`life`], which says what it
//! was told is durable; what it leaves is then opened without faults. And into the real service, for a disk that is full.

mod disk_full;
mod life;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use skillsync::journal::{
    AcceptedJob, DEFAULT_MAX_BYTES, JournalReader, Recovered, RecoveredJob, SqliteJournal, Verdict,
};

use self::life::{JOBS, Told};
use crate::process::Folder;
use crate::sim::setting;

/// How an operation goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    IoError,
    NoSpace,
    /// Half of it is done, and the process is killed.
    Torn,
    /// Nothing of it is done, nothing that was not synced is left, and the process is gone.
    PowerLost,
}

impl Kind {
    const ALL: [Self; 4] = [Self::IoError, Self::NoSpace, Self::Torn, Self::PowerLost];

    fn name(self) -> &'static str {
        match self {
            Self::IoError => "eio",
            Self::NoSpace => "enospc",
            Self::Torn => "torn",
            Self::PowerLost => "lost",
        }
    }

    fn kills(self) -> bool {
        matches!(self, Self::Torn | Self::PowerLost)
    }
}

/// Compiles what stands between a process and its files.
fn shim(folder: &Path) -> PathBuf {
    let shim = folder.join("faults.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/files/faults.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).status();
    assert!(compiled.expect("there is a C compiler").success());
    shim
}

/// What a run came to.
#[derive(Debug, Default)]
struct Totals {
    runs: [AtomicUsize; 4],
    /// Logs that ended in something half written, as `verify` tells it.
    cut_short: AtomicUsize,
    /// Jobs that are there although nobody was told so, because the process died between the two.
    untold: AtomicUsize,
}

/// One life with a fault, and a look at what it leaves. How the writer batches differs from run to run: the last operations
/// may not be there.
fn run(shim: &Path, kind: Kind, at: usize, totals: &Totals) {
    let folder = Folder::new("files");
    let context = format!("{kind:?} at operation {at}");
    let lived = life::lived(shim, &folder, Some((kind.name(), at)));
    let Some(operation) = lived.operations.get(at) else { return };
    let context = format!("{context}, {operation}");
    let told = Told::of(&lived.output);
    if kind.kills() {
        assert!(!told.closed, "{context}: {}", lived.output);
    } else if !told.closed {
        // Nothing can be promised by a journal that cannot be opened.
        assert!(told.cannot_open && told.accepted.is_empty(), "{context}: {}", lived.output);
    }
    if told.erased {
        assert!(!says_who(&folder), "{context}");
    }
    if let Ok(reader) = JournalReader::open(&folder.journal()) {
        let cut_short = reader.verify().is_ok_and(|verdict| says_cut_short(&verdict));
        totals.cut_short.fetch_add(usize::from(cut_short), Ordering::Relaxed);
    }
    let (journal, recovered) = SqliteJournal::open(&folder.journal(), DEFAULT_MAX_BYTES)
        .unwrap_or_else(|error| panic!("{context}: {error}; {}", lived.output));
    check(&told, &recovered, &context, totals);
    drop(journal);
    let verdict = JournalReader::open(&folder.journal()).unwrap().verify().unwrap();
    assert!(verdict.faults.is_empty() && !says_cut_short(&verdict), "{context}: {verdict:?}");
    totals.runs[kind as usize].fetch_add(1, Ordering::Relaxed);
}

/// That somebody works with it may be remarked as well: a process that is just being started has the locks of this one for a
/// moment.
fn says_cut_short(verdict: &Verdict) -> bool {
    verdict.remarks.iter().any(|remark| remark.contains("half written"))
}

/// Whether the person of an entry was erased.
fn erased(kept: &RecoveredJob) -> bool {
    kept.outcomes[life::ERASED as usize].as_ref().is_some_and(|outcome| outcome.erased)
}

/// A job as it was accepted, without the person that was erased.
fn expected(number: u32, kept: &RecoveredJob) -> AcceptedJob {
    let mut job = life::job(number);
    if erased(kept) {
        let order = &mut job.entries[life::ERASED as usize];
        *order = order.clone().erased();
    }
    job
}

/// Whether a file of the journal has something of the person who was erased.
fn says_who(folder: &Folder) -> bool {
    let mut files =
        std::fs::read_dir(folder.journal()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.any(|bytes| bytes.windows(life::ROW.len()).any(|window| window == life::ROW.as_bytes()))
}

/// Everything that was told to be durable is there, and nothing is there in part.
fn check(told: &Told, recovered: &Recovered, context: &str, totals: &Totals) {
    for number in 1..=JOBS {
        let kept = recovered.jobs.iter().find(|kept| kept.job.id == life::id(number));
        let accepted = told.accepted.contains(&number);
        match kept {
            Some(kept) => {
                assert_eq!(kept.job, expected(number, kept), "{context}: job {number} is whole");
                let key = recovered.keys.iter().any(|(key, of)| *of == kept.job.id && *key == life::key(number));
                assert!(key, "{context}: the key of job {number} is there with it");
                totals.untold.fetch_add(usize::from(!accepted), Ordering::Relaxed);
            }
            None => assert!(!accepted || number == life::FORGOTTEN, "{context}: job {number} is lost"),
        }
    }
    if told.intended {
        assert_eq!(recovered.user_states, [life::user_state()], "{context}");
    }
    if told.durable {
        let first = &recovered.jobs[0];
        for (position, outcome) in (0..).zip(&first.outcomes) {
            let is_erased = position == life::ERASED && erased(first);
            let expected = if is_erased { life::outcome().erased() } else { life::outcome() };
            assert_eq!(outcome.as_ref(), Some(&expected), "{context}");
        }
        assert!(erased(first) || !told.erased, "{context}");
        assert!(recovered.jobs.iter().all(|kept| kept.job.id != life::id(life::FORGOTTEN)), "{context}");
        assert!(
            recovered.jobs[1].notes.released && recovered.memos.len() == 1 && recovered.calls.len() == 1,
            "{context}"
        );
    }
}

#[test]
fn a_fault_or_a_crash_at_any_operation_on_the_files_loses_nothing_that_was_promised() {
    let tools = Folder::new("files-tools");
    let (shim, totals) = (shim(&tools.0), Totals::default());
    let operations = life::lived(&shim, &Folder::new("files"), None).operations;
    let of = |what: &str| operations.iter().filter(|operation| operation.contains(what)).count();
    let every = usize::try_from(setting("FILES_EVERY", 4)).unwrap();
    let of_kind = |kind: Kind| (kind as usize % every..operations.len()).step_by(every).map(move |at| (kind, at));
    let cases: Vec<_> = Kind::ALL.into_iter().flat_map(of_kind).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((kind, at)) = cases.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            run(&shim, kind, at, &totals);
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(work)));
    });
    println!(
        "{} operations: {} writes, {} syncs, {} truncations; one in {every}, all with FILES_EVERY=1\n{totals:?}",
        operations.len(),
        of("write"),
        of("sync"),
        of("ftruncate")
    );
    let least = operations.len() / every * 9 / 10;
    assert!(totals.runs.iter().all(|runs| runs.load(Ordering::Relaxed) >= least), "{totals:?}");
    assert!(totals.cut_short.load(Ordering::Relaxed) > 0);
}
