//! The front on a socket: the same model behind real HTTP/1.1.

use std::future::Future;
use std::io;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use tokio::net::TcpListener;

use super::handle::Simulator;
use super::journey::{Delivery, InFlight, travel, wait};
use super::ledger::Outcome;
use super::model::Trickle;
use super::{TransportError, control};

/// Maximum number of bytes that are read of a body; enough to see that it is too large.
const MAX_BODY_BYTES: usize = 600_000;

impl Simulator {
    /// Serves the simulation on a socket until `shutdown` completes: logins under `/oauth/token`, the API under
    /// `/api/v2`, and a control surface under `/_simulator`.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let app = Router::new().nest("/_simulator", control::router()).fallback(simulated).with_state(self);
        axum::serve(listener, app).with_graceful_shutdown(shutdown).await
    }
}

async fn simulated(State(simulator): State<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A body beyond any limit is replaced by blanks: the model only has to see that it is too large.
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_else(|_| Bytes::from(vec![b' '; MAX_BODY_BYTES]));
    answered(travel(simulator, Request::from_parts(parts, body)).await)
}

fn answered(delivery: Delivery) -> Response {
    let Delivery { answer, trickle, in_flight } = delivery;
    match (answer, trickle) {
        (None, _) => {
            in_flight.finished(Outcome::Reset);
            Response::new(broken())
        }
        (Some(response), Some(trickle)) => {
            let outcome = Outcome::Answered(response.status().as_u16());
            response.map(|body| dripping(body, trickle, in_flight, outcome))
        }
        (Some(response), None) => {
            in_flight.finished(Outcome::Answered(response.status().as_u16()));
            response.map(Body::from)
        }
    }
}

/// A body with an error, which makes the server drop the connection in the middle of the answer.
fn broken() -> Body {
    Body::from_stream(stream::iter([Err::<Bytes, _>(TransportError::ConnectionReset)]))
}

fn dripping(body: Bytes, trickle: Trickle, in_flight: InFlight, outcome: Outcome) -> Body {
    let drops = stream::unfold((body, Some(in_flight)), move |(mut rest, mut in_flight)| async move {
        if rest.is_empty() {
            if let Some(in_flight) = in_flight.take() {
                in_flight.finished(outcome);
            }
            return None;
        }
        wait(trickle.pause).await;
        let drop = rest.split_to(trickle.bytes.min(rest.len()));
        Some((Ok::<_, TransportError>(drop), (rest, in_flight)))
    });
    Body::from_stream(drops)
}
