//! Sends requests through the stack and classifies their answers; the meaning of each route is defined in its own file.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use super::answer::{classify, parse};
use super::call::{CallContext, CallLane, Route};
use super::login::TokenSource;
use super::org::OrgGuard;
use super::paging::{self, Entity, ListingReading, Marks, PagedListing};
use super::path::ApiPath;
use super::rate_limiter::RateLimiter;
use super::stack::{Stack, stack};
use super::transport::Transport;
use super::wire::Page;
use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::engine::port::{CallError, CallOptions, Extent, UpstreamAnswer};

/// Location and options of the resources.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Scheme and host of the API, without a trailing slash.
    pub api_url: String,
    /// Path of a user's WFM assignments; contains `{userId}`.
    pub wfm_path: String,
    /// Request header that carries the version of a WFM write.
    pub version_header: HeaderName,
    /// Whether WFM assignments are written even if the endpoint returns no version.
    pub unversioned_writes: bool,
    /// Division of the skills that skillsync creates.
    pub skill_division: Option<Uuid>,
}

/// Client for Genesys; clones share the rate limiter, the token and the connections.
#[derive(Debug, Clone)]
pub struct GenesysClient {
    stack: Stack,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) rate_limiter: RateLimiter,
    clock: WallClock,
    guard: OrgGuard,
}

/// A request without its context.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) route: Route,
    pub(super) path: ApiPath,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Outgoing {
    pub(super) fn get(route: Route, path: ApiPath) -> Self {
        Self { method: Method::GET, route, path, header: None, body: Bytes::new() }
    }
}

/// Maximum size of a request body that Genesys accepts, in bytes.
const MAX_BODY_BYTES: usize = 512_000;

impl GenesysClient {
    /// Creates a client with the complete stack around `transport`.
    pub fn new(
        transport: Transport,
        rate_limiter: RateLimiter,
        tokens: Arc<TokenSource>,
        backoff: Arc<Backoff>,
        endpoints: Endpoints,
        clock: WallClock,
    ) -> Self {
        let stack = stack(transport, rate_limiter.clone(), tokens, backoff, clock);
        Self { stack, endpoints: Arc::new(endpoints), rate_limiter, clock, guard: OrgGuard::default() }
    }

    /// Returns a client that may be connected to the wrong org: until the guard confirms the org, only the call that
    /// asks for it is sent.
    #[must_use]
    pub fn guarded(self, guard: OrgGuard) -> Self {
        Self { guard, ..self }
    }

    /// Sends a request and classifies its answer.
    pub(super) async fn send(
        &self,
        lane: CallLane,
        options: &CallOptions,
        out: Outgoing,
    ) -> Result<Response<Bytes>, CallError> {
        let route = out.route;
        if route != Route::Org {
            self.guard.pass().await?;
        }
        check_size(&out.body)?;
        let context = CallContext { lane, route, meter: options.meter.clone() };
        let mut request = Request::builder()
            .method(out.method)
            .uri(format!("{}{}", self.endpoints.api_url, out.path))
            .extension(context);
        if !out.body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some((name, value)) = out.header {
            request = request.header(name, value);
        }
        let request = request.body(out.body).map_err(|error| unsendable(&error.to_string()))?;
        let outcome = self.stack.clone().oneshot(request).await;
        classify(route, outcome, Instant::now(), self.clock.now())
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        options: &CallOptions,
        route: Route,
        path: ApiPath,
    ) -> Result<T, CallError> {
        let response = self.send(CallLane::of(options), options, Outgoing::get(route, path)).await?;
        parse(route, &response)
    }

    /// Reads all entities of a listing with page numbers.
    pub(super) async fn all<T: DeserializeOwned + Entity + Send>(
        &self,
        options: &CallOptions,
        listing: PagedListing,
        path: impl Fn(u32) -> ApiPath,
    ) -> Result<(Vec<T>, Extent), CallError> {
        let mut all = Vec::new();
        let extent = self.pages(options, listing, path, |entity| all.push(entity)).await?;
        Ok((all, extent))
    }

    /// Reads all pages of a listing with page numbers, and passes each entity to `take` as it arrives.
    pub(super) async fn pages<T: DeserializeOwned + Entity>(
        &self,
        options: &CallOptions,
        listing: PagedListing,
        path: impl Fn(u32) -> ApiPath,
        mut take: impl FnMut(T),
    ) -> Result<Extent, CallError> {
        let mut reading = ListingReading::new(listing);
        loop {
            let page: Page<T> = match self.get(options, listing.route, path(reading.next_page())).await {
                Ok(page) => page,
                Err(error) if reading.ends_with(&error) => return Ok(reading.extent()),
                Err(error) => return Err(error),
            };
            let Page { entities, count, total, next_uri } = page;
            let entities = paging::entities(listing, entities, total)?;
            let more =
                reading.numbered(&entities, Marks { page_count: count, total, next_uri: next_uri.as_deref() })?;
            entities.into_iter().for_each(&mut take);
            if !more {
                return Ok(reading.extent());
            }
        }
    }

    /// Reads all entities of a listing with cursors; `first` is the path of the first page.
    pub(super) async fn all_by_cursor<T: DeserializeOwned + Entity>(
        &self,
        options: &CallOptions,
        listing: PagedListing,
        first: ApiPath,
    ) -> Result<(Vec<T>, Extent), CallError> {
        let (mut all, mut reading, mut path) = (Vec::new(), ListingReading::new(listing), first.clone());
        loop {
            let page: Page<T> = self.get(options, listing.route, path).await?;
            let Page { entities, count, total, next_uri } = page;
            let entities = paging::entities(listing, entities, total)?;
            let more =
                reading.by_cursor(&entities, Marks { page_count: count, total, next_uri: next_uri.as_deref() })?;
            all.extend(entities);
            match next_uri {
                Some(uri) if more => path = first.next(&self.endpoints.api_url, listing, &uri)?,
                Some(_) | None => return Ok((all, reading.extent())),
            }
        }
    }
}

/// Rejects a body that is too large. Skills are split into bulk calls of 50 lines before this; the complete set of a
/// user's groups cannot be split.
fn check_size(body: &Bytes) -> Result<(), CallError> {
    if body.len() <= MAX_BODY_BYTES {
        return Ok(());
    }
    let detail = format!(
        "the request would be {} bytes long; Genesys accepts at most {MAX_BODY_BYTES}, and a user's complete set cannot \
         be split. List fewer assignments.",
        body.len()
    );
    Err(unsendable(&detail))
}

pub(super) fn unsendable(detail: &str) -> CallError {
    CallError::Rejected(UpstreamAnswer { message: detail.into(), ..UpstreamAnswer::default() })
}

/// Serializes a JSON body.
pub(super) fn json(body: &impl serde::Serialize) -> Result<Bytes, CallError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| unsendable(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_genesys_would_not_take_is_refused_before_it_is_sent() {
        assert!(check_size(&Bytes::from(vec![b' '; MAX_BODY_BYTES])).is_ok());
        let Err(CallError::Rejected(told)) = check_size(&Bytes::from(vec![b' '; MAX_BODY_BYTES + 1])) else {
            panic!("not refused")
        };
        assert!(told.message.contains("512001 bytes"), "{told}");
    }
}
