//! Access control: API keys, their roles and their request rates.
//!
//! Every path requires an API key unless it is listed as open, so that a newly added route is closed by default.
//! Without configured keys, the service listens on loopback only, and every local caller may do everything; see
//! [`crate::api::callers::origin`] for how browser pages are excluded from this.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;
use tokio::time::Instant;
use tower_http::validate_request::ValidateRequest;

use crate::api::callers::allowance::Allowance;
use crate::api::callers::caller::{ApiKey, Caller, CallerSlot, Role, address_of};
use crate::api::callers::open_paths::is_open;
use crate::api::callers::origin;
use crate::api::callers::request_id::RequestId;
use crate::api::listener::serve::{OnReserve, Peer};
use crate::api::shapes::problem::Problem;
use crate::clock::WallClock;

/// The API keys in use. They can be replaced while the service runs; clones are handles to the same keys.
///
/// Invariant: a caller is admitted for one request only. Whatever takes time (receiving a body, a waiting poll, a
/// stream) checks the key again before it does or reveals anything (`again`, `revoked`).
#[derive(Debug, Clone)]
pub struct ApiKeys {
    held: Arc<RwLock<Vec<HeldKey>>>,
    /// Notifies waiting requests that the keys were replaced.
    replaced: Arc<watch::Sender<()>>,
}

/// A key with the rest of its allowance.
#[derive(Debug, Clone)]
struct HeldKey {
    key: Arc<ApiKey>,
    allowance: Arc<Mutex<Allowance>>,
}

/// Error for an attempt to remove all keys while the service runs, which would admit every caller who can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("server.api_keys: no key is left; to run the service without API keys, restart it")]
pub struct NoKeyLeft;

/// Paths that are answered even when all connections are in use.
const PROBES: [&str; 3] = ["/healthz", "/readyz", METRICS];
/// `Retry-After` when all connections are in use.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Metrics reveal how much is going on in the company, so they are open only if configured.
const METRICS: &str = "/metrics";

impl ApiKeys {
    /// Creates the keys, each with its own allowance.
    pub fn new(keys: &[ApiKey], requests_per_second: NonZeroU32) -> Self {
        let allowance = || Arc::new(Mutex::new(Allowance::new(requests_per_second)));
        let held = |key: &ApiKey| HeldKey { key: Arc::new(key.clone()), allowance: allowance() };
        let held = keys.iter().map(held).collect();
        Self { held: Arc::new(RwLock::new(held)), replaced: Arc::new(watch::Sender::new(())) }
    }

    /// Replaces the keys and returns their new number. A key that stays keeps the rest of its allowance.
    pub fn replace(&self, keys: &[ApiKey], requests_per_second: NonZeroU32) -> Result<usize, NoKeyLeft> {
        let new = Self::new(keys, requests_per_second);
        let mut new = std::mem::take(&mut *new.held.write());
        let mut held = self.held.write();
        if new.is_empty() && !held.is_empty() {
            return Err(NoKeyLeft);
        }
        let mut before: HashMap<_, _> = held.drain(..).map(|held| (held.key.sha256, held.allowance)).collect();
        for held in &mut new {
            if let Some(allowance) = before.remove(&held.key.sha256) {
                held.allowance = allowance;
            }
        }
        *held = new;
        let count = held.len();
        drop(held);
        self.replaced.send_replace(());
        Ok(count)
    }

    /// Returns the caller with the current settings of their key, or an error if the key is no longer valid.
    pub(in crate::api) fn again(&self, caller: &Caller, now: Timestamp) -> Result<Caller, Problem> {
        let keys = self.held.read();
        let Some(key) = &caller.key else {
            return if keys.is_empty() { Ok(caller.clone()) } else { Err(Problem::no_key()) };
        };
        let held = keys.iter().find(|held| held.key.sha256 == key.sha256).ok_or_else(Problem::wrong_key)?;
        not_expired(&held.key, now)?;
        Ok(Caller { key: Some(Arc::clone(&held.key)), ..caller.clone() })
    }

