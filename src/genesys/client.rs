//! The engine's Genesys, over the stack: requests and their answers, route by route.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tower::ServiceExt;

use super::answer::{classify, parse};
use super::call::{CallContext, Lane, Route};
use super::gate::Gate;
use super::login::TokenSource;
use super::stack::{Stack, stack};
use super::transport::Transport;
use super::wire::{CursorPage, Named, Page, User};
use super::{routing_skills, wfm};
use crate::domain::user::DirectoryUser;
use crate::domain::{Target, UserId, UserKey};
use crate::engine::Backoff;
use crate::engine::port::{
    AssignmentWrite, CallError, CatalogueItem, Errand, Genesys, Observed, UpstreamAnswer, UserListing, WriteError,
};

/// Where the resources are.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Scheme and host of the API, without a slash at the end.
    pub api_url: String,
    /// Path of a user's WFM assignments, with `{userId}` in it.
    pub wfm_path: String,
    /// The header that carries the version of a WFM write.
    pub version_header: HeaderName,
}

/// Calls Genesys; clones share the gate, the token and the connections.
#[derive(Debug, Clone)]
pub struct GenesysClient {
    stack: Stack,
    pub(super) endpoints: Arc<Endpoints>,
    gate: Gate,
}

/// What goes out with a request apart from its address.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) route: Route,
    pub(super) path: String,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Outgoing {
    pub(super) fn get(route: Route, path: String) -> Self {
        Self { method: Method::GET, route, path, header: None, body: Bytes::new() }
    }
}

/// The largest body that Genesys takes.
const MOST_BODY_BYTES: usize = 512_000;

/// Users a page: the most that the listing gives.
const USERS_PER_PAGE: u32 = 500;

impl GenesysClient {
    pub fn new(
        transport: Transport,
        gate: Gate,
        tokens: Arc<TokenSource>,
        backoff: Arc<Backoff>,
        endpoints: Endpoints,
    ) -> Self {
        let stack = stack(transport, gate.clone(), tokens, backoff);
        Self { stack, endpoints: Arc::new(endpoints), gate }
    }

    /// Sends a request and classifies its answer.
    pub(super) async fn send(&self, lane: Lane, errand: &Errand, out: Outgoing) -> Result<Response<Bytes>, CallError> {
        let route = out.route;
        check_size(&out.body)?;
        let context = CallContext { lane, route, meter: errand.meter.clone() };
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
        classify(route, outcome, Instant::now())
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        errand: &Errand,
        route: Route,
        path: String,
    ) -> Result<T, CallError> {
        let response = self.send(Lane::of(errand), errand, Outgoing::get(route, path)).await?;
        parse(route, &response)
    }

