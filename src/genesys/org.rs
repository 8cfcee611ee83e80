//! Identifies the org before any other call, if the journal was written for a particular one.

use serde::Deserialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::GenesysClient;
use super::call::Route;
use super::path::ApiPath;
use crate::domain::job::Lane;
use crate::engine::port::{CallError, CallOptions, UpstreamAnswer};

/// Whether the org is the expected one.
#[derive(Debug, Clone)]
pub enum OrgState {
    /// Not asked yet.
    Unknown,
    /// There was no conclusive answer; the question is repeated.
    NotTold(CallError),
    /// The org is the expected one, or nothing indicates otherwise.
    Confirmed,
    /// The org is a different one, with the reason for that conclusion.
    Refused(&'static str),
}

/// Holds calls back until they are known to go to the right org; without a state, all calls pass.
#[derive(Debug, Clone, Default)]
pub struct OrgGuard(Option<watch::Receiver<OrgState>>);

impl OrgGuard {
    /// Creates a guard that passes calls once `state` confirms the org.
    pub fn new(state: watch::Receiver<OrgState>) -> Self {
        Self(Some(state))
    }

    /// Waits until the org is known. Fails like a call without an answer if it is a different org or cannot be
    /// determined now.
    pub(super) async fn pass(&self) -> Result<(), CallError> {
        let Some(state) = &self.0 else { return Ok(()) };
        if matches!(*state.borrow(), OrgState::Confirmed) {
            return Ok(());
        }
        let mut state = state.clone();
        let known = state.wait_for(|state| !matches!(state, OrgState::Unknown)).await;
        match known.as_deref() {
            Ok(OrgState::Confirmed) => Ok(()),
            Ok(OrgState::NotTold(error)) => Err(error.clone()),
            Ok(OrgState::Refused(why)) => Err(CallError::without_answer((*why).to_owned())),
            Ok(OrgState::Unknown) | Err(_) => Err(CallError::without_answer("the service is stopping".to_owned())),
        }
    }
}

#[derive(Deserialize)]
struct OwnOrg {
    id: Uuid,
}

impl GenesysClient {
    /// Returns the org of the client; `None` if Genesys does not reveal it and will not do so later.
    pub async fn own_org(&self) -> Result<Option<Uuid>, CallError> {
        let options = CallOptions::new(Lane::Interactive);
        match self.get::<OwnOrg>(&options, Route::Org, ApiPath::new("/api/v2/organizations/me")).await {
            Ok(org) => Ok(Some(org.id)),
            Err(
                CallError::Forbidden(_)
                | CallError::NotFound(_)
                | CallError::Rejected(_)
                | CallError::TargetUnavailable(_)
                | CallError::Conflict(_),
            ) => Ok(None),
            Err(error @ (CallError::Unavailable { .. } | CallError::Uncertain(_))) => Err(error),
        }
    }
}

/// Returns whether Genesys answered, but without a conclusive result.
pub fn was_answered(error: &CallError) -> bool {
    matches!(error, CallError::Unavailable { answer: UpstreamAnswer { status: Some(_), .. }, .. })
}
