//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

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

/// What the document says before the routes add to it.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "skillsync",
        description = "Brings employees' skills from an HR system into Genesys Cloud: in bulk, at the permitted rate, \
                       without lost updates, and with every conflict resolved or explained.\n\nEvery answer carries \
                       `x-request-id`; every error is a problem document (RFC 9457).",
    ),
    servers((url = "/", description = "This service.")),
    tags(
        (name = "sync-jobs", description = "Submitting jobs and following them."),
        (name = "users", description = "What is known of a user."),
        (name = "service", description = "The state of the service itself."),
    ),
    // Schemas that others only name, from `schemas`.
    components(schemas(SyncJobEntryRequest, AssignmentRequest)),
    modifiers(&KeyScheme),
)]
struct DocumentFrame;

/// The name of the security scheme.
const KEY: &str = "apiKey";

/// Adds the security scheme and the kinds of problems, which the macro cannot say.
struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some(
            "A key with one of the roles read, submit (also changes something) and admin. A service without keys can be \
             reached from its own machine only, and asks for none.",
        ));
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert(KEY.to_owned(), SecurityScheme::Http(scheme.build()).into());
        let description = document.info.description.get_or_insert_default();
        description.push_str("\n\n");
        description.push_str(&problem::table());
    }
}

/// The document without its routes.
pub(in crate::api) fn frame() -> OpenApi {
    DocumentFrame::openapi()
}

/// Adds what every route has in common, so that no route has to repeat it.
pub(in crate::api) fn completed(mut document: OpenApi) -> OpenApi {
    let everywhere = [("408", "The request took too long."), ("500", "Something went wrong here.")];
    let with_a_key = [
        ("401", "A key is needed, or the one sent is not known here."),
        ("403", "The key does not permit this."),
        ("429", "The key asks too often; `Retry-After` says when to ask again."),
    ];
    for (path, item) in &mut document.paths.paths {
        let closed = !open_paths::is_open(path);
        let is_delivery = path.starts_with("/v1/webhooks/");
        for operation in operations(item) {
            // Senders of webhooks are told to come again, never that they were too slow.
            let everywhere = everywhere.iter().filter(|(status, _)| !is_delivery || *status != "408");
            let common = everywhere.chain(with_a_key.iter().filter(|_| closed));
            describe(operation, common);
            // An empty list says that nothing is needed; none at all would say nothing.
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
        .description(Some("The caller's `x-request-id` if it sent a valid one, else a new one."))
        .build()
}
