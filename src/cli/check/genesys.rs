//! Checks access to Genesys: login, directory, limits, catalogues, and each target on one active user. Changes nothing:
//! writes are tried with a request that adds nothing or that Genesys has to refuse.

use std::fmt::Display;
use std::time::Duration;

use anyhow::Result;

use super::findings::Findings;
use super::names::problem;
use super::sources;
use crate::app;
use crate::config::Config;
use crate::domain::Target;
use crate::domain::entry::AssignmentName;
use crate::domain::name_index::NameIndex;
use crate::domain::text::quoted;
use crate::domain::user::DirectoryUser;
use crate::genesys::GenesysClient;
use crate::genesys::diagnostics::{CallError, CatalogueItem, CatalogueListing, Tried};
use crate::genesys::transport::over_http;
use crate::hris::Source;
use crate::journal::OrgIdentity;
use crate::lifecycle::Lifecycle;

/// Maximum time of one look-up. Guards against endless listings and answers that ask for a wait of days.
const MAX_LOOK_UP_TIME: Duration = Duration::from_secs(30);

/// The check of one org.
struct Survey<'a> {
    config: &'a Config,
    sources: &'a [Source],
    client: GenesysClient,
    findings: &'a mut Findings,
}

/// Runs all checks that need a login. Without a successful login, reports that and skips the rest.
pub(super) async fn survey(
    config: &Config,
    sources: &[Source],
    user: Option<&str>,
    journal: Option<&OrgIdentity>,
    findings: &mut Findings,
) -> Result<()> {
    let lifecycle = Lifecycle::default();
    let (client, tokens) = app::client(config, over_http(&app::transport_settings(config)?)?, &lifecycle)?;
    match tokio::time::timeout(MAX_LOOK_UP_TIME, tokens.ensure()).await {
        Ok(Ok(())) => findings.ok("login", format_args!("worked at {}", config.genesys.login_url()?)),
        Ok(Err(error)) => {
            findings.fail("login", error, "see \"Wrong secret\" in docs/OPERATIONS.md");
            return Ok(());
        }
        Err(_) => {
            let found = format!("no answer from {} within {MAX_LOOK_UP_TIME:?}", config.genesys.login_url()?);
            findings.fail("login", found, "check genesys.region and the network");
            return Ok(());
        }
    }
    let mut survey = Survey { config, sources, client, findings };
    survey.org(journal).await;
    let sample = survey.directory().await;
    survey.employee_ids(sample.as_ref()).await;
    survey.limits().await;
    survey.catalogues().await;
    survey.routing_skills(sample.as_ref()).await;
    survey.skill_groups(sample.as_ref()).await;
    if let Some(name) = user {
        survey.named_user(name).await;
    }
    lifecycle.stop(Duration::from_secs(1)).await;
    Ok(())
}

