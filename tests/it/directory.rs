//! Who is who, and what they have, in as few calls as possible: listings, single look-ups, and the skills that a listing
//! shows.

use std::time::Duration;

use genesys_simulator::{
    Access, Behaviour, Fault, FaultKind, Generated, Latency, Population, Route, Scenario, SimUser, UserState,
};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{AssignmentId, EntryState, JobId, Mode, Proficiency, Reason, Target, UserRef};
use tokio::time::{Instant, sleep};

use crate::bed::{Bed, in_state};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn org(users: usize, behaviour: Behaviour) -> Scenario {
    let population = Generated { users, inactive: users / 10, ..Generated::default() };
    Scenario { population: Population::Generated(population), behaviour, ..Scenario::default() }
}

fn calls(bed: &Bed, route: Route) -> usize {
    bed.simulator.ledger().requests().iter().filter(|request| request.route == route).count()
}

/// What a user has already, as a caller would list it.
fn as_it_is(user: &SimUser) -> EntryRequest {
    let listed = |skill: &genesys_simulator::Assignment| ListedAssignment {
        name: AssignmentName::Id(AssignmentId(skill.id)),
        proficiency: skill.proficiency.and_then(Proficiency::new),
        because: None,
        left_as_is: false,
    };
    named(UserRef::EmployeeId(user.employee_id.clone().unwrap().into()), user.skills.iter().map(listed).collect())
}

fn named(user: UserRef, assignments: Vec<ListedAssignment>) -> EntryRequest {
    EntryRequest { reference: None, user, assignments: assignments.into(), occurred_at: None }
}

fn email(address: &str) -> EntryRequest {
    named(UserRef::Email(address.into()), Vec::new())
}

async fn urgent(bed: &Bed, entries: Vec<EntryRequest>) -> JobId {
    let lane = Lane::Interactive;
    let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Add) };
    bed.service.engine.submit(spec, entries).await.unwrap().id
}

