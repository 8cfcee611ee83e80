//! What a look-up may conclude: that somebody is missing is told only by a look that began after the job was accepted and
//! that was complete; and looks are shared, have rests between them, and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use genesys_simulator::{
    Access, Behaviour, Fault, FaultKind, Generated, Latency, Population, Route, Scenario, SimUser, Simulator, UserState,
};
use http::{Request, Response};
use serde_json::{Value, json};
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Reason, Target};
use skillsync::genesys::transport::Transport;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee, in_state};

const GROUPS: &[&str] = &["Group 1"];

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn org(users: usize, faults: Vec<Fault>) -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users, inactive: 0, ..Generated::default() }),
        behaviour: Behaviour { faults, scim: Access::Refused, ..Behaviour::default() },
        ..Scenario::default()
    }
}

fn slow(routes: &[Route], by: Duration) -> Fault {
    Fault::on(routes, FaultKind::Delay(Latency { fixed: by, spread: Duration::ZERO }))
}

fn calls(bed: &Bed, route: Route) -> usize {
    bed.simulator.ledger().requests().iter().filter(|request| request.route == route).count()
}

fn user(bed: &Bed, n: usize) -> SimUser {
    let id = format!("E{}", 1000 + n);
    bed.simulator.users().into_iter().find(|user| user.employee_id.as_ref() == Some(&id)).unwrap()
}

/// Changes what Genesys answers to calls of one path, for as long as it is switched on.
#[derive(Clone)]
struct Hostile {
    path: String,
    change: fn(page: u64, query: &str, answer: Value) -> Value,
    on: Arc<AtomicBool>,
}

impl Hostile {
    fn new(path: &str, change: fn(u64, &str, Value) -> Value) -> Self {
        Self { path: path.to_owned(), change, on: Arc::new(AtomicBool::new(true)) }
    }

    fn heal(&self) {
        self.on.store(false, Ordering::Relaxed);
    }

    fn around(&self, inner: Transport) -> Transport {
        let hostile = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let (hostile, inner) = (hostile.clone(), inner.clone());
            async move {
                let query = (request.uri().path() == hostile.path && hostile.on.load(Ordering::Relaxed))
                    .then(|| request.uri().query().unwrap_or_default().to_owned());
                let answer: Response<Bytes> = inner.oneshot(request).await?;
                let Some(query) = query else { return Ok(answer) };
                let number = query.split('&').find_map(|pair| pair.strip_prefix("pageNumber="));
                let number = number.map_or(1, |number| number.parse().unwrap());
                let (parts, body) = answer.into_parts();
                let changed = (hostile.change)(number, &query, serde_json::from_slice(&body).unwrap());
                Ok(Response::from_parts(parts, changed.to_string().into()))
            }
        }))
    }

    fn bed(&self, scenario: &Scenario, extra: &str) -> Bed {
        let simulator = Simulator::new(scenario.clone());
        Bed::join(simulator, Arc::default(), scenario, extra, |wire| self.around(wire))
    }
}

async fn submit(bed: &Bed, lane: Lane, rows: &[(usize, &[&str])]) -> JobId {
    let target = Target::WfmSkillGroups;
    let spec = JobSpec { lane, same_user: SameUser::Refuse, ..JobSpec::new(target, Mode::Add) };
    let entries = rows.iter().map(|(n, names)| employee(*n, names)).collect();
    bed.service.engine.submit(spec, entries).await.unwrap().id
}

async fn run(bed: &Bed, rows: &[(usize, &[&str])]) -> JobId {
    let job = submit(bed, Lane::Interactive, rows).await;
    bed.finish(job).await;
    job
}

fn ends(bed: &Bed, job: JobId) -> Vec<(EntryState, Option<Reason>)> {
    bed.entries(job).iter().map(|entry| (entry.state, entry.result.reason)).collect()
}

fn message(bed: &Bed, job: JobId, index: usize) -> String {
    bed.entries(job)[index].result.message.as_deref().unwrap_or_default().to_owned()
}

const APPLIED: (EntryState, Option<Reason>) = (EntryState::Applied, None);
const UNKNOWN: (EntryState, Option<Reason>) = (EntryState::Failed, Some(Reason::UserNotFound));
const GAVE_UP: (EntryState, Option<Reason>) = (EntryState::Failed, Some(Reason::UpstreamUnavailable));

/// As many as there are, but only the first two shown.
fn short(_: u64, query: &str, mut answer: Value) -> Value {
    if query.contains("state=active") {
        answer["entities"].as_array_mut().unwrap().truncate(2);
        answer["total"] = json!(2_000);
    }
    answer
}

