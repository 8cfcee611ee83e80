//! Who may do what: API keys, their roles, and how often each may ask.
//!
//! Every path needs a key unless it is listed as open, so that a route that is added later is closed until somebody
//! decides otherwise. Without any key configured the service listens on loopback only, and whoever is on this machine
//! may do everything.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tokio::time::Instant;
use tower_http::validate_request::ValidateRequest;

use super::ApiSettings;
use super::allowance::Allowance;
use super::dashboard;
use super::problem::Problem;

/// What a caller may do; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reading.
    Read,
    /// Submitting, cancelling and repeating jobs as well.
    Submit,
    /// Everything, also releasing what a safety threshold holds back.
    Admin,
}

/// A key as it is configured: never the key itself.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub name: Arc<str>,
    pub sha256: [u8; 32],
    pub role: Role,
}

/// Who sent a request, as its extension.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
}

/// The keys, and what is left to each of its allowance.
#[derive(Debug)]
pub(super) struct Access {
    keys: Vec<(ApiKey, Mutex<Allowance>)>,
    open_metrics: bool,
}

/// Paths that need no key: probes, what describes the service, and the page, which asks for a key itself.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/"];

/// Counts say how much is going on in the company: open only if the configuration says so.
const METRICS: &str = "/metrics";

/// Where webhooks come in: they are let in by their signature, and no key of theirs could ask too often.
const DELIVERIES: &str = "/v1/webhooks/";

impl Access {
    pub(super) fn new(settings: &ApiSettings) -> Self {
        let allowance = || Mutex::new(Allowance::new(settings.requests_per_second));
        let keys = settings.api_keys.iter().map(|key| (key.clone(), allowance())).collect();
        Self { keys, open_metrics: settings.open_metrics }
    }

    /// Who is asking, if they may.
    fn admit(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        if is_open(path) || (self.open_metrics && path == METRICS) {
            return Ok(None);
        }
        if self.keys.is_empty() {
            return Ok(Some(Caller { name: "".into(), role: Role::Admin }));
        }
        let (key, allowance) = self.holder_of(bearer(headers).ok_or_else(Problem::no_key)?)?;
        allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(Instant::now())
            .map_err(Problem::too_many_requests)?;
        let needed = if method.is_safe() { Role::Read } else { Role::Submit };
        if key.role < needed {
            return Err(Problem::forbidden("this key may only read; ask for one with the role submit"));
        }
        Ok(Some(Caller { name: Arc::clone(&key.name), role: key.role }))
    }

    /// The key that this is. Digests are compared in constant time and all of them always, so that the time taken tells
    /// nothing of how near a guess came.
    fn holder_of(&self, given: &[u8]) -> Result<&(ApiKey, Mutex<Allowance>), Problem> {
        let digest = Sha256::digest(given);
        let mut found = None;
        for held in &self.keys {
            let same: Choice = held.0.sha256.as_slice().ct_eq(digest.as_slice());
            if bool::from(same) {
                found = Some(held);
            }
        }
        found.ok_or_else(Problem::wrong_key)
    }
}

/// Whether nobody is asked for a key here.
pub(super) fn is_open(path: &str) -> bool {
    let described = path == "/docs" || path.starts_with("/docs/") || path.starts_with(dashboard::FOLDER);
    described || OPEN.contains(&path) || path.starts_with(DELIVERIES)
}

/// The token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty())
}

/// Lets a request through with its [`Caller`], or answers why not.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<Access>);

impl Admission {
    pub(super) fn new(access: Access) -> Self {
        Self(Arc::new(access))
    }
}

impl<B> ValidateRequest<B> for Admission {
    type ResponseBody = Body;

    fn validate(&mut self, request: &mut http::Request<B>) -> Result<(), Response> {
        let caller = self.0.admit(request.method(), request.uri().path(), request.headers());
        if let Some(caller) = caller.map_err(IntoResponse::into_response)? {
            // Of who reads, nothing is told; adding to a span puts all of it into words anew.
            if !request.method().is_safe() {
                tracing::Span::current().record("caller", &*caller.name);
            }
            request.extensions_mut().insert(caller);
        }
        Ok(())
    }
}
