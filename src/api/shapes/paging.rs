//! Query parameters of the reading routes: filters, page limits, cursors and long-poll times.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use utoipa::IntoParams;
use utoipa::openapi::Ref;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use crate::api::shapes::problem::Problem;
use crate::api::shapes::query::{QueryReader, header, parameter};
use crate::api::shapes::schemas;
use crate::api::shapes::vocabulary::{AuditAction, SyncJobEntryState, SyncJobStatus};
use crate::domain::audit::{Action, AuditFilter};
use crate::domain::job::JobStatus;
use crate::domain::{EntryState, JobId};

const A_CURSOR: &str = "the `nextCursor` of an earlier page of this list";

/// Selects the entries to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct EntriesQuery {
    pub(in crate::api) state: Option<EntryState>,
    pub(in crate::api) limit: usize,
    /// The index of the first entry to list.
    pub(in crate::api) from: u32,
}

impl IntoParams for EntriesQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            parameter("state", "Only entries in this state.", Ref::from_schema_name("SyncJobEntryState")),
            parameter(
                "limit",
                "The maximum number of entries per page. NDJSON and CSV responses have no pages.",
                schemas::page_limit(),
            ),
            parameter(
                "cursor",
                "The `nextCursor` of the previous page. It stays valid while entries change state.",
                schemas::string(),
            ),
        ]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EntriesQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = QueryReader::new(&parts.uri, &["state", "limit", "cursor"])?;
        let read = Self {
            state: query.word::<SyncJobEntryState>("state").map(EntryState::from),
            limit: query.limit(),
            from: query.parsed("cursor", A_CURSOR, |cursor| read_cursor(ENTRIES, cursor)).unwrap_or_default(),
        };
        query.finish(read)
    }
}

/// Selects the jobs to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct JobsQuery {
    pub(in crate::api) status: Option<JobStatus>,
    pub(in crate::api) limit: usize,
    /// The last job of the previous page.
    pub(in crate::api) before: Option<JobId>,
}

impl IntoParams for JobsQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            parameter("status", "Only jobs with this status.", Ref::from_schema_name("SyncJobStatus")),
            parameter("limit", "The maximum number of jobs per page.", schemas::page_limit()),
            parameter("cursor", "The `nextCursor` of the previous page.", schemas::string()),
        ]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for JobsQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = QueryReader::new(&parts.uri, &["status", "limit", "cursor"])?;
        let read = Self {
            status: query.word::<SyncJobStatus>("status").map(JobStatus::from),
            limit: query.limit(),
            before: query.parsed("cursor", A_CURSOR, |cursor| read_cursor::<Uuid>(JOBS, cursor)).map(JobId),
        };
        query.finish(read)
    }
}

/// Selects the audit records to list.
#[derive(Debug)]
pub(in crate::api) struct AuditQuery {
    pub(in crate::api) filter: AuditFilter,
    pub(in crate::api) limit: usize,
    /// The number of the last record of the previous page.
    pub(in crate::api) older_than: Option<u64>,
}

impl IntoParams for AuditQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let action = Ref::from_schema_name("AuditAction");
        vec![
            parameter("action", "Only records of this action.", action),
            parameter("name", "Only records of the API key or source with this name.", schemas::string()),
            parameter("jobId", "Only records about this job.", schemas::job_id()),
            parameter("since", "Only records from this time on.", schemas::date()),
            parameter("until", "Only records before this time.", schemas::date()),
            parameter("limit", "The maximum number of records per page.", schemas::page_limit()),
            parameter("cursor", "The `nextCursor` of the previous page.", schemas::string()),
        ]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuditQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = ["action", "name", "jobId", "since", "until", "limit", "cursor"];
        let mut query = QueryReader::new(&parts.uri, &known)?;
        let date = "an RFC 3339 date like 2026-11-22T20:15:00Z";
        let filter = AuditFilter {
            action: query.word::<AuditAction>("action").map(Action::from),
            name: query.parsed("name", "a name", |name| Some(name.into())),
            job: query.parsed("jobId", "the id of a job", |id| id.parse().ok().map(JobId)),
            since: query.parsed("since", date, |since| since.parse().ok()),
            until: query.parsed("until", date, |until| until.parse().ok()),
        };
        let limit = query.limit();
        let older_than = query.parsed("cursor", A_CURSOR, |cursor| read_cursor(AUDIT, cursor));
        query.finish(Self { filter, limit, older_than })
    }
}

/// The time for which a long poll waits for a change; `None` for an immediate response.
pub(in crate::api) struct WaitQuery(pub(in crate::api) Option<Duration>);

impl IntoParams for WaitQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let what = "How long to hold the response until the job changes, at most 60 s. With `If-None-Match`, the response \
                    is held while the `ETag` matches.";
        let known = "The `ETag` of the state that the caller already has.";
        vec![parameter("wait", what, schemas::wait()), header("If-None-Match", known, schemas::string())]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WaitQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = QueryReader::new(&parts.uri, &["wait"])?;
        let wait = query.wait();
        query.finish(Self(wait))
    }
}

/// The header of a follower that reconnects, described for the OpenAPI document.
pub(in crate::api) struct FollowedHeader;

impl IntoParams for FollowedHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("Last-Event-ID", "The `id` of the last event received.", schemas::string())]
    }
}

/// Prefixes of cursors, which reject a cursor of another list.
const ENTRIES: &str = "entries:";
const JOBS: &str = "jobs:";
const AUDIT: &str = "audit:";

/// Returns the cursor of a page that starts at an entry's position in its job. Positions never change, states do.
pub(in crate::api) fn cursor_of_entry(position: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{ENTRIES}{position}"))
}

/// Returns the cursor of a page that starts after a job. Jobs accepted later are newer and never on a following page.
pub(in crate::api) fn cursor_behind(job: JobId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{JOBS}{job}"))
}

/// Returns the cursor of a page that starts after an audit record. Later records are newer and on no following page.
pub(in crate::api) fn cursor_behind_record(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{AUDIT}{number}"))
}

fn read_cursor<T: std::str::FromStr>(list: &str, cursor: &str) -> Option<T> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    decoded.strip_prefix(list)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        for position in [0, 1, 99_999, u32::MAX] {
            assert_eq!(read_cursor(ENTRIES, &cursor_of_entry(position)), Some(position));
            assert_eq!(read_cursor::<u32>(JOBS, &cursor_of_entry(position)), None);
        }
        for bad in ["", "12", "!!", "ZW50cmllczo"] {
            assert_eq!(read_cursor::<u32>(ENTRIES, bad), None, "{bad}");
        }
    }
}
