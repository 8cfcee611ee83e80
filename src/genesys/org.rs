//! Which org this is: asked before anything else, where what is to be carried out was written down for a certain one.

use serde::Deserialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::GenesysClient;
use super::call::Route;
use super::path::ApiPath;
use crate::domain::job::Lane;
use crate::engine::port::{CallError, CallOptions, UpstreamAnswer};

/// Whether the org is the one that it should be.
#[derive(Debug, Clone)]
pub enum OrgState {
    /// Not asked yet.
    Unknown,
    /// There was no telling answer; it is asked again.
    NotTold(CallError),
    /// It is, or nothing speaks against it.
    Confirmed,
    /// It is another one; why that is thought.
    Refused(&'static str),
}

/// Holds calls back until it is known that they go to the right org; without a state, all may go.
#[derive(Debug, Clone, Default)]
pub struct OrgGuard(Option<watch::Receiver<OrgState>>);

impl OrgGuard {
    pub fn new(state: watch::Receiver<OrgState>) -> Self {
        Self(Some(state))
    }

    /// Waits until the org is known, or cannot be told at the moment: then the call cannot be made now, like any other
    /// without an answer.
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
            Ok(OrgState::Unknown) | Err(_) => Err(CallError::without_answer("the service stops".to_owned())),
        }
    }
}

#[derive(Deserialize)]
struct OwnOrg {
    id: Uuid,
}

impl GenesysClient {
    /// The org that the client is of; `None` where it is not told, also not later.
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

/// Whether Genesys has answered, with something that does not tell.
pub fn was_answered(error: &CallError) -> bool {
    matches!(error, CallError::Unavailable { answer: UpstreamAnswer { status: Some(_), .. }, .. })
}
