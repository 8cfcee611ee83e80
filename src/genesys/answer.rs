//! Interprets answers of Genesys: one pure function from status and body to a result in the engine's terms.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::auth::StackError;
use super::call::Route;
use super::shortened::shortened;
use super::transport::TransportError;
use crate::domain::UserId;
use crate::engine::port::{CallError, UpstreamAnswer};
use crate::retry_after::retry_after;

/// The error body of the API; any field may be missing, and the body may be something else altogether.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorBody {
    message: Option<String>,
    code: Option<String>,
    context_id: Option<String>,
    /// Error type of SCIM (RFC 7644, section 3.12).
    scim_type: Option<String>,
    detail: Option<String>,
}

/// Classifies the end of a call. `now` is the base for a `Retry-After`, which may itself name a date that is compared
/// with `today`.
pub(super) fn classify(
    route: Route,
    outcome: Result<Response<Bytes>, StackError>,
    now: Instant,
    today: Timestamp,
) -> Result<Response<Bytes>, CallError> {
    let response = outcome.map_err(|error| unanswered(route, &error))?;
    let status = response.status();
    if status.is_success() {
        return if route.writes() { carried_out(route, response) } else { Ok(response) };
    }
    let body: Option<ErrorBody> = serde_json::from_slice(response.body()).ok();
    let unreadable = body.is_none();
    let is_page = is_html(&response);
    let body = body.unwrap_or_default();
    let stale = body.scim_type.as_deref() == Some("invalidVers")
        || body.message.as_deref().is_some_and(|message| message.contains("does not match the current version"));
    let retry_at = retry_after(response.headers(), today).map(|pause| now + pause);
    let answer = told(status, response.headers(), body);
    Err(match status.as_u16() {
        // 412 is the HTTP status for a precondition that does not hold (RFC 9110, section 15.5.13).
        408 | 409 | 412 if route.writes() => CallError::Conflict(answer),
        400 if stale && route.writes() => CallError::Conflict(answer),
        // A 400 without a reason may be a conflict: a re-read and a bounded number of attempts will tell.
        400 if unreadable && route.writes() => CallError::Conflict(answer),
        // The token was refused twice: someone disabled the client, and may enable it again.
        401 => CallError::unavailable(answer),
        // Genesys answers in JSON. An HTML page comes from a proxy, a firewall or a portal, and that is temporary.
        407 => CallError::unavailable(answer),
        400..=499 if is_page && !matches!(status.as_u16(), 401 | 404 | 408 | 429) => CallError::unavailable(answer),
        403 => CallError::Forbidden(answer),
        404 => CallError::NotFound(answer),
        429 => CallError::Unavailable { answer, retry_at },
        // Genesys does not redirect. Something in between does, and that is temporary.
        100..=199 | 300..=399 => CallError::unavailable(answer),
        // Any failure on their side, before or after the effect.
        500..=599 if route.writes() => CallError::Uncertain(answer),
        408 | 500..=599 => CallError::Unavailable { answer, retry_at },
        _ => CallError::Rejected(answer),
    })
}

/// A write that was only accepted, or answered with an HTML page, may not have been carried out.
fn carried_out(route: Route, response: Response<Bytes>) -> Result<Response<Bytes>, CallError> {
    if response.status() == StatusCode::ACCEPTED {
        let message = "Genesys accepted the write, but did not confirm that it was carried out".into();
        return Err(CallError::Uncertain(UpstreamAnswer { status: Some(202), message, ..UpstreamAnswer::default() }));
    }
    if is_html(&response) { Err(unreadable(route, "it is an HTML page")) } else { Ok(response) }
}

fn is_html(response: &Response<Bytes>) -> bool {
    let says_so = response.headers().get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
    says_so || response.body().trim_ascii_start().starts_with(b"<")
}

/// Parses the body of a successful answer. A write with an unreadable answer was probably carried out, but its result
/// is unknown.
pub(super) fn parse<T: DeserializeOwned>(route: Route, response: &Response<Bytes>) -> Result<T, CallError> {
    serde_json::from_slice(response.body()).map_err(|error| {
        let answer = UpstreamAnswer {
            status: Some(response.status().as_u16()),
            correlation_id: header(response.headers(), CORRELATION_ID),
            ..UpstreamAnswer::default()
        };
        match place_of_fault::<T>(response.body()) {
            Some(place) => cannot_be_read(route, answer, &format!("{place}: {error}")),
            None => cannot_be_read(route, answer, &error.to_string()),
        }
    })
}

