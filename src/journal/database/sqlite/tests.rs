use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::domain::acceptance::KeyKind;
use crate::domain::assignment::{CatalogueItem, Difference};
use crate::domain::audit::Actor;
use crate::domain::callback::{CallbackEvent, CallbackSettled, CallbackUrl};
use crate::domain::conflict::Cause;
use crate::domain::entry::{AssignmentName, Effects, EntryOrder, EntryRequest, ListedAssignment};
use crate::domain::entry_result::{ConflictRecord, EntryResult};
use crate::domain::hold::{Hold, SkillLoss};
use crate::domain::job::{ConflictCounts, JobSpec, Lane, SameUser};
use crate::domain::{AssignmentId, EntryState, Mode, Owner, Proficiency, Reason, Target, UserId, UserRef, Version};
use crate::journal::content::EndedEntry;
use crate::journal::content::EntryOutcome;
use crate::journal::content::JobCounters;
use crate::journal::content::JobNotes;
use crate::journal::schema::VERSION;

/// A folder that is removed at the end.
pub(in crate::journal) struct Folder(pub(in crate::journal) PathBuf);

impl Folder {
    pub(in crate::journal) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("skillsync-journal-{}", Uuid::new_v4())))
    }

    pub(in crate::journal) fn open(&self) -> (SqliteJournal, Recovered) {
        SqliteJournal::open(&self.0, DEFAULT_MAX_BYTES).expect("the journal opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(in crate::journal) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a date")
}

pub(in crate::journal) fn job(number: u128, entries: usize) -> AcceptedJob {
    let users = [
        UserRef::Id(UserId(Uuid::from_u128(7))),
        UserRef::Email("ana@example.com".into()),
        UserRef::EmployeeId("E1".into()),
        UserRef::ExternalId { authority: "hris".into(), key: "a:b".into() },
    ];
    let request = |n: usize| EntryRequest {
        reference: n.is_multiple_of(2).then(|| format!("row-{n}").into()),
        user: users[n % 4].clone(),
        assignments: Arc::new([
            ListedAssignment {
                name: AssignmentName::Name("Billing".into()),
                proficiency: Proficiency::new(3.3),
                because: Some("rule".into()),
                left_as_is: false,
            },
            ListedAssignment {
                name: AssignmentName::Id(AssignmentId(Uuid::from_u128(9))),
                proficiency: None,
                because: None,
                left_as_is: false,
            },
        ]),
        occurred_at: n.is_multiple_of(3).then(|| at(5)),
    };
    AcceptedJob {
        id: JobId(Uuid::from_u128(number)),
        spec: JobSpec {
            target: Target::RoutingSkills,
            mode: Mode::Managed,
            label: Some("nightly".into()),
            dry_run: false,
            lane: Lane::Bulk,
            callback: Some(CallbackUrl::kept("https://hr.example.com/hook?token=x".into())),
            same_user: SameUser::InOrder,
            default_proficiency: Proficiency::new(3.5),
            owner: Owner::new("hr"),
        },
        created_at: at(0),
        entries: (0..entries)
            .map(|n| EntryOrder { plan: (n == 1).then(|| Box::new(plan())), ..request(n).into() })
            .collect(),
        submitted_by: (number == 1).then(|| Actor::Key("hr-export".into())),
    }
}

fn plan() -> Difference {
    Difference { removed: vec![AssignmentId(Uuid::from_u128(3))], ..Difference::default() }
}

pub(in crate::journal) fn outcome() -> EntryOutcome {
    EntryOutcome {
        user: Some(UserId(Uuid::from_u128(9))),
        state: EntryState::Failed,
        result: EntryResult {
            reason: Some(Reason::Blocked),
            message: Some("refused".into()),
            effects: Effects {
                difference: Difference {
                    added: vec![(AssignmentId(Uuid::from_u128(1)), Proficiency::new(4.5))],
                    updated: vec![(AssignmentId(Uuid::from_u128(2)), None)],
                    removed: vec![AssignmentId(Uuid::from_u128(3))],
                },
                preserved: vec![AssignmentId(Uuid::from_u128(4))],
                overwritten: vec![AssignmentId(Uuid::from_u128(5))],
                other_owners: Owner::new("lms")
                    .map(|lms| (AssignmentId(Uuid::from_u128(4)), lms))
                    .into_iter()
                    .collect(),
            },
            attempts: 10,
            conflicts: vec![ConflictRecord {
                cause: Cause::Blocked,
                status: Some(409),
                sent: Some(Version(7)),
                found: Some(Version(7)),
                correlation_id: Some("c-1".into()),
                at: at(3),
            }],
            superseded_by: Some((JobId(Uuid::from_u128(8)), 4)),
            finished_at: Some(at(9)),
        },
        erased: false,
    }
}

