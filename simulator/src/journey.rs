//! Carries a request through the simulated network, in the same way for both fronts.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::handle::Simulator;
use super::ledger::Outcome;
use super::model::Trickle;

/// What comes back to the client.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The answer; `None` if the connection is closed instead.
    pub(super) answer: Option<Response<Bytes>>,
    pub(super) trickle: Option<Trickle>,
    pub(super) in_flight: InFlight,
}

/// A request between its arrival and the end of its answer. If it is dropped early, it records that the client has
/// given up.
#[derive(Debug)]
pub(super) struct InFlight {
    simulator: Simulator,
    number: usize,
    outcome: Outcome,
}

impl InFlight {
    /// Records that the client has received the answer.
    pub(super) fn finished(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.simulator.close(self.number, self.outcome);
    }
}

/// Carries a request to the model and the answer back. If the future is dropped before the arrival, the request has no
/// effect; if it is dropped later, the effect remains.
pub(super) async fn travel(simulator: Simulator, request: Request<Bytes>) -> Delivery {
    let voyage = simulator.depart(&request);
    wait(voyage.there).await;
    let arrival = simulator.arrive(&voyage, &request);
    let in_flight = InFlight { simulator, number: arrival.number, outcome: Outcome::Abandoned };
    wait(voyage.back).await;
    Delivery { answer: arrival.answer, trickle: arrival.trickle, in_flight }
}

/// Sleeps, unless the time is zero: even an empty sleep lasts until the next tick of the timer.
pub(super) async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
