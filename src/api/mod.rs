//! The HTTP API: routes, wire shapes, and one form for every error.
//!
//! Requests are parsed into domain types here, so wire types never reach the engine. Responses are built from the
//! engine's snapshots.
//!
//! The modules, each of which uses only those above it:
//!
//! | | |
//! |---|---|
//! | `shapes` | words, views, queries, problem documents |
//! | `listener` | connections, from the socket to requests |
//! | `callers` | API keys and roles, origins, request ids |
//! | `service` | room for bodies, readiness, limits, counts |
//! | `updates` | event streams and long polls |
//! | `context` | state shared by the handlers |
//! | `submission` | parsing of bodies that create jobs |
//! | `layers` | the middleware around every request |
//! | `document` | the OpenAPI document |
//! | `routes` | the handlers |
//! | `router` | the composition |

mod callers;
mod context;
mod document;
mod layers;
mod listener;
mod router;
mod routes;
mod service;
mod shapes;
mod submission;
#[cfg(test)]
mod tests;
mod updates;

pub use self::callers::access::{ApiKeys, NoKeyLeft};
pub use self::callers::caller::{ApiKey, Bounds, Role};
pub use self::context::{ApiContext, ApiSettings, RequestState};
pub use self::listener::serve::{ServeSettings, serve};
pub use self::router::{openapi, openapi_text, router};
pub use self::service::limits::{
    BreakerView, CreditView, LearnedLimitView, LimitLaneView, LimitWindowView, LimitsSource, LimitsView,
    PausedRouteView, ServiceInTroubleView,
};
pub use self::service::readiness::Readiness;
pub use self::service::statistics::{MetricsSource, WebhookResult};
pub use self::shapes::job_view::job_document;
pub use self::shapes::user_reference::UserReference;
pub use self::shapes::vocabulary::{
    ConflictCause, SyncJobEntryState, SyncJobStatus, SyncLane, SyncMode, SyncTarget, reason as reason_word,
};
pub use self::submission::request::{AssignmentRequest, SyncJobEntryRequest, SyncJobRequest};