    /// Reads all pages of a listing by page number.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        errand: &Errand,
        route: Route,
        path: impl Fn(u32) -> String,
    ) -> Result<Vec<T>, CallError> {
        let mut all = Vec::new();
        for number in 1.. {
            let page: Page<T> = self.get(errand, route, path(number)).await?;
            let last = page.entities.is_empty() || number >= page.page_count;
            all.extend(page.entities);
            if last {
                break;
            }
        }
        Ok(all)
    }

    async fn users(&self, errand: &Errand, listing: UserListing) -> Result<Vec<DirectoryUser>, CallError> {
        let state = match listing {
            UserListing::Active => "active",
            UserListing::Inactive => "inactive",
        };
        let path = |number| {
            format!("/api/v2/users?pageSize={USERS_PER_PAGE}&pageNumber={number}&state={state}&expand=employerInfo")
        };
        let users: Vec<User> = self.pages(errand, Route::Users, path).await?;
        // Pages are no snapshot: who moved between two of them comes twice.
        let mut seen = HashSet::new();
        Ok(users.into_iter().map(DirectoryUser::from).filter(|user| seen.insert(user.id)).collect())
    }

    async fn one_user(&self, errand: &Errand, route: Route, path: String) -> Result<Option<DirectoryUser>, CallError> {
        match self.get::<User>(errand, route, path).await {
            Ok(user) => Ok(Some(user.into())),
            Err(CallError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn skills(&self, errand: &Errand) -> Result<Vec<CatalogueItem>, CallError> {
        let path = |number| format!("/api/v2/routing/skills?pageSize=500&pageNumber={number}");
        let skills: Vec<Named> = self.pages(errand, Route::RoutingSkills, path).await?;
        Ok(skills.into_iter().filter(Named::is_active).map(CatalogueItem::from).collect())
    }

    async fn groups(&self, errand: &Errand) -> Result<Vec<CatalogueItem>, CallError> {
        let mut all = Vec::new();
        let mut next = Some("/api/v2/routing/skillgroups?pageSize=200".to_owned());
        while let Some(path) = next {
            let page: CursorPage<Named> = self.get(errand, Route::SkillGroups, path).await?;
            all.extend(page.entities.into_iter().map(CatalogueItem::from));
            next = page.next_uri.map(|uri| self.own_path(&uri)).transpose()?;
        }
        Ok(all)
    }

    /// The path of a `nextUri`, which may come as a path or as an address of the API's own host. The token goes nowhere
    /// else.
    fn own_path(&self, uri: &str) -> Result<String, CallError> {
        let path = uri.strip_prefix(&self.endpoints.api_url).unwrap_or(uri);
        if path.starts_with('/') && !path.starts_with("//") {
            return Ok(path.to_owned());
        }
        Err(unsendable("the listing's nextUri leads to another host"))
    }
}

/// What can be split is split before it comes here, by the 50 lines that a bulk call takes; the whole set of a user's
/// groups cannot be.
fn check_size(body: &Bytes) -> Result<(), CallError> {
    if body.len() <= MOST_BODY_BYTES {
        return Ok(());
    }
    let detail = format!(
        "the request would have {} bytes; Genesys takes {MOST_BODY_BYTES} at most, and a user's whole set cannot be \
         split. List fewer assignments.",
        body.len()
    );
    Err(unsendable(&detail))
}

fn unsendable(detail: &str) -> CallError {
    CallError::Rejected(UpstreamAnswer { message: detail.into(), ..UpstreamAnswer::default() })
}

/// A JSON body.
pub(super) fn json(body: &impl serde::Serialize) -> Result<Bytes, CallError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| unsendable(&error.to_string()))
}

/// Everything outside `A-Z a-z 0-9 - . _ ~` as `%XX`.
fn path_segment(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

impl Genesys for GenesysClient {
    fn read<'a>(&'a self, errand: &'a Errand, key: UserKey) -> BoxFuture<'a, Result<Observed, CallError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::read(self, errand, key.user).boxed(),
            Target::WfmSkillGroups => wfm::read(self, errand, key.user).boxed(),
        }
    }

    fn write<'a>(
        &'a self,
        errand: &'a Errand,
        key: UserKey,
        write: &'a AssignmentWrite,
    ) -> BoxFuture<'a, Result<Option<Observed>, WriteError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::write(self, errand, key.user, write).boxed(),
            Target::WfmSkillGroups => wfm::write(self, errand, key.user, write).err_into().boxed(),
        }
    }

    fn list_users<'a>(
        &'a self,
        errand: &'a Errand,
        listing: UserListing,
    ) -> BoxFuture<'a, Result<Vec<DirectoryUser>, CallError>> {
        self.users(errand, listing).boxed()
    }

    fn find_user<'a>(
        &'a self,
        errand: &'a Errand,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<DirectoryUser>, CallError>> {
        self.one_user(errand, Route::User, format!("/api/v2/users/{user}")).boxed()
    }

    fn find_external<'a>(
        &'a self,
        errand: &'a Errand,
        authority: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<DirectoryUser>, CallError>> {
        let path = format!("/api/v2/users/externalid/{}/{}", path_segment(authority), path_segment(key));
        self.one_user(errand, Route::UserByExternalId, path).boxed()
    }

    fn list_catalogue<'a>(
        &'a self,
        errand: &'a Errand,
        target: Target,
    ) -> BoxFuture<'a, Result<Vec<CatalogueItem>, CallError>> {
        match target {
            Target::RoutingSkills => self.skills(errand).boxed(),
            Target::WfmSkillGroups => self.groups(errand).boxed(),
        }
    }

    fn sustained_calls_per_second(&self) -> f64 {
        self.gate.sustained_rate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_genesys_would_not_take_is_refused_before_it_is_sent() {
        assert!(check_size(&Bytes::from(vec![b' '; MOST_BODY_BYTES])).is_ok());
        let Err(CallError::Rejected(told)) = check_size(&Bytes::from(vec![b' '; MOST_BODY_BYTES + 1])) else {
            panic!("not refused")
        };
        assert!(told.message.contains("512001 bytes"), "{told}");
    }
}
