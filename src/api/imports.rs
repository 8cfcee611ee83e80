//! `POST /v1/imports/{source}`: a whole HR export, through the rules of its source.

use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use tokio::io::AsyncReadExt as _;

use super::caller::{Caller, Role};
use super::faults::Faults;
use super::idempotency::{IdempotencyHeader, Turn, same_job};
use super::job_view::SyncJobView;
use super::problem::{MEDIA_TYPE, Problem, ProblemView};
use super::query::QueryReader;
use super::submission::{Expanded, unreadable};
use super::sync_jobs::accepted;
use super::sync_jobs::create::refuse_if_unable;
use super::webhooks::mapping_fault;
use super::{ApiContext, rules};
use crate::engine::Under;
use crate::hris::{Export, ImportFault, Imported};

/// Import a whole HR export
///
/// The export goes through the rules of the source and becomes one job. As `text/csv` its first line names the attributes;
/// as `application/json` it is an array of records, or an object with one (`Report_Entry` of a Workday report). Rows about
/// the same user are taken together. Dates that have not come yet are taken as of now. Nothing is accepted unless everybody in it can be mapped.
#[utoipa::path(
    post,
    path = "/v1/imports/{source}",
    operation_id = "importPeople",
    tag = "webhooks",
    params(
        ("source" = String, Path, description = "The name of the source."),
        ("scope" = String, Query, description = "`full`: people whom the source named before and who are missing have left. \
            `delta`: who is missing is not touched."),
        ("dryRun" = Option<bool>, Query, description = "Only tell what would be done."),
        IdempotencyHeader,
    ),
    request_body(description = "The export.", content(
        (serde_json::Value = "application/json", example = json!({"Report_Entry": [{"Employee_ID": "10013", "Job_Title": "Agent"}]})),
        (String = "text/csv", example = "Employee_ID,Job_Title\n10013,Agent\n"),
    )),
    responses(
        (status = 202, description = "Accepted; the job is readable at once.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the job."),
            ("Retry-After" = i32, description = "Seconds after which it is worth asking for the job."),
        )),
        (status = 400, description = "A parameter is wrong, or people in it cannot be mapped; nothing was accepted.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "There is no such source.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The same submission is being accepted just now; send it again.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body is too large.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The body has a media type that is not taken.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The export cannot be understood, or the idempotency key belongs to another one.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping, or has as much to do as it takes.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "Seconds after which to send it again."))),
    ),
)]
pub(super) async fn import_people(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    caller.may_import(&*api.intake.sources().get(&source).ok_or_else(Problem::no_such_source)?)?;
    let (head, body) = request.into_parts();
    let is_csv = is_csv(&head.headers)?;
    let mut query = QueryReader::new(&head.uri, &["scope", "dryRun"])?;
    let scope = query.parsed("scope", "full or delta", |scope| match scope {
        "full" => Some(true),
        "delta" => Some(false),
        _ => None,
    });
    let dry_run = query.parsed("dryRun", "true or false", |value| value.parse().ok()).unwrap_or(false);
    let full = query.finish(scope)?.ok_or_else(scope_is_missing)?;
    let turn = Turn::of(&api.engine, &caller, &head.headers)?;
    let mut reader = Expanded::new(&head.headers, body, api.settings.max_body_bytes, &api.shared.room)?;
    let mut body = Vec::new();
    reader.read_to_end(&mut body).await.map_err(|error| unreadable(&error))?;
    let beside = format!("{source}?{}", head.uri.query().unwrap_or_default());
    let fingerprint = reader.get_mut().fingerprint(&beside);
    let reservation = match turn {
        Turn::New(reservation) => reservation,
        Turn::Again(before, job) => return Ok(accepted(&api, same_job(&api, job, before == fingerprint)?)),
    };
    let mut taken = api.shared.room.begin();
    let room = Box::new(move |bytes| taken.more(bytes).is_ok());
    let imported = api.intake.import(&source, Export { is_csv, body: body.into(), room, full }).await;
    let Imported { mut spec, entries, dated_in_future } = imported.map_err(refused)?;
    if entries.len() > rules::MOST_ENTRIES {
        let most = rules::MOST_ENTRIES;
        return Err(Problem::not_understood(format!(
            "an export may name at most {most} people, not {}",
            entries.len()
        )));
    }
    spec.dry_run = dry_run;
    refuse_if_unable(&api)?;
    api.shared.webhooks.count_future_dates(&source, dated_in_future);
    let under = reservation.map(|reservation| Under { reservation, fingerprint });
    let caller = api.keys.again(&caller, api.clock.now())?;
    caller.needs(Role::Submit)?;
    caller.may_import(&*api.intake.sources().get(&source).ok_or_else(Problem::no_such_source)?)?;
    let engine = api.engine.importing_for(caller.asker(), source.into());
    let submitted = engine.submit_under(under, spec, entries).await;
    Ok(accepted(&api, submitted.map_err(|error| Problem::not_written_down(&error))?))
}

fn is_csv(headers: &HeaderMap) -> Result<bool, Problem> {
    let announced = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" => Ok(true),
        "application/json" => Ok(false),
        _ => Err(Problem::unsupported_media_type("send the export as application/json or text/csv")),
    }
}

fn scope_is_missing() -> Problem {
    let mut faults = Faults::default();
    faults.add_parameter("scope", "is missing: full, if everybody is in the export, else delta");
    Problem::invalid(faults)
}

fn refused(fault: ImportFault) -> Problem {
    match fault {
        ImportFault::UnknownSource => Problem::no_such_source(),
        ImportFault::Mapping(fault) => mapping_fault(&fault),
        ImportFault::People { named, more } => {
            let mut faults = Faults::default();
            for person in named {
                faults.add_here(format_args!("the person at position {}: {}", person.position, person.problem));
            }
            faults.add_unlisted(more);
            Problem::invalid(faults)
        }
        ImportFault::Empty | ImportFault::NoLeavers => Problem::not_understood(fault.to_string()),
        ImportFault::Journal(error) => Problem::not_written_down(&error),
    }
}
