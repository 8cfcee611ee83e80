//! The ways to single users, and when they are taken: what they cost beside a listing, what they tell that a listing does not,
//! and what happens where Genesys refuses them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{
    Access, Behaviour, Body, Explicit, Fault, FaultKind, Generated, Latency, Moment, Population, Route, Scenario,
    SimUser, Simulator, Target as SimTarget, UserState,
};
use http::{Request, Response};
use serde_json::{Value, json};
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Reason, Target, UserId, UserRef};
use skillsync::engine::JobSnapshot;
use skillsync::genesys::transport::Transport;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::bed::{Bed, employee};

fn org(users: usize, inactive: usize, behaviour: Behaviour) -> Scenario {
    let population = Generated { users, inactive, groups_per_user: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), behaviour, ..Scenario::default() }
}

fn named(user: UserRef) -> EntryRequest {
    EntryRequest { user, ..employee(0, &["Group 1"]) }
}

fn by_employee_id(user: &SimUser) -> EntryRequest {
    named(UserRef::EmployeeId(user.employee_id.clone().expect("they all have one").into()))
}

fn unknown(n: usize) -> EntryRequest {
    named(UserRef::EmployeeId(format!("nobody {n}").into()))
}

fn adding(lane: Lane) -> JobSpec {
    let (target, same_user) = (Target::WfmSkillGroups, SameUser::InOrder);
    JobSpec { lane, same_user, ..JobSpec::new(target, Mode::Add) }
}

async fn submit(bed: &Bed, lane: Lane, entries: Vec<EntryRequest>) -> JobId {
    bed.service.engine.submit(adding(lane), entries).await.unwrap().id
}

async fn run(bed: &Bed, lane: Lane, entries: Vec<EntryRequest>) -> (JobId, JobSnapshot) {
    let job = submit(bed, lane, entries).await;
    (job, bed.finish(job).await)
}

fn ends(bed: &Bed, job: JobId) -> Vec<(EntryState, Option<Reason>)> {
    bed.entries(job).iter().map(|entry| (entry.state, entry.result.reason)).collect()
}

fn calls(bed: &Bed, routes: &[Route]) -> usize {
    bed.simulator.ledger().api_requests().filter(|request| routes.contains(&request.route)).count()
}

fn refusing(status: u16) -> FaultKind {
    FaultKind::Status { status, moment: Moment::BeforeEffect, body: Body::Json }
}

const LOOKS: [Route; 5] = [Route::Users, Route::User, Route::UserByExternalId, Route::UserSearch, Route::ScimUsers];
const APPLIED: (EntryState, Option<Reason>) = (EntryState::Applied, None);
const UNKNOWN: (EntryState, Option<Reason>) = (EntryState::Failed, Some(Reason::UserNotFound));
const INACTIVE: (EntryState, Option<Reason>) = (EntryState::Failed, Some(Reason::UserInactive));

