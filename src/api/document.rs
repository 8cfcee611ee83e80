//! Builds the OpenAPI document: the descriptions of the routes, and what applies to all of them.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi as _, openapi};

use crate::api::callers::open_paths;
use crate::api::callers::request_id::REQUEST_ID;
use crate::api::shapes::problem::{self, MEDIA_TYPE};
use crate::api::submission::request::{AssignmentRequest, SyncJobEntryRequest};

/// The frame of the document, to which the routes are added.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "skillsync",
        description = "Syncs employees' skills from HR systems into Genesys Cloud: in bulk, at the permitted rate, \
                       without lost updates, and with every conflict resolved or explained.\n\nEvery response carries \
                       `x-request-id`; every error is a problem document (RFC 9457).",
    ),
    servers((url = "/", description = "This service.")),
    tags(
        (name = "sync-jobs", description = "Submit jobs and follow their progress."),
        (name = "users", description = "Read what skillsync knows about a user, and erase it."),
        (name = "webhooks", description = "Take deliveries and exports of HR systems, and look after records that cannot be read."),
        (name = "service", description = "Inspect the service itself."),
    ),
    // `schemas` refers to these by name only, so the derive macro does not find them.
    components(schemas(SyncJobEntryRequest, AssignmentRequest)),
    modifiers(&KeyScheme),
)]
struct DocumentFrame;

/// The name of the security scheme.
const KEY: &str = "apiKey";

/// Adds the security scheme and the table of problem types, which the derive macro cannot express.
struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(
            "An API key with one of the roles `read`, `submit` (may also change things) and `admin`. A service without \
             configured keys is reachable from its own machine only and requires none.",
        ));
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert(KEY.to_owned(), SecurityScheme::Http(scheme.build()).into());
        let description = document.info.description.get_or_insert_default();
        description.push_str("\n\n");
        description.push_str(&problem::table());
    }
}

/// Returns the document without routes.
pub(in crate::api) fn frame() -> OpenApi {
    DocumentFrame::openapi()
}

/// Adds the responses, headers and security requirements that all routes share.
pub(in crate::api) fn completed(mut document: OpenApi) -> OpenApi {
    let everywhere = [("408", "The request timed out."), ("500", "Internal error.")];
    let with_a_key = [
        ("401", "The API key is missing, unknown or expired."),
        ("403", "The API key does not permit this."),
        ("429", "The API key exceeded its request rate; `Retry-After` says when to try again."),
    ];
    for (path, item) in &mut document.paths.paths {
        let closed = !open_paths::is_open(path);
        let is_delivery = path.starts_with("/v1/webhooks/");
        for operation in operations(item) {
            // Deliveries that take too long are answered with 503, because many senders never retry after a 4xx.
            let everywhere = everywhere.iter().filter(|(status, _)| !is_delivery || *status != "408");
            let common = everywhere.chain(with_a_key.iter().filter(|_| closed));
            describe(operation, common);
            // An empty list states that no key is required; an absent one would state nothing.
            let needed = closed.then(|| SecurityRequirement::new(KEY, [""; 0]));
            operation.security = Some(needed.into_iter().collect());
        }
    }
    document
}

fn describe<'a>(operation: &mut Operation, common: impl Iterator<Item = &'a (&'a str, &'a str)>) {
    let responses = &mut operation.responses.responses;
    for (status, description) in common {
        responses.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem_response(description)));
    }
    for response in responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert(REQUEST_ID.to_string(), RefOr::T(request_id()));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn problem_response(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
}

fn request_id() -> openapi::header::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some("The `x-request-id` of the request if it was valid, otherwise a new one."))
        .build()
}