pub(in crate::journal) fn counters() -> JobCounters {
    let mut conflicts = ConflictCounts::default();
    conflicts.count(Cause::Blocked);
    conflicts.count(Cause::ForeignWriter);
    JobCounters { calls_made: 42, conflicts, cancelled: true, started_at: Some(at(1)) }
}

/// The outcome of one entry.
pub(in crate::journal) fn ended(job: JobId, position: u32) -> Conclusion {
    EndedEntry { job, position, outcome: outcome(), counters: counters() }.into()
}

fn user_state() -> (UserKey, KeptUserState) {
    let user = UserKey { target: Target::WfmSkillGroups, user: UserId(Uuid::from_u128(77)) };
    let owned = [(Owner::new("hr"), AssignmentId(Uuid::from_u128(1)))].into_iter().collect();
    (user, KeptUserState { owned: Arc::new(owned), version: Some(Version(4)), ..KeptUserState::default() })
}

#[tokio::test]
async fn what_was_written_down_is_read_back_as_it_was() {
    let folder = Folder::new();
    let (journal, recovered) = folder.open();
    assert_eq!(recovered, Recovered::default());
    journal.accept(job(2, 5), Vec::new()).await.unwrap();
    journal.accept(job(1, 1), Vec::new()).await.unwrap();
    journal.conclude(ended(JobId(Uuid::from_u128(2)), 3)).await.unwrap();
    let (user, stands) = user_state();
    journal.intend(user, stands.clone()).await.unwrap();
    journal.flush().await.unwrap();
    drop(journal);

    let (_journal, recovered) = folder.open();
    assert_eq!(recovered.jobs.iter().map(|kept| &kept.job).collect::<Vec<_>>(), [&job(1, 1), &job(2, 5)]);
    assert_eq!(recovered.jobs[1].outcomes, [None, None, None, Some(outcome()), None]);
    assert_eq!(recovered.jobs[1].counters, counters());
    assert_eq!(recovered.user_states, [(user, stands)]);
}

fn hold() -> Hold {
    let loss = SkillLoss {
        left: Some(3),
        id: AssignmentId(Uuid::from_u128(1)),
        name: Some("Billing".into()),
        users: 40,
        holders: 50,
    };
    Hold { users: 40, of_users: 60, skills: vec![loss], message: "too many".into() }
}

fn created(names: &[&str]) -> Vec<CatalogueItem> {
    let item = |name: &&str| CatalogueItem { id: AssignmentId(Uuid::from_u128(7)), name: (*name).into() };
    names.iter().map(item).collect()
}

#[tokio::test]
async fn the_newest_decision_about_a_job_is_read_back() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    for number in 1..=3 {
        journal.accept(job(number, 1), Vec::new()).await.unwrap();
        if number > 1 {
            journal.note(JobId(Uuid::from_u128(number)), JobNote::Held(hold())).await.unwrap();
        }
    }
    let (second, third) = (JobId(Uuid::from_u128(2)), JobId(Uuid::from_u128(3)));
    let settled = |event| CallbackSettled { event, delivered: true, at: at(7) };
    journal.note(second, JobNote::CallbackSettled(settled(CallbackEvent::Held))).await.unwrap();
    journal.note(third, JobNote::Released).await.unwrap();
    journal.note(third, JobNote::CallbackSettled(settled(CallbackEvent::Held))).await.unwrap();
    journal.note(third, JobNote::CallbackSettled(settled(CallbackEvent::Ended))).await.unwrap();
    journal.note(third, JobNote::Created(created(&["Claims"]))).await.unwrap();
    journal.note(third, JobNote::Created(created(&["Claims", "Returns"]))).await.unwrap();
    journal.note(third, JobNote::Cancelled).await.unwrap();
    drop(journal);
    let (_journal, recovered) = folder.open();
    let notes: Vec<_> = recovered.jobs.into_iter().map(|kept| kept.notes).collect();
    let held = JobNotes { held: Some(hold()), callback: Some(settled(CallbackEvent::Held)), ..JobNotes::default() };
    let callback = Some(settled(CallbackEvent::Ended));
    let released =
        JobNotes { held: None, released: true, callback, created: created(&["Claims", "Returns"]), cancelled: true };
    assert_eq!(notes, [JobNotes::default(), held, released]);
}

fn key(number: u8, kind: KeyKind) -> AcceptanceKey {
    AcceptanceKey { id: KeyId([number; 16]), kind, fingerprint: [number; 32], kept_until: at(i64::from(number)) }
}