#[tokio::test(start_paused = true)]
async fn a_few_people_of_a_large_org_cost_a_few_calls() {
    let bed = Bed::start(&org(11_400, 400, Behaviour::default()), "");
    let ids = (0..11).map(|n| named(UserRef::Id(UserId(Uuid::from_u128(n))))).collect();
    let (job, _) = run(&bed, Lane::Bulk, ids).await;
    assert_eq!((ends(&bed, job), calls(&bed, &LOOKS)), (vec![UNKNOWN; 11], 1));
    let users = bed.simulator.users();
    let emails = users.iter().take(40).map(|user| named(UserRef::Email(user.email.to_uppercase().into()))).collect();
    let (_, done) = run(&bed, Lane::Bulk, emails).await;
    assert!(done.counts.of(EntryState::Failed) <= 4, "only who is inactive: {:?}", done.counts);
    assert_eq!(calls(&bed, &LOOKS), 1 + 2, "25 addresses a call");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_by_employee_id_takes_four_calls_on_a_cold_service() {
    let bed = Bed::start(&org(11_400, 0, Behaviour::default()), "");
    let user = bed.simulator.users()[7_000].clone();
    let (job, _) = run(&bed, Lane::Interactive, vec![by_employee_id(&user)]).await;
    assert_eq!(ends(&bed, job), [APPLIED]);
    let ledger = bed.simulator.ledger();
    let to_the_patch: Vec<_> = ledger.api_requests().map(|request| request.route).collect();
    assert_eq!(to_the_patch, [Route::SkillGroups, Route::ScimUsers, Route::WfmRead, Route::WfmWrite]);
}

/// Each of many jobs names a few people: what they would cost singly is soon more than one listing.
#[tokio::test(start_paused = true)]
async fn many_small_jobs_share_a_listing_after_a_few_look_ups() {
    let bed = Bed::start(&org(1_200, 0, Behaviour::default()), "");
    for user in bed.simulator.users().iter().take(100) {
        let (job, _) = run(&bed, Lane::Interactive, vec![by_employee_id(user)]).await;
        assert_eq!(ends(&bed, job), [APPLIED]);
    }
    let (singly, pages) = (calls(&bed, &[Route::ScimUsers]), calls(&bed, &[Route::Users]));
    assert!((10..20).contains(&singly) && pages == 3, "{singly} look-ups, {pages} pages");
}

/// One leaves and one joins between two pages: the total stays, and who moved up is on neither page.
#[tokio::test(start_paused = true)]
async fn who_slips_between_two_pages_of_a_listing_is_found() {
    let slow =
        Fault::on(&[Route::Users], FaultKind::Delay(Latency { fixed: Duration::from_secs(2), spread: Duration::ZERO }));
    let bed = Bed::start(&org(1_200, 1, Behaviour { faults: vec![slow], ..Behaviour::default() }), "");
    let users = bed.simulator.users();
    let (active, inactive): (Vec<_>, Vec<_>) = users.iter().partition(|user| user.state == UserState::Active);
    let entries = active.iter().skip(1).map(|user| by_employee_id(user)).collect();
    let job = submit(&bed, Lane::Bulk, entries).await;
    while calls(&bed, &[Route::Users]) < 2 {
        sleep(Duration::from_millis(20)).await;
    }
    bed.simulator.set_user_state(active[0].id, UserState::Inactive);
    bed.simulator.set_user_state(inactive[0].id, UserState::Active);
    let done = bed.finish(job).await;
    assert_eq!(done.counts.of(EntryState::Failed), 0, "{:?}", done.counts);
    assert!(calls(&bed, &[Route::ScimUsers]) > 0, "somebody was on neither page");
}

/// Genesys lists no more than 10,000 inactive users. Whom it does not list is looked up; nobody else is touched by that.
#[tokio::test(start_paused = true)]
async fn inactive_users_beyond_the_end_of_their_listing_fail_alone() {
    for scim in [Access::Granted, Access::Refused] {
        let bed = Bed::start(&org(2_000, 1_400, Behaviour { scim, inactive_cap: 500, ..Behaviour::default() }), "");
        let users = bed.simulator.users();
        let (active, inactive): (Vec<_>, Vec<_>) = users.iter().partition(|user| user.state == UserState::Active);
        let people = active.iter().chain(&inactive).map(|user| by_employee_id(user));
        let begun = Instant::now();
        let (job, done) = run(&bed, Lane::Bulk, people.chain((0..20).map(unknown)).collect()).await;
        let (told, others) = (ends(&bed, job), active.len());
        assert!(told[..others].iter().all(|end| *end == APPLIED), "{:?}", done.counts);
        let (gone, nobody) = told[others..].split_at(inactive.len());
        let known = gone.iter().filter(|end| **end == INACTIVE).count();
        if scim == Access::Granted {
            assert_eq!(known, inactive.len(), "{:?}", done.counts);
        } else {
            assert!(known == 500 && gone.iter().all(|end| [INACTIVE, UNKNOWN].contains(end)), "{known}");
        }
        assert!(nobody.iter().all(|end| *end == UNKNOWN));
        assert!(begun.elapsed() < Duration::from_secs(3_000), "nobody waits for what will not come");
    }
}

/// The listing of inactive users is answered with this status.
fn without_inactive(wire: Transport, status: u16) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            if request.uri().query().is_some_and(|query| query.contains("state=inactive")) {
                return Ok(Response::builder().status(status).body(Bytes::from_static(b"{}")).expect("an answer"));
            }
            wire.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_inactive_users_that_is_refused_fails_only_who_is_missing() {
    for status in [400, 403, 404] {
        let scenario = org(30, 0, Behaviour { scim: Access::Absent, ..Behaviour::default() });
        let way = |wire| without_inactive(wire, status);
        let bed = Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, "", way);
        let users = bed.simulator.users();
        let (job, _) = run(&bed, Lane::Bulk, users.iter().map(by_employee_id).chain([unknown(1)]).collect()).await;
        let told = ends(&bed, job);
        assert!(told[..30].iter().all(|end| *end == APPLIED) && told[30] == UNKNOWN, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_that_is_refused_is_left_for_the_listing() {
    for (route, of) in [(Route::ScimUsers, 0), (Route::UserSearch, 1)] {
        for kind in [refusing(403), refusing(404), refusing(400)] {
            let behaviour = Behaviour { faults: vec![Fault::on(&[route], kind)], ..Behaviour::default() };
            let bed = Bed::start(&org(600, 0, behaviour), "");
            let users = bed.simulator.users();
            for user in &users[..5] {
                let email = UserRef::Email(user.email.clone().into());
                let entry = if of == 0 { by_employee_id(user) } else { named(email) };
                let (job, _) = run(&bed, Lane::Interactive, vec![entry]).await;
                assert_eq!(ends(&bed, job), [APPLIED]);
            }
            assert_eq!((calls(&bed, &[route]), calls(&bed, &[Route::Users])), (1, 2), "asked once, then listed once");
        }
    }
}

/// There is nothing else for external ids: who is named so fails, and nobody else.
#[tokio::test(start_paused = true)]
async fn a_refused_way_without_another_fails_those_on_it_alone() {
    let faults = vec![Fault::on(&[Route::UserByExternalId], refusing(403))];
    let bed = Bed::start(&org(30, 0, Behaviour { faults, ..Behaviour::default() }), "");
    let external = named(UserRef::ExternalId { authority: "hr".into(), key: "1".into() });
    let user = bed.simulator.users()[0].clone();
    let (job, _) = run(&bed, Lane::Bulk, vec![external, by_employee_id(&user)]).await;
    assert_eq!(ends(&bed, job), [(EntryState::Failed, Some(Reason::Forbidden)), APPLIED]);
}

/// A look-up that gets no answer holds up nobody: the listing tells.
#[tokio::test(start_paused = true)]
async fn a_way_without_an_answer_is_left_for_the_listing() {
    let faults = vec![Fault::on(&[Route::ScimUsers], refusing(503))];
    let bed = Bed::start(&org(600, 0, Behaviour { faults, ..Behaviour::default() }), "");
    let users = bed.simulator.users();
    let (job, _) = run(&bed, Lane::Bulk, vec![by_employee_id(&users[0]), unknown(1)]).await;
    assert_eq!(ends(&bed, job), [APPLIED, UNKNOWN]);
}

/// Employee ids as HR and Genesys write them differ by outer blanks.
#[tokio::test(start_paused = true)]
async fn an_employee_id_with_a_blank_at_genesys_is_found() {
    let mut scenario = org(3, 0, Behaviour::default());
    let org = Simulator::new(scenario.clone());
    let mut users = org.users();
    users[0].employee_id = Some("E1 ".to_owned());
    let (groups, skills) = (org.catalogue(SimTarget::WfmSkillGroups), org.catalogue(SimTarget::RoutingSkills));
    scenario.population = Population::Explicit(Explicit { users, groups, skills, ..Explicit::default() });
    let bed = Bed::start(&scenario, "");
    for id in ["E1", "E1 ", " E1"] {
        let (job, _) = run(&bed, Lane::Interactive, vec![named(UserRef::EmployeeId(id.into()))]).await;
        assert!(matches!(ends(&bed, job)[0].0, EntryState::Applied | EntryState::Unchanged), "{id:?}");
    }
}

/// Changes the answers to one path.
fn answered(wire: Transport, path: &'static str, answer: fn(Value) -> Value) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            let changes = request.uri().path() == path;
            let told = wire.oneshot(request).await?;
            if !changes || !told.status().is_success() {
                return Ok(told);
            }
            Ok(told.map(|body| answer(serde_json::from_slice(&body).expect("a body")).to_string().into()))
        }
    }))
}

