//! `/v1/users/{userRef}`: what skillsync knows of one user, and how it forgets them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::callers::caller::{Caller, Role};
use crate::api::context::ApiContext;
use crate::api::shapes::entry_view::{AssignmentView, SyncJobEntryView};
use crate::api::shapes::problem::{MEDIA_TYPE, Problem, ProblemView};
use crate::api::shapes::rules;
use crate::api::shapes::vocabulary::SyncTarget;
use crate::domain::{UserId, UserRef};
use crate::engine::{Engine, UserSnapshot};

/// What is known of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UserView {
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
pub(in crate::api) struct OwnedView {
    target: SyncTarget,
    assignments: Vec<AssignmentView>,
}

/// An entry about the user, and the job that it is of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UserEntryView {
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
pub(in crate::api) async fn get_user(
    State(api): State<Arc<ApiContext>>,
    user: UserPath,
) -> Result<Json<UserView>, Problem> {
    let known = api.engine.user(&user.0).ok_or_else(Problem::user_not_known)?;
    Ok(Json(UserView::of(known, &api.engine)))
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ErasureView {
    /// Entries that do not say any more whom they were about, those of earlier requests not counted.
    #[schema(example = 3)]
    entries: usize,
}

/// Erase a person
///
/// From the entries of all jobs, from what is remembered of users and of who was named by HR systems, in memory and in every
/// file of the journal; everything that is known to be about the same user goes, by whatever it was named. Entries keep their
/// positions, states and reasons, and say `erased`. What skillsync assigned to the user is not known any more, so that
/// `managed` will leave it alone. Nothing is changed at Genesys. Backups and exports made before still have the person, and a
/// source or caller that names them again makes them known again.
///
/// Safe to repeat; a 503 says whether it must be. Needs the role admin.
#[utoipa::path(
    delete,
    path = "/v1/users/{userRef}",
    operation_id = "eraseUser",
    tag = "users",
    params(("userRef" = String, Path, description = "The Genesys user id, an e-mail address, an external id as \
        `authority:key`, or else an employee id.")),
    responses(
        (status = 200, description = "Nothing of the person is kept any more, also if nothing was.", body = ErasureView),
        (status = 404, description = "The reference cannot name anybody.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "Entries of the person have not ended, a record of theirs is still to be read, or the \
            reference has named several users.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The journal cannot be written, Genesys cannot be asked who that is, or somebody reads it, so that its files still have \
            what was erased: ask again.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn erase_user(
    State(api): State<Arc<ApiContext>>,
    Extension(caller): Extension<Caller>,
    user: UserPath,
) -> Result<Json<ErasureView>, Problem> {
    caller.needs(Role::Admin)?;
    let entries = api.intake.erase(user.0, caller.asker()).await.map_err(|fault| Problem::not_erased(&fault))?;
    Ok(Json(ErasureView { entries }))
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
pub(in crate::api) struct UserPath(UserRef);

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
