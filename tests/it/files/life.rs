//! A process that writes a small journal and says what it was told is durable.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use skillsync::domain::acceptance::{AcceptanceKey, KeyId, KeyKind};
use skillsync::domain::entry::{Effects, EntryOrder};
use skillsync::domain::entry_result::EntryResult;
use skillsync::domain::job::{JobSpec, SameUser};
use skillsync::domain::{AssignmentId, EntryState, JobId, Mode, Target, UserId, UserKey};
use skillsync::journal::{
    AcceptedJob, CallRecord, DEFAULT_MAX_BYTES, EndedEntry, EntryOutcome, Erasure, JobCounters, JobNote, Journal,
    JournalError, KeptUserState, Memo, SqliteJournal,
};
use uuid::Uuid;

use crate::bed::employee;
use crate::process::Folder;

/// Jobs that are accepted.
pub(super) const JOBS: u32 = 4;
/// The entry of the first job whose person is erased after that.
pub(super) const ERASED: u32 = 6;
/// What only that entry says.
pub(super) const ROW: &str = "row-of-who-is-erased";
/// The one whose retention is over in the end.
pub(super) const FORGOTTEN: u32 = 3;
/// The test that is this process.
const TEST: &str = "files::life::one_life";
/// Where the journal is; also tells that this is the process.
const FOLDER: &str = "FAULT_FOLDER";

pub(super) fn id(number: u32) -> JobId {
    JobId(Uuid::from_u128(number.into()))
}

fn date() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

pub(super) fn job(number: u32) -> AcceptedJob {
    let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Managed) };
    // Enough for several pages.
    let order = |n| EntryOrder::from(employee(n, &["Group 1", "Group 2", "Group 3"]));
    let mut entries: Vec<_> = (1..=20).map(order).collect();
    if number == 1 {
        entries[ERASED as usize].request.reference = Some(ROW.into());
    }
    AcceptedJob { id: id(number), spec, created_at: date(), entries, submitted_by: None }
}

pub(super) fn key(number: u32) -> AcceptanceKey {
    let byte = number.to_le_bytes()[0];
    let (id, kind) = (KeyId([byte; 16]), KeyKind::Idempotency);
    AcceptanceKey { id, kind, fingerprint: [byte; 32], kept_until: date() }
}

pub(super) fn user_state() -> (UserKey, KeptUserState) {
    let user = UserKey { target: Target::WfmSkillGroups, user: UserId(Uuid::from_u128(7)) };
    (
        user,
        KeptUserState {
            owned: Arc::new([(None, AssignmentId(Uuid::from_u128(1)))].into_iter().collect()),
            ..KeptUserState::default()
        },
    )
}

pub(super) fn outcome() -> EntryOutcome {
    EntryOutcome {
        user: Some(UserId(Uuid::from_u128(9))),
        state: EntryState::Applied,
        result: EntryResult {
            reason: None,
            message: Some("done".into()),
            effects: Effects::default(),
            attempts: 1,
            conflicts: Vec::new(),
            superseded_by: None,
            finished_at: Some(date()),
        },
        erased: false,
    }
}

/// What a process has left behind, apart from its journal.
pub(super) struct Lived {
    pub(super) output: String,
    /// Its operations on the files.
    pub(super) operations: Vec<String>,
}

/// Lets a process live, with a fault if one is given: its kind and the number of the operation.
pub(super) fn lived(shim: &Path, folder: &Folder, fault: Option<(&str, usize)>) -> Lived {
    let log = folder.0.join("operations");
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args([TEST, "--exact", "--ignored", "--nocapture"]);
    process.env("LD_PRELOAD", shim).env("FAULT_LOG", &log).env(FOLDER, folder.journal());
    if let Some((kind, at)) = fault {
        process.env("FAULT_KIND", kind).env("FAULT_AT", at.to_string());
    }
    let output = String::from_utf8(process.output().unwrap().stdout).unwrap();
    let operations = std::fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect();
    Lived { output, operations }
}

/// What the process was told.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what was said")]
pub(super) struct Told {
    pub(super) accepted: BTreeSet<u32>,
    pub(super) intended: bool,
    /// Everything that was handed over.
    pub(super) durable: bool,
    pub(super) erased: bool,
    pub(super) cannot_open: bool,
    pub(super) closed: bool,
}

impl Told {
    pub(super) fn of(output: &str) -> Self {
        let mut told = Self::default();
        for line in output.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("accepted", number) => {
                    told.accepted.insert(number.parse().unwrap());
                }
                ("intended", _) => told.intended = true,
                ("erased", _) => told.erased = true,
                ("durable", _) => told.durable = true,
                ("cannot open", _) => told.cannot_open = true,
                ("closed", _) => told.closed = true,
                _ => {}
            }
        }
        told
    }
}

/// Asks until it is done: a fault passes.
async fn insist<F: Future<Output = Result<(), JournalError>>>(operation: impl Fn() -> F) {
    while let Err(error) = operation().await {
        println!("refused: {error}");
    }
}

async fn live(journal: &SqliteJournal) {
    for number in 1..=JOBS {
        insist(|| journal.accept(job(number), vec![key(number)])).await;
        println!("accepted: {number}");
    }
    let (user, stands) = user_state();
    insist(|| journal.intend(user, stands.clone())).await;
    println!("intended: 1");
    for position in (0..).zip(&job(1).entries).map(|(position, _)| position) {
        drop(journal.conclude(
            EndedEntry { job: id(1), position, outcome: outcome(), counters: JobCounters::default() }.into(),
        ));
    }
    insist(|| journal.note(id(2), JobNote::Released)).await;
    insist(|| journal.remember(vec![Memo { space: "test".into(), key: "one".into(), value: Some("memo".into()) }]))
        .await;
    let (ended_at, lease_until, forget_before) = (date(), date(), Timestamp::MIN);
    insist(|| journal.calls(CallRecord { ended: 1, ended_at, lease_until, at_most: 2, forget_before })).await;
    journal.forget_jobs(vec![id(FORGOTTEN)]);
    insist(|| journal.flush()).await;
    println!("durable: all");
    // Each flush is followed by a step of housekeeping.
    insist(|| journal.flush()).await;
    insist(|| journal.erase(Erasure { entries: vec![(id(1), ERASED)], ..Erasure::default() })).await;
    println!("erased: 1");
}

#[test]
#[ignore = "a process that other tests start, with faults in its way"]
fn one_life() {
    #[expect(clippy::disallowed_methods, reason = "set by the test that starts this process")]
    let Ok(folder) = std::env::var(FOLDER) else { return };
    match SqliteJournal::open(Path::new(&folder), DEFAULT_MAX_BYTES) {
        Err(error) => println!("\ncannot open: {error}"),
        Ok((journal, _)) => {
            println!();
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(live(&journal));
            drop(journal);
            println!("closed: 1");
        }
    }
}
