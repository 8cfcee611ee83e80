//! The way of a request through the simulated network, the same for both fronts.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::handle::Simulator;
use super::ledger::Outcome;
use super::model::Trickle;

/// What comes back.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The answer, or none if the connection is closed instead.
    pub(super) answer: Option<Response<Bytes>>,
    pub(super) trickle: Option<Trickle>,
    pub(super) in_flight: InFlight,
}

/// A request between its arrival and the end of its answer. Dropped early, it notes that the client has given up.
#[derive(Debug)]
pub(super) struct InFlight {
    simulator: Simulator,
    number: usize,
    outcome: Outcome,
}

impl InFlight {
    /// Notes that the client has what it gets.
    pub(super) fn finished(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.simulator.close(self.number, self.outcome);
    }
}

/// Takes a request to the model and its answer back. Dropped on the way there it has no effect; later the effect stays.
pub(super) async fn travel(simulator: Simulator, request: Request<Bytes>) -> Delivery {
    let voyage = simulator.depart(&request);
    wait(voyage.there).await;
    let arrival = simulator.arrive(&voyage, &request);
    let in_flight = InFlight { simulator, number: arrival.number, outcome: Outcome::Abandoned };
    wait(voyage.back).await;
    Delivery { answer: arrival.answer, trickle: arrival.trickle, in_flight }
}

/// Sleeps, unless there is nothing to wait for: even an empty sleep lasts until the timer's next tick.
pub(super) async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