/// What answers another question, or not the whole of this one, proves nobody's absence: the listing is asked.
#[tokio::test(start_paused = true)]
async fn an_answer_that_proves_nothing_leaves_the_question_to_the_listing() {
    fn nothing(_: Value) -> Value {
        json!({})
    }
    fn somebody_else(mut answer: Value) -> Value {
        for users in ["results", "Resources"] {
            for user in answer[users].as_array_mut().into_iter().flatten() {
                user["id"] = Uuid::from_u128(9).to_string().into();
                user["email"] = "other@example.com".into();
                user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({"employeeNumber": "other"});
            }
        }
        answer
    }
    fn of_more(mut answer: Value) -> Value {
        for total in ["total", "totalResults"] {
            if answer[total].is_u64() {
                answer[total] = 2.into();
            }
        }
        answer
    }
    let scim = "/api/v2/scim/v2/users";
    let search = "/api/v2/users/search";
    for (path, lies) in [(scim, [nothing, somebody_else, of_more]), (search, [nothing, somebody_else, of_more])] {
        for lie in lies {
            let scenario = org(30, 0, Behaviour::default());
            let way = |wire| answered(wire, path, lie);
            let bed = Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, "", way);
            let user = bed.simulator.users()[3].clone();
            let email = named(UserRef::Email(user.email.clone().into()));
            let entry = if path == scim { by_employee_id(&user) } else { email };
            let (job, _) = run(&bed, Lane::Interactive, vec![entry]).await;
            assert_eq!(ends(&bed, job), [APPLIED], "{path}");
            assert_eq!(bed.entries(job)[0].user, Some(UserId(user.id)));
        }
    }
}

