//! A caller before and after its turn: waiting for a permit, and holding one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::SharedLimiter;
use super::admissions::{CallOutcome, Ticket};
use super::queue::WaiterId;
use crate::genesys::call::{CallLane, Route};

/// Permission to send one call, once.
///
/// Invariant: its ticket goes back exactly once. A permit that its caller drops counts as sent and cut short at that
/// moment, so that nothing is sent twice for one place (a call that was sent is not dropped: see `under_way`). A permit
/// that never reached its caller counts as never sent.
#[derive(Debug)]
#[must_use = "a dropped permit counts as a call that was sent"]
pub struct Permit {
    shared: Arc<SharedLimiter>,
    ticket: Option<Ticket>,
    received: bool,
}

impl Permit {
    pub(super) fn new(shared: Arc<SharedLimiter>, ticket: Ticket) -> Self {
        Self { shared, ticket: Some(ticket), received: false }
    }

    /// Records how the call ended.
    pub fn answered(mut self, outcome: CallOutcome) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.change(|admissions, now| admissions.ended(ticket, outcome, now));
        }
    }

    /// Records that the call was answered with 429: pauses the route `only`, or all routes, before any other caller is
    /// admitted. If the answer gives no length, pauses for a second, or longer if that did not help.
    pub fn throttled(mut self, only: Option<Route>, length: Option<Duration>) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.change(|admissions, now| {
                admissions.throttled(&ticket, only, length, now);
                admissions.ended(ticket, CallOutcome::Answered, now);
            });
        }
    }

    /// Records that the call was never sent; its place is free again at once.
    pub fn abandon(mut self) {
        self.give_back_unsent();
    }

    /// Returns the route that the permit was granted for.
    pub fn route(&self) -> Option<Route> {
        self.ticket.as_ref().map(Ticket::route)
    }

    /// Returns when the permit was granted.
    pub fn granted_at(&self) -> Option<Instant> {
        self.ticket.as_ref().map(Ticket::granted_at)
    }

    fn give_back_unsent(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.change(|admissions, now| admissions.abandoned(ticket, now));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.received {
            self.give_back_unsent();
        } else if let Some(ticket) = self.ticket.take() {
            self.shared.change(|admissions, now| admissions.cut_short(ticket, now));
        }
    }
}

/// Error: the caller was turned back, because Genesys has closed its route for longer than a caller waits in the rate
/// limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Genesys limits the calls of this client for longer than a call waits")]
pub struct Paused {
    /// Time before which another attempt is pointless.
    pub until: Instant,
}

/// What a waiting caller receives.
pub(super) type PermitTurn = Result<Permit, Paused>;

/// A caller that waits for its permit.
///
/// Invariant: if dropped before its turn, it is removed from the queue; if dropped after it, the permit is still in the
/// channel and goes back unsent with it.
#[derive(Debug)]
pub(super) struct WaitingForPermit {
    shared: Arc<SharedLimiter>,
    id: WaiterId,
    turn: oneshot::Receiver<PermitTurn>,
}

impl WaitingForPermit {
    pub(super) fn join(shared: &Arc<SharedLimiter>, lane: CallLane, route: Route) -> Self {
        let (waiter, turn) = oneshot::channel();
        let id = shared.change(|admissions, _| admissions.join(lane, route, waiter));
        Self { shared: Arc::clone(shared), id, turn }
    }
}

impl Future for WaitingForPermit {
    type Output = PermitTurn;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<PermitTurn> {
        match Pin::new(&mut self.turn).poll(context) {
            Poll::Ready(Ok(mut turn)) => {
                if let Ok(permit) = &mut turn {
                    permit.received = true;
                }
                Poll::Ready(turn)
            }
            // The sender is dropped unused only together with the rate limiter, which this future keeps alive.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for WaitingForPermit {
    fn drop(&mut self) {
        self.shared.change(|admissions, _| admissions.leave(self.id));
    }
}
