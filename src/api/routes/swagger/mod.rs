//! `/docs`: Swagger UI for the OpenAPI document, embedded, so that it works without Internet access.
//!
//! Contains the published Swagger UI files, compressed, and a page of our own that loads them. `docs/DEPENDENCIES.md`
//! describes their origin and how to update them. Compressed files are sent as they are, whatever `Accept-Encoding`
//! says: every browser accepts gzip, and other clients have no use for them.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::shapes::problem::Problem;

/// The content security policy: only resources of this service are loaded, called and run, plus `data:` images, which
/// the styles of Swagger UI contain.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An embedded file.
struct SwaggerFile {
    name: &'static str,
    media_type: &'static str,
    compressed: bool,
    content: &'static [u8],
}

/// The page, then the files that it loads.
static FILES: [SwaggerFile; 4] = [
    SwaggerFile {
        name: "index.html",
        media_type: "text/html; charset=utf-8",
        compressed: false,
        content: include_bytes!("page/index.html"),
    },
    SwaggerFile {
        name: "start.js",
        media_type: "text/javascript; charset=utf-8",
        compressed: false,
        content: include_bytes!("page/start.js"),
    },
    SwaggerFile {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        compressed: true,
        content: include_bytes!("page/swagger-ui-bundle.js.gz"),
    },
    SwaggerFile {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        compressed: true,
        content: include_bytes!("page/swagger-ui.css.gz"),
    },
];

/// Returns the routes of Swagger UI. They are not part of the API and therefore not in its document.
pub(in crate::api) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/docs", get(|| async { serve("index.html") })).route("/docs/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    serve(&name)
}

fn serve(name: &str) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let fixed = [
        (CONTENT_TYPE, file.media_type),
        (CACHE_CONTROL, "max-age=3600"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let mut response = (fixed, file.content).into_response();
    if file.compressed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
