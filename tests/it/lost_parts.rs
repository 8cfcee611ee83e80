//! A write of several calls loses the answer to one of them, and the next look is older than the write before it: what was
//! never sent, or may not have been carried out, is not taken for done because it looks like that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, Simulator, Target as SimTarget};
use http::{Method, Request, Response};
use skillsync::domain::{EntryState, Mode, Target};
use skillsync::engine::EntrySnapshot;
use skillsync::genesys::transport::{Transport, TransportError};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee};

fn org() -> Scenario {
    let population = Generated { users: 1, skills_per_user: 0, groups_per_user: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

/// What goes wrong, once it is switched on.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// This write loses its answer, counted from 1.
    lost: usize,
    carried_out: bool,
    /// So many looks after it show the user without skills, as before all writes.
    old_looks: usize,
}

#[derive(Clone, Default)]
struct Wire {
    writes: Arc<AtomicUsize>,
    looks: Arc<AtomicUsize>,
    on: Arc<AtomicUsize>,
}

impl Wire {
    fn troubled(self, inner: Transport, trouble: Trouble) -> Transport {
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let (inner, wire) = (inner.clone(), self.clone());
            async move {
                if wire.on.load(Ordering::SeqCst) == 0 || !request.uri().path().contains("/routingskills") {
                    return inner.oneshot(request).await;
                }
                if request.method() == Method::GET {
                    let is_old = wire.writes.load(Ordering::SeqCst) >= trouble.lost
                        && wire.looks.fetch_add(1, Ordering::SeqCst) < trouble.old_looks;
                    let empty = || Response::new(r#"{"entities":[],"total":0,"pageCount":1}"#.into());
                    return if is_old { Ok(empty()) } else { inner.oneshot(request).await };
                }
                if wire.writes.fetch_add(1, Ordering::SeqCst) + 1 != trouble.lost {
                    return inner.oneshot(request).await;
                }
                if trouble.carried_out {
                    inner.oneshot(request).await?;
                }
                Err(TransportError::NoAnswer("reset".into()))
            }
        }))
    }
}

struct End {
    has: Vec<String>,
    entry: EntrySnapshot,
}

/// A user who was given two skills a moment ago gets a second job in that trouble.
async fn end_of(trouble: Trouble, mode: Mode, listed: &[&str]) -> End {
    let (scenario, wire) = (org(), Wire::default());
    let simulator = Simulator::new(scenario.clone());
    let troubled = wire.clone();
    let bed = Bed::join(simulator, Arc::default(), &scenario, "", |inner| troubled.troubled(inner, trouble));
    let first = bed.submit(Target::RoutingSkills, Mode::Managed, vec![employee(1, &["Skill 2", "Skill 5"])]).await;
    bed.finish(first).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    wire.on.store(1, Ordering::SeqCst);
    let second = bed.submit(Target::RoutingSkills, mode, vec![employee(1, listed)]).await;
    bed.finish(second).await;
    let user = bed.simulator.users()[0].id;
    let skills = bed.simulator.assignments_of(user, SimTarget::RoutingSkills).unwrap();
    let catalogue = bed.simulator.catalogue(SimTarget::RoutingSkills);
    let name = |id| catalogue.iter().find(|skill| skill.id == id).map(|skill| skill.name.clone()).unwrap();
    let mut has: Vec<_> = skills.iter().map(|skill| name(skill.id)).collect();
    has.sort();
    End { has, entry: bed.entries(second).remove(0) }
}

#[tokio::test(start_paused = true)]
async fn a_look_older_than_the_write_before_proves_no_removal() {
    for carried_out in [true, false] {
        for (lost, old_looks) in [(1, 1), (2, 1), (2, 3), (3, 1), (3, 0)] {
            let trouble = Trouble { lost, carried_out, old_looks };
            let End { has, entry } = end_of(trouble, Mode::Managed, &["Skill 3"]).await;
            assert_eq!(has, ["Skill 3"], "{trouble:?} {entry:?}");
            let difference = &entry.result.effects.difference;
            assert_eq!((difference.added.len(), difference.removed.len()), (1, 2), "{trouble:?} {entry:?}");
        }
        for (lost, old_looks) in [(1, 1), (1, 3), (2, 1), (2, 0)] {
            let trouble = Trouble { lost, carried_out, old_looks };
            let End { has, entry } = end_of(trouble, Mode::Remove, &["Skill 2", "Skill 5"]).await;
            assert!(has.is_empty(), "{trouble:?} {has:?} {entry:?}");
            assert_eq!(entry.result.effects.difference.removed.len(), 2, "{trouble:?} {entry:?}");
            assert_eq!(entry.state, EntryState::Applied, "{trouble:?} {entry:?}");
        }
    }
}
