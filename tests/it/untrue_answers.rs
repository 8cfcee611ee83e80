//! Genesys answers 200 to a write, and shows in the same answer that it was not carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use skillsync::domain::{EntryState, Mode, Reason, Target};
use skillsync::genesys::transport::Transport;
use skillsync::simulator::{Generated, Population, Scenario, Simulator, Target as SimTarget};
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
