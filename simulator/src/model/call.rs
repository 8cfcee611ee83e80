//! A request that has arrived, as the endpoints see it.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::query::Query;
use super::super::route::{Matched, Route, Subject};
use super::reply::Reply;

/// A request with its time, route and query.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) now: Instant,
    pub(super) matched: &'a Matched,
    pub(super) request: &'a Request<Bytes>,
    pub(super) query: Query,
    /// Index in the ledger.
    pub(super) number: usize,
}

impl<'a> Call<'a> {
    pub(super) fn new(now: Instant, matched: &'a Matched, request: &'a Request<Bytes>, number: usize) -> Self {
        let query = Query::parse(request.uri().query().unwrap_or_default());
        Self { now, matched, request, query, number }
    }

    pub(super) fn route(&self) -> Route {
        self.matched.route
    }

    /// Returns the user whom the path names. The router passes no call without a user to an endpoint that needs one.
    pub(super) fn user(&self) -> Result<Uuid, Reply> {
        match &self.matched.subject {
            Subject::User(user) | Subject::UserSkill(user, _) => Ok(*user),
            Subject::Nothing | Subject::External { .. } | Subject::Namespace { .. } => Err(Reply::not_found("user")),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.request.uri().path()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Parses the body as JSON, or returns the answer 415 or 400.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        let content_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !content_type.starts_with("application/json") {
            let message = "The content type must be application/json.";
            return Err(Reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported.media.type", message));
        }
        serde_json::from_slice(self.request.body()).map_err(|error| {
            let message = format!("The request could not be understood: {error}");
            Reply::error(StatusCode::BAD_REQUEST, "bad.request", &message)
        })
    }
}
