//! Serves connections of a listener, within limits on their number and on how long a peer may take.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tower::ServiceExt;

use crate::api::listener::connections::{ConnectionSeat, Connections};
use crate::api::listener::wire::{AwaitedBody, HttpWire, LastBody};
use crate::lifecycle::Lifecycle;

/// Limits on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    /// Maximum number of open connections. At the maximum, a connection whose peer makes no progress makes room; if
    /// there is none, new connections wait to be accepted.
    pub max_connections: usize,
    /// Maximum time for sending the head of a request, and for being idle.
    pub header_timeout: Duration,
    /// Maximum time in which a peer must read the next 16 KiB of a response, or the rest of it.
    pub write_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self { max_connections: 1024, header_timeout: half_a_minute, write_timeout: half_a_minute }
    }
}

/// The peer address of a request, attached to it as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Peer(pub(in crate::api) IpAddr);

/// Marks a request, as an extension, that came over a reserve connection, on which only probes are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct OnReserve;

/// Maximum size of a request head, and of a read or write buffer, in bytes.
const BUFFER: usize = 32 * 1024;
/// Interval between checks for peers that do not read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Serves requests until the service is told to stop, then finishes those that have begun.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    lifecycle: Lifecycle,
) -> io::Result<()> {
    let connections = Connections::new(settings.max_connections);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // Nearly all responses are small: writing head and body as one buffer is faster than a vectored write.
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).writev(false).max_buf_size(BUFFER);
    let mut stopping = pin!(lifecycle.stopping());
    let mut watch = pin!(close_stalled(&connections, settings.write_timeout));
    loop {
        let accepted = async {
            let (stream, peer) = accept(&listener).await;
            (connections.seat(peer.ip()).await, stream)
        };
        let (seat, stream) = tokio::select! {
            biased;
            () = &mut stopping => break,
            () = &mut watch => break,
            accepted = accepted => accepted,
        };
        let answer = answers(router.clone(), &seat);
        let wire = TokioIo::new(HttpWire::new(stream, Arc::clone(&seat.connection)));
        let connection = graceful.watch(http.serve_connection(wire, service_fn(answer)));
        lifecycle.spawn(async move {
            tokio::select! {
                ended = connection => {
                    // A broken connection affects only its caller, so debug level is enough.
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                }
                () = seat.connection.closed() => tracing::debug!("closed a connection whose peer made no progress"),
            }
            drop(seat);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = watch => {}
    }
    Ok(())
}

/// Returns the service that answers the requests of one connection.
fn answers(
    router: Router,
    seat: &ConnectionSeat,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<LastBody<Body>>, Infallible>> + use<> {
    let connection = Arc::clone(&seat.connection);
    move |request| {
        let mut request = request.map(|body| AwaitedBody::new(body, &connection));
        request.extensions_mut().insert(Peer(connection.peer));
        if connection.is_reserve {
            request.extensions_mut().insert(OnReserve);
        }
        let (answer, connection) = (router.clone().oneshot(request), Arc::clone(&connection));
        Box::pin(async move { Ok(answer.await?.map(|body| LastBody::new(body, connection))) })
    }
}

/// Closes connections whose peers do not read; never returns.
async fn close_stalled(connections: &Connections, write_timeout: Duration) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        connections.close_stalled(write_timeout);
    }
}

/// Accepts the next connection. Retries on errors, because those (a single broken connection, a lack of file
/// descriptors) are temporary.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without TCP_NODELAY, small responses could be delayed. A failure only costs latency.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Most likely no file descriptors are left, so an immediate retry would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
