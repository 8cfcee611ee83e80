//! Determines the readiness of the service from logins, from the owner of the journal, and from the state of the
//! journal.

use std::sync::Arc;

use tokio::sync::watch;

use crate::api::Readiness;
use crate::genesys::login::{LoginStatus, TokenSource};
use crate::genesys::org::OrgState;
use crate::journal::{Journal, JournalError};
use crate::lifecycle::Lifecycle;

/// Logs in, retrying until that succeeds, and updates the readiness whenever one of its inputs changes.
pub(super) fn follow(
    tokens: Arc<TokenSource>,
    org: Option<watch::Receiver<OrgState>>,
    journal: &dyn Journal,
    lifecycle: &Lifecycle,
) -> watch::Receiver<Readiness> {
    let (readiness, receiver) = watch::channel(Readiness::Starting);
    let org = org.unwrap_or_else(|| watch::channel(OrgState::Confirmed).1);
    let trouble = journal.trouble();
    lifecycle.keep_running_until_stop("logins", move || {
        let (tokens, readiness, mut org, mut trouble) =
            (Arc::clone(&tokens), readiness.clone(), org.clone(), trouble.clone());
        async move {
            let mut logins = tokens.status();
            let first = async {
                while tokens.ensure().await.is_err() {}
                std::future::pending::<()>().await;
            };
            let follow = async {
                loop {
                    let now = judged(
                        &logins.borrow_and_update(),
                        &org.borrow_and_update(),
                        trouble.borrow_and_update().as_ref(),
                    );
                    readiness.send_replace(now);
                    tokio::select! {
                        () = changed(&mut logins) => {}
                        () = changed(&mut org) => {}
                        () = changed(&mut trouble) => {}
                    }
                }
            };
            tokio::join!(first, follow);
        }
    });
    receiver
}

/// Waits for a change; waits forever if the sender is gone.
async fn changed<T>(state: &mut watch::Receiver<T>) {
    if state.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn judged(logins: &LoginStatus, org: &OrgState, trouble: Option<&JournalError>) -> Readiness {
    if let Some(error) = trouble {
        return Readiness::NotReady { detail: error.to_string() };
    }
    match (logins, org) {
        (LoginStatus::Failed(error), _) => Readiness::NotReady { detail: error.to_string() },
        (LoginStatus::LoggedIn, OrgState::Confirmed) => Readiness::Ready,
        (_, OrgState::Refused(why)) => Readiness::NotReady { detail: (*why).to_owned() },
        (LoginStatus::LoggedIn, OrgState::NotTold(error)) => {
            Readiness::NotReady { detail: format!("Genesys does not tell which org this is ({error})") }
        }
        (LoginStatus::NotTried, _) | (LoginStatus::LoggedIn, OrgState::Unknown) => Readiness::Starting,
    }
}
