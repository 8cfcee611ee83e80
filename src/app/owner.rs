//! Makes sure that the journal belongs to the configured org before anything in it is carried out.
//!
//! Offline, only host and client id are known. If the journal was used with the same ones, it is ours; to be sure, the
//! org is asked for its id before any other call. If it was used with different ones and knows the id of its org, only
//! that id can decide: until then, nothing new is accepted and no other call goes out. Otherwise the start is refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::config::{Config, ConfigError};
use crate::genesys::GenesysClient;
use crate::genesys::org::{OrgState, was_answered};
use crate::hris;
use crate::journal::{Holdings, Journal, JournalError, Memo, OrgIdentity, Recovered};
use crate::lifecycle::Lifecycle;

/// Number of consecutive answers of Genesys without the org's id after which host and client id are trusted.
const MAX_UNIDENTIFIED: u32 = 3;
/// The first and the longest pause between these attempts; pauses double each time.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    AnotherOrg(String),
}

/// The org that the journal belongs to, the configured org, and what the journal holds.
#[derive(Debug, Clone)]
pub struct Ownership {
    /// The org that the journal belongs to.
    pub found: OrgIdentity,
    /// The configured org.
    pub configured: OrgIdentity,
    /// What the journal holds of its org.
    pub holdings: Holdings,
}

/// Returns the configured org, as far as it is known without asking Genesys.
pub fn configured(config: &Config) -> Result<OrgIdentity, ConfigError> {
    let url = config.genesys.api_url()?;
    let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host).trim_end_matches('/').to_ascii_lowercase();
    Ok(OrgIdentity { org: None, api_host: host.into(), client_id: config.genesys.client_id.as_str().into() })
}

/// Returns what a journal holds of its org.
pub fn holdings(recovered: &Recovered) -> Holdings {
    Holdings::of(recovered, hris::speaks_of_people)
}

/// Compares the journal with the configuration at the start. A journal that belongs to no org yet, or holds nothing, is
/// bound to the configured org. Returns an error if the journal may belong to a different org.
pub async fn settle(config: &Config, journal: &dyn Journal, recovered: &mut Recovered) -> Result<(), OwnerError> {
    let (configured, holdings) = (configured(config)?, holdings(recovered));
    match &recovered.belongs_to {
        Some(found) if found.is_reached_like(&configured) => return Ok(()),
        Some(found) if !holdings.is_nothing() && found.org.is_none() => {
            return Err(OwnerError::AnotherOrg(refusal(found, &configured, holdings, "the two may be different orgs")));
        }
        Some(found) if !holdings.is_nothing() => {
            tracing::warn!(journal = %found, %configured, "the journal was used with another host or client; Genesys is asked whether it is the same org");
            return Ok(());
        }
        Some(_) | None => {}
    }
    tracing::info!(org = %configured, "the journal now belongs to this org");
    journal.belong_to(configured.clone(), false).await?;
    recovered.belongs_to = Some(configured);
    Ok(())
}

fn refusal(found: &OrgIdentity, configured: &OrgIdentity, holdings: Holdings, why: &str) -> String {
    format!(
        "the journal belongs to {found}, but {configured} is configured: {why}. It holds {holdings}; nothing of it was \
         carried out. Give a different org its own journal.path; if it is the same org, or the open work is meant for this \
         one, see `skillsync journal adopt`"
    )
}

/// The verdict after Genesys was asked for the org's id.
#[derive(Debug, PartialEq, Eq)]
pub enum OwnerVerdict {
    /// It is the same org; the journal records this identity.
    Ours(OrgIdentity),
    /// It is a different org, or that cannot be ruled out; with the reason.
    NotOurs(&'static str),
}

impl Ownership {
    /// Returns whether host and client id alone do not identify the org as the same.
    fn is_in_doubt(&self) -> bool {
        !self.found.is_reached_like(&self.configured)
    }

