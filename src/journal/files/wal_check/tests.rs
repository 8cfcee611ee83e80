//! What is left of a log whose end is missing, or a part of which is corrupt.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::*;
use crate::journal::database::sqlite::SqliteJournal;
use crate::journal::database::sqlite::tests::{Folder, job};
use crate::journal::error::JournalError;
use crate::journal::port::Journal;

const JOBS: u128 = 6;

/// As left by a process that is killed after this many jobs.
async fn left_behind() -> Folder {
    let (alive, left) = (Folder::new(), Folder::new());
    let (journal, _) = alive.open();
    for number in 1..=JOBS {
        journal.accept(job(number, 3), Vec::new()).await.unwrap();
    }
    copy(&alive, &left);
    left
}

fn copy(from: &Folder, to: &Folder) {
    fs::create_dir_all(&to.0).unwrap();
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        fs::copy(from.0.join(name), to.0.join(name)).unwrap();
    }
}

fn paths(folder: &Folder) -> (PathBuf, PathBuf) {
    (folder.0.join("journal.sqlite"), folder.0.join("journal.sqlite-wal"))
}

fn checked(folder: &Folder) -> LogEnd {
    let (database, log) = paths(folder);
    check(&database, &log).unwrap()
}

/// Returns how many jobs are read back; each of them is complete.
fn recovered(folder: &Folder) -> Result<usize, JournalError> {
    let (_, recovered) = SqliteJournal::open(&folder.0, crate::journal::database::sqlite::DEFAULT_MAX_BYTES)?;
    for (number, kept) in (1..).zip(&recovered.jobs) {
        assert_eq!(kept.job, job(number, 3));
    }
    Ok(recovered.jobs.len())
}

/// Offsets and commits of the frames.
fn frames(log: &[u8]) -> Vec<(usize, bool)> {
    let size = FRAME_HEADER + word(log, 8) as usize;
    (HEADER..log.len()).step_by(size).map(|offset| (offset, word(log, offset + 4) > 0)).collect()
}

#[tokio::test]
async fn a_log_of_any_length_gives_the_whole_transactions_that_are_in_it() {
    let whole = left_behind().await;
    let log = fs::read(paths(&whole).1).unwrap();
    assert_eq!(checked(&whole), LogEnd::Whole);
    let ends: Vec<usize> = frames(&log).windows(2).filter(|pair| pair[0].1).map(|pair| pair[1].0).collect();
    let mut lengths: Vec<usize> = (0..log.len()).step_by(1013).chain(ends.iter().copied()).collect();
    lengths.sort_unstable();
    let (mut jobs, mut short) = (0, 0);
    for length in lengths {
        let cut = Folder::new();
        copy(&whole, &cut);
        fs::write(paths(&cut).1, &log[..length]).unwrap();
        let at_an_end = length == 0 || length == HEADER || ends.contains(&length);
        match checked(&cut) {
            LogEnd::Whole => assert!(at_an_end, "{length}"),
            LogEnd::CutShort { offset, bytes } => {
                assert!(!at_an_end && offset + bytes == length as u64, "{length}: {offset} {bytes}");
                short += 1;
            }
            LogEnd::Damaged { offset } => panic!("{length}: {offset}"),
        }
        let now = recovered(&cut).unwrap();
        assert!(now >= jobs, "a longer log holds no less");
        jobs = now;
    }
    assert!(short > 20 && jobs >= JOBS as usize - 1, "{short} {jobs}");
}

#[tokio::test]
async fn a_bad_frame_is_refused_where_it_is_unless_it_is_the_last_thing_that_was_written() {
    let whole = left_behind().await;
    let log = fs::read(paths(&whole).1).unwrap();
    let frames = frames(&log);
    for (number, (offset, _)) in frames.iter().enumerate() {
        let later = frames[number..].iter().filter(|(_, commit)| *commit).count() - 1;
        // In the page number, the salts, the checksum, the content. A last frame with other salts looks like one of an
        // earlier round.
        for (place, enough, told) in [(0, 1, true), (9, 1, false), (17, 2, true), (FRAME_HEADER + 100, 1, true)] {
            let bad = Folder::new();
            copy(&whole, &bad);
            let mut bytes = log.clone();
            bytes[offset + place] ^= 0x55;
            fs::write(paths(&bad).1, &bytes).unwrap();
            let found = checked(&bad);
            if later >= enough {
                assert_eq!(found, LogEnd::Damaged { offset: *offset as u64 }, "byte {place} of frame {number}");
                let error = recovered(&bad).unwrap_err().to_string();
                assert!(error.contains("journal.sqlite-wal") && error.contains(&format!("offset {offset}")), "{error}");
                assert_eq!(fs::read(paths(&bad).1).unwrap(), bytes, "nothing is changed");
            } else if later == 0 {
                let left_out = matches!(found, LogEnd::CutShort { .. }) || (!told && found == LogEnd::Whole);
                assert!(left_out, "byte {place} of frame {number}: {found:?}");
                assert_eq!(recovered(&bad).unwrap(), JOBS as usize - 1);
            }
        }
    }
}

#[tokio::test]
async fn a_log_without_its_header_is_refused_unless_the_database_has_everything() {
    let (alive, lost, saved) = (Folder::new(), Folder::new(), Folder::new());
    let (journal, _) = alive.open();
    journal.accept(job(1, 3), Vec::new()).await.unwrap();
    // After the first batch, the log is emptied once.
    journal.flush().await.unwrap();
    journal.accept(job(2, 3), Vec::new()).await.unwrap();
    copy(&alive, &lost);
    let second = Connection::open(paths(&alive).0).unwrap();
    second.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    copy(&alive, &saved);
    for folder in [&lost, &saved] {
        let mut log = fs::read(paths(folder).1).unwrap();
        log[13] ^= 0x55;
        fs::write(paths(folder).1, &log).unwrap();
    }
    assert_eq!(checked(&lost), LogEnd::Damaged { offset: 0 });
    assert!(matches!(recovered(&lost), Err(JournalError::Damaged { .. })));
    assert!(matches!(checked(&saved), LogEnd::CutShort { offset: 0, .. }));
    assert_eq!(recovered(&saved).unwrap(), 2);
}

#[tokio::test]
async fn frames_of_an_earlier_round_are_nothing_to_speak_of() {
    let (alive, left) = (Folder::new(), Folder::new());
    let (journal, _) = alive.open();
    journal.accept(job(1, 400), Vec::new()).await.unwrap();
    let second = Connection::open(paths(&alive).0).unwrap();
    second.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    journal.accept(job(2, 3), Vec::new()).await.unwrap();
    copy(&alive, &left);
    assert_eq!(checked(&left), LogEnd::Whole);
    let (_, recovered) = left.open();
    assert_eq!(recovered.jobs.len(), 2);
}
