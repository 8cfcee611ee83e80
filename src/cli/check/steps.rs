//! What is looked at, one function a subject.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::findings::Findings;
use super::sources;
use crate::app;
use crate::config::Config;
use crate::domain::Target;
use crate::genesys::GenesysClient;
use crate::genesys::survey::{CallError, CatalogueItem};
use crate::genesys::transport::over_http;
use crate::hris::Source;
use crate::journal::{Inspection, JournalError, inspect};
use crate::lifecycle::Lifecycle;

pub(super) fn access(config: &Config, findings: &mut Findings) {
    let (address, keys) = (config.server.listen, config.server.api_keys.len());
    match keys {
        0 => findings.warn(
            "access",
            format_args!("{address}, without keys: everybody on this machine may do everything"),
            "configure server.api_keys before anybody else shall reach it",
        ),
        _ => findings.ok("access", format_args!("{address}, {keys} keys")),
    }
}

pub(super) fn journal(config: &Config, findings: &mut Findings) {
    let path = config.journal.path.display();
    if !config.journal.enabled {
        findings.warn("journal", "off: a restart forgets all jobs", "set journal.enabled = true");
        return;
    }
    match inspect(&config.journal.path) {
        Ok(Inspection::Absent) => findings.ok("journal", format_args!("{path} will be made at the start")),
        Ok(Inspection::InUse) => findings.ok("journal", format_args!("{path} is in use by a running service")),
        Ok(Inspection::Ready { version, known, bytes }) if version < known => findings.warn(
            "journal",
            format_args!("{path}: version {version}, {bytes} bytes; the start brings it to version {known}"),
            "make a backup first: an older skillsync does not read it afterwards",
        ),
        Ok(Inspection::Ready { version, bytes, .. }) => {
            findings.ok("journal", format_args!("{path}: version {version}, {bytes} bytes"));
        }
        Err(error @ JournalError::CannotWrite(_)) => {
            findings.fail("journal", error, "give the service's user a folder that it may write");
        }
        Err(error) => findings.fail("journal", error, "see \"Upgrade and backup\" in docs/OPERATIONS.md"),
    }
}

/// Login, permissions, limits and catalogues; what needs a login is left out without one.
pub(super) async fn genesys(config: &Config, sources: &[Source], findings: &mut Findings) -> Result<()> {
    let lifecycle = Lifecycle::default();
    let (client, tokens) = app::client(config, over_http(&app::transport_settings(config)?)?, &lifecycle)?;
    if let Err(error) = tokens.ensure().await {
        findings.fail("login", error, "see \"Wrong secret\" in docs/OPERATIONS.md");
        return Ok(());
    }
    findings.ok("login", format_args!("worked at {}", config.genesys.login_url()?));
    match client.count_users().await {
        Ok(users) => findings.ok("directory", format_args!("{users} active users")),
        Err(error) => findings.fail("directory", error, "grant the OAuth client directory:user:view"),
    }
    limits(config, &client, findings).await;
    catalogues(config, sources, &client, findings).await;
    let todo = match config.sync.create_missing_skills {
        0 => "make sure of routing:skill:assign for routingSkills; a dry run and one user show the rest",
        _ => {
            "make sure of routing:skill:assign and, for sync.create_missing_skills, routing:skill:manage; a dry run and \
             one user show the rest"
        }
    };
    findings.warn("permissions", "writing was not tried, as a check changes nothing", todo);
    lifecycle.stop(Duration::from_secs(1)).await;
    Ok(())
}

async fn limits(config: &Config, client: &GenesysClient, findings: &mut Findings) {
    const KEY: &str = "client.credentials.token.rate.per.minute";
    let minute = config.genesys.limits.0.iter().filter(|(_, period)| *period >= Duration::from_secs(60));
    let configured = minute.map(|(calls, period)| u64::from(calls.get()) * 60 / period.as_secs()).min();
    let told = match client.org_limits().await {
        Ok(limits) => limits.into_iter().find(|limit| limit.key == KEY).map(|limit| limit.value),
        Err(CallError::NotFound(_)) => None,
        Err(error) => {
            let todo = "harmless: genesys.limits is kept to; the figures are in the org's limits page";
            return findings.warn("limits", format_args!("the org does not tell them ({error})"), todo);
        }
    };
    match (told, configured) {
        (None, _) => findings.warn(
            "limits",
            format_args!("the org does not tell {KEY}"),
            "harmless: genesys.limits is kept to; ask Genesys what is in your contract",
        ),
        (Some(told), Some(ours)) if ours <= told => {
            findings.ok("limits", format_args!("{ours} calls a minute configured, {told} permitted"));
        }
        (Some(told), Some(ours)) => findings.fail(
            "limits",
            format_args!("{ours} calls a minute configured, {told} permitted"),
            "lower genesys.limits, or every full window ends in a 429",
        ),
        (Some(told), None) => findings.warn(
            "limits",
            format_args!("no window of a minute configured, {told} calls a minute permitted"),
            "add a window of 60s to genesys.limits",
        ),
    }
}

async fn catalogues(config: &Config, sources: &[Source], client: &GenesysClient, findings: &mut Findings) {
    let mut known = BTreeSet::new();
    for (target, what) in [(Target::RoutingSkills, "skills"), (Target::WfmSkillGroups, "skill groups")] {
        match client.catalogue(target).await {
            Ok(items) => {
                findings.ok(what, format_args!("{} in the catalogue", items.len()));
                let words: BTreeSet<_> = items.iter().flat_map(words_for).collect();
                sources::rules(sources, target, &words, findings);
                known.extend(words);
            }
            Err(error) => findings.fail(what, error, "grant the OAuth client routing:skill:view"),
        }
    }
    managed(config, &known, findings);
}

fn managed(config: &Config, known: &BTreeSet<String>, findings: &mut Findings) {
    let missing: Vec<_> = config.sync.managed.iter().filter(|name| !known.contains(&name.to_lowercase())).collect();
    match (config.sync.managed.len(), missing.len()) {
        (0, _) => {}
        (all, 0) => findings.ok("managed", format_args!("all {all} names of sync.managed are in a catalogue")),
        (all, _) => findings.warn(
            "managed",
            format_args!("{} of {all} are in no catalogue: {missing:?}", missing.len()),
            "correct the names in sync.managed, or make them in Genesys",
        ),
    }
}

/// A name or an id may stand in the configuration.
fn words_for(item: &CatalogueItem) -> [String; 2] {
    [item.name.to_lowercase(), item.id.to_string()]
}