impl Survey<'_> {
    /// Checks which org this is, and whether the journal belongs to the same one.
    async fn org(&mut self, journal: Option<&OrgIdentity>) {
        match (look(self.client.own_org()).await, journal.and_then(|owner| owner.org)) {
            (Ok(Some(told)), Some(known)) if told != known => self.findings.fail(
                "org",
                format_args!("this is org {told}, and the journal belongs to org {known}"),
                "give the other org its own journal.path; to bind the journal to this org, see `skillsync journal adopt`",
            ),
            (Ok(Some(told)), _) => self.findings.ok("org", told),
            (Ok(None), _) => {
                self.findings.ok("org", "Genesys does not tell it to this client; host and client id identify the owner of the journal");
            }
            (Err(error), _) => self.fail("org", &error, "check genesys.region or genesys.api_url"),
        }
    }

    /// Checks the directory, and returns an active user on whom to try the targets.
    async fn directory(&mut self) -> Option<DirectoryUser> {
        match look(self.client.sample_users()).await {
            Ok(sample) if sample.users.is_empty() => {
                let found = "this OAuth client can see no active user";
                self.findings.fail("directory", found, "add the divisions of the synced users to the client's role");
                None
            }
            Ok(sample) => {
                match sample.total {
                    Some(total) => self.findings.ok("directory", format_args!("{total} active users")),
                    None => self.findings.ok("directory", "active users are listed; their number is unknown"),
                }
                let with_id = sample.users.iter().find(|user| user.employee_id.is_some()).cloned();
                with_id.or_else(|| sample.users.into_iter().next())
            }
            Err(error) => {
                self.fail("directory", &error, "grant the OAuth client directory:user:view");
                None
            }
        }
    }

    /// Checks whether employee ids can be looked up individually.
    async fn employee_ids(&mut self, sample: Option<&DirectoryUser>) {
        let Some(id) = sample.and_then(|user| user.employee_id.as_deref()) else { return };
        match look(self.client.by_employee_id(id)).await {
            Ok(found) if found.iter().any(|user| sample.is_some_and(|sample| sample.id == user.id)) => {
                self.findings.ok("employee ids", "are looked up through the SCIM API");
            }
            Ok(_) => self.findings.warn(
                "employee ids",
                "the SCIM API does not find a user whom the directory lists",
                "harmless: skillsync uses listings instead, with more calls",
            ),
            Err(error) => self.findings.warn(
                "employee ids",
                format_args!("cannot be looked up through the SCIM API ({error})"),
                "harmless: skillsync uses listings instead, with more calls; permit the OAuth client the SCIM API to save them",
            ),
        }
    }

    async fn limits(&mut self) {
        const KEY: &str = "client.credentials.token.rate.per.minute";
        let minute = self.config.genesys.limits.0.iter().filter(|(_, period)| *period >= Duration::from_secs(60));
        let configured = minute.map(|(calls, period)| u64::from(calls.get()) * 60 / period.as_secs()).min();
        let told = match look(self.client.org_limits()).await {
            Ok(limits) => limits.into_iter().find(|limit| limit.key == KEY).map(|limit| limit.value),
            Err(CallError::NotFound(_)) => None,
            Err(error) => {
                let todo = "harmless: skillsync keeps to genesys.limits; grant limits:organization:view to compare it with the org";
                return self.findings.warn(
                    "limits",
                    format_args!("the limits of the org cannot be read ({error})"),
                    todo,
                );
            }
        };
        match (told, configured) {
            (None, _) => self.findings.warn(
                "limits",
                format_args!("the limits of the org do not include {KEY}"),
                "harmless: skillsync keeps to genesys.limits; ask Genesys for the limits in your contract",
            ),
            (Some(told), Some(ours)) if ours <= told => {
                self.findings.ok("limits", format_args!("{ours} calls per minute configured, {told} permitted"));
            }
            (Some(told), Some(ours)) => self.findings.fail(
                "limits",
                format_args!("{ours} calls per minute configured, {told} permitted"),
                "lower genesys.limits; otherwise every full window ends in a 429",
            ),
            (Some(told), None) => self.findings.warn(
                "limits",
                format_args!("no window of a minute configured, {told} calls per minute permitted"),
                "add a window of 60s to genesys.limits",
            ),
        }
    }

    async fn catalogues(&mut self) {
        let mut known = Vec::new();
        let permissions =
            ["grant the OAuth client routing:skill:view", "grant the OAuth client routing:skillGroup:view"];
        let targets = [(Target::RoutingSkills, "skills"), (Target::WfmSkillGroups, "skill groups")];
        for ((target, what), permission) in targets.into_iter().zip(permissions) {
            match look(self.client.catalogue(target)).await {
                Ok(CatalogueListing { items, extent }) => {
                    match extent.total.filter(|_| !extent.complete) {
                        None => self.findings.ok(what, format_args!("{} in the catalogue", items.len())),
                        Some(total) => self.findings.warn(
                            what,
                            format_args!("the catalogue shows {} of {total}", extent.shown),
                            "run the check again; if this persists, ask Genesys support: names that are not shown cannot be assigned",
                        ),
                    }
                    if target == Target::RoutingSkills && self.config.sync.create_missing_skills > 0 {
                        self.creating(items.first()).await;
                    }
                    let names = NameIndex::new(items);
                    sources::rules(self.sources, target, &names, self.findings);
                    known.push(names);
                }
                Err(error) if target == Target::RoutingSkills => self.fail(what, &error, permission),
                Err(error) => self.is_no_use(what, target, &error, todo(&error, permission)),
            }
        }
        managed(self.config, &known, self.findings);
    }

    /// Checks whether skills may be created, by trying to create one with an existing name. Genesys answers that the
    /// name is taken only if the client has the permission.
    async fn creating(&mut self, known: Option<&CatalogueItem>) {
        let Some(CatalogueItem { name, .. }) = known else {
            let todo = "make sure that the OAuth client has routing:skill:manage or routing:skill:create";
            return self.findings.warn("new skills", "creating was not tried, because there is no skill yet", todo);
        };
        match look(self.client.try_creating(name)).await {
            Ok(Tried::Permitted) => self.findings.ok("new skills", "can be created"),
            Err(error) => {
                let todo = "grant the OAuth client routing:skill:manage or routing:skill:create, or set \
                            sync.create_missing_skills = 0";
                self.fail("new skills", &error, todo);
            }
        }
    }

    async fn routing_skills(&mut self, sample: Option<&DirectoryUser>) {
        let (what, target) = (Target::RoutingSkills.name(), Target::RoutingSkills);
        let Some(user) = sample else { return };
        if let Err(error) = look(self.client.read_target(target, user.id)).await {
            return self.target_fails(target, &error, "grant the OAuth client routing:skill:view");
        }
        match look(self.client.try_adding_nothing(user.id)).await {
            Ok(Tried::Permitted) => self.findings.ok(what, "one user's skills were read, and may be changed"),
            Err(error) => self.target_fails(target, &error, "grant the OAuth client routing:skill:assign"),
        }
    }

    /// Checks the partner's endpoint for skill groups. Only reads, because any write would create a new version.
    async fn skill_groups(&mut self, sample: Option<&DirectoryUser>) {
        let target = Target::WfmSkillGroups;
        let Some(user) = sample else { return };
        let todo = "check genesys.wfm_path, and ask the partner whose endpoint it is whether this org has it; or use the \
                    target routingSkills, which every org has";
        match look(self.client.read_target(target, user.id)).await {
            Ok(observed) if observed.version.is_none() && observed.tag.is_none() => {
                if self.config.genesys.unversioned_writes {
                    let todo = "changes by others between a read and a write are lost, because genesys.unversioned_writes permits it";
                    return self.findings.warn(target.name(), "its answers have neither a version nor an ETag", todo);
                }
                let error = "its answers have neither a version nor an ETag, so nothing is written";
                self.is_no_use(
                    target.name(),
                    target,
                    error,
                    "set genesys.unversioned_writes = true to permit such writes",
                );
            }
            Ok(_) => self.findings.ok(target.name(), "one user's groups were read, with their version"),
            Err(error) => self.target_fails(target, &error, todo),
        }
    }

    /// Checks whether the user given on the command line can be found.
    async fn named_user(&mut self, name: &str) {
        match look(self.client.find_named(name)).await {
            Ok(found) if found.is_empty() => self.findings.fail(
                "user",
                format_args!("no user visible to this OAuth client has exactly {}", quoted(name)),
                "correct it, create the user, or add the user's division to the client's role",
            ),
            Ok(found) => {
                let states: Vec<_> = found.iter().map(|u| if u.active { "active" } else { "inactive" }).collect();
                self.findings.ok("user", format_args!("{} found, {}", found.len(), states.join(", ")));
            }
            Err(error @ CallError::Forbidden(_)) => self.findings.fail(
                "user",
                error,
                "give the e-mail address or id of the user; if these are refused too, grant the OAuth client directory:user:view",
            ),
            Err(error) => self.fail("user", &error, "grant the OAuth client directory:user:view"),
        }
    }

    fn target_fails(&mut self, target: Target, error: &CallError, permission: &'static str) {
        self.is_no_use(target.name(), target, error, todo(error, permission));
    }

    /// Reports that a target does not work: as a failure if a source uses it, or if it is `routingSkills`, which every
    /// org has, and there are no sources.
    fn is_no_use(&mut self, what: &'static str, target: Target, found: impl Display, todo: &'static str) {
        let used = self.sources.iter().any(|source| source.target == target);
        if used || (target == Target::RoutingSkills && self.sources.is_empty()) {
            self.findings.fail(what, found, todo);
        } else {
            let name = target.name();
            self.findings.warn(what, format_args!("no source uses {name}, but jobs for it would fail: {found}"), todo);
        }
    }

    fn fail(&mut self, what: &'static str, error: &CallError, permission: &'static str) {
        self.findings.fail(what, error, todo(error, permission));
    }
}

