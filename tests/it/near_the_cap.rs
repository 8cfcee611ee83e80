//! Users who have about as many skills as Genesys takes: no write leads through a state that it refuses.

use std::sync::Arc;

use bytes::Bytes;
use genesys_simulator::{CatalogueEntry, Explicit, Population, Route, Scenario, SimUser, Simulator, UserState};
use http::{Method, Request, Response};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::{EntryState, Mode, Target, UserId, UserRef};
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::bed::Bed;

const MAX: usize = 50;

fn skill(n: usize) -> Uuid {
    Uuid::from_u128(0x2000 + n as u128)
}

fn user() -> Uuid {
    Uuid::from_u128(0x1000)
}

/// One user without skills, and as many skills as two full sets.
fn org() -> Scenario {
    let user = SimUser {
        id: user(),
        name: "Ana".to_owned(),
        email: "ana@example.com".to_owned(),
        employee_id: Some("E1".to_owned()),
        external_ids: Vec::new(),
        state: UserState::Active,
        skills: Vec::new(),
        languages: Vec::new(),
        groups: Vec::new(),
    };
    let skills = (0..2 * MAX).map(|n| CatalogueEntry { id: skill(n), name: format!("Skill {n}") }).collect();
    let explicit = Explicit { users: vec![user], skills, ..Explicit::default() };
    Scenario { population: Population::Explicit(explicit), ..Scenario::default() }
}

fn entry(skills: impl IntoIterator<Item = usize>) -> EntryRequest {
    let listed = |n| ListedAssignment {
        name: AssignmentName::Name(format!("Skill {n}").into()),
        proficiency: None,
        because: None,
        left_as_is: false,
    };
    let user = UserRef::Id(UserId(user()));
    EntryRequest { reference: None, user, assignments: skills.into_iter().map(listed).collect(), occurred_at: None }
}

async fn run(bed: &Bed, mode: Mode, skills: impl IntoIterator<Item = usize>) -> EntryState {
    let job = bed.submit(Target::RoutingSkills, mode, vec![entry(skills)]).await;
    bed.finish(job).await;
    let entry = bed.entries(job).remove(0);
    assert!(entry.state != EntryState::Failed, "{:?}", entry.result.message);
    entry.state
}

fn has(bed: &Bed) -> Vec<Uuid> {
    let mut skills: Vec<_> = bed.simulator.users().remove(0).skills.iter().map(|skill| skill.id).collect();
    skills.sort_unstable();
    skills
}

fn calls(bed: &Bed, route: Route) -> usize {
    bed.simulator.ledger().requests().iter().filter(|request| request.route == route).count()
}

#[tokio::test(start_paused = true)]
async fn a_swap_takes_away_first_what_the_cap_asks_for() {
    for (before, swapped) in [(50, 1), (50, 10), (50, 50), (45, 10), (41, 10), (40, 10), (49, 2)] {
        let bed = Bed::start(&org(), "");
        assert_eq!(run(&bed, Mode::Managed, 0..before).await, EntryState::Applied);
        assert_eq!(run(&bed, Mode::Managed, swapped..before + swapped).await, EntryState::Applied);
        let wanted: Vec<_> = (swapped..before + swapped).map(skill).collect();
        assert_eq!(has(&bed), wanted, "{swapped} of {before}");
        assert_eq!(calls(&bed, Route::UserSkillRemove), swapped, "each that leaves is taken away once");
        assert_eq!(calls(&bed, Route::UserSkillsAdd), 2, "one bulk call each");
    }
}

/// Where there is room, nobody is without a skill in between.
#[tokio::test(start_paused = true)]
async fn where_there_is_room_a_swap_adds_first() {
    let bed = Bed::start(&org(), "");
    run(&bed, Mode::Managed, 0..3).await;
    run(&bed, Mode::Managed, 3..6).await;
    let ledger = bed.simulator.ledger();
    let requests = ledger.requests();
    let writes: Vec<_> =
        requests.iter().map(|request| request.route).filter(|route| route.writes().is_some()).collect();
    let remove = Route::UserSkillRemove;
    assert_eq!(writes, [Route::UserSkillsAdd, Route::UserSkillsAdd, remove, remove, remove]);
}

/// Genesys as it may be: a bulk replacement by nothing is refused.
fn refusing_empty_lists(inner: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move {
            if request.method() == Method::PUT && request.body().as_ref() == b"[]" {
                let body = r#"{"message":"The list must not be empty.","code":"bad.request"}"#;
                return Ok(Response::builder().status(400).body(body.into()).expect("an answer"));
            }
            inner.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn where_an_empty_list_is_refused_skills_are_taken_away_one_by_one() {
    let scenario = org();
    let simulator = Simulator::new(scenario.clone());
    let bed = Bed::join(simulator, Arc::default(), &scenario, "", refusing_empty_lists);
    run(&bed, Mode::Add, 0..7).await;
    assert_eq!(run(&bed, Mode::Replace, []).await, EntryState::Applied);
    assert!(has(&bed).is_empty());
    assert_eq!(calls(&bed, Route::UserSkillRemove), 7);
}