#[tokio::test]
async fn keys_are_written_down_with_their_job_and_forgotten_when_their_time_is_over() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let (one, two, three) = (key(1, KeyKind::Idempotency), key(2, KeyKind::Delivery), key(3, KeyKind::Delivery));
    journal.accept(job(1, 1), vec![one, two]).await.unwrap();
    journal.accept(job(2, 1), vec![three]).await.unwrap();
    journal.forget_keys(vec![one.id]);
    drop(journal);
    let (journal, recovered) = folder.open();
    let (first, second) = (JobId(Uuid::from_u128(1)), JobId(Uuid::from_u128(2)));
    assert_eq!(recovered.keys, [(two, first), (three, second)]);
    // A job that cannot be accepted takes its keys with it: its id is taken.
    journal.accept(job(1, 1), vec![one]).await.unwrap_err();
    drop(journal);
    assert_eq!(folder.open().1.keys.len(), 2);
}

#[tokio::test]
async fn a_journal_of_the_first_version_is_read_and_brought_up_to_date() {
    let folder = Folder::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    let first = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    first.execute_batch(include_str!("../../testdata/version_1.sql")).unwrap();
    drop(first);
    for _ in 0..2 {
        let (journal, recovered) = folder.open();
        assert_eq!(recovered.jobs.len(), 1);
        assert_eq!(recovered.jobs[0].job.spec.label.as_deref(), Some("nightly"));
        let states: Vec<_> = recovered.jobs[0].outcomes.iter().map(|o| o.as_ref().map(|o| o.state)).collect();
        assert_eq!(states, [Some(EntryState::Applied), None]);
        assert_eq!((recovered.user_states.len(), recovered.keys.len()), (1, 0));
        drop(journal);
    }
    let again = Connection::open(folder.0.join("journal.sqlite")).unwrap();
    let version: u32 = again.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION);
}

#[tokio::test]
async fn what_nobody_waited_for_is_written_before_the_journal_closes() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    journal.accept(job(1, 1000), Vec::new()).await.unwrap();
    for position in 0..1000 {
        drop(journal.conclude(ended(JobId(Uuid::from_u128(1)), position)));
    }
    journal.close();
    assert!(matches!(journal.flush().await, Err(JournalError::Closed)));
    drop(journal);
    let (_journal, recovered) = folder.open();
    assert!(recovered.jobs[0].outcomes.iter().all(Option::is_some));
}

#[tokio::test]
async fn a_second_process_is_turned_away() {
    let folder = Folder::new();
    let (_journal, _) = folder.open();
    assert!(
        matches!(SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES), Err(JournalError::InUse(path)) if path == folder.0)
    );
}

#[tokio::test]
async fn a_newer_journal_is_not_touched() {
    let folder = Folder::new();
    drop(folder.open());
    Connection::open(folder.0.join("journal.sqlite")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).unwrap_err();
    assert!(matches!(error, JournalError::TooNew { found: 99, known: VERSION, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_journal_is_refused_by_name() {
    let folder = Folder::new();
    drop(folder.open());
    std::fs::write(folder.0.join("journal.sqlite"), vec![b'x'; 8192]).unwrap();
    let error = SqliteJournal::open(&folder.0, DEFAULT_MAX_BYTES).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("journal.sqlite"), "{error}");
}

#[tokio::test]
async fn submitters_in_parallel_share_flushes() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let jobs = (1..=64).map(|number| journal.accept(job(number, 1), Vec::new()));
    for accepted in futures_util::future::join_all(jobs).await {
        accepted.unwrap();
    }
    drop(journal);
    assert_eq!(folder.open().1.jobs.len(), 64);
}

/// A caller that waits for the journal, and panics when it answers.
struct Panicking;

impl std::task::Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a defect in the thread that writes");
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_is_told_to_all_who_wait_and_who_come_later() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let waker = std::task::Waker::from(Arc::new(Panicking));
    let accepted = loop {
        // Answered before anyone waited: nothing is woken in that case.
        let mut accepted = journal.accept(job(1, 1), Vec::new());
        if accepted.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending() {
            break accepted;
        }
    };
    let waits = journal.accept(job(2, 1), Vec::new());
    assert!(matches!(journal.broken().await, JournalError::Broken));
    // It was written with the previous one, or no longer taken.
    assert!(matches!(waits.await, Ok(()) | Err(JournalError::Broken)));
    assert!(matches!(journal.conclude(Conclusion::default()).await, Err(JournalError::Broken)));
    drop(accepted);
    drop(journal);
    let (_journal, recovered) = folder.open();
    assert_eq!(recovered.jobs[0].job.id, job(1, 1).id);
}
