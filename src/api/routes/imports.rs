//! `POST /v1/imports/{source}`: turns a whole HR export into a job by the rules of its source.

use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use tokio::io::AsyncReadExt as _;

use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::routes::idempotency::{IdempotencyHeader, KeyTurn, same_job};
use crate::api::routes::sync_jobs::accepted;
use crate::api::routes::sync_jobs::create::refuse_if_unable;
use crate::api::routes::webhooks::mapping_fault;
use crate::api::shapes::faults::Faults;
use crate::api::shapes::job_view::SyncJobView;
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::query::QueryReader;
use crate::api::shapes::rules;
use crate::api::shapes::schemas::Spreadsheet;
use crate::api::submission::{BodyFormat, Expanded, unpacked, unreadable};
use crate::charset::Charset;
use crate::engine::IdempotencyContext;
use crate::hris::{Export, ExportForm, ImportError, Imported, PayloadPlace};
use crate::table::XLSX;

/// Import an HR export
///
/// Maps the export by the rules of the source and creates one job. In `text/csv` and in a spreadsheet (XLSX), the first
/// line names the attributes; in `application/json`, the body is an array of records or an object that contains one
/// (`Report_Entry` of a Workday report). Rows for the same user are combined. Dates in the future count as now. Nothing
/// is accepted unless every person in the export can be mapped.
#[utoipa::path(
    post,
    path = "/v1/imports/{source}",
    operation_id = "importPeople",
    tag = "webhooks",
    params(
        ("source" = String, Path, description = "The name of the source."),
        ("scope" = String, Query, description = "`full`: the export names everybody; people whom the source named before and who are \
            missing are leavers. `delta`: the export has only changes; people who are missing stay as they are."),
        ("dryRun" = Option<bool>, Query, description = "Whether to plan only, without any write. Default false."),
        ("sheet" = Option<String>, Query, description = "The name of the sheet to read from a spreadsheet. Default: the sheet configured \
            for the source, otherwise the first visible one."),
        IdempotencyHeader,
    ),
    request_body(description = "The export.", content(
        (serde_json::Value = "application/json", example = json!({"Report_Entry": [{"Employee_ID": "10013", "Job_Title": "Agent"}]})),
        (String = "text/csv", example = "Employee_ID,Job_Title\n10013,Agent\n"),
        (inline(Spreadsheet) = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 202, description = "Accepted; the job can be read immediately.", body = SyncJobView, headers(
            ("Location" = String, description = "The path of the job."),
            ("Retry-After" = i32, description = "The number of seconds after which to poll the job."),
        )),
        (status = 400, description = "A parameter is invalid, or people in the export cannot be mapped; nothing was accepted.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 404, description = "No source with this name is configured.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "The same submission is still in progress; send it again.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 413, description = "The body exceeds the maximum size.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 415, description = "The media type, charset or encoding of the body is not supported.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 422, description = "The export is not understood, or the idempotency key was used for another request.",
            body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The service is stopping or overloaded.",
            body = ProblemView, content_type = MEDIA_TYPE,
            headers(("Retry-After" = i32, description = "The number of seconds after which to send it again."))),
    ),
)]
pub(in crate::api) async fn import_people(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_if_unable(&api)?;
    caller.may_import(&*api.intake.sources().get(&source).ok_or_else(Problem::no_such_source)?)?;
    let (head, body) = request.into_parts();
    let (format, charset) = BodyFormat::announced(&head.headers)?;
    let mut query = QueryReader::new(&head.uri, &["scope", "dryRun", "sheet"])?;
    let scope = query.parsed("scope", "full or delta", |scope| match scope {
        "full" => Some(true),
        "delta" => Some(false),
        _ => None,
    });
    let dry_run = query.parsed("dryRun", "true or false", |value| value.parse().ok()).unwrap_or(false);
    let sheet = query.parsed("sheet", "the name of a sheet", |sheet| Some(sheet.to_owned()));
    let full = query.finish(scope)?.ok_or_else(scope_is_missing)?;
    let form = match format {
        Some(BodyFormat::Json) => ExportForm::Json(charset),
        Some(BodyFormat::Csv) => ExportForm::Csv(charset),
        Some(BodyFormat::Xlsx) => ExportForm::Xlsx { sheet, unpacked: unpacked(api.settings.max_body_bytes) },
        Some(BodyFormat::Lines) | None => {
            let forms = format!("send the export as application/json, text/csv or {XLSX}");
            return Err(Problem::unsupported_media_type(forms));
        }
    };
    let turn = KeyTurn::of(&api.engine, &caller, &head.headers)?;
    let mut reader = Expanded::new(&head.headers, body, api.settings.max_body_bytes, &api.shared.room)?;
    let mut body = Vec::new();
    reader.read_to_end(&mut body).await.map_err(|error| unreadable(&error))?;
    // In another charset, the same bytes are a different text and therefore a different submission.
    let charset = charset.filter(|charset| !charset.is_utf8()).map_or("", Charset::name);
    let beside = format!("{source}{charset}?{}", head.uri.query().unwrap_or_default());
    let fingerprint = reader.get_mut().fingerprint(&beside);
    let reservation = match turn {
        KeyTurn::New(reservation) => reservation,
        KeyTurn::Again(before, job) => return Ok(accepted(&api, same_job(&api, job, before == fingerprint)?)),
    };
    let (room, lack) = api.shared.room.for_table();
    let imported = api.intake.import(&source, Export { form, body: body.into(), room, full, dry_run }).await;
    let refused = |fault| lack.told().map_or_else(|| refused(fault), Problem::from);
    let Imported { spec, entries, dated_in_future, turn } = imported.map_err(refused)?;
    if entries.len() > rules::MAX_ENTRIES {
        let most = rules::MAX_ENTRIES;
        return Err(Problem::not_understood(format!(
            "an export may have at most {most} people, not {}",
            entries.len()
        )));
    }
    refuse_if_unable(&api)?;
    api.shared.webhooks.count_future_dates(&source, dated_in_future);
    let under = reservation.map(|reservation| IdempotencyContext { reservation, fingerprint });
    let caller = api.keys.again(&caller, api.clock.now())?;
    caller.needs(Role::Submit)?;
    caller.may_import(&*api.intake.sources().get(&source).ok_or_else(Problem::no_such_source)?)?;
    let engine = api.engine.importing_for(caller.asker(), source.into());
    let submitted = engine.submit_under(under, spec, entries).await;
    drop(turn);
    Ok(accepted(&api, submitted.map_err(|error| Problem::not_written_down(&error))?))
}

fn scope_is_missing() -> Problem {
    let mut faults = Faults::default();
    faults.add_parameter("scope", "is missing; give full if the export names everybody, otherwise delta");
    Problem::invalid(faults)
}

fn refused(fault: ImportError) -> Problem {
    match fault {
        ImportError::UnknownSource => Problem::no_such_source(),
        ImportError::Mapping(fault) => mapping_fault(&fault),
        ImportError::People { named, more } => {
            let mut faults = Faults::default();
            for person in named {
                let (PayloadPlace::Line(line) | PayloadPlace::Row(line)) = person.place else {
                    faults.add_here(&person);
                    continue;
                };
                faults.at_line(Some(line));
                faults.add_here(person.problem);
            }
            faults.add_unlisted(more);
            Problem::invalid(faults)
        }
        ImportError::Empty | ImportError::NoLeavers => Problem::not_understood(fault.to_string()),
        ImportError::Journal(error) => Problem::not_written_down(&error),
    }
}
