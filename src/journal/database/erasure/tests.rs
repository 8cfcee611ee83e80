use std::fs;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::domain::UserId;
use crate::domain::audit::AuditRecord;
use crate::domain::audit::{Action, Asker, AuditFilter};
use crate::domain::entry::EntryOrder;
use crate::domain::{Target, UserKey, UserRef};
use crate::journal::Memo;
use crate::journal::content::AcceptedJob;
use crate::journal::content::Conclusion;
use crate::journal::content::KeptUserState;
use crate::journal::content::Recovered;
use crate::journal::database::sqlite::SqliteJournal;
use crate::journal::database::sqlite::tests::{Folder, at, ended, job, outcome};
use crate::journal::files::copies::PARTIAL;
use crate::journal::port::Journal as _;
use crate::journal::reader::JournalReader;

const ANA: UserId = UserId(Uuid::from_u128(0x5a17_c0de_dead_beef_0123_4567_89ab_cdef));
/// Texts that identify her, wherever they are.
const TEXTS: [&str; 4] =
    ["ana.secret@example.com", "row-of-ana", "Ana may not have that", "5a17c0de-dead-beef-0123-456789abcdef"];

/// Which of her texts are in which files of the journal.
fn left(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        let texts = TEXTS.map(str::as_bytes);
        for text in texts.into_iter().chain([&ANA.0.as_bytes()[..]]) {
            if bytes.windows(text.len()).any(|window| window == text) {
                found.push(format!("{}: {}", file.display(), String::from_utf8_lossy(text)));
            }
        }
    }
    found
}

/// A job in which every tenth entry is about her, including the first one with the list that the others share.
fn job_with_her(number: u128, entries: usize) -> AcceptedJob {
    let mut job = job(number, entries);
    let list = Arc::clone(&job.entries[0].request.assignments);
    for (n, order) in job.entries.iter_mut().enumerate() {
        order.request.assignments = Arc::clone(&list);
        if n.is_multiple_of(10) {
            order.request.user = UserRef::Email("ana.secret@example.com".into());
            order.request.reference = Some(format!("row-of-ana-{n}").into());
        }
    }
    job
}

fn key(target: Target) -> UserKey {
    UserKey { target, user: ANA }
}

/// Ends all entries, hers with a message, and rewrites some outcomes and user states, as in a journal with a long life:
/// each leaves remains behind.
async fn live(journal: &SqliteJournal, job: &AcceptedJob) {
    for position in 0..u32::try_from(job.entries.len()).unwrap() {
        let hers = position.is_multiple_of(10);
        let mut ended: Conclusion = ended(job.id, position);
        if hers {
            ended.ended[0].outcome.user = Some(ANA);
            ended.ended[0].outcome.result.message =
                Some(format!("Ana may not have that {}", "!".repeat(position as usize)).into());
            ended.user_state = Some((key(job.spec.target), KeptUserState::default()));
        }
        drop(journal.conclude(ended.clone()));
        if hers {
            ended.ended[0].outcome.result.message = Some("Ana may not have that".into());
            drop(journal.conclude(ended));
        }
    }
    journal.flush().await.unwrap();
}

fn memo(value: Option<&str>) -> Memo {
    Memo { space: "known".into(), key: "hr\nemail:ana.secret@example.com".into(), value: value.map(Into::into) }
}

fn erasure(jobs: &[&AcceptedJob]) -> Erasure {
    let hers =
        |job: &AcceptedJob| (0..job.entries.len()).step_by(10).map(|n| (job.id, u32::try_from(n).unwrap())).collect();
    let entries: Vec<Vec<_>> = jobs.iter().map(|job| hers(job)).collect();
    let by = Asker::operator();
    let asked = AuditRecord { at: at(10), action: Action::Erased, by, job: None, about: Some("entries: 60".into()) };
    Erasure { entries: entries.concat(), user: Some(ANA), memos: vec![memo(None)], asked: Some(asked) }
}

/// A journal with a past: jobs, outcomes, removed jobs, and memos that were written and taken back.
async fn with_a_past(folder: &Folder) -> [AcceptedJob; 2] {
    let (journal, _) = folder.open();
    let jobs = [1, 2, 3].map(|number| job_with_her(number, 300));
    for job in &jobs {
        journal.accept(job.clone(), Vec::new()).await.unwrap();
        live(&journal, job).await;
    }
    journal
        .remember(vec![memo(Some("{}")), Memo { key: "record\nana.secret@example.com\n7".into(), ..memo(Some("x")) }])
        .await
        .unwrap();
    journal.remember(vec![Memo { key: "record\nana.secret@example.com\n7".into(), ..memo(None) }]).await.unwrap();
    let [first, second, third] = jobs;
    journal.forget_jobs(vec![third.id]);
    journal.flush().await.unwrap();
    [first, second]
}

