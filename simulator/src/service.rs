//! The front in memory: a tower service on tokio's clock.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

use super::handle::Simulator;
use super::journey::{Delivery, travel, wait};
use super::ledger::Outcome;

/// What a client sees instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The connection was closed without an answer.
    #[error("connection reset by peer")]
    ConnectionReset,
}

/// The simulation as a service. It is always ready: limits and faults are answers, not back pressure.
#[derive(Debug, Clone)]
pub struct SimulatorService {
    simulator: Simulator,
}

impl Simulator {
    /// Returns a way into the simulation that needs no socket.
    pub fn service(&self) -> SimulatorService {
        SimulatorService { simulator: self.clone() }
    }
}

impl Service<Request<Bytes>> for SimulatorService {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let simulator = self.simulator.clone();
        Box::pin(async move { received(travel(simulator, request).await).await })
    }
}

/// Waits for the whole answer; one that trickles takes as long as all its pieces.
async fn received(delivery: Delivery) -> Result<Response<Bytes>, TransportError> {
    let Delivery { answer, trickle, in_flight } = delivery;
    let Some(response) = answer else {
        in_flight.finished(Outcome::Reset);
        return Err(TransportError::ConnectionReset);
    };
    if let Some(trickle) = trickle {
        let drops = u32::try_from(response.body().len().div_ceil(trickle.bytes)).unwrap_or(u32::MAX);
        wait(trickle.pause.saturating_mul(drops)).await;
    }
    in_flight.finished(Outcome::Answered(response.status().as_u16()));
    Ok(response)
}