#[tokio::test(start_paused = true)]
async fn somebody_hired_ten_seconds_ago_is_found_and_so_is_a_skill_that_was_made() {
    let bed = Bed::start(&org(40, Vec::new()), "");
    let hire = user(&bed, 7).id;
    bed.simulator.set_user_state(hire, UserState::Deleted);
    let job = run(&bed, &[(1, GROUPS), (7, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [APPLIED, UNKNOWN]);
    sleep(secs(2)).await;
    bed.simulator.set_user_state(hire, UserState::Active);
    sleep(secs(10)).await;
    let job = run(&bed, &[(7, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [APPLIED]);

    let skills = async |name| {
        let job = bed.submit(Target::RoutingSkills, Mode::Add, vec![employee(1, &[name])]).await;
        bed.finish(job).await;
        ends(&bed, job)[0]
    };
    assert_eq!(skills("Claims").await.1, Some(Reason::AssignmentNotFound));
    bed.simulator.foreign_skill("Claims");
    sleep(secs(10)).await;
    assert_eq!(skills("Claims").await, APPLIED);
}

#[tokio::test(start_paused = true)]
async fn a_retry_finds_who_was_created_in_between() {
    let bed = Bed::start(&org(40, Vec::new()), "");
    let hire = user(&bed, 7).id;
    bed.simulator.set_user_state(hire, UserState::Deleted);
    let job = run(&bed, &[(7, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [UNKNOWN]);
    bed.simulator.set_user_state(hire, UserState::Active);
    let again = bed.service.engine.retry(job, None).await.unwrap().id;
    bed.finish(again).await;
    assert_eq!(ends(&bed, again), [APPLIED]);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_comes_back_is_not_inactive_any_more() {
    let bed = Bed::start(&org(40, Vec::new()), "");
    let back = user(&bed, 7).id;
    bed.simulator.set_user_state(back, UserState::Inactive);
    let job = run(&bed, &[(7, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [(EntryState::Failed, Some(Reason::UserInactive))]);
    bed.simulator.set_user_state(back, UserState::Active);
    let job = run(&bed, &[(7, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [APPLIED]);
}

#[tokio::test(start_paused = true)]
async fn many_unknown_employees_cost_few_listings_and_each_is_told_by_a_new_one() {
    let bed = Bed::start(&org(600, vec![slow(&[Route::Users], secs(1))]), "");
    let ask = async |n: usize| {
        sleep(Duration::from_millis(300) * u32::try_from(n).unwrap()).await;
        let job = submit(&bed, Lane::Interactive, &[(5_000 + n, GROUPS)]).await;
        let accepted_at = Instant::now();
        bed.finish(job).await;
        assert_eq!(ends(&bed, job), [UNKNOWN]);
        (accepted_at, Instant::now())
    };
    let jobs = join_all((0..200).map(ask)).await;
    let ledger = bed.simulator.ledger();
    let pages: Vec<_> = ledger.requests().iter().filter(|request| request.route == Route::Users).collect();
    for (accepted_at, ended_at) in jobs {
        let told = pages.iter().filter(|page| page.arrived_at >= accepted_at && page.arrived_at <= ended_at).count();
        assert!(told >= 3, "two pages of active users and one of the others after the job came: {told}");
        assert!(ended_at.duration_since(accepted_at) < secs(25), "{:?}", ended_at.duration_since(accepted_at));
    }
    println!("{} pages for 200 jobs in a minute", pages.len());
    assert!(pages.len() <= 40, "{}", pages.len());
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_listing_proves_nobodys_absence() {
    let hostile = Hostile::new("/api/v2/users", short);
    let bed = hostile.bed(&org(40, Vec::new()), "");
    let job = submit(&bed, Lane::Interactive, &[(1, GROUPS), (2, GROUPS), (3, GROUPS), (999, GROUPS)]).await;
    sleep(secs(600)).await;
    let told = message(&bed, job, 2);
    assert!(told.contains("Genesys' listing of users is incomplete: it shows 2 of 2000"), "{told}");
    let pages = calls(&bed, Route::Users);
    assert!((20..=240).contains(&pages), "{pages} pages in ten minutes: two listings, 5 s apart at least");
    hostile.heal();
    bed.finish(job).await;
    assert_eq!(ends(&bed, job), [APPLIED, APPLIED, APPLIED, UNKNOWN]);
}

#[tokio::test(start_paused = true)]
async fn who_is_on_no_listing_until_the_end_of_patience_is_not_called_unknown() {
    let hostile = Hostile::new("/api/v2/users", short);
    let bed = hostile.bed(&org(40, Vec::new()), "[sync]\npatience = '10m'");
    let begun = Instant::now();
    let job = run(&bed, &[(1, GROUPS), (3, GROUPS)]).await;
    assert_eq!(ends(&bed, job), [APPLIED, GAVE_UP]);
    assert!((600..660).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let told = message(&bed, job, 1);
    assert!(told.contains("incomplete: it shows 2 of 2000"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn who_can_be_looked_up_alone_does_not_wait_for_a_complete_listing() {
    let hostile = Hostile::new("/api/v2/users", short);
    let bed = hostile.bed(&org(40, Vec::new()), "");
    let by_email = |n: usize| {
        let user = skillsync::domain::UserRef::Email(user(&bed, n).email.into());
        skillsync::domain::entry::EntryRequest { user, ..employee(n, GROUPS) }
    };
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, (1..=30).map(by_email).collect()).await;
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Applied) + in_state(&job, EntryState::Unchanged), 30, "{:?}", job.counts);
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_catalogue_proves_no_names_absence() {
    let hostile = Hostile::new("/api/v2/routing/skills", |_, _, mut answer| {
        answer["entities"].as_array_mut().unwrap().retain(|skill| skill["name"] != "Skill 2");
        answer
    });
    let bed = hostile.bed(&org(40, Vec::new()), "[sync]\ncreate_missing_skills = 5");
    let rows = vec![employee(1, &["Skill 2"]), employee(2, &["Skill 1"])];
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, rows).await;
    sleep(secs(60)).await;
    let told = message(&bed, job, 0);
    assert!(told.contains("Genesys' listing of routing skills is incomplete: it shows"), "{told}");
    hostile.heal();
    bed.finish(job).await;
    assert_eq!(calls(&bed, Route::SkillCreate), 0, "nothing is created that may be there");
    assert!(ends(&bed, job).iter().all(|(state, _)| *state != EntryState::Failed), "{:?}", ends(&bed, job));
}

#[tokio::test(start_paused = true)]
async fn an_empty_page_in_the_middle_is_read_past() {
    let hostile = Hostile::new("/api/v2/users", |number, query, mut answer| {
        if number == 2 && query.contains("state=active") {
            answer["entities"] = json!([]);
        }
        answer
    });
    let bed = hostile.bed(&org(1_200, Vec::new()), "");
    let job = submit(&bed, Lane::Interactive, &[(1, GROUPS), (1_150, GROUPS)]).await;
    bed.finish(job).await;
    assert_eq!((ends(&bed, job), calls(&bed, Route::Users)), (vec![APPLIED, APPLIED], 3), "who is on page 3 is found");
    let job = submit(&bed, Lane::Interactive, &[(700, GROUPS)]).await;
    sleep(secs(60)).await;
    assert!(message(&bed, job, 0).contains("is incomplete"), "{}", message(&bed, job, 0));
    hostile.heal();
    bed.finish(job).await;
    assert_eq!(ends(&bed, job), [APPLIED]);
}

/// More pages than there can be, and a user of this number on all but the first.
fn endless(page: u64, query: &str, mut answer: Value, total: u64, number: Option<u64>) -> Value {
    if query.contains("state=active") {
        answer["pageCount"] = json!(u32::MAX);
        answer["total"] = json!(total);
        if let Some(number) = number.filter(|_| page > 1) {
            answer["entities"] = json!([{"id": format!("00000000-0000-4000-8000-{number:012}")}]);
        }
    }
    answer
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_never_ends_is_left_and_named() {
    type Change = fn(u64, &str, Value) -> Value;
    let cases: [(Change, &str); 3] = [
        (|page, query, answer| endless(page, query, answer, 2_000_000_000, None), "page 5 shows nobody new"),
        (|page, query, answer| endless(page, query, answer, 2_000_000_000, Some(1)), "page 3 shows nobody new"),
        (
            |page, query, answer| endless(page, query, answer, 40, Some(page)),
            "page 12 exceeds the possible number of pages",
        ),
    ];
    for (change, told) in cases {
        let hostile = Hostile::new("/api/v2/users", change);
        let bed = hostile.bed(&org(40, Vec::new()), "[sync]\npatience = '10m'");
        let job = submit(&bed, Lane::Interactive, &[(1, GROUPS)]).await;
        sleep(secs(60)).await;
        let waits = message(&bed, job, 0);
        assert!(waits.contains(&format!("the listing of users does not progress: {told}")), "{waits}");
        assert!(calls(&bed, Route::Users) < 250, "{told}: {}", calls(&bed, Route::Users));
        bed.finish(job).await;
        assert_eq!(ends(&bed, job), [GAVE_UP]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_leads_back_is_left_and_named() {
    let hostile = Hostile::new("/api/v2/routing/skillgroups", |_, _, mut answer| {
        answer["nextUri"] = json!("/api/v2/routing/skillgroups?pageSize=200&after=");
        answer
    });
    let bed = hostile.bed(&org(40, Vec::new()), "");
    let job = submit(&bed, Lane::Interactive, &[(1, GROUPS)]).await;
    sleep(secs(60)).await;
    let told = message(&bed, job, 0);
    assert!(told.contains("the listing of skill groups does not progress: page 2"), "{told}");
    let before = calls(&bed, Route::SkillGroups);
    assert!(before < 60, "{before}");
    bed.service.engine.cancel(job).await.unwrap();
    sleep(secs(60)).await;
    assert_eq!(calls(&bed, Route::SkillGroups), before, "nobody asks for it any more");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_reading_of_a_users_skills_is_no_state() {
    let scenario = Scenario {
        population: Population::Generated(Generated { users: 5, inactive: 0, ..Generated::default() }),
        ..Scenario::default()
    };
    let simulator = Simulator::new(scenario.clone());
    let first = simulator.users().into_iter().find(|user| user.employee_id.as_deref() == Some("E1001")).unwrap();
    let path = format!("/api/v2/users/{}/routingskills", first.id);
    let hostile = Hostile::new(&path, |_, _, mut answer| {
        answer["entities"].as_array_mut().unwrap().truncate(1);
        answer
    });
    let bed = Bed::join(simulator, Arc::default(), &scenario, "", |wire| hostile.around(wire));
    let job = bed.submit(Target::RoutingSkills, Mode::Remove, vec![employee(1, &["Skill 1", "Skill 2"])]).await;
    sleep(secs(30)).await;
    let told = message(&bed, job, 0);
    assert!(told.contains("listing of a user's routing skills is incomplete: it shows 1 of 5"), "{told}");
    hostile.heal();
    bed.finish(job).await;
    assert_ne!(ends(&bed, job)[0].0, EntryState::Failed);
}

#[tokio::test(start_paused = true)]
async fn who_is_cancelled_leaves_the_listing_to_the_next() {
    let first = slow(&[Route::Users], secs(40)).at_most(1);
    let bed = Bed::start(&org(40, vec![first]), "");
    let cancelled = submit(&bed, Lane::Interactive, &[(1, GROUPS)]).await;
    sleep(secs(5)).await;
    let next = submit(&bed, Lane::Interactive, &[(2, GROUPS)]).await;
    sleep(secs(5)).await;
    let begun = Instant::now();
    bed.service.engine.cancel(cancelled).await.unwrap();
    bed.finish(next).await;
    assert!(begun.elapsed() < secs(5), "{:?}", begun.elapsed());
    assert_eq!((ends(&bed, next), ends(&bed, cancelled)[0].0), (vec![APPLIED], EntryState::Cancelled));
}

/// The first write of skills is answered as if one of them were gone.
fn a_skill_is_gone(wire: Transport, left: Arc<AtomicUsize>) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, left) = (wire.clone(), Arc::clone(&left));
        async move {
            let writes = request.method() == http::Method::PATCH && request.uri().path().ends_with("/bulk");
            if writes && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let body = Bytes::from_static(br#"{"message":"Unable to find skill","code":"not.found"}"#);
                return Ok(Response::builder().status(404).body(body).unwrap());
            }
            wire.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_404_to_a_write_does_not_make_a_user_unknown_who_is_there() {
    let (scenario, left) = (org(5, Vec::new()), Arc::new(AtomicUsize::new(1)));
    let way = |wire| a_skill_is_gone(wire, left);
    let bed = Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, "", way);
    let job = bed.submit(Target::RoutingSkills, Mode::Add, vec![employee(1, &["Skill 1"])]).await;
    bed.finish(job).await;
    let (state, reason) = ends(&bed, job)[0];
    assert!(state == EntryState::Failed && reason == Some(Reason::Rejected), "{reason:?}");
    assert!(message(&bed, job, 0).contains("Unable to find skill"), "{}", message(&bed, job, 0));
}
