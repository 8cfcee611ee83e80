//! Gives seats to users: a bounded number of passes at a time in each lane, and a clock for those who wait.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tracing::{Instrument as _, Span};

use super::EngineCore;
use super::pass::{Pass, PassEnd};
use super::ticket::Ticket;
use crate::domain::UserKey;
use crate::domain::job::Urgency;
use crate::lifecycle::Lifecycle;

/// A user and when to take them up again.
type Deferred = (Instant, UserKey);

/// Starts one loop a lane, each with seats of its own, so that bulk work can never take the interactive lane's; and the
/// clock for users that wait without a seat.
pub(super) fn start(core: &Arc<EngineCore>, lifecycle: &Lifecycle) {
    let (deferrals, deferred) = mpsc::unbounded_channel();
    lifecycle.spawn_until_stop(wake_deferred(Arc::clone(core), deferred));
    for lane in [Urgency::Interactive, Urgency::Bulk] {
        lifecycle.spawn_until_stop(fill_seats(Arc::clone(core), lane, deferrals.clone(), lifecycle.clone()));
    }
}

async fn fill_seats(
    core: Arc<EngineCore>,
    lane: Urgency,
    deferrals: mpsc::UnboundedSender<Deferred>,
    lifecycle: Lifecycle,
) {
    let seats = Arc::new(Semaphore::new(core.settings.seats));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let user = core.queue.pop(lane).await;
        lifecycle.spawn(work_on(Arc::clone(&core), user, seat, deferrals.clone()));
    }
}

/// One pass over one user. The seat is given back when this ends, however it ends.
async fn work_on(
    core: Arc<EngineCore>,
    user: UserKey,
    _seat: OwnedSemaphorePermit,
    deferrals: mpsc::UnboundedSender<Deferred>,
) {
    let Some((tickets, progress)) = core.slots.begin(user) else { return };
    let span = span_of_pass(user, &tickets);
    let pass = Pass::new(&core, user, tickets, progress).run().instrument(span);
    match std::panic::AssertUnwindSafe(pass).catch_unwind().await {
        Ok(PassEnd::Done) => {
            if let Some((urgency, job)) = core.slots.end(user) {
                core.queue.push(urgency, job, user);
            }
        }
        Ok(PassEnd::Later { at, tickets, progress }) => {
            core.slots.defer(user, tickets, progress);
            let _ = deferrals.send((at, user));
        }
        Err(_) => {
            // A defect of ours: nothing that was accepted is lost by it, and the user does not stay locked.
            tracing::error!(user = %user.user, "a pass ended by a panic; its entries are taken up again");
            core.standings.distrust(user);
            core.slots.restore(user);
            let _ = deferrals.send((Instant::now() + core.backoff.pause(10), user));
        }
    }
}

/// A pass may work for several jobs: what it does is told as done for the first entry, and follows from the others' jobs.
fn span_of_pass(user: UserKey, tickets: &[Ticket]) -> Span {
    let Some(first) = tickets.first() else { return Span::none() };
    let (target, entry, entries) = (user.target.name(), first.index, tickets.len());
    let span = tracing::info_span!(parent: &first.job.span(), "pass", target, entry, entries);
    let others = tickets.iter().filter(|ticket| ticket.job.id() != first.job.id());
    for other in others {
        span.follows_from(other.job.span());
    }
    span
}

async fn wake_deferred(core: Arc<EngineCore>, mut deferred: mpsc::UnboundedReceiver<Deferred>) {
    let mut waiting = DelayQueue::new();
    loop {
        tokio::select! {
            biased;
            Some(due) = waiting.next() => {
                let user = due.into_inner();
                if let Some(urgency) = core.slots.wake(user) {
                    core.queue.resume(urgency, user);
                }
            }
            Some((at, user)) = deferred.recv() => drop(waiting.insert_at(user, at)),
            else => return,
        }
    }
}
