use rusqlite::Connection;

use super::*;
use crate::journal::content::JobNote;
use crate::journal::database::sqlite::tests::{Folder, job};
use crate::journal::port::Journal as _;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn record(second: i64, action: Action, actor: Actor, job: Option<u128>) -> AuditRecord {
    let by = Asker { actor, address: "192.0.2.7".parse().ok(), request_id: Some("r-1".into()) };
    let job = job.map(|job| JobId(Uuid::from_u128(job)));
    AuditRecord { at: at(second), action, by, job, about: Some("workday".into()) }
}

fn all() -> Vec<AuditRecord> {
    vec![
        record(0, Action::Submitted, Actor::Key("hr".into()), Some(1)),
        record(1, Action::Released, Actor::Key("boss".into()), Some(1)),
        record(2, Action::Refused, Actor::Key("hr".into()), None),
        record(3, Action::Submitted, Actor::Source("workday".into()), Some(2)),
        AuditRecord { by: Asker::operator(), ..record(4, Action::Reloaded, Actor::Operator, None) },
    ]
}

#[tokio::test]
async fn records_come_with_what_they_tell_of_and_outlive_it() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let records = all();
    journal.accept_asked(job(1, 1), Vec::new(), Some(records[0].clone())).await.unwrap();
    journal.note_asked(JobId(Uuid::from_u128(1)), JobNote::Released, Some(records[1].clone())).await.unwrap();
    journal.audit(records[2].clone()).await.unwrap();
    journal.accept_asked(job(2, 1), Vec::new(), Some(records[3].clone())).await.unwrap();
    journal.audit(records[4].clone()).await.unwrap();
    // A refused record leaves no trace of something that never happened.
    journal.accept_asked(job(2, 1), Vec::new(), Some(records[3].clone())).await.unwrap_err();
    journal.forget_jobs(vec![JobId(Uuid::from_u128(1))]);
    drop(journal);

    let (journal, _) = folder.open();
    let read = async |filter, older_than, limit| journal.audited(filter, older_than, limit).await.unwrap().unwrap();
    let page = read(AuditFilter::default(), None, 10).await;
    let newest_first: Vec<_> = records.iter().rev().cloned().collect();
    assert_eq!(page.records.iter().map(|(_, record)| record.clone()).collect::<Vec<_>>(), newest_first);
    assert!(!page.more);
    let (first, second) = (read(AuditFilter::default(), None, 2).await, page.records[1].0);
    assert_eq!((first.records.len(), first.more), (2, true));
    let rest = read(AuditFilter::default(), Some(second), 10).await;
    assert_eq!((rest.records.len(), rest.more), (3, false));
    for (filter, found) in [
        (AuditFilter { action: Some(Action::Submitted), ..AuditFilter::default() }, vec![3, 0]),
        (AuditFilter { name: Some("hr".into()), ..AuditFilter::default() }, vec![2, 0]),
        (AuditFilter { job: Some(JobId(Uuid::from_u128(1))), ..AuditFilter::default() }, vec![1, 0]),
        (AuditFilter { since: Some(at(2)), until: Some(at(4)), ..AuditFilter::default() }, vec![3, 2]),
        (AuditFilter { name: Some("' OR 1=1 --".into()), ..AuditFilter::default() }, vec![]),
    ] {
        let page = read(filter.clone(), None, 10).await;
        let expected: Vec<_> = found.into_iter().map(|at: usize| records[at].clone()).collect();
        assert_eq!(page.records.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn records_end_with_their_time_and_are_never_changed() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    for record in all() {
        journal.audit(record).await.unwrap();
    }
    journal.forget_audit(at(3));
    journal.flush().await.unwrap();
    let page = journal.audited(AuditFilter::default(), None, 10).await.unwrap().unwrap();
    assert_eq!(page.records.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 4]);
    drop(journal);
    let database = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    let error = database.execute("UPDATE audit SET name = 'somebody else'", []).unwrap_err();
    assert!(error.to_string().contains("never changed"), "{error}");
}