    /// Resolves when the caller's key is no longer valid.
    pub(in crate::api) async fn revoked(self, caller: Caller, clock: WallClock) {
        let mut replaced = self.replaced.subscribe();
        while let Ok(caller) = self.again(&caller, clock.now()) {
            let expires = caller.key.as_ref().and_then(|key| key.expires);
            let over = async {
                match expires {
                    Some(expires) => {
                        let left = expires.duration_since(clock.now());
                        tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = replaced.changed() => if changed.is_err() { return },
                () = over => {}
            }
        }
    }

    /// Returns the number of keys.
    pub(in crate::api) fn count(&self) -> usize {
        self.held.read().len()
    }

    /// Returns whether there are no keys, so that callers need none.
    pub fn is_empty(&self) -> bool {
        self.held.read().is_empty()
    }

    /// Returns the configured key for the given one. All digests are always compared, each in constant time, so that
    /// the time taken reveals nothing about how close a guess is.
    fn holder_of(&self, given: &[u8]) -> Result<HeldKey, Problem> {
        let digest = Sha256::digest(given);
        let keys = self.held.read();
        let mut found = None;
        for held in &*keys {
            let same: Choice = held.key.sha256.as_slice().ct_eq(digest.as_slice());
            if bool::from(same) {
                found = Some(held.clone());
            }
        }
        found.ok_or_else(Problem::wrong_key)
    }
}

/// The access rules that every request is checked against.
#[derive(Debug)]
pub(in crate::api) struct Access {
    pub(in crate::api) keys: ApiKeys,
    pub(in crate::api) open_metrics: bool,
    pub(in crate::api) proxies: Vec<IpNet>,
    pub(in crate::api) clock: WallClock,
}

impl Access {
    /// Returns the caller, `None` on an open path, or an error if the request is not permitted.
    fn admit<B>(&self, request: &http::Request<B>) -> Result<Option<Caller>, Problem> {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        origin::check_host(request)?;
        let keyless = self.keys.is_empty();
        if keyless {
            origin::check_keyless(request)?;
        }
        if request.extensions().get::<OnReserve>().is_some() && !PROBES.contains(&path) {
            return Err(Problem::full("all connections are in use; try again in a moment", COME_AGAIN));
        }
        if is_open(path) || (self.open_metrics && path == METRICS) {
            return Ok(None);
        }
        let peer = request.extensions().get::<Peer>();
        let caller = |key| Caller {
            key,
            address: peer.map(|peer| address_of(peer.0, headers, &self.proxies)),
            request_id: request.extensions().get::<RequestId>().map(RequestId::shared),
        };
        let told = |caller: &Caller| {
            if let Some(slot) = request.extensions().get::<CallerSlot>() {
                slot.put(caller.clone());
            }
        };
        if keyless {
            let caller = caller(None);
            told(&caller);
            return Ok(Some(caller));
        }
        let held = self.keys.holder_of(bearer(headers).ok_or_else(Problem::no_key)?)?;
        not_expired(&held.key, self.clock.now())?;
        held.allowance.lock().take(Instant::now()).map_err(Problem::too_many_requests)?;
        let caller = caller(Some(held.key));
        told(&caller);
        caller.needs(if method.is_safe() { Role::Read } else { Role::Submit })?;
        Ok(Some(caller))
    }
}

fn not_expired(key: &ApiKey, now: Timestamp) -> Result<(), Problem> {
    match key.expires {
        Some(expires) if expires <= now => Err(Problem::expired_key(expires)),
        Some(_) | None => Ok(()),
    }
}

/// Returns the token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty())
}

/// Middleware that admits a request and attaches its [`Caller`], or answers with the reason for the refusal.
#[derive(Debug, Clone)]
pub(in crate::api) struct Admission(Arc<Access>);

impl Admission {
    /// Returns the middleware for these access rules.
    pub(in crate::api) fn new(access: Access) -> Self {
        Self(Arc::new(access))
    }
}

impl<B> ValidateRequest<B> for Admission {
    type ResponseBody = Body;

    fn validate(&mut self, request: &mut http::Request<B>) -> Result<(), Response> {
        if let Some(caller) = self.0.admit(request).map_err(IntoResponse::into_response)? {
            // Reads are not worth it: recording a field formats all fields of the span anew.
            if !request.method().is_safe() {
                tracing::Span::current().record("caller", &**caller.name());
            }
            request.extensions_mut().insert(caller);
        }
        Ok(())
    }
}
