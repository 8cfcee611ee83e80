//! Hands out seats: bounds the number of reconciliations in each lane, and wakes the users that wait without a seat.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::domain::job::Lane;
use crate::domain::{Target, UserKey};
use crate::engine::core::EngineCore;
use crate::engine::reconcile::reconciliation::{Reconciliation, ReconciliationEnd};
use crate::engine::user::deferrals::Deferrals;
use crate::engine::user::pending_change::PendingChange;
use crate::lifecycle::Lifecycle;

/// Starts one loop per lane and target, each with seats of its own: bulk work cannot take the seats of the interactive
/// lane, nor a target with limited routes those of the other. Also starts the timer for users that wait without a seat.
pub(in crate::engine) fn start(core: &Arc<EngineCore>, lifecycle: &Lifecycle) {
    let deferrals = Arc::<Deferrals>::default();
    let (clock, waiting) = (Arc::clone(core), Arc::clone(&deferrals));
    lifecycle.keep_running_until_stop("deferrals", move || wake_deferred(Arc::clone(&clock), Arc::clone(&waiting)));
    let lanes = Target::ALL.into_iter().flat_map(|target| {
        let (interactive, bulk) = match target {
            Target::RoutingSkills => ("interactive_routing_skills", "bulk_routing_skills"),
            Target::WfmSkillGroups => ("interactive_skill_groups", "bulk_skill_groups"),
        };
        [(interactive, Lane::Interactive, target), (bulk, Lane::Bulk, target)]
    });
    for (name, lane, target) in lanes {
        let (core, deferrals, tasks) = (Arc::clone(core), Arc::clone(&deferrals), lifecycle.clone());
        // Created outside of the task, so that a restarted task does not hand out seats that are taken.
        let seats = Arc::new(Semaphore::new(core.settings.seats));
        let fill = move || {
            let (core, seats, deferrals) = (Arc::clone(&core), Arc::clone(&seats), Arc::clone(&deferrals));
            fill_seats(core, (lane, target), seats, deferrals, tasks.clone())
        };
        lifecycle.keep_running_until_stop(name, fill);
    }
}

async fn fill_seats(
    core: Arc<EngineCore>,
    (lane, target): (Lane, Target),
    seats: Arc<Semaphore>,
    deferrals: Arc<Deferrals>,
    lifecycle: Lifecycle,
) {
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let user = core.queues.of(target).pop(lane).await;
        lifecycle.spawn(work_on(Arc::clone(&core), user, seat, Arc::clone(&deferrals), lifecycle.clone()));
    }
}

/// Runs one reconciliation of one user. The seat is given back when this ends, however it ends.
async fn work_on(
    core: Arc<EngineCore>,
    user: UserKey,
    _seat: OwnedSemaphorePermit,
    deferrals: Arc<Deferrals>,
    lifecycle: Lifecycle,
) {
    let Some((pending_changes, progress)) = core.slots.begin(user) else { return };
    let (span, panics) = (span_of_pass(user, &pending_changes), progress.panics + 1);
    let reconciliation = async { Reconciliation::new(&core, user, pending_changes, progress).run().await };
    match lifecycle.caught("pass", reconciliation).instrument(span).await {
        Some(ReconciliationEnd::Done) => {
            if let Some((lane, job)) = core.slots.end(user) {
                core.queues.push(lane, job, user);
            }
        }
        Some(ReconciliationEnd::Later { at, pending_changes, progress }) => {
            core.slots.defer(user, pending_changes, progress);
            deferrals.put(user, at);
        }
        None => {
            // A defect in skillsync: nothing that was accepted is lost, and the user does not stay locked.
            core.user_states.forget_state(user);
            core.slots.restore(user, panics);
            deferrals.put(user, Instant::now() + core.backoff.pause(panics));
        }
    }
}

/// Returns the span of a reconciliation. It may work for several jobs: the span belongs to the first one and follows
/// from the others.
fn span_of_pass(user: UserKey, pending_changes: &[PendingChange]) -> Span {
    let Some(first) = pending_changes.first() else { return Span::none() };
    let (target, entry, entries) = (user.target.name(), first.index, pending_changes.len());
    let span = tracing::info_span!(parent: &first.job.span(), "pass", target, entry, entries);
    let others = pending_changes.iter().filter(|pending_change| pending_change.job.id() != first.job.id());
    for other in others {
        span.follows_from(other.job.span());
    }
    span
}

async fn wake_deferred(core: Arc<EngineCore>, deferrals: Arc<Deferrals>) {
    let wake = |user| {
        if let Some(lane) = core.slots.wake(user) {
            core.queues.resume(lane, user);
        }
    };
    deferrals.keep_time(wake).await;
}