    /// Decides by the id that Genesys tells, if it tells one.
    pub fn judge(&self, told: Option<Uuid>) -> OwnerVerdict {
        let ours = |org| OwnerVerdict::Ours(OrgIdentity { org, ..self.configured.clone() });
        match (self.found.org, told) {
            (Some(found), Some(told)) if found != told && !self.holdings.is_nothing() => {
                OwnerVerdict::NotOurs("these are two orgs")
            }
            (_, Some(told)) if self.found.org.is_some() || !self.is_in_doubt() => ours(Some(told)),
            (found, None) if !self.is_in_doubt() => ours(found),
            (_, Some(_)) => OwnerVerdict::NotOurs("the journal does not know the id of its org"),
            (_, None) => OwnerVerdict::NotOurs("Genesys does not tell this client which org it belongs to"),
        }
    }
}

/// Asks for the org until it is known, and reports the state meanwhile.
pub(super) fn confirm(
    client: GenesysClient,
    ownership: Ownership,
    journal: Arc<dyn Journal>,
    state: watch::Sender<OrgState>,
    lifecycle: &Lifecycle,
) {
    if ownership.is_in_doubt() {
        journal.doubt(Some(JournalError::InDoubt));
    }
    let ends = lifecycle.clone();
    lifecycle.keep_running_until_stop("org", move || {
        let (client, ownership, journal) = (client.clone(), ownership.clone(), Arc::clone(&journal));
        let (state, ends) = (state.clone(), ends.clone());
        async move {
            match ask(&client, &ownership, &state).await {
                OwnerVerdict::Ours(org) => {
                    if org != ownership.found {
                        write_down(&*journal, org).await;
                    }
                    journal.doubt(None);
                    state.send_replace(OrgState::Confirmed);
                }
                OwnerVerdict::NotOurs(why) => {
                    let Ownership { found, configured, holdings } = &ownership;
                    tracing::error!("{}", refusal(found, configured, *holdings, why));
                    let told = "the journal does not belong to the configured org; the log has the details";
                    state.send_replace(OrgState::Refused(told));
                    ends.fail(told.to_owned());
                }
            }
        }
    });
}

/// Writes the owner to the journal, retrying until that succeeds. Until then, no other call goes out.
async fn write_down(journal: &dyn Journal, org: OrgIdentity) {
    let mut pause = PAUSES.0;
    while let Err(error) = journal.belong_to(org.clone(), false).await {
        tracing::warn!(%error, "cannot write the owner of the journal; retrying");
        tokio::time::sleep(pause).await;
        pause = PAUSES.1.min(pause * 2);
    }
    tracing::info!(%org, "the journal belongs to this org");
}

async fn ask(client: &GenesysClient, ownership: &Ownership, state: &watch::Sender<OrgState>) -> OwnerVerdict {
    let (mut untold, mut pause) = (0, PAUSES.0);
    loop {
        match client.own_org().await {
            Ok(told) => return ownership.judge(told),
            Err(error) => {
                untold = if was_answered(&error) { untold + 1 } else { 0 };
                if untold >= MAX_UNIDENTIFIED && !ownership.is_in_doubt() {
                    tracing::warn!(%error, "Genesys does not tell the id of the org; trusting host and client id, which match the journal");
                    return ownership.judge(None);
                }
                state.send_replace(OrgState::NotTold(error));
            }
        }
        tokio::time::sleep(pause).await;
        pause = PAUSES.1.min(pause * 2);
    }
}

/// Binds a journal to an org. If `is_another`, also forgets the user state and the known people, because they belong to
/// the previous org.
pub async fn adopt(
    journal: &dyn Journal,
    recovered: &Recovered,
    org: OrgIdentity,
    is_another: bool,
) -> Result<(), JournalError> {
    if is_another {
        let people = recovered.memos.iter().filter(|memo| hris::is_known_person(memo));
        journal.remember(people.map(|memo| Memo { value: None, ..memo.clone() }).collect()).await?;
    }
    journal.belong_to(org, is_another).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(org: Option<u128>, host: &str, client: &str) -> OrgIdentity {
        OrgIdentity { org: org.map(Uuid::from_u128), api_host: host.into(), client_id: client.into() }
    }

    fn judged(found: OrgIdentity, told: Option<u128>, open_entries: usize) -> Result<Option<u128>, &'static str> {
        let holdings = Holdings { open_entries, ..Holdings::default() };
        let ownership = Ownership { found, configured: identity(None, "here", "client"), holdings };
        match ownership.judge(told.map(Uuid::from_u128)) {
            OwnerVerdict::Ours(org) => {
                assert!(org.is_reached_like(&ownership.configured));
                Ok(org.org.map(|org| org.as_u128()))
            }
            OwnerVerdict::NotOurs(why) => Err(why),
        }
    }

    #[test]
    fn the_id_of_the_org_decides_and_without_it_host_and_client() {
        let here = |org| identity(org, "here", "client");
        assert_eq!(judged(here(None), Some(1), 1), Ok(Some(1)), "it is learnt");
        assert_eq!(judged(here(Some(1)), None, 1), Ok(Some(1)), "and kept where it is not told any more");
        assert_eq!(judged(here(None), None, 1), Ok(None));
        for elsewhere in [identity(Some(1), "there", "client"), identity(Some(1), "here", "rotated")] {
            assert_eq!(judged(elsewhere.clone(), Some(1), 1), Ok(Some(1)));
            assert!(judged(elsewhere.clone(), Some(2), 1).is_err());
            assert!(judged(elsewhere, None, 1).is_err());
        }
        assert!(judged(here(Some(1)), Some(2), 1).is_err(), "also at the same host");
        assert_eq!(judged(here(Some(1)), Some(2), 0), Ok(Some(2)), "who has nothing to lose may change");
    }
}
