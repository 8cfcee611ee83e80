//! Panics in the middle of the work: they are counted, what they end is taken up again, and it comes to an end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, SimUser, Simulator};
use http::{Method, Request};
use skillsync::domain::{EntryState, JobId, Mode, Reason, Target};
use skillsync::genesys::transport::Transport;
use skillsync::journal::{DEFAULT_MAX_BYTES, Journal, SqliteJournal};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee};
use crate::process::Folder;

const APPLIED: (EntryState, Option<Reason>) = (EntryState::Applied, None);
const DEFECT: (EntryState, Option<Reason>) = (EntryState::Failed, Some(Reason::InternalError));

fn org() -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users: 10, inactive: 0, ..Generated::default() }),
        ..Scenario::default()
    }
}

/// A service whose first `times` reads of a path that ends like this panic.
fn panicking(simulator: Simulator, end: &str, times: usize) -> Bed {
    let (end, left) = (end.to_owned(), Arc::new(AtomicUsize::new(times)));
    let way = |wire: Transport| -> Transport {
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let concerned = request.method() == Method::GET && request.uri().path().ends_with(&end);
            let (wire, left) = (wire.clone(), Arc::clone(&left));
            async move {
                let one_less = |left: usize| left.checked_sub(1);
                let sound = !concerned || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err();
                assert!(sound, "a defect");
                wire.oneshot(request).await
            }
        }))
    };
    Bed::join(simulator, Arc::default(), &org(), "", way)
}

async fn run(bed: &Bed, employees: &[usize]) -> JobId {
    let rows = employees.iter().map(|n| employee(*n, &["Group 1"])).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, rows).await;
    bed.finish(job).await;
    job
}

fn ends(bed: &Bed, job: JobId) -> Vec<(EntryState, Option<Reason>)> {
    bed.entries(job).iter().map(|entry| (entry.state, entry.result.reason)).collect()
}

fn panics(bed: &Bed, task: &str) -> u64 {
    bed.lifecycle.panics().get(task).copied().unwrap_or_default()
}

fn read_of(simulator: &Simulator, n: usize) -> String {
    let is_meant = |user: &SimUser| user.employee_id == Some(format!("E{}", 1000 + n));
    format!("/users/{}/assignments", simulator.users().into_iter().find(is_meant).unwrap().id)
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_a_users_read_delays_that_user_and_loses_nothing() {
    let bed = panicking(Simulator::new(org()), "/assignments", 1);
    let job = run(&bed, &[1, 2, 3]).await;
    assert_eq!(ends(&bed, job), [APPLIED; 3]);
    assert_eq!(panics(&bed, "pass"), 1);
    assert!(bed.get("/metrics").await.contains("skillsync_task_panics_total{task=\"pass\"} 1\n"));
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_reads_panic_again_and_again_fails_and_the_others_do_not() {
    let simulator = Simulator::new(org());
    let bed = panicking(simulator.clone(), &read_of(&simulator, 2), 5);
    let job = run(&bed, &[1, 2, 3]).await;
    assert_eq!(ends(&bed, job), [APPLIED, DEFECT, APPLIED]);
    assert_eq!(panics(&bed, "pass"), 5);
    let again = run(&bed, &[2]).await;
    assert_eq!(ends(&bed, again), [APPLIED]);
    assert_eq!(bed.service.engine.occupied_slots(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_listing_panics_is_taken_up_again() {
    let bed = panicking(Simulator::new(org()), "/api/v2/routing/skillgroups", 4);
    let job = run(&bed, &[1, 2, 3]).await;
    assert_eq!(ends(&bed, job), [APPLIED; 3]);
    assert_eq!(panics(&bed, "job"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_listing_panics_again_and_again_fails_and_the_next_one_does_not() {
    let bed = panicking(Simulator::new(org()), "/api/v2/routing/skillgroups", 5);
    let job = run(&bed, &[1, 2, 3]).await;
    assert_eq!(ends(&bed, job), [DEFECT; 3]);
    let message = bed.entries(job)[0].result.message.clone().unwrap();
    assert!(message.contains("defect in skillsync") && message.contains("job id"), "{message}");
    assert_eq!(panics(&bed, "job"), 5);
    let next = run(&bed, &[1, 2, 3]).await;
    assert_eq!(ends(&bed, next), [APPLIED; 3]);
    assert_eq!(bed.lifecycle.failure(), None);
}

/// Somebody who waits for the journal, and panics when it answers.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a defect in the thread that writes");
    }
}

#[tokio::test]
async fn a_panic_of_the_journals_writer_ends_the_service_and_readiness_says_why() {
    let folder = Folder::new("defects");
    let (journal, _) = SqliteJournal::open(&folder.journal(), DEFAULT_MAX_BYTES).unwrap();
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let bed = Bed::first(Simulator::new(org()), Arc::default(), Arc::clone(&journal), &org(), |wire| wire);
    let waker = Waker::from(Arc::new(Panicking));
    loop {
        // Answered before anybody waited: nobody is woken then. Nor is anybody to be woken because of polling too often.
        let mut flushed = pin!(tokio::task::unconstrained(journal.flush()));
        if flushed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            break bed.lifecycle.stopping().await;
        }
    }
    assert!(bed.lifecycle.failure().unwrap().contains("the thread that writes the journal ended by a panic"));
    let (status, body) = bed.send(Request::get("/readyz").body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(status, 503);
    assert!(body.contains("the thread that writes the journal"), "{body}");
    assert!(journal.flush().await.unwrap_err().to_string().contains("defect of skillsync"));
}
