//! Listens on the wire between the service and the simulator: what was sent, and what the service was told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use genesys_simulator::Target;
use http::header::IF_MATCH;
use http::{Method, Request, Response};
use skillsync::genesys::transport::Transport;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

/// One request for a user's assignments, and its answer.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) user: Uuid,
    pub(super) target: Target,
    pub(super) writes: bool,
    /// The process that sent it, counted from 0.
    pub(super) life: usize,
    /// Whether a listing showed it among others.
    pub(super) listed: bool,
    pub(super) sent_at: Instant,
    pub(super) ended_at: Instant,
    pub(super) if_match: Option<u64>,
    /// None if there was no answer, or the process was dead when it came.
    pub(super) status: Option<u16>,
    /// The version in a good answer.
    pub(super) shown: Option<u64>,
}

/// All exchanges in the order in which they ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap {
    heard: Arc<Mutex<Vec<Exchange>>>,
    life: Arc<AtomicUsize>,
}

impl Tap {
    /// What was heard so far.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.heard.lock().unwrap().clone()
    }

    /// Another process is about to start.
    pub(super) fn next_life(&self) {
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// A transport that is listened to; of what ends when `dead` is cancelled, the process hears nothing.
    pub(super) fn around(&self, inner: Transport, dead: &CancellationToken) -> Transport {
        let (tap, dead, life) = (self.clone(), dead.clone(), self.life.load(Ordering::Relaxed));
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let (tap, inner, dead, begun) = (tap.clone(), inner.clone(), dead.clone(), Begun::new(&request, life));
            let (listing, sent_at) = (shows_skills(&request), Instant::now());
            async move {
                let answer = inner.oneshot(request).await;
                let told = answer.as_ref().ok().filter(|_| !dead.is_cancelled());
                if let Some(begun) = begun {
                    tap.heard.lock().unwrap().push(begun.ended(told));
                }
                if let Some(answer) = told.filter(|answer| listing && answer.status().is_success()) {
                    tap.heard.lock().unwrap().extend(listed(answer, life, sent_at));
                }
                answer
            }
        }))
    }
}

struct Begun {
    user: Uuid,
    target: Target,
    writes: bool,
    life: usize,
    sent_at: Instant,
    if_match: Option<u64>,
}

impl Begun {
    fn new(request: &Request<Bytes>, life: usize) -> Option<Self> {
        let (user, target) = subject(request.uri().path())?;
        let header = request.headers().get(IF_MATCH).and_then(|value| value.to_str().ok());
        Some(Self {
            user,
            target,
            writes: request.method() != Method::GET,
            life,
            sent_at: Instant::now(),
            if_match: header.and_then(|value| value.trim_matches('"').parse().ok()),
        })
    }

    fn ended(self, answer: Option<&Response<Bytes>>) -> Exchange {
        let good = answer.filter(|answer| answer.status().is_success());
        let body = good.and_then(|answer| serde_json::from_slice::<serde_json::Value>(answer.body()).ok());
        let Self { user, target, writes, life, sent_at, if_match } = self;
        Exchange {
            user,
            target,
            writes,
            life,
            listed: false,
            sent_at,
            ended_at: Instant::now(),
            if_match,
            status: answer.map(|answer| answer.status().as_u16()),
            shown: body.and_then(|body| body["version"].as_u64()),
        }
    }
}

/// Whether a request is for a page of users with their skills.
pub(super) fn shows_skills(request: &Request<Bytes>) -> bool {
    let asked = request.uri().query().is_some_and(|query| query.contains("expand=skills"));
    request.uri().path() == "/api/v2/users" && asked
}

/// Everybody whose skills a page shows.
fn listed(page: &Response<Bytes>, life: usize, sent_at: Instant) -> Vec<Exchange> {
    let page: serde_json::Value = serde_json::from_slice(page.body()).unwrap_or_default();
    let shown = page["entities"].as_array().into_iter().flatten().filter(|user| user.get("skills").is_some());
    shown
        .map(|user| Exchange {
            user: user["id"].as_str().unwrap().parse().unwrap(),
            target: Target::RoutingSkills,
            writes: false,
            life,
            listed: true,
            sent_at,
            ended_at: Instant::now(),
            if_match: None,
            status: Some(200),
            shown: None,
        })
        .collect()
}

/// Whose assignments a path is about.
pub(super) fn subject(path: &str) -> Option<(Uuid, Target)> {
    let path = path.trim_start_matches("/api/v2/");
    if let Some(rest) = path.strip_prefix("wfm/users/") {
        return Some((rest.split('/').next()?.parse().ok()?, Target::WfmSkillGroups));
    }
    let (user, rest) = path.strip_prefix("users/")?.split_once('/')?;
    rest.starts_with("routingskills").then_some(())?;
    Some((user.parse().ok()?, Target::RoutingSkills))
}
