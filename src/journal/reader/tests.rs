use std::fs;

use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::domain::JobId;
use crate::journal::content::Recovered;
use crate::journal::database::sqlite::DEFAULT_MAX_BYTES;
use crate::journal::database::sqlite::SqliteJournal;
use crate::journal::database::sqlite::tests::{Folder, ended, job};
use crate::journal::port::Journal;

/// A journal in use, with two jobs, one of which has an outcome.
async fn at_work(folder: &Folder) -> SqliteJournal {
    let (journal, _) = folder.open();
    journal.accept(job(1, 3), Vec::new()).await.unwrap();
    journal.accept(job(2, 200), Vec::new()).await.unwrap();
    journal.conclude(ended(JobId(Uuid::from_u128(1)), 2)).await.unwrap();
    journal.flush().await.unwrap();
    journal
}

fn reopened(folder: &Folder) -> Result<Recovered, JournalError> {
    SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).map(|(_, recovered)| recovered)
}

fn change(folder: &Folder, sql: &str) {
    Connection::open(folder.0.join(DATABASE)).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_journal_at_work_is_counted_verified_and_exported() {
    let folder = Folder::new();
    let journal = at_work(&folder).await;
    let reader = JournalReader::open(&folder.0).unwrap();
    let contents = reader.contents().unwrap();
    assert_eq!((contents.jobs, contents.version), (2, VERSION));
    assert_eq!(contents.entries, [("failed".to_owned(), 1), ("open".to_owned(), 202)].into());
    let verdict = reader.verify().unwrap();
    assert_eq!((verdict.faults, verdict.records), (Vec::new(), 205));
    let mut lines = Vec::new();
    let exported = reader.export(&mut lines).unwrap();
    assert_eq!(exported, Exported { lines: 205, unreadable: 0 });
    let lines: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 205);
    assert_eq!(lines[0]["record"], "job");
    assert_eq!(lines[4]["outcome"]["state"], "failed");
    // Nothing was delayed or removed.
    journal.accept(job(3, 1), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_backup_made_at_work_is_a_journal_as_it_was_at_that_moment() {
    let (folder, restored) = (Folder::new(), Folder::new());
    let journal = at_work(&folder).await;
    let reader = JournalReader::open(&folder.0).unwrap();
    fs::create_dir_all(&restored.0).unwrap();
    let file = restored.0.join(DATABASE);
    assert!(reader.backup(&file).unwrap() > 10_000);
    journal.accept(job(3, 1), Vec::new()).await.unwrap();
    assert!(matches!(reader.backup(&file), Err(JournalError::CannotWrite(_))), "nothing is overwritten");
    assert_eq!(JournalReader::open(&file).unwrap().verify().unwrap().faults, Vec::<String>::new());
    assert_eq!(fs::read_dir(&restored.0).unwrap().count(), 1, "nothing lies about");
    let then = reopened(&restored).unwrap();
    drop((journal, reader));
    let mut now = reopened(&folder).unwrap();
    assert_eq!(now.jobs.len(), 3);
    now.jobs.pop();
    assert_eq!(then, now);
}

#[tokio::test]
async fn a_record_that_is_not_understood_is_named_without_saying_what_it_holds() {
    let changes = [
        (
            "UPDATE entry SET request = '{\"Ana\":1}' WHERE position = 1",
            "entry 1 of job 00000000-0000-0000-0000-000000000001",
        ),
        ("DELETE FROM entry WHERE position = 1", "entry 1 of job"),
        ("UPDATE job SET spec = 'x'", "job 00000000-0000-0000-0000-000000000001"),
        ("INSERT INTO standing VALUES ('unknown', zeroblob(16), '{}')", "what is remembered of a user"),
        ("INSERT INTO acceptance_key VALUES (x'01', 'unknown', x'02', zeroblob(16), 0)", "a key"),
    ];
    for (sql, named) in changes {
        let folder = Folder::new();
        drop(at_work(&folder).await);
        change(&folder, sql);
        let verdict = JournalReader::open(&folder.0).unwrap().verify().unwrap();
        assert!(verdict.faults[0].contains(named), "{sql}: {:?}", verdict.faults);
        let error = reopened(&folder).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("journal.sqlite") && !error.contains("Ana"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_named_with_its_offset() {
    let folder = Folder::new();
    drop(at_work(&folder).await);
    let database = folder.0.join(DATABASE);
    let root: i64 = Connection::open(&database)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'", [], |row| row.get(0))
        .unwrap();
    let offset = usize::try_from(root - 1).unwrap() * 4096;
    let mut bytes = fs::read(&database).unwrap();
    bytes[offset..offset + 64].fill(0xff);
    fs::write(&database, &bytes).unwrap();
    let verdict = JournalReader::open(&folder.0).unwrap().verify().unwrap();
    let at = format!("offset {offset}");
    assert!(verdict.faults.iter().any(|fault| fault.contains(&at)), "{:?}", verdict.faults);
    let error = reopened(&folder).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged { detail, .. } if detail.contains(&at)), "{error}");
}

#[test]
fn what_is_not_there_is_said_so() {
    let folder = Folder::new();
    assert!(matches!(JournalReader::open(&folder.0), Err(JournalError::Absent(_))));
}
