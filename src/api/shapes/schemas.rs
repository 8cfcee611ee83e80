//! Schemas whose bounds come from [`rules`]; the derive macro accepts literals only.
//!
//! Optional members are plain, not nullable: the service treats `null` as absent, but generated clients need only one
//! way to express absence.

use utoipa::openapi::schema::{Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::shapes::rules;
use crate::domain::Owner;

/// An XLSX file.
pub(in crate::api) struct Spreadsheet;

impl PartialSchema for Spreadsheet {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(known(KnownFormat::Binary))).into()
    }
}

impl ToSchema for Spreadsheet {}

pub(in crate::api) fn label() -> Object {
    text(rules::MAX_LABEL_LENGTH, "The caller's name for the job, shown to people.", "nightly")
}

/// The description of `owner`, in bodies and in queries.
pub(in crate::api) const OWNER: &str = "The party on whose behalf the job assigns. With `managed`, a job takes away only what jobs of the same owner \
     assigned and no other owner holds. A source has its own name as its owner. Default: the first owner that the API key is \
     bound to, or else `default`.";

pub(in crate::api) fn owner() -> Object {
    let mut owner = text(Owner::MAX_LENGTH, OWNER, "lms");
    owner.pattern = Some("^[A-Za-z0-9_.-]+$".to_owned());
    owner
}

/// The description of `callbackUrl`, in bodies and in queries.
pub(in crate::api) const CALLBACK_URL: &str = "The URL that receives a signed Standard Webhooks message when the job ends or is held. Accepted only if the service \
     has a signing secret configured.";

pub(in crate::api) fn callback_url() -> Object {
    formatted(SchemaFormat::Custom("uri".to_owned()), CALLBACK_URL, "https://hr.example.com/hooks/skillsync")
}

pub(in crate::api) fn reference() -> Object {
    text(rules::MAX_REFERENCE_LENGTH, "The caller's own name for the row, returned with the entry.", "row-1")
}

pub(in crate::api) fn email() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "The e-mail address, compared case-insensitively.", "ana@example.com")
}

pub(in crate::api) fn employee_id() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "The employee id of the user in Genesys.", "E1001")
}

pub(in crate::api) fn external_id() -> Object {
    text(rules::MAX_USER_KEY_LENGTH, "An external id, as `authority:key`.", "workday:1001")
}

pub(in crate::api) fn assignment_name() -> Object {
    let what = "The name in Genesys. An exact match wins, then a case-insensitive one.";
    text(rules::MAX_NAME_LENGTH, what, "Billing T2")
}

pub(in crate::api) fn job_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The `id` of a job.", "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e")
}

pub(in crate::api) fn date() -> Object {
    formatted(known(KnownFormat::DateTime), "A date and time (RFC 3339).", "2026-11-22T20:15:00Z")
}

pub(in crate::api) fn user_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The Genesys user id.", "9f0e3c1a-6b57-4f0e-8f5b-0c8f0f2f4a11")
}

pub(in crate::api) fn assignment_id() -> Object {
    formatted(known(KnownFormat::Uuid), "The id of the skill or skill group.", "c2a9d1e4-1f0b-4a39-b7de-5a3f1f9a7b02")
}

pub(in crate::api) fn occurred_at() -> Object {
    let what = "When the change happened at the sender. Changes of a user take effect in this order; without it, in order of acceptance.";
    formatted(known(KnownFormat::DateTime), what, "2026-11-22T20:15:00Z")
}

pub(in crate::api) fn proficiency() -> Object {
    let (lowest, highest) = rules::PROFICIENCY;
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .minimum(Some(lowest))
        .maximum(Some(highest))
        .description(Some("The proficiency of the user in the skill; only for `routingSkills`."))
        .examples([4.0])
        .build()
}

pub(in crate::api) fn entries() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("SyncJobEntryRequest"))
        .min_items(Some(1))
        .max_items(Some(rules::MAX_ENTRIES))
        .description(Some("The users to update, one entry each."))
        .build()
}

pub(in crate::api) fn assignments() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("AssignmentRequest"))
        .max_items(Some(rules::MAX_ASSIGNMENTS))
        .description(Some("The assignments to which `mode` applies; may be empty."))
        .build()
}

/// Returns the schema of `limit`.
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

/// Returns the schema of an unrestricted string.
pub(in crate::api) fn string() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

/// Returns the schema of `wait`: whole seconds from `0s` to `60s`.
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