/// Returns the error for a successful answer that describes a different user.
pub(super) fn about_another_user(route: Route, other: UserId) -> CallError {
    unreadable(route, &format!("it is about another user, {other}"))
}

/// Returns the error for a successful answer that Genesys would not give.
pub(super) fn unreadable(route: Route, why: &str) -> CallError {
    cannot_be_read(route, UpstreamAnswer { status: Some(200), ..UpstreamAnswer::default() }, why)
}

fn cannot_be_read(route: Route, answer: UpstreamAnswer, why: &str) -> CallError {
    let why = shortened(why.to_owned());
    let message = format!("the answer to {} cannot be read ({why})", route.request()).into();
    let answer = UpstreamAnswer { message, ..answer };
    if route.writes() { CallError::Uncertain(answer) } else { CallError::unavailable(answer) }
}

/// Returns the path of the faulty field, such as `entities[3].state`, or `None` if the body as a whole is faulty.
fn place_of_fault<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
    let error = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(body)).err()?;
    Some(error.path().to_string()).filter(|path| path != ".")
}

const CORRELATION_ID: &str = "inin-correlation-id";

fn header(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(|text| shortened(text.to_owned()))
}

/// Returns the correlation id, which Genesys support asks for.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(CORRELATION_ID)?.to_str().ok()
}

fn told(status: StatusCode, headers: &HeaderMap, body: ErrorBody) -> UpstreamAnswer {
    UpstreamAnswer {
        status: Some(status.as_u16()),
        code: body.code.or(body.scim_type).map(shortened),
        message: shortened(body.message.or(body.detail).unwrap_or_else(|| "no message".to_owned())),
        correlation_id: header(headers, CORRELATION_ID).or(body.context_id.map(shortened)),
    }
}

