//! A process dies while a write is under way, and the next one finds another world: the entry's end says what became of
//! the write all the same, and never that nothing was done.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{
    Body, Explicit, Fault, FaultKind, Generated, Moment, Population, Route, Scenario, SimUser, Simulator,
    Target as SimTarget, UserState,
};
use http::{Method, Request};
use skillsync::domain::{EntryState, JobId, Mode, Target};
use skillsync::engine::EntrySnapshot;
use skillsync::genesys::transport::Transport;
use skillsync::journal::MemoryJournal;
use tokio::sync::Notify;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::bed::{Bed, employee};
use crate::dying::{DyingJournal, Left};

fn org() -> Scenario {
    let population = Generated { users: 3, groups_per_user: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

/// No write is answered, whether or not it is carried out.
fn unanswered(wire: Transport, carried_out: bool, sent: Arc<Notify>) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, sent) = (wire.clone(), Arc::clone(&sent));
        async move {
            let is_write = request.method() == Method::PATCH;
            let answer = if is_write && !carried_out { None } else { Some(wire.oneshot(request).await) };
            if is_write {
                sent.notify_one();
            }
            match answer.filter(|_| !is_write) {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    }))
}

/// A job of two entries about two users, whose process died when the first of their writes was under way; and the next.
async fn after_a_death(carried_out: bool, meanwhile: impl FnOnce(&Simulator)) -> (Bed, JobId) {
    after_a_death_in(&org(), carried_out, meanwhile).await
}

async fn after_a_death_in(org: &Scenario, carried_out: bool, meanwhile: impl FnOnce(&Simulator)) -> (Bed, JobId) {
    let (simulator, kept, sent) =
        (Simulator::new(org.clone()), Arc::<MemoryJournal>::default(), Arc::<Notify>::default());
    let journal = DyingJournal::new(&kept, None, 0..0);
    let way = |wire| journal.wire(unanswered(wire, carried_out, Arc::clone(&sent)));
    let bed = Bed::first(simulator, Arc::clone(&kept), Arc::clone(&journal) as _, org, way);
    let entries = vec![employee(1, &["Group 1", "Group 2"]), employee(2, &["Group 1"])];
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, entries).await;
    sent.notified().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    journal.kill(Left::Everything);
    meanwhile(&bed.simulator);
    let bed = bed.replaced(org, Duration::from_secs(1), kept, |wire| wire).await;
    (bed, job)
}

fn groups(bed: &Bed, user: usize) -> usize {
    let user = bed.simulator.users()[user].id;
    bed.simulator.assignments_of(user, SimTarget::WfmSkillGroups).unwrap().len()
}

fn is_told(entry: &EntrySnapshot, added: usize) -> bool {
    entry.state == EntryState::Applied && entry.result.effects.difference.added.len() == added
}

#[tokio::test(start_paused = true)]
async fn a_cancel_directly_after_a_restart_names_what_was_carried_out() {
    for carried_out in [true, false] {
        let (bed, job) = after_a_death(carried_out, |_| ()).await;
        let cancelled = bed.service.engine.cancel(job).await.unwrap();
        assert_eq!(cancelled.finished_at, None, "a look at the users comes first");
        bed.finish(job).await;
        for (entry, added) in bed.entries(job).iter().zip([2, 1]) {
            let user = entry.index as usize;
            if carried_out {
                assert!(is_told(entry, added) && groups(&bed, user) == added, "{entry:?}");
            } else {
                assert!(entry.state == EntryState::Cancelled && groups(&bed, user) == 0, "{entry:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_can_be_looked_up_no_more_the_write_is_named() {
    let lookups = [Route::Users, Route::UserSearch, Route::SkillGroups];
    let away = FaultKind::Status { status: 503, moment: Moment::BeforeEffect, body: Body::Empty };
    let nothing = FaultKind::Status { status: 400, moment: Moment::BeforeEffect, body: Body::Empty };
    for carried_out in [true, false] {
        for state in [UserState::Inactive, UserState::Deleted] {
            let leave = |org: &Simulator| assert!(org.users().iter().all(|user| org.set_user_state(user.id, state)));
            let (bed, job) = after_a_death(carried_out, leave).await;
            bed.finish(job).await;
            let entries = bed.entries(job);
            let told = entries.iter().zip([2, 1]).all(|(entry, added)| is_told(entry, added));
            let unreachable = state == UserState::Deleted;
            assert!(told || (unreachable && entries.iter().all(says_that_it_may_have_begun)), "{entries:?}");
        }
        for kind in [&away, &nothing] {
            let (bed, job) = after_a_death(carried_out, |org| {
                org.with_behaviour(|behaviour| behaviour.faults = vec![Fault::on(&lookups, kind.clone())]);
            })
            .await;
            bed.finish(job).await;
            for (entry, added) in bed.entries(job).iter().zip([2, 1]) {
                assert!(is_told(entry, added) && groups(&bed, entry.index as usize) == added, "{entry:?}");
            }
        }
    }
}

fn says_that_it_may_have_begun(entry: &EntrySnapshot) -> bool {
    let message = entry.result.message.as_deref().unwrap_or_default();
    entry.state == EntryState::Failed && message.contains("may have been carried out")
}

/// Everybody has left the org once, and is there again under another id.
fn with_twins() -> Scenario {
    let plain = Simulator::new(org());
    let mut users = plain.users();
    for user in plain.users() {
        let (id, email) = (Uuid::from_u128(!user.id.as_u128()), format!("former.{}", user.email));
        users.push(SimUser { id, email, state: UserState::Inactive, ..user });
    }
    let (groups, skills) = (plain.catalogue(SimTarget::WfmSkillGroups), plain.catalogue(SimTarget::RoutingSkills));
    let explicit = Explicit { users, groups, skills, ..Explicit::default() };
    Scenario { population: Population::Explicit(explicit), ..Scenario::default() }
}

/// The user is deleted and made again, so that the same employee id leads to another user id: what was written stays with the
/// first one, whom nobody can look at any more.
#[tokio::test(start_paused = true)]
async fn a_user_who_was_made_anew_does_not_hide_what_was_written_for_the_old_one() {
    for cancelled in [true, false] {
        let (bed, job) = after_a_death_in(&with_twins(), true, |org| {
            for user in org.users() {
                let inactive = user.state == UserState::Inactive;
                let state = if inactive { UserState::Active } else { UserState::Deleted };
                assert!(org.set_user_state(user.id, state));
            }
        })
        .await;
        if cancelled {
            bed.service.engine.cancel(job).await.unwrap();
        }
        bed.finish(job).await;
        let entries = bed.entries(job);
        assert!(entries.iter().all(says_that_it_may_have_begun), "{entries:?}");
    }
}
