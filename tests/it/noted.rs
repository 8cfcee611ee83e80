//! Notes what the service sends to Genesys, for `tests/sdk` to hold against the official SDKs. Nothing is noted unless
//! an environment variable names a folder.

use std::collections::HashSet;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request as Incoming;
use axum::response::Response;
use bytes::Bytes;
use genesys_simulator::Simulator;
use http::Request;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, USER_AGENT,
};
use regex::Regex;
use serde_json::json;
use skillsync::app;
use skillsync::genesys::transport::Transport;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// Names the folder.
const FOLDER: &str = "SKILLSYNC_REQUESTS_TO";
/// Headers that every client sends.
const STANDARD: [HeaderName; 7] =
    [ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT];

/// The requests so far, each once.
struct Notes {
    ids: Regex,
    seen: HashSet<String>,
    file: File,
}

impl Notes {
    fn open() -> Option<Mutex<Self>> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let file = File::create(folder.join(format!("{}.jsonl", std::process::id()))).unwrap();
        let ids = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
        Some(Mutex::new(Self { ids, seen: HashSet::new(), file }))
    }

    fn take(&mut self, request: &Request<Bytes>) {
        let own: Vec<&str> =
            request.headers().keys().filter(|name| !STANDARD.contains(name)).map(HeaderName::as_str).collect();
        let note = json!({
            "method": request.method().as_str(), "path": request.uri().path(), "query": request.uri().query(),
            "headers": own, "contentType": request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap()),
            "body": str::from_utf8(request.body()).unwrap(),
        });
        let note = self.ids.replace_all(&note.to_string(), "{id}").into_owned();
        if !self.seen.contains(&note) {
            writeln!(self.file, "{note}").unwrap();
            self.seen.insert(note);
        }
    }
}

fn notes() -> Option<&'static Mutex<Notes>> {
    static NOTES: LazyLock<Option<Mutex<Notes>>> = LazyLock::new(Notes::open);
    NOTES.as_ref()
}

/// The same wire; what goes over it is noted.
pub(crate) fn noting(wire: Transport) -> Transport {
    let Some(notes) = notes() else { return wire };
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        notes.lock().unwrap().take(&request);
        wire.clone().oneshot(request)
    }))
}

/// Serves a simulated Genesys on a socket; what arrives is noted.
pub(crate) async fn serve(
    simulator: Simulator,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if notes().is_none() {
        return simulator.serve(listener, shutdown).await;
    }
    let wire = noting(app::in_memory(&simulator, Duration::from_secs(60)));
    let router = Router::new().fallback(move |request: Incoming| answered(wire.clone(), request));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn answered(wire: Transport, request: Incoming) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = wire.oneshot(Request::from_parts(parts, body)).await;
    answer.expect("an org on a socket answers").map(Body::from)
}
