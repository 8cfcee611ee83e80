//! Genesys answers 200 to a write, and shows in the same answer that it was not carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, Simulator, Target as SimTarget};
use http::{Method, Request, Response};
use skillsync::domain::{EntryState, Mode, Reason, Target};
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee};

/// The first writes are not carried out, and answered with what there is.
fn without_effect(inner: Transport, times: usize) -> Transport {
    let left = Arc::new(AtomicUsize::new(times));
    BoxCloneSyncService::new(tower::service_fn(move |mut request: Request<Bytes>| {
        let (inner, left) = (inner.clone(), Arc::clone(&left));
        async move {
            let one_less = |left: usize| left.checked_sub(1);
            if request.method() == Method::PATCH
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
            {
                *request.method_mut() = Method::GET;
                let path = request.uri().to_string();
                *request.uri_mut() = path.trim_end_matches("/bulk").parse().expect("a path");
                *request.body_mut() = Bytes::new();
            }
            inner.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shows_no_effect_is_no_success() {
    let population = Generated { users: 1, skills_per_user: 1, groups_per_user: 1, ..Generated::default() };
    let scenario = Scenario { population: Population::Generated(population), ..Scenario::default() };
    for (target, simulated, wanted) in [
        (Target::RoutingSkills, SimTarget::RoutingSkills, ["Skill 1", "Skill 2", "Skill 3"]),
        (Target::WfmSkillGroups, SimTarget::WfmSkillGroups, ["Group 1", "Group 2", "Group 3"]),
    ] {
        for (times, expected) in [(1, EntryState::Applied), (usize::MAX, EntryState::Failed)] {
            let simulator = Simulator::new(scenario.clone());
            let bed = Bed::join(simulator, Arc::default(), &scenario, "", |inner| without_effect(inner, times));
            let job = bed.submit(target, Mode::Add, vec![employee(1, &wanted)]).await;
            bed.finish(job).await;
            let entry = bed.entries(job).remove(0);
            assert_eq!(entry.state, expected, "{target:?} {entry:?}");
            let user = bed.simulator.users()[0].id;
            let has = bed.simulator.assignments_of(user, simulated).unwrap().len();
            if expected == EntryState::Applied {
                assert!(has >= wanted.len(), "{target:?} {has}");
            } else {
                assert_eq!((has, entry.result.reason), (1, Some(Reason::UpstreamUnavailable)), "{entry:?}");
                assert!(entry.result.message.is_some_and(|told| told.contains("as it was written") || told.contains("as they were written")));
            }
        }
    }
}

/// Writes on routing skills, from the first of `method` on, are answered like this and not carried out.
fn answered(inner: Transport, method: Method, told: (u16, &'static str), times: usize) -> Transport {
    let left = Arc::new(AtomicUsize::new(times));
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (inner, left, method) = (inner.clone(), Arc::clone(&left), method.clone());
        async move {
            let one_less = |left: usize| left.checked_sub(1);
            if request.method() == method && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                let (status, body) = told;
                return Ok(Response::builder().status(status).body(body.into()).expect("an answer"));
            }
            inner.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_success_that_says_nothing_is_looked_into() {
    let population = Generated { users: 1, skills_per_user: 1, ..Generated::default() };
    let scenario = Scenario { population: Population::Generated(population), ..Scenario::default() };
    let (page, nothing) =
        ((200, "<html>Sign in</html>"), [(200, "{}"), (200, "null"), (200, ""), (204, ""), (202, "")]);
    let bulk = || nothing.into_iter().chain([page]);
    let cases = bulk().map(|told| (Method::PATCH, Mode::Add, told));
    let cases = cases.chain(bulk().map(|told| (Method::PUT, Mode::Replace, told)));
    let cases = cases.chain([page, (202, "")].map(|told| (Method::DELETE, Mode::Managed, told)));
    for (method, mode, told) in cases {
        for (times, expected) in [(1, EntryState::Applied), (usize::MAX, EntryState::Failed)] {
            let simulator = Simulator::new(scenario.clone());
            let way = |inner| answered(inner, method.clone(), told, times);
            let bed = Bed::join(simulator, Arc::default(), &scenario, "", way);
            let listed = if method == Method::DELETE {
                let first = bed.submit(Target::RoutingSkills, mode, vec![employee(1, &["Skill 2", "Skill 3"])]).await;
                bed.finish(first).await;
                ["Skill 3", "Skill 3"]
            } else {
                ["Skill 2", "Skill 3"]
            };
            let job = bed.submit(Target::RoutingSkills, mode, vec![employee(1, &listed)]).await;
            bed.finish(job).await;
            let entry = bed.entries(job).remove(0);
            assert_eq!(entry.state, expected, "{method} {mode:?} {told:?} {entry:?}");
            let user = bed.simulator.users()[0].id;
            let has = bed.simulator.assignments_of(user, SimTarget::RoutingSkills).unwrap().len();
            let done = match mode {
                Mode::Replace => has == 2,
                Mode::Add => has >= 2,
                Mode::Managed | Mode::Remove => has <= 2,
            };
            assert_eq!(done, expected == EntryState::Applied, "{method} {mode:?} {told:?} {has}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_skill_that_stays_inactive_is_not_had() {
    let population = Generated { users: 1, skills_per_user: 1, ..Generated::default() };
    let mut scenario = Scenario { population: Population::Generated(population), ..Scenario::default() };
    scenario.behaviour.deactivated_skills = 1.0;
    let inactive = r#"{"id":"00000000-0000-4000-8000-000000000001","proficiency":0.0,"state":"inactive"}"#;
    for (times, expected) in [(1, EntryState::Applied), (usize::MAX, EntryState::Failed)] {
        let simulator = Simulator::new(scenario.clone());
        let way = |inner| answered(inner, Method::PUT, (200, inactive), times);
        let bed = Bed::join(simulator, Arc::default(), &scenario, "", way);
        let job = bed.submit(Target::RoutingSkills, Mode::Add, vec![employee(1, &["Skill 2"])]).await;
        bed.finish(job).await;
        let entry = bed.entries(job).remove(0);
        assert_eq!(entry.state, expected, "{entry:?}");
    }
}
