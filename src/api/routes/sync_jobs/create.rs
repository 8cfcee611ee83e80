//! `POST /v1/sync-jobs`: submits a job.

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
use crate::domain::job::JobSpec;
use crate::engine::IdempotencyContext;

/// Submit a sync job
///
/// The whole body is validated before anything is accepted, and all faults are reported at once. Once accepted, the job
/// can be read, and each of its entries ends in exactly one explained state.
///
/// In `application/json`, the body is the whole job. In `application/x-ndjson`, each line is an entry; in `text/csv`
/// and in a spreadsheet (XLSX), each row. The columns are `ref`; one or more of `user_id`, `email`, `employee_id` and
/// `external_id`, of which each row fills exactly one; `assignments` (`Name:4;Other name`; a backslash before `;`, `:`
/// or `\` makes it part of a name); and `occurred_at`. CSV columns are separated by commas, semicolons or tabs. Declare
/// the `charset` in `Content-Type` if it is not UTF-8. Faults name their line or cell. If a cell begins with `'`s and a
/// spreadsheet would evaluate it as a formula without them, the first `'` is removed: where a tab or a line break
/// follows the `'`s or, after white space, `=`, `+`, `-`, `@` or one of their full-width forms.
///
/// With an `Idempotency-Key`, the same submission sent again within 24 hours returns the same job, even if the service
/// was restarted in between.
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
        description = "The job with its entries, or only the entries as lines or rows, with the rest as query parameters. \
                       May be compressed with `Content-Encoding: gzip` or `zstd`.",
        content(
            (SyncJobRequest = "application/json", examples(
            ("Skill groups" = (summary = "Skill groups for two users", value = json!({
                "target": "wfmSkillGroups", "mode": "managed", "label": "nightly", "entries": [
                    {"ref": "row-1", "user": {"employeeId": "E1001"}, "assignments": [{"name": "Billing T2"}],
                     "occurredAt": "2026-11-22T20:15:00Z"},
                    {"ref": "row-2", "user": {"email": "ana@example.com"}, "assignments": []},
                ],
            }))),
            ("Routing skills" = (summary = "A routing skill with a proficiency", value = json!({
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
        (status = 202, description = "Accepted; the job can be read immediately.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the job."),
            ("Retry-After" = i32, description = "The number of seconds after which to poll the job."),
        ), links(("read" = (operation_id = "getSyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("entries" = (operation_id = "listSyncJobEntries", parameters(("jobId" = "$response.body#/id")))),
            ("cancel" = (operation_id = "cancelSyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("retry" = (operation_id = "retrySyncJob", parameters(("jobId" = "$response.body#/id")))),
            ("apply" = (operation_id = "applySyncJob", parameters(("jobId" = "$response.body#/id")))),
        )),
        (status = 400, description = "The request is malformed or invalid; nothing was accepted.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The same submission is still in progress; send it again.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))),
        (status = 413, description = "The body exceeds the maximum size.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The media type, charset or encoding of the body is not supported.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The idempotency key was used for another request, or the file is not a supported table.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping or overloaded.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))),
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
    let owner = submission.spec.owner.or_else(|| Some(caller.owner()));
    let spec = JobSpec { owner, ..submission.spec };
    caller.may_submit(&spec)?;
    // Checked again because receiving and parsing the body may have taken a while.
    refuse_if_unable(&api)?;
    let under = reservation.map(|reservation| IdempotencyContext { reservation, fingerprint });
    let engine = api.engine.on_behalf_of(caller.asker());
    let submitted = engine.submit_under(under, spec, submission.entries).await;
    let job = submitted.map_err(|error| Problem::not_written_down(&error))?;
    Ok(accepted(&api, job))
}

/// `Retry-After` of an overloaded service. It may stay overloaded for longer, but have room for a small job by then.
const COME_AGAIN: Duration = Duration::from_secs(30);

/// Returns an error if the service is stopping or has reached a limit on open entries or memory.
pub(in crate::api) fn refuse_if_unable(api: &ApiContext) -> Result<(), Problem> {
    if api.lifecycle.is_stopping() {
        return Err(Problem::stopping());
    }
    if api.engine.open_entries() >= api.settings.max_open_entries {
        return Err(Problem::full(
            "the open entries have reached server.max_open_entries; send it again later",
            COME_AGAIN,
        ));
    }
    if api.engine.lacks_room() {
        let detail = "the jobs use all memory that server.max_memory_bytes leaves for them; send it again later";
        return Err(Problem::full(detail, COME_AGAIN));
    }
    Ok(())
}
