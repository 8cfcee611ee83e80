//! `Idempotency-Key`: accepts a repeated submission once.
//!
//! A caller who lost the answer to a submission sends it again with the same key and receives the same job. The key is
//! reserved before the body is read, so that only one of several concurrent requests creates a job, and stored in the
//! journal with the job, so that it survives a restart.

use std::time::Duration;

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::api::callers::caller::Caller;
use crate::api::context::ApiContext;
use crate::api::shapes::faults::Faults;
use crate::api::shapes::problem::Problem;
use crate::api::shapes::query;
use crate::api::shapes::rules::MAX_IDEMPOTENCY_KEY_LENGTH;
use crate::api::shapes::schemas;
use crate::domain::JobId;
use crate::domain::acceptance::{Fingerprint, KeySpace};
use crate::engine::{Claim, Engine, IdempotencyContext, JobSnapshot, Reservation, TooManyKeys};

/// The header that carries the key.
pub(in crate::api) const HEADER: &str = "idempotency-key";

/// What a request with (or without) an idempotency key has to do.
pub(in crate::api) enum KeyTurn {
    /// Create a job, under the key if there is one.
    New(Option<Reservation>),
    /// Return the job that was created under the key before.
    Again(Fingerprint, JobId),
}

impl KeyTurn {
    /// Claims the key of a request, if it has one. Returns an error at once if another request with the key is still
    /// being accepted; waiting for it could deadlock a caller who has not finished sending that request's body.
    pub(in crate::api) fn of(engine: &Engine, caller: &Caller, headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(key) = key_of(headers)? else { return Ok(Self::New(None)) };
        match engine.claim(&KeySpace::of_caller(caller.name()), key) {
            Ok(Claim::Reserved(reservation)) => Ok(Self::New(Some(reservation))),
            Ok(Claim::Accepted(fingerprint, job)) => Ok(Self::Again(fingerprint, job)),
            Ok(Claim::Accepting(_)) => Err(Problem::still_accepting()),
            Err(TooManyKeys { kept }) => {
                let detail = format!(
                    "{kept} idempotency keys of this caller from the last 24 hours are stored, which is the maximum; send \
                     the request without a key, or later"
                );
                Err(Problem::full(detail, Duration::from_secs(600)))
            }
        }
    }

    /// Claims the key of a request without a body, whose fingerprint is that of `path`. Returns an error if the key was
    /// used with another request.
    pub(in crate::api) fn of_path(
        api: &ApiContext,
        caller: &Caller,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<PathTurn, Problem> {
        let fingerprint: Fingerprint = Sha256::digest(path).into();
        match Self::of(&api.engine, caller, headers)? {
            Self::New(reservation) => {
                Ok(PathTurn::New(reservation.map(|reservation| IdempotencyContext { reservation, fingerprint })))
            }
            Self::Again(before, job) => {
                same_job(api, job, before == fingerprint).map(|job| PathTurn::Again(Box::new(job)))
            }
        }
    }
}

/// [`KeyTurn`] of a request without a body, whose fingerprint is known at once.
pub(in crate::api) enum PathTurn {
    New(Option<IdempotencyContext>),
    Again(Box<JobSnapshot>),
}

/// Returns the job of a key, or an error if the key was used with another request (`same` is false).
pub(in crate::api) fn same_job(api: &ApiContext, job: JobId, same: bool) -> Result<JobSnapshot, Problem> {
    api.engine.job(job).filter(|_| same).ok_or_else(Problem::key_reused)
}

/// The header, described for the OpenAPI document.
pub(in crate::api) struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let what = "The caller's own key for this request. Requests repeated with the same key are carried out once.";
        vec![query::header("Idempotency-Key", what, schemas::idempotency_key())]
    }
}

/// Returns the key of a request, or an error if it is malformed or given more than once.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let text = first.to_str().unwrap_or_default();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if given.next().is_some() || text.is_empty() || !visible || text.len() > MAX_IDEMPOTENCY_KEY_LENGTH {
        let mut faults = Faults::default();
        let detail =
            format_args!("must be given once, with 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters");
        faults.add_parameter("Idempotency-Key", detail);
        return Err(Problem::invalid(faults));
    }
    Ok(Some(text))
}