fn unanswered(route: Route, error: &StackError) -> CallError {
    let answer = UpstreamAnswer { message: error.to_string().into(), ..UpstreamAnswer::default() };
    match error {
        StackError::Paused(paused) => CallError::Unavailable { answer, retry_at: Some(paused.until) },
        StackError::Transport(TransportError::NoAnswer(_)) if route.writes() => CallError::Uncertain(answer),
        StackError::Transport(TransportError::NoAnswer(_) | TransportError::NotSent(_)) | StackError::Login(_) => {
            CallError::Unavailable { answer, retry_at: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::port::ListedUser;
    use crate::genesys::wire::{Page, User};

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        let response = Response::builder().status(status).header("ININ-Correlation-Id", "c-1");
        response.header("Retry-After", "42").body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    fn kind(route: Route, status: u16, body: &'static str) -> &'static str {
        match classify(route, Ok(answer(status, body)), Instant::now(), Timestamp::UNIX_EPOCH) {
            Ok(_) => "ok",
            Err(CallError::Conflict(_)) => "conflict",
            Err(CallError::Uncertain(_)) => "uncertain",
            Err(CallError::NotFound(_)) => "not found",
            Err(CallError::Forbidden(_)) => "forbidden",
            Err(CallError::TargetUnavailable(_)) => "target unavailable",
            Err(CallError::Rejected(_)) => "rejected",
            Err(CallError::Unavailable { retry_at, .. }) => {
                if retry_at.is_some() {
                    "unavailable until"
                } else {
                    "unavailable"
                }
            }
        }
    }

    #[test]
    fn all_shapes_of_a_conflict_are_conflicts() {
        for (status, body) in [
            (409, r#"{"code":"conflict"}"#),
            (409, ""),
            (400, r#"{"message":"The version 7 does not match the current version 8"}"#),
            (400, r#"{"scimType":"invalidVers","detail":"stale"}"#),
            (400, "<html>"),
            (408, "<html>"),
            (412, ""),
        ] {
            assert_eq!(kind(Route::WfmWrite, status, body), "conflict", "{status} {body}");
        }
    }

    #[test]
    fn answers_become_decisions() {
        for (route, status, expected) in [
            (Route::WfmRead, 200, "ok"),
            (Route::UserSkillRemove, 204, "ok"),
            (Route::UserSkillRemove, 202, "uncertain"),
            (Route::WfmWrite, 400, "rejected"),
            (Route::WfmWrite, 428, "rejected"),
            (Route::WfmWrite, 422, "rejected"),
            (Route::WfmRead, 401, "unavailable"),
            (Route::WfmWrite, 403, "forbidden"),
            (Route::WfmRead, 404, "not found"),
            (Route::WfmWrite, 429, "unavailable until"),
            (Route::WfmWrite, 500, "uncertain"),
            (Route::WfmWrite, 504, "uncertain"),
            (Route::WfmRead, 503, "unavailable until"),
            (Route::WfmRead, 408, "unavailable until"),
            (Route::WfmRead, 302, "unavailable"),
            (Route::WfmRead, 304, "unavailable"),
            (Route::WfmWrite, 307, "unavailable"),
        ] {
            assert_eq!(kind(route, status, "{}"), expected, "{route:?} {status}");
        }
    }

    #[test]
    fn a_page_for_people_is_no_verdict() {
        for (status, expected) in [
            (402, "unavailable"),
            (403, "unavailable"),
            (407, "unavailable"),
            (418, "unavailable"),
            (451, "unavailable"),
            (404, "not found"),
            (429, "unavailable until"),
        ] {
            assert_eq!(kind(Route::WfmRead, status, " <!DOCTYPE html>"), expected, "{status}");
        }
        assert_eq!(kind(Route::WfmWrite, 403, "<html>"), "unavailable");
        assert_eq!(kind(Route::UserSkillRemove, 200, "<html>"), "uncertain");
        assert_eq!(kind(Route::WfmRead, 418, "{}"), "rejected");
        assert_eq!(kind(Route::WfmRead, 407, ""), "unavailable");
    }

    #[test]
    fn an_answer_that_cannot_be_read_names_the_request_and_the_field() {
        let told = |body| {
            let parsed = parse::<Page<User>>(Route::Users, &answer(200, body));
            let Err(CallError::Unavailable { answer, .. }) = parsed.map(|_| ()) else { panic!("{body} was read") };
            assert_eq!(answer.hindrance(), "Genesys gave an answer that cannot be read");
            answer.message
        };
        let id = "00000000-0000-4000-8000-000000000001";
        let body = r#"{"entities":[{"id":"00000000-0000-4000-8000-000000000001","state":7}]}"#;
        assert!(
            told(body).contains("GET /api/v2/users cannot be read (entities[0].state: invalid type"),
            "{}",
            told(body)
        );
        assert!(told("<html>").contains("cannot be read (expected value"), "{}", told("<html>"));
        let numeric = answer(
            200,
            r#"{"entities":[{"id":"00000000-0000-4000-8000-000000000001","employerInfo":{"employeeId":1001}}]}"#,
        );
        let page: Page<User> = parse(Route::Users, &numeric).unwrap();
        let listed = ListedUser::from(page.entities.unwrap().remove(0));
        assert_eq!((listed.user.id.to_string().as_str(), listed.user.employee_id.as_deref()), (id, Some("1001")));
    }

    #[test]
    fn no_text_of_genesys_is_kept_at_any_length() {
        let long = "é".repeat(100_000);
        let field = |name: &str| format!("\"{name}\":\"{long}\"");
        for fields in [["message", "code", "contextId"], ["detail", "scimType", "contextId"]] {
            let body = format!("{{{}}}", fields.map(field).join(","));
            let response = Response::builder().status(403).body(Bytes::from(body)).unwrap();
            let refused = classify(Route::WfmWrite, Ok(response), Instant::now(), Timestamp::UNIX_EPOCH);
            let Err(CallError::Forbidden(told)) = refused else { panic!("not refused") };
            for text in [Some(told.message), told.code, told.correlation_id] {
                assert_eq!(text.unwrap().chars().count(), 500);
            }
        }
        let unreadable = Response::new(Bytes::from(format!("{{{}}}", field("entities"))));
        let Err(CallError::Unavailable { answer, .. }) = parse::<Page<User>>(Route::Users, &unreadable) else {
            panic!("it was read")
        };
        assert!(answer.message.chars().count() < 1000, "{}", answer.message.len());
    }

    #[test]
    fn what_support_asks_for_is_kept() {
        let body = r#"{"message":"Refused.","code":"conflict","status":409,"contextId":"c-2"}"#;
        let refused = classify(Route::WfmWrite, Ok(answer(409, body)), Instant::now(), Timestamp::UNIX_EPOCH);
        let Err(CallError::Conflict(told)) = refused else { panic!("not a conflict") };
        assert_eq!(told.to_string(), "409 conflict: Refused. (correlation id c-1)");
    }
}