fn assert_erased(recovered: &Recovered, jobs: &[AcceptedJob; 2]) {
    assert_eq!((recovered.jobs.len(), &recovered.user_states[..], &recovered.memos[..]), (2, &[][..], &[][..]));
    for (kept, job) in recovered.jobs.iter().zip(jobs) {
        for (n, (order, outcome)) in kept.job.entries.iter().zip(&kept.outcomes).enumerate() {
            let expected = if n.is_multiple_of(10) {
                (job.entries[n].clone().erased(), outcome_of_nobody())
            } else {
                (job.entries[n].clone(), outcome_of_others())
            };
            assert_eq!((order, outcome.as_ref()), (&expected.0, Some(&expected.1)), "{n}");
        }
    }
}

fn outcome_of_others() -> EntryOutcome {
    outcome()
}

fn outcome_of_nobody() -> EntryOutcome {
    outcome().erased()
}

#[tokio::test]
async fn nothing_of_a_person_is_left_in_any_file_whatever_the_journal_went_through() {
    let folder = Folder::new();
    let jobs = with_a_past(&folder).await;
    let (journal, _) = folder.open();
    assert!(left(&folder.0).len() >= 5, "there is something to find: {:?}", left(&folder.0));
    journal.erase(erasure(&[&jobs[0], &jobs[1]])).await.unwrap();
    assert_eq!(left(&folder.0), [""; 0]);
    assert!(!folder.0.join(COPY).exists());
    assert_eq!(journal.usage().entries, 600);
    let backup = folder.0.join("backup");
    JournalReader::open(&folder.0).unwrap().backup(&backup).unwrap();
    assert_eq!(left(&folder.0), [""; 0]);
    let audit = journal.audited(AuditFilter::default(), None, 10).await.unwrap().unwrap();
    assert_eq!(audit.records.len(), 1);

    // Nothing else has changed, and the journal works as before.
    journal.accept(job(9, 3), Vec::new()).await.unwrap();
    journal.erase(Erasure::default()).await.unwrap();
    drop(journal);
    let database = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    let pragma = |name| database.pragma_query_value(None, name, |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!((pragma("auto_vacuum"), pragma("user_version")), (2, schema::VERSION));
    drop(database);
    assert_eq!(left(&folder.0), [""; 0]);
    let (_, mut recovered) = folder.open();
    assert_eq!(recovered.jobs.pop().map(|kept| kept.job), Some(job(9, 3)));
    assert_erased(&recovered, &jobs);
}

#[tokio::test]
async fn who_reads_delays_that_the_files_are_clean_and_asking_again_helps() {
    let folder = Folder::new();
    let jobs = with_a_past(&folder).await;
    let (journal, _) = folder.open();
    let reader = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry;").unwrap();
    let told = journal.erase(erasure(&[&jobs[0], &jobs[1]])).await.unwrap_err();
    assert!(matches!(&told, JournalError::StillInFiles(why) if why.contains("another process is reading")), "{told}");
    assert!(!left(&folder.0).is_empty());
    // Meanwhile it works as usual.
    journal.accept(job(9, 3), Vec::new()).await.unwrap();
    drop(reader);
    journal.erase(Erasure { user: Some(ANA), ..Erasure::default() }).await.unwrap();
    assert_eq!(left(&folder.0), [""; 0]);
    drop(journal);
    let (_, mut recovered) = folder.open();
    recovered.jobs.pop();
    assert_erased(&recovered, &jobs);
}

#[tokio::test]
async fn a_copy_that_a_crash_left_is_removed_by_the_next_process() {
    let folder = Folder::new();
    drop(folder.open());
    let copies = [COPY, PARTIAL].map(|name| folder.0.join(name));
    for copy in &copies {
        fs::write(copy, "half a copy").unwrap();
    }
    drop(folder.open());
    assert!(copies.iter().all(|copy| !copy.exists()));
}

#[tokio::test]
async fn an_entry_that_has_not_ended_is_not_touched() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let job = job_with_her(1, 20);
    journal.accept(job.clone(), Vec::new()).await.unwrap();
    journal.erase(erasure(&[&job])).await.unwrap();
    drop(journal);
    let (_, recovered) = folder.open();
    assert_eq!(
        recovered.jobs[0].job.entries.iter().map(|order| order.request.clone()).collect::<Vec<_>>(),
        job.entries.iter().map(|order: &EntryOrder| order.request.clone()).collect::<Vec<_>>()
    );
}
