//! `GET /v1/users/{userRef}`: what skillsync knows of one user.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry_view::{AssignmentView, SyncJobEntryView};
use super::names::SyncTarget;
use super::problem::{MEDIA_TYPE, Problem, ProblemView};
use super::{ApiContext, rules};
use crate::domain::{UserId, UserRef};
use crate::engine::{Engine, UserSnapshot};

/// What is known of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserView {
    /// The Genesys user id.
    id: Uuid,
    /// What skillsync itself assigned, by target.
    owned: Vec<OwnedView>,
    /// The newest entries about the user, newest first, at most 20.
    entries: Vec<UserEntryView>,
}

/// What skillsync itself assigned of one target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnedView {
    target: SyncTarget,
    assignments: Vec<AssignmentView>,
}

/// An entry about the user, and the job that it is of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserEntryView {
    job_id: Uuid,
    target: SyncTarget,
    entry: SyncJobEntryView,
}

/// Read what is known of a user
///
/// Of users that a job has named since the service started: what they were asked to have, what came of it, and what of
/// theirs counts as skillsync's own.
#[utoipa::path(
    get,
    path = "/v1/users/{userRef}",
    operation_id = "getUser",
    tag = "users",
    params(("userRef" = String, Path, description = "The Genesys user id, an e-mail address, an external id as \
        `authority:key`, or else an employee id; by anything but the id only as a job has named the user.")),
    responses(
        (status = 200, description = "The user.", body = UserView),
        (status = 404, description = "No job has named such a user.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(super) async fn get_user(State(api): State<Arc<ApiContext>>, user: UserPath) -> Result<Json<UserView>, Problem> {
    let known = api.engine.user(&user.0).ok_or_else(Problem::user_not_known)?;
    Ok(Json(UserView::of(known, &api.engine)))
}

impl UserView {
    fn of(user: UserSnapshot, engine: &Engine) -> Self {
        let owned = user.owned.into_iter().map(|(target, ids)| {
            let names = engine.names(target);
            let assignments = ids.iter().map(|id| AssignmentView::of(*id, None, &names)).collect();
            OwnedView { target: target.into(), assignments }
        });
        let entries = user.entries.into_iter().map(|(job, target, entry)| {
            let names = engine.names(target);
            UserEntryView { job_id: job.0, target: target.into(), entry: SyncJobEntryView::of(entry, &names) }
        });
        Self { id: user.user.0, owned: owned.collect(), entries: entries.collect() }
    }
}

/// The user of the path; what cannot name one is not known.
pub(super) struct UserPath(UserRef);

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| Problem::user_not_known())?;
        Ok(Self(match text.parse() {
            Ok(id) => UserRef::Id(UserId(id)),
            Err(_) if text.contains('@') => UserRef::Email(text.into()),
            Err(_) => rules::external_id(&text).unwrap_or_else(|_| UserRef::EmployeeId(text.into())),
        }))
    }
}
