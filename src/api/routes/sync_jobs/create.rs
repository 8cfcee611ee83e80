//! `POST /v1/sync-jobs`: submitting a job.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::Response;

use super::accepted;
use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::routes::idempotency::{IdempotencyHeader, KeyTurn, same_job};
use crate::api::shapes::job_view::SyncJobView;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::schemas::Spreadsheet;
use crate::api::submission::request::SyncJobRequest;
use crate::api::submission::{Incoming, JobParameters};
use crate::engine::IdempotencyContext;

/// Submit a sync job
///
/// The whole body is validated before anything is accepted; all faults are reported at once. From the answer on, the job
/// can be read, and each of its entries ends in exactly one explained state.
///
/// As `application/json` the body is the whole job. As `application/x-ndjson` it has an entry a line, as `text/csv` or
/// as a spreadsheet (XLSX) an entry a row, under the columns `ref`, one or more of `user_id`, `email`, `employee_id` and `external_id`, of which
/// each row fills one, `assignments` (`Name:4;Other name`; a backslash before `;`, `:` or `\` makes it part of a name)
/// and `occurred_at`. Columns may be apart by commas, semicolons or tabs, and a `charset` is declared in `Content-Type` if it is not UTF-8.
/// Faults of such bodies name their line or cell. Of a cell that a spreadsheet would take for a formula, if it
/// were not for the `'`s that it begins with, the first `'` is taken off: where a tab or a line break follows them, or, after
/// white space, `=`, `+`, `-`, `@` or one of their full-width forms.
///
/// With an `Idempotency-Key`, the same submission sent again within 24 hours is answered with the same job, also when the
/// service was restarted in between.
#[utoipa::path(
    post,
    path = "/v1/sync-jobs",
    operation_id = "createSyncJob",
    tag = "sync-jobs",
    params(
        JobParameters,
        IdempotencyHeader,
    ),
    request_body(
        description = "The job and its entries; or entries only, a line each, with the rest as query parameters. May be \
                       compressed, with `Content-Encoding: gzip` or `zstd`.",
        content(
            (SyncJobRequest = "application/json", examples(
            ("Skill groups" = (summary = "Skill groups of two users", value = json!({
                "target": "wfmSkillGroups", "mode": "managed", "label": "nightly", "entries": [
                    {"ref": "row-1", "user": {"employeeId": "E1001"}, "assignments": [{"name": "Billing T2"}],
                     "occurredAt": "2026-11-22T20:15:00Z"},
                    {"ref": "row-2", "user": {"email": "ana@example.com"}, "assignments": []},
                ],
            }))),
            ("Routing skills" = (summary = "A routing skill with its proficiency", value = json!({
                "target": "routingSkills", "mode": "add", "lane": "interactive", "entries": [
                    {"user": {"externalId": "workday:1001"}, "assignments": [{"name": "Spanish", "proficiency": 4.0}]},
                ],
            }))),
            )),
            (String = "application/x-ndjson", example = "{\"ref\":\"row-1\",\"user\":{\"employeeId\":\"E1001\"},\"assignments\":[{\"name\":\"Billing T2\"}]}\n"),
            (String = "text/csv", example = "ref,email,assignments,occurred_at\nrow-1,ana@example.com,Spanish:4;Billing T2,2026-11-22T20:15:00Z\n"),
            (inline(Spreadsheet) = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ),
    ),
    responses(
        (status = 202, description = "Accepted; the job is readable at once.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the job."),
            ("Retry-After" = i32, description = "Seconds after which it is worth asking for the job."),
        ), links(("read" = (operation_id = "getSyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("entries" = (operation_id = "listSyncJobEntries", parameters(("jobId" = "$response.body#/id")))),
            ("cancel" = (operation_id = "cancelSyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("retry" = (operation_id = "retrySyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("apply" = (operation_id = "applySyncJob", parameters(("jobId" = "$response.body#/id")))),
        )),
        (status = 400, description = "The body is malformed or not valid; nothing was accepted.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The same submission is being accepted just now; send it again.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
        (status = 413, description = "The body is too large.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The body has a media type, a charset or an encoding that is not taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key belongs to another submission, or the file is no table that is taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping, or has as much to do as it takes.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn create_sync_job(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    let (head, body) = request.into_parts();
    let incoming = Incoming::new(&head, body, &api)?;
    let reservation = match KeyTurn::of(&api.engine, &caller, &head.headers)? {
        KeyTurn::New(reservation) => reservation,
        KeyTurn::Again(before, job) => {
            let same = incoming.fingerprint().await? == before;
            return Ok(accepted(&api, same_job(&api, job, same)?));
        }
    };
    let (submission, fingerprint) = incoming.read().await?;
    let caller = api.keys.again(&caller, api.clock.now())?;
    caller.needs(Role::Submit)?;
    caller.may_submit(&submission.spec)?;
    // Once more: receiving and reading the body may have taken a while.
    refuse_if_unable(&api)?;
    let under = reservation.map(|reservation| IdempotencyContext { reservation, fingerprint });
    let engine = api.engine.on_behalf_of(caller.asker());
    let submitted = engine.submit_under(under, submission.spec, submission.entries).await;
    let job = submitted.map_err(|error| Problem::not_written_down(&error))?;
    Ok(accepted(&api, job))
}

/// A service that has as much to do as it takes is busy for longer than this, but may take a small job before.
const COME_AGAIN: Duration = Duration::from_secs(30);

/// Nothing new is taken while the service stops, or while as much is open as it takes.
pub(in crate::api) fn refuse_if_unable(api: &ApiContext) -> Result<(), Problem> {
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    if api.engine.open_entries() >= api.settings.max_open_entries {
        return Err(Problem::full("too many entries are still to be carried out; send it again later", COME_AGAIN));
    }
    if api.engine.lacks_room() {
        let detail = "jobs hold as much memory as server.max_memory_bytes leaves them; send it again later";
        return Err(Problem::full(detail, COME_AGAIN));
    }
    Ok(())
}