/// Of many jobs that come at once, one finds out that a way is refused.
#[tokio::test(start_paused = true)]
async fn a_refused_way_is_asked_once_however_many_wait() {
    let bed = Bed::start(&org(60, 0, Behaviour { scim: Access::Refused, ..Behaviour::default() }), "");
    let users = bed.simulator.users();
    let jobs = users.iter().map(|user| submit(&bed, Lane::Interactive, vec![by_employee_id(user)]));
    for job in futures_util::future::join_all(jobs).await {
        bed.finish(job).await;
        assert_eq!(ends(&bed, job), [APPLIED]);
    }
    assert_eq!(calls(&bed, &[Route::ScimUsers]), 1);
}

/// These are no names but steps in a path.
#[tokio::test(start_paused = true)]
async fn an_external_id_of_dots_leads_nowhere() {
    let bed = Bed::start(&org(30, 0, Behaviour::default()), "");
    let user = bed.simulator.users()[0].id.to_string();
    for (authority, key) in [("..", user.as_str()), ("a", ".."), (".", user.as_str())] {
        let external = UserRef::ExternalId { authority: authority.into(), key: key.into() };
        let (job, _) = run(&bed, Lane::Interactive, vec![named(external)]).await;
        assert_eq!(ends(&bed, job), [UNKNOWN]);
    }
    assert_eq!(calls(&bed, &LOOKS), 0);
}

