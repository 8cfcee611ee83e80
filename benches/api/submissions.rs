//! Small submissions: into memory, into the journal, and into the journal without HTTP.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use skillsync::domain::entry::{AssignmentName, EntryOrder, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, SameUser};
use skillsync::domain::{JobId, Mode, Target, UserRef};
use skillsync::journal::{AcceptedJob, Journal, SqliteJournal};
use skillsync::lifecycle::Lifecycle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::connection::post;
use crate::load;
use crate::process::{KEY, Server, job};
use crate::server::folder;

const LENGTH: Duration = Duration::from_secs(4);

pub(crate) async fn run() {
    println!("## Small submissions\n");
    println!("`POST /v1/sync-jobs` of one entry as JSON. \"Journal alone\" hands the same job to it without HTTP.\n");
    println!("| connections, server | a second | CPU of the server each | p50 | p99 |\n|---|---|---|---|---|");
    let request = post("/v1/sync-jobs", KEY, &job(0..1));
    let mut told = Vec::new();
    for connections in [1, 64, 200] {
        for kind in ["bare", "memory", "durable"] {
            let server = Server::start(kind);
            let found = load::run(&server, &request, 202, connections, LENGTH).await;
            found.row(&format!("{connections}, {kind}"));
            if kind == "durable" {
                let alone = journal_alone(connections).await;
                println!("| {connections}, journal alone | {alone:.0} | | | |");
                let share = 100.0 * found.per_second() / alone;
                told.push(format!("{connections}: {share:.0} % of what the journal alone takes"));
            }
        }
    }
    println!("\nDurable submissions with {}. One flush of this disk takes {:.2} ms.\n", told.join("; with "), flush());
}

/// Jobs a second that so many tasks hand to a journal.
async fn journal_alone(tasks: usize) -> f64 {
    let (journal, _) = SqliteJournal::open(&folder(), NonZeroU64::MAX).expect("an empty folder");
    let (journal, lifecycle, taken) = (Arc::new(journal), Lifecycle::default(), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    for _ in 0..tasks {
        let (journal, taken) = (Arc::clone(&journal), Arc::clone(&taken));
        lifecycle.spawn(async move {
            while began.elapsed() < LENGTH {
                journal.accept(accepted(), Vec::new()).await.expect("there is room");
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    lifecycle.stop(LENGTH * 2).await;
    taken.load(Ordering::Relaxed) as f64 / LENGTH.as_secs_f64()
}

fn accepted() -> AcceptedJob {
    let name = AssignmentName::Name("Group 1".into());
    let request = EntryRequest {
        reference: None,
        user: UserRef::EmployeeId("E1001".into()),
        assignments: [ListedAssignment { name, proficiency: None, because: None, left_as_is: false }].into(),
        occurred_at: None,
    };
    let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Add) };
    let created_at = Timestamp::UNIX_EPOCH;
    AcceptedJob {
        id: JobId(Uuid::now_v7()),
        spec,
        created_at,
        entries: vec![EntryOrder::from(request)],
        submitted_by: None,
    }
}

/// Milliseconds that it takes to write one page to the disk and to wait until it is there.
fn flush() -> f64 {
    use std::io::Write as _;
    const TIMES: u32 = 200;
    let mut file = std::fs::File::create(folder().join("flushed")).expect("the folder can be written");
    let began = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("the disk has room");
    }
    began.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES)
}
