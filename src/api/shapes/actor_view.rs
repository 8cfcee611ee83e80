//! The actor behind a request, in the form in which the HTTP API returns it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::shapes::vocabulary::AuditActor;
use crate::domain::audit::Actor;

/// The actor who made a request or submitted a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ActorView {
    pub(in crate::api) kind: AuditActor,
    /// The name of the API key or of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "hr-export")]
    pub(in crate::api) name: Option<Box<str>>,
}

impl From<Actor> for ActorView {
    fn from(actor: Actor) -> Self {
        let name = actor.name().map(|name| Box::from(&**name));
        let kind = match actor {
            Actor::Key(_) => AuditActor::Key,
            Actor::Source(_) => AuditActor::Source,
            Actor::Keyless => AuditActor::Keyless,
            Actor::Operator => AuditActor::Operator,
        };
        Self { kind, name }
    }
}
