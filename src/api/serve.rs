//! From a listener to requests: how many connections there may be, and how long one may take to say what it wants.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::lifecycle::Lifecycle;

/// Bounds on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    /// Open at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long a connection may take to send a request's head, and may be idle.
    pub header_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { max_connections: 1024, header_timeout: Duration::from_secs(30) }
    }
}

/// Answers requests until the service is told to stop, then finishes those that were begun.
///
/// A seat is taken before a connection is accepted and goes with it: when all are taken, the next caller waits in the
/// listener's own queue and costs nothing here.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    lifecycle: Lifecycle,
) -> io::Result<()> {
    let seats = Arc::new(Semaphore::new(settings.max_connections));
    let graceful = GracefulShutdown::new();
    let mut stopping = pin!(lifecycle.stopping());
    loop {
        let accepted = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, accept(&listener).await)
        };
        let (seat, stream) = tokio::select! {
            biased;
            () = &mut stopping => break,
            accepted = accepted => accepted,
        };
        let mut http = http1::Builder::new();
        // Nearly all answers are small: head and body are sent faster as one piece than as a list of two.
        http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).writev(false);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        lifecycle.spawn(async move {
            // A connection that breaks concerns nobody but its caller.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(seat);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// The next connection. Accepting fails for single connections, or for want of file descriptors: both pass.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers are not to wait for more to send.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Most likely there are no descriptors left: trying again at once would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