/// One nightly run: everybody is named, every `nth` has one skill less than is listed.
async fn nightly(users: usize, nth: usize, behaviour: Behaviour) -> (Bed, JobId, Duration) {
    let bed = Bed::start(&org(users, behaviour), "");
    let everybody = bed.simulator.users();
    let active: Vec<&SimUser> = everybody.iter().filter(|user| user.state == UserState::Active).collect();
    for user in active.iter().step_by(nth) {
        bed.simulator.foreign_set(user.id, genesys_simulator::Target::RoutingSkills, &user.skills[1..]);
    }
    let began = Instant::now();
    let entries = active.iter().copied().map(as_it_is).collect();
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, entries).await;
    bed.finish(job).await;
    (bed, job, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_nightly_run_reads_pages_and_touches_only_who_has_changed() {
    // 10,000 of whom 9,000 are active, 450 changed: 18 pages, a catalogue, a confirmation and a write for each changed.
    let (bed, job, took) = nightly(10_000, 20, Behaviour::default()).await;
    let job = bed.service.engine.job(job).unwrap();
    assert_eq!((in_state(&job, EntryState::Applied), in_state(&job, EntryState::Unchanged)), (450, 8_550));
    let least = 18 + 1 + 2 * 450;
    let made = bed.simulator.ledger().api_requests().count();
    println!("{made} calls, least {least}, {took:?}");
    assert_eq!(u32::try_from(made).unwrap(), job.calls_made);
    assert!(made * 100 <= least * 105, "{made} calls, least {least}");
    assert!(took <= secs(216), "{took:?}");
    for user in bed.simulator.users() {
        assert_eq!(user.skills.len(), 5, "{}", user.name);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_come_at_once_share_a_listing() {
    let bed = Bed::start(&org(3_000, Behaviour::default()), "");
    let everybody = bed.simulator.users();
    let active: Vec<&SimUser> = everybody.iter().filter(|user| user.state == UserState::Active).collect();
    let mut jobs = Vec::new();
    for part in active.chunks(540) {
        let entries = part.iter().copied().map(as_it_is).collect();
        jobs.push(bed.submit(Target::RoutingSkills, Mode::Managed, entries).await);
    }
    for job in jobs {
        let job = bed.finish(job).await;
        assert_eq!(in_state(&job, EntryState::Unchanged), 540);
    }
    assert_eq!((calls(&bed, Route::Users), calls(&bed, Route::UserSkillsRead)), (6, 0), "its six pages, once");
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, vec![as_it_is(active[0]), as_it_is(active[1])]).await;
    bed.finish(job).await;
    assert_eq!(calls(&bed, Route::Users), 6, "no listing for two users");
}

#[tokio::test(start_paused = true)]
async fn whose_skills_a_listing_leaves_out_is_read_singly() {
    let behaviour = Behaviour { expand_drops_skills: 0.25, ..Behaviour::default() };
    let (bed, job, _) = nightly(200, 1_000, behaviour).await;
    let job = bed.service.engine.job(job).unwrap();
    assert_eq!((in_state(&job, EntryState::Applied), in_state(&job, EntryState::Unchanged)), (1, 179));
    let read = calls(&bed, Route::UserSkillsRead);
    assert!((20..70).contains(&read), "{read}");
    assert_eq!(calls(&bed, Route::UserSkillsAdd), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_listing_does_not_show_is_never_taken_for_removed() {
    for mode in [Mode::Remove, Mode::Replace] {
        let never = "[sync]\nhold_users_percent = 100\nhold_skill_percent = 100\nhold_skill_left = 0";
        let bed = Bed::start(&org(40, Behaviour::default()), never);
        let everybody = bed.simulator.users();
        let entries = everybody.iter().filter(|user| user.state == UserState::Active).map(as_it_is).collect();
        let job = bed.submit(Target::RoutingSkills, mode, entries).await;
        bed.finish(job).await;
        assert_eq!(calls(&bed, Route::UserSkillsRead), 36, "{mode:?}: everybody's own resource is read");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_listing_is_used_while_a_new_one_is_read() {
    let slow = Fault::on(&[Route::Users], FaultKind::Delay(Latency { fixed: secs(5), spread: Duration::ZERO }));
    let behaviour = Behaviour { faults: vec![slow], scim: Access::Refused, ..Behaviour::default() };
    let bed = Bed::start(&org(600, behaviour), "");
    let one = || vec![named(UserRef::EmployeeId("E1001".into()), Vec::new())];
    bed.finish(urgent(&bed, one()).await).await;
    assert_eq!(calls(&bed, Route::Users), 2);
    sleep(secs(700)).await;
    let began = Instant::now();
    bed.finish(urgent(&bed, one()).await).await;
    assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
    sleep(secs(60)).await;
    assert_eq!(calls(&bed, Route::Users), 4, "read anew, once");
    sleep(secs(2_000)).await;
    let began = Instant::now();
    bed.finish(urgent(&bed, one()).await).await;
    assert!(began.elapsed() > secs(10), "too old to be used: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_new_hire_is_looked_up_alone_and_one_who_does_not_exist_once_for_each_job() {
    let bed = Bed::start(&org(600, Behaviour::default()), "");
    bed.finish(urgent(&bed, vec![named(UserRef::EmployeeId("E1001".into()), Vec::new())]).await).await;
    let listed = calls(&bed, Route::Users);
    let hire = bed.simulator.users().into_iter().find(|user| user.state == UserState::Inactive).unwrap();
    bed.simulator.set_user_state(hire.id, UserState::Active);
    let job =
        bed.finish(urgent(&bed, vec![email(&hire.email.to_uppercase()), email("nobody@example.com")]).await).await;
    assert_eq!((in_state(&job, EntryState::Unchanged), in_state(&job, EntryState::Failed)), (1, 1));
    assert_eq!((calls(&bed, Route::UserSearch), calls(&bed, Route::Users)), (1, listed));
    let nobody = || vec![email("nobody@example.com"), email("nobody@example.com")];
    bed.finish(urgent(&bed, nobody()).await).await;
    assert_eq!(calls(&bed, Route::UserSearch), 2, "once, however often the job names them");
    bed.finish(urgent(&bed, vec![email(&hire.email)]).await).await;
    assert_eq!(calls(&bed, Route::UserSearch), 3, "by the address as it is written; it was looked up in capitals");
    bed.finish(urgent(&bed, vec![email(&hire.email)]).await).await;
    assert_eq!(calls(&bed, Route::UserSearch), 3, "who is there is believed to be there still");
}

#[tokio::test(start_paused = true)]
async fn somebody_inactive_is_told_from_somebody_unknown() {
    let bed = Bed::start(&org(600, Behaviour::default()), "");
    let gone = bed.simulator.users().into_iter().find(|user| user.state == UserState::Inactive).unwrap();
    let by_employee_id = UserRef::EmployeeId(gone.employee_id.clone().unwrap().into());
    let entries = vec![named(by_employee_id, Vec::new()), email(&gone.email), email("nobody@example.com")];
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, entries).await;
    bed.finish(job).await;
    let reasons: Vec<_> = bed.entries(job).iter().map(|entry| entry.result.reason).collect();
    assert_eq!(reasons, [Some(Reason::UserInactive), Some(Reason::UserInactive), Some(Reason::UserNotFound)]);
}

/// Somebody on the first page leaves while the second one is on its way: everybody moves up by one, and the first of the
/// second page is on neither.
#[tokio::test(start_paused = true)]
async fn who_moves_between_two_pages_is_found_all_the_same() {
    let slow = Fault::on(&[Route::Users], FaultKind::Delay(Latency { fixed: secs(2), spread: Duration::ZERO }));
    let behaviour = Behaviour { faults: vec![slow], scim: Access::Refused, ..Behaviour::default() };
    let bed = Bed::start(&org(1_200, behaviour), "");
    let everybody = bed.simulator.users();
    let entries = everybody.iter().take(1_080).skip(1).map(as_it_is).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Remove, entries_without_skills(entries)).await;
    sleep(secs(2)).await;
    assert_eq!(calls(&bed, Route::Users), 1, "the first page has been made up, the second has not");
    bed.simulator.set_user_state(everybody[0].id, UserState::Inactive);
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Failed), 0);
    assert_eq!(calls(&bed, Route::Users), 6, "three pages, and once more");
}

fn entries_without_skills(entries: Vec<EntryRequest>) -> Vec<EntryRequest> {
    entries.into_iter().map(|entry| EntryRequest { assignments: std::sync::Arc::default(), ..entry }).collect()
}
