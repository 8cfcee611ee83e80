//! `skillsync journal adopt`: shows which org the journal belongs to, and binds it to the configured one.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use crate::app::{self, owner};
use crate::config::Config;
use crate::genesys::transport::over_http;
use crate::journal::{Inspection, Journal as _, OrgIdentity, SqliteJournal, inspect};
use crate::lifecycle::Lifecycle;

/// Maximum time for asking Genesys for the org; Genesys may be down.
const MAX_LOOK_UP_TIME: Duration = Duration::from_secs(30);

pub(super) async fn run(file: Option<&Path>, yes: bool) -> Result<ExitCode> {
    let config = Config::load(file).context("the configuration is invalid")?;
    let path = &config.journal.path;
    match inspect(path)? {
        Inspection::Absent => bail!("there is no journal at {}; the service creates one at its start", path.display()),
        Inspection::InUse => bail!("the journal at {} is in use; stop the service first", path.display()),
        Inspection::Ready { .. } => {}
    }
    let (org, untold) = match asked(&config).await {
        Ok(Some(org)) => (Some(org), None),
        Ok(None) => (None, Some("Genesys does not tell this client which org it belongs to".to_owned())),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    let (journal, recovered) = SqliteJournal::open(path, config.journal.max_bytes)?;
    let configured = OrgIdentity { org, ..owner::configured(&config)? };
    let found = recovered.belongs_to.as_ref();
    println!("journal     {}", path.display());
    println!("belongs to  {}", found.map_or_else(|| "no org yet".to_owned(), OrgIdentity::to_string));
    println!("configured  {configured}");
    println!("it holds    {}", owner::holdings(&recovered));
    let known = found.and_then(|found| found.org);
    let is_another = matches!((known, org), (Some(known), Some(told)) if known != told);
    if is_another {
        println!(
            "These are different orgs. Preferably give the configured org its own journal.path; the open work then stays \
             with the other org. If you bind this journal to the configured org, open entries are carried out there, by the \
             names and keys with which they were submitted, and the user state and the known people of the other org are \
             forgotten."
        );
    } else if found.is_some_and(|found| found.is_reached_like(&configured)) || (known.is_some() && known == org) {
        println!("It is the same org; the service can start.");
        return Ok(ExitCode::SUCCESS);
    } else {
        let why = untold.unwrap_or_else(|| "the journal does not know the id of its org".to_owned());
        println!(
            "Whether these are the same org is unknown ({why}). If they are (a new client, another host), bind the journal \
             to the configured org. If not, give the configured org its own journal.path; otherwise open entries would be \
             carried out in the wrong org."
        );
    }
    if !yes {
        println!("Nothing was changed; --yes binds the journal to the configured org.");
        return Ok(ExitCode::FAILURE);
    }
    let kept = if is_another { org } else { org.or(known) };
    owner::adopt(&journal, &recovered, OrgIdentity { org: kept, ..configured }, is_another).await?;
    journal.flush().await?;
    println!("The journal now belongs to the configured org.");
    Ok(ExitCode::SUCCESS)
}

async fn asked(config: &Config) -> Result<Option<Uuid>> {
    let lifecycle = Lifecycle::default();
    let (client, _) = app::client(config, over_http(&app::transport_settings(config)?)?, &lifecycle)?;
    let told = tokio::time::timeout(MAX_LOOK_UP_TIME, client.own_org()).await;
    lifecycle.stop(Duration::from_secs(1)).await;
    Ok(told.context("Genesys does not answer")??)
}
