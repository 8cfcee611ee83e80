//! Schemas whose bounds come from [`rules`], which the derive macro cannot do: it takes literals only.
//!
//! Optional members are plain, not nullable: the service takes `null` for absence, but clients need not know a second
//! way of saying nothing.

use utoipa::openapi::schema::{Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::shapes::rules;

/// A file in the form of XLSX.
pub(in crate::api) struct Spreadsheet;

impl PartialSchema for Spreadsheet {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(known(KnownFormat::Binary))).into()
    }
}

impl ToSchema for Spreadsheet {}

pub(in crate::api) fn label() -> Object {
    text(rules::MAX_LABEL_LENGTH, "The caller's name for the job, for people to read.", "nightly")
}

pub(in crate::api) const CALLBACK_URL: &str = "Who is told, as a signed message of Standard Webhooks, when the job ends or is held. Taken only if the service has a \
     secret to sign with.";

pub(in crate::api) fn callback_url() -> Object {
    formatted(SchemaFormat::Custom("uri".to_owned()), CALLBACK_URL, "https://hr.example.com/hooks/skillsync")
}

pub(in crate::api) fn reference() -> Object {
    text(rules::MAX_REFERENCE_LENGTH, "The caller's own name for the row; it comes back.", "row-1")
}

pub(in crate::api) fn email() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "The e-mail address, compared without case.", "ana@example.com")
}

pub(in crate::api) fn employee_id() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "The employee id that Genesys has for the user.", "E1001")
}

pub(in crate::api) fn external_id() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "An external id, as `authority:key`.", "workday:1001")
}

pub(in crate::api) fn assignment_name() -> Object {
    let what = "The name in the catalogue: exact, else without regard to case.";
    text(rules::MAX_NAME_LENGTH, what, "Billing T2")
}

pub(in crate::api) fn job_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The `id` of a job.", "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e")
}

pub(in crate::api) fn date() -> Object {
    formatted(known(KnownFormat::DateTime), "A date of RFC 3339.", "2026-11-22T20:15:00Z")
}

pub(in crate::api) fn user_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The Genesys user id.", "9f0e3c1a-6b57-4f0e-8f5b-0c8f0f2f4a11")
}

pub(in crate::api) fn assignment_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The id of the skill or skill group.", "c2a9d1e4-1f0b-4a39-b7de-5a3f1f9a7b02")
}

pub(in crate::api) fn occurred_at() -> Object {
    let what = "When it happened at the sender, for putting events in order; default is the order of acceptance.";
    formatted(known(KnownFormat::DateTime), what, "2026-11-22T20:15:00Z")
}

pub(in crate::api) fn proficiency() -> Object {
    let (lowest, highest) = rules::PROFICIENCY;
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .minimum(Some(lowest))
        .maximum(Some(highest))
        .description(Some("How well the user has the skill; for `routingSkills` only."))
        .examples([4.0])
        .build()
}

pub(in crate::api) fn entries() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("SyncJobEntryRequest"))
        .min_items(Some(1))
        .max_items(Some(rules::MAX_ENTRIES))
        .description(Some("The users to bring up to date."))
        .build()
}

pub(in crate::api) fn assignments() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("AssignmentRequest"))
        .max_items(Some(rules::MAX_ASSIGNMENTS))
        .description(Some("What `mode` applies to; may be empty."))
        .build()
}

pub(in crate::api) fn page_limit() -> Object {
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let largest = rules::MAX_PAGE_SIZE as f64;
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1.0))
        .maximum(Some(largest))
        .default(Some(rules::DEFAULT_PAGE.into()))
        .build()
}

/// Any text.
pub(in crate::api) fn string() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

pub(in crate::api) fn wait() -> Object {
    ObjectBuilder::new().schema_type(Type::String).examples(["30s"]).pattern(Some("^([0-9]|[1-5][0-9]|60)s$")).build()
}

pub(in crate::api) fn idempotency_key() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(rules::MAX_IDEMPOTENCY_KEY_LENGTH))
        .pattern(Some("^[!-~]+$"))
        .examples(["nightly-2026-11-22"])
        .build()
}

fn text(longest: usize, what: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(longest))
        .description(Some(what))
        .examples([example])
        .build()
}

fn known(format: KnownFormat) -> SchemaFormat {
    SchemaFormat::KnownFormat(format)
}

fn formatted(format: SchemaFormat, what: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(format))
        .description(Some(what))
        .examples([example])
        .build()
}