/// Jobs do not wait for each other's look-ups on a way that gives no answer.
#[tokio::test(start_paused = true)]
async fn a_way_without_an_answer_is_not_queued_for() {
    let slow = FaultKind::Delay(Latency { fixed: Duration::from_secs(5), spread: Duration::ZERO });
    let faults = [slow, refusing(503)].map(|kind| Fault::on(&[Route::ScimUsers], kind)).to_vec();
    let bed = Bed::start(&org(60, 0, Behaviour { faults, ..Behaviour::default() }), "");
    let users = bed.simulator.users();
    let begun = Instant::now();
    let jobs = users.iter().take(40).map(|user| submit(&bed, Lane::Interactive, vec![by_employee_id(user)]));
    for job in futures_util::future::join_all(jobs).await {
        bed.finish(job).await;
        assert_eq!(ends(&bed, job), [APPLIED]);
    }
    println!("forty jobs took {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// While one way and the listings give no answer, who is found by another way is not held up; and a change of a user who is
/// named once so and once so ends in its place.
#[tokio::test(start_paused = true)]
async fn who_is_found_does_not_wait_for_who_is_not() {
    let down = Fault::on(&[Route::ScimUsers, Route::Users], refusing(503));
    for employees in [1, 30] {
        let bed = Bed::start(&org(1_200, 0, Behaviour { faults: vec![down.clone()], ..Behaviour::default() }), "");
        let users = bed.simulator.users();
        let listing = |user: UserRef, group| EntryRequest { user, ..employee(0, &[group]) };
        let mut entries: Vec<_> = users.iter().skip(10).take(employees).map(by_employee_id).collect();
        entries.push(named(UserRef::Email(users[0].email.as_str().into())));
        // The same person as the first row.
        entries.push(listing(UserRef::Id(UserId(users[10].id)), "Group 2"));
        let job = submit(&bed, Lane::Bulk, entries).await;
        sleep(Duration::from_secs(60)).await;
        let told = ends(&bed, job);
        assert_eq!(told[employees..], [APPLIED; 2], "{told:?}");
        assert!(told[..employees].iter().all(|(state, _)| *state == EntryState::Waiting), "{told:?}");
        bed.simulator.with_behaviour(|behaviour| behaviour.faults.clear());
        bed.finish(job).await;
        assert!(ends(&bed, job).iter().all(|end| *end == APPLIED), "{:?}", ends(&bed, job));
        let groups = bed.simulator.assignments_of(users[10].id, SimTarget::WfmSkillGroups).unwrap();
        assert_eq!(groups.len(), 2);
    }
}

/// Where the end of one row depends on whether another is about the same user, none goes on before that is known.
#[tokio::test(start_paused = true)]
async fn rows_that_may_be_twins_wait_for_each_other() {
    let down = Fault::on(&[Route::ScimUsers, Route::Users], refusing(503));
    let bed = Bed::start(&org(1_200, 0, Behaviour { faults: vec![down], ..Behaviour::default() }), "");
    let users = bed.simulator.users();
    let rows = vec![by_employee_id(&users[10]), named(UserRef::Id(UserId(users[10].id)))];
    let spec = JobSpec { mode: Mode::Managed, same_user: SameUser::Refuse, ..adding(Lane::Bulk) };
    let job = bed.service.engine.submit(spec, rows).await.unwrap().id;
    sleep(Duration::from_secs(60)).await;
    assert!(ends(&bed, job).iter().all(|(state, _)| *state == EntryState::Waiting), "{:?}", ends(&bed, job));
    bed.simulator.with_behaviour(|behaviour| behaviour.faults.clear());
    bed.finish(job).await;
    let twin = (EntryState::Failed, Some(Reason::DuplicateUser));
    assert_eq!(ends(&bed, job), [twin; 2]);
}
