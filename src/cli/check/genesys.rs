//! What works at Genesys: login, directory, limits, catalogues, and each target on one active user. Nothing is changed: what
//! writes is tried with a request that adds nothing, or that Genesys has to refuse.

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

/// A look that takes longer is left: a listing without end, or an answer that asks for a wait of days.
const MAX_LOOK_UP_TIME: Duration = Duration::from_secs(30);

/// The check of one org.
struct Survey<'a> {
    config: &'a Config,
    sources: &'a [Source],
    client: GenesysClient,
    findings: &'a mut Findings,
}

/// Everything that needs a login; it is left out without one.
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
            let found = format!("no answer of {} within {MAX_LOOK_UP_TIME:?}", config.genesys.login_url()?);
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
    /// Which org this is, and whether the journal is of the same.
    async fn org(&mut self, journal: Option<&OrgIdentity>) {
        match (look(self.client.own_org()).await, journal.and_then(|owner| owner.org)) {
            (Ok(Some(told)), Some(known)) if told != known => self.findings.fail(
                "org",
                format_args!("this is org {told}, and the journal belongs to org {known}"),
                "give another org a journal.path of its own; to move the journal to it, see `skillsync journal adopt`",
            ),
            (Ok(Some(told)), _) => self.findings.ok("org", told),
            (Ok(None), _) => {
                self.findings.ok("org", "is not told to this client; host and client id tell whose the journal is");
            }
            (Err(error), _) => self.fail("org", &error, "check genesys.region or genesys.api_url"),
        }
    }

    /// One active user to try the targets on.
    async fn directory(&mut self) -> Option<DirectoryUser> {
        match look(self.client.sample_users()).await {
            Ok(sample) if sample.users.is_empty() => {
                let found = "no active user is shown to this OAuth client";
                self.findings.fail("directory", found, "give the client's role the divisions whose users are synced");
                None
            }
            Ok(sample) => {
                match sample.total {
                    Some(total) => self.findings.ok("directory", format_args!("{total} active users")),
                    None => self.findings.ok("directory", "active users are listed; how many there are is not told"),
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

    /// Whether employee ids can be looked up one by one.
    async fn employee_ids(&mut self, sample: Option<&DirectoryUser>) {
        let Some(id) = sample.and_then(|user| user.employee_id.as_deref()) else { return };
        match look(self.client.by_employee_id(id)).await {
            Ok(found) if found.iter().any(|user| sample.is_some_and(|sample| sample.id == user.id)) => {
                self.findings.ok("employee ids", "are looked up through the SCIM API");
            }
            Ok(_) => self.findings.warn(
                "employee ids",
                "the SCIM API does not find a user whom the directory lists",
                "harmless: listings serve instead, with more calls",
            ),
            Err(error) => self.findings.warn(
                "employee ids",
                format_args!("cannot be looked up through the SCIM API ({error})"),
                "harmless: listings serve instead, with more calls; permit the OAuth client the SCIM API for fewer",
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
                let todo = "harmless: genesys.limits is kept to; grant limits:organization:view to have it compared";
                return self.findings.warn("limits", format_args!("the org does not tell them ({error})"), todo);
            }
        };
        match (told, configured) {
            (None, _) => self.findings.warn(
                "limits",
                format_args!("the org does not tell {KEY}"),
                "harmless: genesys.limits is kept to; ask Genesys what is in your contract",
            ),
            (Some(told), Some(ours)) if ours <= told => {
                self.findings.ok("limits", format_args!("{ours} calls a minute configured, {told} permitted"));
            }
            (Some(told), Some(ours)) => self.findings.fail(
                "limits",
                format_args!("{ours} calls a minute configured, {told} permitted"),
                "lower genesys.limits, or every full window ends in a 429",
            ),
            (Some(told), None) => self.findings.warn(
                "limits",
                format_args!("no window of a minute configured, {told} calls a minute permitted"),
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
                            "run the check again; if it stays so, ask Genesys support: names that are not shown cannot be assigned",
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

    /// A skill of a name that there is cannot be created: who may create skills is told so, and nobody else.
    async fn creating(&mut self, known: Option<&CatalogueItem>) {
        let Some(CatalogueItem { name, .. }) = known else {
            let todo = "make sure of routing:skill:manage or routing:skill:create";
            return self.findings.warn("new skills", "creating was not tried, as there is no skill yet", todo);
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

    /// The partner's endpoint. A write cannot be tried without making a new version.
    async fn skill_groups(&mut self, sample: Option<&DirectoryUser>) {
        let target = Target::WfmSkillGroups;
        let Some(user) = sample else { return };
        let todo = "check genesys.wfm_path, and with the partner whose endpoint it is whether this org has it; or use the \
                    target routingSkills, which every org has";
        match look(self.client.read_target(target, user.id)).await {
            Ok(observed) if observed.version.is_none() && observed.tag.is_none() => {
                if self.config.genesys.unversioned_writes {
                    let todo =
                        "changes of others between a read and a write are lost, as genesys.unversioned_writes permits";
                    return self.findings.warn(target.name(), "its answers have neither a version nor an ETag", todo);
                }
                let error = "its answers have neither a version nor an ETag, so that nothing is written";
                self.is_no_use(target.name(), target, error, "genesys.unversioned_writes = true permits it");
            }
            Ok(_) => self.findings.ok(target.name(), "one user's groups were read, with their version"),
            Err(error) => self.target_fails(target, &error, todo),
        }
    }

    /// A user that somebody looks for.
    async fn named_user(&mut self, name: &str) {
        match look(self.client.find_named(name)).await {
            Ok(found) if found.is_empty() => self.findings.fail(
                "user",
                format_args!("nobody whom this OAuth client may see has exactly {}", quoted(name)),
                "correct it, create the user, or give the client's role the user's division",
            ),
            Ok(found) => {
                let states: Vec<_> = found.iter().map(|u| if u.active { "active" } else { "inactive" }).collect();
                self.findings.ok("user", format_args!("{} found, {}", found.len(), states.join(", ")));
            }
            Err(error @ CallError::Forbidden(_)) => self.findings.fail(
                "user",
                error,
                "name the user by e-mail address or id; if these are refused too, grant the OAuth client directory:user:view",
            ),
            Err(error) => self.fail("user", &error, "grant the OAuth client directory:user:view"),
        }
    }

    fn target_fails(&mut self, target: Target, error: &CallError, permission: &'static str) {
        self.is_no_use(target.name(), target, error, todo(error, permission));
    }

    /// A failure if a source uses the target, or if it is the one that everybody can use.
    fn is_no_use(&mut self, what: &'static str, target: Target, found: impl Display, todo: &'static str) {
        let used = self.sources.iter().any(|source| source.target == target);
        if used || (target == Target::RoutingSkills && self.sources.is_empty()) {
            self.findings.fail(what, found, todo);
        } else {
            let name = target.name();
            self.findings.warn(what, format_args!("no source uses {name}, and jobs for it would fail: {found}"), todo);
        }
    }

    fn fail(&mut self, what: &'static str, error: &CallError, permission: &'static str) {
        self.findings.fail(what, error, todo(error, permission));
    }
}

/// What to do about a call that failed; the permission is what is missing where Genesys forbids it.
fn todo(error: &CallError, permission: &'static str) -> &'static str {
    match error {
        CallError::Forbidden(_) => permission,
        CallError::NotFound(_) | CallError::TargetUnavailable(_) if permission.starts_with("check ") => permission,
        CallError::NotFound(_) | CallError::TargetUnavailable(_) => {
            "check genesys.region or genesys.api_url: this host does not know the path"
        }
        CallError::Unavailable { answer, .. } if answer.status.is_some_and(|status| (200..300).contains(&status)) => {
            "that is not what the API of Genesys answers: look for a proxy or portal between, else report it with this line"
        }
        CallError::Unavailable { answer, .. } if answer.status == Some(429) => {
            "others use up the limit of this OAuth client: wait for as long as it says, then run the check again"
        }
        CallError::Unavailable { answer, .. } if answer.is_of_something_between() => {
            "look for a proxy, a firewall, a portal or a maintenance page between here and Genesys"
        }
        CallError::Unavailable { .. } => "check the network and genesys.region, then run the check again",
        CallError::Rejected(_) | CallError::Conflict(_) | CallError::Uncertain(_) => {
            "run the check again; if it stays so, report it with this line"
        }
    }
}

/// The answer, or that there was none in time.
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
        (all, 0) => findings.ok("managed", format_args!("all {all} names of sync.managed are in a catalogue")),
        (all, _) => findings.warn(
            "managed",
            format_args!("{} of {all} stand for no skill or group: {}", problems.len(), problems.join(", ")),
            "correct the names in sync.managed, or make them in Genesys",
        ),
    }
}
