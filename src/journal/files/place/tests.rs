use std::fs;

use super::*;
use crate::journal::database::sqlite::tests::{Folder, job};
use crate::journal::port::Journal as _;

/// Waits for what the writer notices by itself.
async fn until(journal: &crate::journal::database::sqlite::SqliteJournal, gone: bool) {
    let mut trouble = journal.trouble();
    trouble.wait_for(|trouble| trouble.is_some() == gone).await.unwrap();
}

#[tokio::test]
async fn the_log_of_a_journal_that_has_just_been_opened_is_missed_as_well() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let log = log_of(&folder.0.join(DATABASE));
    assert!(log.exists());
    fs::remove_file(&log).unwrap();
    journal.accept(job(1, 3), Vec::new()).await.unwrap();
    assert!(log.exists(), "it was put back before anything was promised");
    drop(journal);
    assert_eq!(folder.open().1.jobs.len(), 1);
}

#[tokio::test]
async fn what_is_accepted_after_a_removal_is_in_what_is_put_back() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    for (number, what) in (1..).zip(["", DATABASE, LOCK, "journal.sqlite-wal", "journal.sqlite-shm", ""]) {
        journal.accept(job(number, 3), Vec::new()).await.unwrap();
        let removed =
            if what.is_empty() { fs::remove_dir_all(&folder.0) } else { fs::remove_file(folder.0.join(what)) };
        removed.unwrap();
    }
    journal.accept(job(100, 3), Vec::new()).await.unwrap();
    drop(journal);
    let (_journal, recovered) = folder.open();
    assert_eq!(recovered.jobs.len(), 7);
}

#[tokio::test]
async fn what_cannot_be_put_back_is_told_and_what_became_of_entries_is_kept_until_it_can() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    journal.accept(job(1, 3), Vec::new()).await.unwrap();
    // A file where the folder should be.
    fs::remove_dir_all(&folder.0).unwrap();
    fs::write(&folder.0, "in the way").unwrap();
    until(&journal, true).await;
    assert!(matches!(journal.accept(job(2, 1), Vec::new()).await, Err(JournalError::Gone { .. })));
    let note = crate::journal::content::JobNote::Cancelled;
    journal.note(job(1, 1).id, note).await.unwrap();
    fs::remove_file(&folder.0).unwrap();
    until(&journal, false).await;
    journal.accept(job(3, 1), Vec::new()).await.unwrap();
    drop(journal);
    let (_journal, recovered) = folder.open();
    let jobs: Vec<_> = recovered.jobs.iter().map(|kept| (kept.job.id, kept.notes.cancelled)).collect();
    assert_eq!(jobs, [(job(1, 1).id, true), (job(3, 1).id, false)]);
}
