//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::sync::LazyLock;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi as _, openapi};

use super::layers;
use super::problem::MEDIA_TYPE;
use super::submission::request::{AssignmentRequest, SyncJobEntryRequest};

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
        (name = "service", description = "The state of the service itself."),
    ),
    // Schemas that others only name, from `schemas`.
    components(schemas(SyncJobEntryRequest, AssignmentRequest)),
)]
struct Frame;

/// The document without its routes.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds what every route has in common, so that no route has to repeat it.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        for (status, description) in [("408", "The request took too long."), ("500", "Something went wrong here.")] {
            responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
        }
        for response in responses.values_mut() {
            if let RefOr::T(response) = response {
                response.headers.insert(layers::REQUEST_ID.to_string(), RefOr::T(request_id()));
            }
        }
    }
    document
}

/// The document as it is served and committed: pretty, with a newline at its end.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| super::openapi().to_pretty_json().unwrap_or_default() + "\n");
    &TEXT
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
}

fn request_id() -> openapi::header::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some("The caller's `x-request-id` if it sent a valid one, else a new one."))
        .build()
}
