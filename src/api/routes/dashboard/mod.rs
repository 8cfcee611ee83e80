//! Serves the dashboard at `/`: a page and its files, embedded in the binary, so that there is nothing else to install.
//!
//! The files need no build step. The page itself is open and contains no data; it reads what it shows from the API,
//! with the API key of its user.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::shapes::problem::Problem;

/// The content security policy: only resources of this service are loaded, called and run; no inline code, no framing,
/// no requests to other origins. With trusted types required, the browser refuses to build markup from texts of jobs or
/// of Genesys.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// An embedded file.
struct DashboardFile {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($name:literal => $media_type:expr;)+) => {
        [$(DashboardFile { name: $name, media_type: $media_type, content: include_bytes!(concat!("page/", $name)) }),+]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const ICON: &str = "image/svg+xml";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page, then the files that it loads.
static FILES: [DashboardFile; 37] = files! {
    "index.html" => HTML;
    "icon.svg" => ICON;
    "base.css" => CSS;
    "parts.css" => CSS;
    "views.css" => CSS;
    "api.js" => SCRIPT;
    "app.js" => SCRIPT;
    "charts.js" => SCRIPT;
    "dialogs.js" => SCRIPT;
    "dom.js" => SCRIPT;
    "download.js" => SCRIPT;
    "entries-table.js" => SCRIPT;
    "entries.js" => SCRIPT;
    "entry-details.js" => SCRIPT;
    "failures.js" => SCRIPT;
    "format.js" => SCRIPT;
    "rate-limiter.js" => SCRIPT;
    "held.js" => SCRIPT;
    "job-actions.js" => SCRIPT;
    "jobs-table.js" => SCRIPT;
    "jobs.js" => SCRIPT;
    "parts.js" => SCRIPT;
    "plan.js" => SCRIPT;
    "records.js" => SCRIPT;
    "stream.js" => SCRIPT;
    "theme.js" => SCRIPT;
    "tips.js" => SCRIPT;
    "view-conflicts.js" => SCRIPT;
    "view-rate-limiter.js" => SCRIPT;
    "view-glossary.js" => SCRIPT;
    "view-job.js" => SCRIPT;
    "view-new.js" => SCRIPT;
    "view-overview.js" => SCRIPT;
    "view-records.js" => SCRIPT;
    "view-user.js" => SCRIPT;
    "witnesses.js" => SCRIPT;
    "words.js" => SCRIPT;
};

/// The entity tags of [`FILES`], in the same order.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|file| tag_of(file.content)).collect());

fn tag_of(content: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(content)))
}

/// Returns the routes of the dashboard. They are not part of the API and therefore not in its document.
pub(in crate::api) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(page)).route("/dashboard/{*file}", get(file))
}

async fn page(headers: HeaderMap) -> Response {
    serve(0, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match FILES.iter().position(|file| file.name == name) {
        Some(at) => serve(at, &headers),
        None => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
    }
}

/// Returns a file, or 304 if the caller has its current version. File names carry no version, so browsers revalidate
/// every use (`no-cache`).
fn serve(at: usize, headers: &HeaderMap) -> Response {
    let (Some(file), Some(tag)) = (FILES.get(at), TAGS.get(at)) else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let fixed = [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = if knows(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, file.media_type)], file.content).into_response()
    };
    let answer = response.headers_mut();
    answer.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer.extend(HeaderValue::from_str(tag).ok().map(|tag| (ETAG, tag)));
    response
}

fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}