/// Returns what to do about a failed call; `permission` is the advice if Genesys forbids the call.
fn todo(error: &CallError, permission: &'static str) -> &'static str {
    match error {
        CallError::Forbidden(_) => permission,
        CallError::NotFound(_) | CallError::TargetUnavailable(_) if permission.starts_with("check ") => permission,
        CallError::NotFound(_) | CallError::TargetUnavailable(_) => {
            "check genesys.region or genesys.api_url: this host does not know the path"
        }
        CallError::Unavailable { answer, .. } if answer.status.is_some_and(|status| (200..300).contains(&status)) => {
            "this is not an answer of the Genesys API: look for a proxy or portal in between, otherwise report this line"
        }
        CallError::Unavailable { answer, .. } if answer.status == Some(429) => {
            "other programs use up the limit of this OAuth client: wait for the time given, then run the check again"
        }
        CallError::Unavailable { answer, .. } if answer.is_of_something_between() => {
            "look for a proxy, firewall, portal or maintenance page between this machine and Genesys"
        }
        CallError::Unavailable { .. } => "check the network and genesys.region, then run the check again",
        CallError::Rejected(_) | CallError::Conflict(_) | CallError::Uncertain(_) => {
            "run the check again; if this persists, report this line"
        }
    }
}

/// Awaits a call for at most [`MAX_LOOK_UP_TIME`].
async fn look<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    let late = || CallError::without_answer(format!("not read within {MAX_LOOK_UP_TIME:?}"));
    tokio::time::timeout(MAX_LOOK_UP_TIME, call).await.unwrap_or_else(|_| Err(late()))
}

fn managed(config: &Config, known: &[NameIndex], findings: &mut Findings) {
    let known: Vec<_> = known.iter().collect();
    let problems: Vec<_> =
        config.sync.managed.iter().filter_map(|name| problem(&AssignmentName::from(name.as_str()), &known)).collect();
    match (config.sync.managed.len(), problems.len()) {
        (0, _) => {}
        (all, 0) => findings.ok("managed", format_args!("all {all} names in sync.managed are in a catalogue")),
        (all, _) => findings.warn(
            "managed",
            format_args!("{} of {all} names match no skill or group: {}", problems.len(), problems.join(", ")),
            "correct the names in sync.managed, or create them in Genesys",
        ),
    }
}
