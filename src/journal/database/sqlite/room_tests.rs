//! Room: expired content is removed and its room given back, and a journal without room is not damaged.

use std::num::NonZeroU64;

use rusqlite::Connection;
use uuid::Uuid;

use super::tests::{Folder, ended, job, outcome};
use super::*;

fn id(number: u128) -> JobId {
    JobId(Uuid::from_u128(number))
}

/// Closes the journal once its housekeeping is done; returns the size of the database.
async fn settled(journal: SqliteJournal, entries: u64) -> u64 {
    while journal.usage().entries > entries {
        journal.flush().await.unwrap();
    }
    // Each flush is followed by a housekeeping step.
    for _ in 0..200 {
        journal.flush().await.unwrap();
    }
    journal.usage().database_bytes
}

#[tokio::test]
async fn forgotten_jobs_are_removed_in_steps_and_the_file_shrinks() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    for number in 1..=5 {
        journal.accept(job(number, 4_000), Vec::new()).await.unwrap();
    }
    journal.accept(job(6, 10), Vec::new()).await.unwrap();
    let usage = journal.usage();
    assert_eq!((usage.jobs, usage.entries), (6, 20_010));
    journal.forget_jobs((1..=5).map(id).collect());
    journal.flush().await.unwrap();
    assert_eq!(journal.usage().jobs, 1, "the jobs go at once");
    assert!(journal.usage().entries > 15_000, "their entries a few at a time");
    let grown = journal.usage().database_bytes + journal.usage().log_bytes;
    let shrunk = settled(journal, 10).await;
    assert!(shrunk * 3 < grown, "{grown} bytes became {shrunk}");
    let (_, recovered) = folder.open();
    assert_eq!(recovered.jobs.iter().map(|kept| &kept.job).collect::<Vec<_>>(), [&job(6, 10)]);
}

#[tokio::test]
async fn a_removal_that_a_crash_cut_short_is_finished_by_the_next_process() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    journal.accept(job(1, 2_000), Vec::new()).await.unwrap();
    drop(journal);
    // As left by a process that ends between the removal of a job and that of its entries.
    let cut_short = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    let text =
        "INSERT INTO forgotten_job SELECT id FROM job; DELETE FROM job; DELETE FROM entry WHERE position > 1500;";
    cut_short.execute_batch(text).unwrap();
    drop(cut_short);
    let (journal, recovered) = folder.open();
    assert_eq!(recovered.jobs, []);
    settled(journal, 0).await;
    let after = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    let left = "SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM forgotten_job)";
    assert_eq!(after.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_full_journal_takes_no_jobs_but_outcomes_and_goes_on_when_there_is_room() {
    let folder = Folder::new();
    let small = NonZeroU64::new(1024 * 1024).unwrap();
    let (journal, _) = SqliteJournal::open(&folder.0, small).unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        let number = accepted.len() as u128 + 1;
        match journal.accept(job(number, 100), Vec::new()).await {
            Ok(()) => accepted.push(number),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Full(bytes) if bytes == small.get()), "{refused}");
    for number in &accepted {
        drop(journal.conclude(ended(id(*number), 0)));
    }
    journal.flush().await.unwrap();
    let usage = journal.usage();
    assert_eq!((usage.jobs, usage.failing), (accepted.len() as u64, false));
    assert!(usage.database_bytes <= small.get(), "{usage:?}");
    journal.forget_jobs(vec![id(1), id(2), id(3)]);
    while journal.accept(job(1000, 100), Vec::new()).await.is_err() {}
    drop(journal);
    let (_, recovered) = folder.open();
    assert_eq!(recovered.jobs.len(), accepted.len() - 3 + 1);
    let ended = |kept: &&crate::journal::content::RecoveredJob| kept.outcomes[0].is_some();
    assert_eq!(recovered.jobs.iter().filter(ended).count(), accepted.len() - 3, "no outcome was lost");
}

#[tokio::test]
async fn what_fails_for_want_of_room_is_not_half_there_and_what_nobody_waits_for_is_written_later() {
    let folder = Folder::new();
    let small = NonZeroU64::new(1024 * 1024).unwrap();
    let (journal, _) = SqliteJournal::open(&folder.0, small).unwrap();
    journal.accept(job(1, 10), Vec::new()).await.unwrap();
    // Larger than all available room: SQLite itself reaches the limit, as on a full disk.
    let error = journal.accept(job(2, 20_000), Vec::new()).await.unwrap_err();
    assert!(matches!(&error, JournalError::CannotWrite(text) if text.contains("full")), "{error}");
    drop(journal.conclude(ended(id(1), 3)));
    journal.accept(job(3, 10), Vec::new()).await.unwrap();
    drop(journal);
    let (_, recovered) = folder.open();
    assert_eq!(recovered.jobs.iter().map(|kept| kept.job.id).collect::<Vec<_>>(), [id(1), id(3)]);
    assert_eq!(recovered.jobs[0].outcomes[3], Some(outcome()));
}
