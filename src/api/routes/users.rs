//! `/v1/users/{userRef}`: reads and erases what skillsync knows about a user.

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

/// What skillsync knows about a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UserView {
    /// The Genesys user id.
    id: Uuid,
    /// The owned assignments (made by skillsync itself), by target.
    owned: Vec<OwnedView>,
    /// The latest entries for the user, newest first, at most 20.
    entries: Vec<UserEntryView>,
}

/// The owned assignments of one target.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct OwnedView {
    target: SyncTarget,
    assignments: Vec<AssignmentView>,
}

/// An entry for the user, with its job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UserEntryView {
    job_id: Uuid,
    target: SyncTarget,
    /// The party on whose behalf the job assigns; absent in jobs accepted before owners were recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "hr")]
    owner: Option<Box<str>>,
    entry: SyncJobEntryView,
}

/// Read what skillsync knows about a user
///
/// Returns the latest entries for the user with their outcomes, and the assignments that skillsync owns. Only users
/// whom a job has named since the service started are known.
#[utoipa::path(
    get,
    path = "/v1/users/{userRef}",
    operation_id = "getUser",
    tag = "users",
    params(("userRef" = String, Path, description = "The Genesys user id, an e-mail address, an external id as \
        `authority:key`, or otherwise an employee id. Except for the user id, only references by which a job named the user.")),
    responses(
        (status = 200, description = "The user.", body = UserView),
        (status = 404, description = "No job has named this user since the service started.", body = ProblemView, content_type = MEDIA_TYPE),
    ),
)]
pub(in crate::api) async fn get_user(
    State(api): State<Arc<ApiContext>>,
    user: UserPath,
) -> Result<Json<UserView>, Problem> {
    let known = api.engine.user(&user.0).ok_or_else(Problem::user_not_known)?;
    Ok(Json(UserView::of(known, &api.engine)))
}

/// The result of an erasure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ErasureView {
    /// The number of entries from which the person was erased by this request.
    #[schema(example = 3)]
    entries: usize,
}

/// Erase a person
///
/// Erases the person from the entries of all jobs, from the user state and from the people named by HR systems, in
/// memory and in every file of the journal. This covers everything known to be about the same user, by whichever
/// reference. The entries keep their positions, states and reasons, and are marked `erased`. skillsync no longer owns
/// the assignments of the user, so `managed` leaves them alone. Nothing is changed in Genesys. Earlier backups and
/// exports still contain the person, and a source or caller that names the person again makes them known again.
///
/// Safe to repeat; after a 503, repeat it as `detail` says. Requires the role `admin`.
#[utoipa::path(
    delete,
    path = "/v1/users/{userRef}",
    operation_id = "eraseUser",
    tag = "users",
    params(("userRef" = String, Path, description = "The Genesys user id, an e-mail address, an external id as \
        `authority:key`, or otherwise an employee id.")),
    responses(
        (status = 200, description = "Nothing about the person is stored any more, or nothing was.", body = ErasureView),
        (status = 404, description = "The reference cannot name a user.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 409, description = "Entries of the person have not ended, a record of the person is still to be read, or the \
            reference has named several users.", body = ProblemView, content_type = MEDIA_TYPE),
        (status = 503, description = "The journal cannot be written, Genesys cannot be asked whom the reference names, or another \
            process reads the journal, so that its files still contain what was erased. Try again.", body = ProblemView, content_type = MEDIA_TYPE),
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
        let owned = user.owned.into_iter().map(|(target, owned)| {
            let names = engine.names(target);
            let view = |id| AssignmentView::of(id, None, &names).held_by(owned.owners_of(id));
            OwnedView { target: target.into(), assignments: owned.ids().into_iter().map(view).collect() }
        });
        let entries = user.entries.into_iter().map(|(job, spec, entry)| {
            let names = engine.names(spec.target);
            UserEntryView {
                job_id: job.0,
                target: spec.target.into(),
                owner: spec.owner.map(|owner| owner.name().into()),
                entry: SyncJobEntryView::of(entry, &names),
            }
        });
        Self { id: user.user.0, owned: owned.collect(), entries: entries.collect() }
    }
}

/// The user reference of the path. A path segment that cannot be decoded is answered as an unknown user.
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
