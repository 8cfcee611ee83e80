//! Waits that cannot be meant, on every answer that a job meets, one at a time: none of them stops the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, Simulator};
use http::{HeaderValue, Response, StatusCode};
use skillsync::domain::job::JobStatus;
use skillsync::domain::{EntryState, JobId, Mode, Target};
use skillsync::genesys::transport::Transport;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee, in_state};

/// Epochs in seconds and milliseconds, what overflows a clock, a hundred years, what has passed, and nonsense.
const WAITS: [&str; 9] = [
    "1795896000",
    "1795896000000",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999999999",
    "68719477",
    "Thu, 01 Dec 2095 16:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "-1",
];
const USERS: usize = 3;
/// More calls than a job of so many users makes: the login, two listings, a read and a write of each user.
const CALLS: usize = 3 + 2 * USERS;
const HOUR: Duration = Duration::from_secs(3600);
/// What the work itself takes, with a pause of our own here and there.
const WORK: Duration = Duration::from_secs(120);

/// Answers calls of the given numbers with a status and a wait, without passing them on; a 200 is passed on, and gets the
/// wait as a header.
#[derive(Clone)]
struct Meddler {
    calls: Arc<AtomicUsize>,
    /// The call that is answered so.
    at: usize,
    status: StatusCode,
    wait: &'static str,
}

impl Meddler {
    fn new(at: usize, status: u16, wait: &'static str) -> Self {
        Self { calls: Arc::default(), at, status: StatusCode::from_u16(status).expect("a status"), wait }
    }

    fn before(self, wire: Transport) -> Transport {
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (wire, this) = (wire.clone(), self.clone());
            async move {
                let meant = this.calls.fetch_add(1, Ordering::Relaxed) == this.at;
                let answer = if meant && this.status != StatusCode::OK {
                    Response::builder().status(this.status).body(Bytes::new()).expect("an answer")
                } else {
                    wire.oneshot(request).await?
                };
                Ok(if meant { this.mark(answer) } else { answer })
            }
        }))
    }

    fn mark(&self, mut answer: Response<Bytes>) -> Response<Bytes> {
        for name in ["retry-after", "inin-ratelimit-reset"] {
            answer.headers_mut().insert(name, HeaderValue::from_static(self.wait));
        }
        answer.headers_mut().insert("inin-ratelimit-count", HeaderValue::from_static("300"));
        answer.headers_mut().insert("inin-ratelimit-allowed", HeaderValue::from_static("300"));
        answer
    }
}

fn org() -> Scenario {
    let population = Population::Generated(Generated { users: USERS, ..Generated::default() });
    Scenario { seed: 5, population, ..Scenario::default() }
}

fn start(meddler: Meddler) -> Bed {
    let scenario = org();
    Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, "", |wire| meddler.before(wire))
}

async fn submit(bed: &Bed, group: &str) -> JobId {
    let entries = (1..=USERS).map(|n| employee(n, &[group])).collect();
    bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await
}

/// The rate limiter's pauses, of everything or of a route, last an hour at most.
fn check_pauses(bed: &Bed, case: &str) {
    let rate_limiter = bed.service.rate_limiter.snapshot();
    let ends = rate_limiter.paused_until.into_iter().chain(rate_limiter.paused_routes.iter().map(|(_, until)| *until));
    for until in ends {
        assert!(until <= Instant::now() + HOUR, "{case}: paused until {until:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_wait_that_an_answer_names_stops_the_service() {
    for status in [503, 429, 500, 200] {
        for at in 0..CALLS {
            // A third of them for each call, another third for the next: all of them for all is minutes.
            for wait in WAITS.into_iter().skip(at % 3).step_by(3) {
                let case = format!("call {at} answered {status} with Retry-After: {wait}");
                let bed = start(Meddler::new(at, status, wait));
                let job = submit(&bed, "Group 1").await;
                sleep(Duration::from_secs(10)).await;
                check_pauses(&bed, &case);
                let ended = timeout(HOUR + WORK, bed.finish(job)).await;
                let ended = ended.unwrap_or_else(|_| panic!("{case}: {:?}", bed.service.engine.job(job)));
                assert_eq!(ended.status, JobStatus::Completed, "{case}");
                assert_eq!(in_state(&ended, EntryState::Failed), 0, "{case}: {:?}", bed.entries(job));
                bed.lifecycle.stop(Duration::from_secs(1)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_is_waited_for_as_long_as_seconds_would_be() {
    for (wait, seconds) in [("6", 6), ("6.0", 6), ("Sun, 22 Nov 2026 22:00:36 GMT", 36), ("1795384836", 36)] {
        let bed = start(Meddler::new(3, 429, wait));
        let begun = Instant::now();
        let job = submit(&bed, "Group 1").await;
        assert_eq!(bed.finish(job).await.status, JobStatus::Completed);
        let took = begun.elapsed().as_secs();
        assert!((seconds..seconds + 6).contains(&took), "{wait}: {took} s");
    }
}
