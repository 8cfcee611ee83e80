//! `skillsync check` as its caller meets it: the real binary against the simulated Genesys.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use genesys_simulator::{
    Access, Behaviour, Body, Fault, FaultKind, Limits, Moment, RateLimit, Route, Scenario, Simulator, WfmEndpoint,
};
use serde_json::Value;
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::noted;

async fn check(genesys: &str, journal: &Path, secret: &str, extra: &[(&str, &str)]) -> (Option<i32>, Value) {
    check_file(None, genesys, journal, secret, extra).await
}

/// The same with a file of more settings.
async fn check_file(
    config: Option<&Path>,
    genesys: &str,
    journal: &Path,
    secret: &str,
    extra: &[(&str, &str)],
) -> (Option<i32>, Value) {
    let arguments = config.into_iter().flat_map(|file| ["--config".into(), file.as_os_str().to_owned()]);
    run(arguments.collect(), genesys, journal, secret, extra).await
}

/// The same, looking for somebody.
async fn check_for(user: &str, genesys: &str, journal: &Path) -> (Option<i32>, Value) {
    run(vec!["--user".into(), user.into()], genesys, journal, "not-a-secret", &[]).await
}

async fn run(
    arguments: Vec<OsString>,
    genesys: &str,
    journal: &Path,
    secret: &str,
    extra: &[(&str, &str)],
) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync"));
    command
        .args(["check", "--json"])
        .args(arguments)
        .env("SKILLSYNC__GENESYS__API_URL", genesys)
        .env("SKILLSYNC__GENESYS__LOGIN_URL", genesys)
        .env("SKILLSYNC__GENESYS__CLIENT_ID", "skillsync-simulated")
        .env("SKILLSYNC__GENESYS__CLIENT_SECRET", secret)
        .env("SKILLSYNC__JOURNAL__PATH", journal)
        .envs(extra.iter().copied());
    let Output { status, stdout, .. } = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), serde_json::from_slice(&stdout).unwrap())
}

/// A simulated Genesys on a socket, and its address.
async fn genesys(lifecycle: &Lifecycle) -> (Simulator, String) {
    genesys_of(lifecycle, Scenario::default()).await
}

async fn genesys_of(lifecycle: &Lifecycle, scenario: Scenario) -> (Simulator, String) {
    let simulator = Simulator::new(scenario);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (serving, stopping) = (simulator.clone(), lifecycle.clone());
    lifecycle
        .spawn(async move { noted::serve(serving, listener, async move { stopping.stopping().await }).await.unwrap() });
    (simulator, address)
}

/// The level of a finding, if there is one about that.
fn level<'a>(document: &'a Value, what: &str) -> Option<&'a str> {
    document["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == what)?["level"].as_str()
}

#[tokio::test]
async fn a_check_tells_what_works_and_what_does_not_and_changes_nothing() {
    let folder = std::env::temp_dir().join(format!("skillsync-check-{}", Uuid::new_v4()));
    let lifecycle = Lifecycle::default();
    let (simulator, genesys) = genesys(&lifecycle).await;

    let managed = [("SKILLSYNC__SYNC__MANAGED", "[\"Group 1\", \"no such group\"]")];
    let (code, found) = check(&genesys, &folder, "not-a-secret", &managed).await;
    assert_eq!(code, Some(0), "{found:#}");
    let fine = ["configuration", "journal", "login", "directory", "employee ids", "limits", "skills", "skill groups"];
    for what in fine.into_iter().chain(["routingSkills", "wfmSkillGroups"]) {
        assert_eq!(level(&found, what), Some("ok"), "{what}: {found:#}");
    }
    for what in ["access", "managed"] {
        assert_eq!(level(&found, what), Some("warn"), "{what}: {found:#}");
    }
    assert!(found.to_string().contains("no such group") && !found.to_string().contains("\"Group 1\\"), "{found:#}");

    let (code, found) = check(&genesys, &folder, "wrong", &[]).await;
    assert_eq!((code, level(&found, "login")), (Some(1), Some("fail")), "{found:#}");
    let (code, found) = check(&genesys, Path::new("/proc/nowhere"), "not-a-secret", &[]).await;
    assert_eq!((code, level(&found, "journal")), (Some(1), Some("fail")), "{found:#}");
    let (code, found) = check(&genesys, &folder, "not-a-secret", &[("SKILLSYNC__SYNC__COLOUR", "red")]).await;
    assert_eq!((code, level(&found, "configuration")), (Some(1), Some("fail")), "{found:#}");

    assert!(simulator.ledger().effects().iter().all(|effect| effect.before == effect.after), "a check changes nothing");
    assert!(!folder.exists(), "nor to the journal");
    lifecycle.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_check_lists_the_sources_and_the_skills_that_their_rules_name_and_the_catalogue_lacks() {
    let folder = std::env::temp_dir().join(format!("skillsync-check-{}", Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let lifecycle = Lifecycle::default();
    let (simulator, genesys) = genesys(&lifecycle).await;
    let source = |name: &str, secret: &str, rules: &str| {
        format!(
            "[[webhooks]]\nname = '{name}'\npreset = 'merge'\ntarget = 'wfmSkillGroups'\nsecret = '{secret}'\n\
             user = {{ email = 'work_email' }}\n{rules}"
        )
    };
    let rule = |id: &str, skill: &str| format!("[[webhooks.rules]]\nid = '{id}'\nassign = [{{ skill = '{skill}' }}]\n");
    let config = folder.join("skillsync.toml");
    let sources = [
        source("good", "k", &rule("one", "group 1")),
        source("lacking", "k", &(rule("a", "Claims") + &rule("b", "Claims") + &rule("c", "Group 2"))),
        source("idle", "k", ""),
        source("open", "", &rule("one", "Group 1")),
    ];
    std::fs::write(&config, sources.concat()).unwrap();

    let (code, found) = check_file(Some(&config), &genesys, &folder.join("journal"), "not-a-secret", &[]).await;
    assert_eq!(code, Some(1), "{found:#}");
    let lines = |what: &str| -> Vec<_> {
        let all = found["findings"].as_array().unwrap().iter().filter(|finding| finding["what"] == what);
        all.map(|finding| (finding["level"].as_str().unwrap(), finding["found"].as_str().unwrap())).collect()
    };
    let expected = [
        ("ok", "good: 1 rules for wfmSkillGroups, deliveries are signed"),
        ("ok", "lacking: 3 rules for wfmSkillGroups, deliveries are signed"),
        ("warn", "idle: 0 rules for wfmSkillGroups, deliveries are signed"),
        ("fail", "webhooks.open: secret: the secret is missing or empty, so anyone could sign with it"),
    ];
    assert_eq!(lines("webhooks"), expected);
    let expected = [
        ("ok", "good: all that they assign is in the catalogue"),
        ("warn", "lacking: the catalogue lacks \"Claims\" (rule a, b)"),
    ];
    assert_eq!(lines("rules"), expected);
    assert!(simulator.ledger().effects().iter().all(|effect| effect.before == effect.after));
    lifecycle.stop(Duration::from_secs(5)).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

/// One thing that an org or its client lacks: the line that names it, how grave that is, and what it says with its
/// cure.
struct Lack {
    scenario: Scenario,
    settings: Vec<(&'static str, String)>,
    line: (&'static str, &'static str, &'static str),
}

fn org(change: impl FnOnce(&mut Behaviour)) -> Scenario {
    let mut scenario = Scenario::default();
    change(&mut scenario.behaviour);
    scenario
}

fn permission(names: &[&str]) -> Scenario {
    org(|behaviour| behaviour.missing_permissions = names.iter().map(|name| (*name).to_owned()).collect())
}

fn answering(route: Route, status: u16) -> Scenario {
    let kind = FaultKind::Status { status, moment: Moment::BeforeEffect, body: Body::Empty };
    org(|behaviour| behaviour.faults = vec![Fault::on(&[route], kind)])
}

fn garbled(route: Route) -> Scenario {
    org(|behaviour| behaviour.faults = vec![Fault::on(&[route], FaultKind::Garbled { body: Body::NotJson })])
}

fn lacks() -> Vec<Lack> {
    let lack = |scenario, line| Lack { scenario, settings: Vec::new(), line };
    let creates = || vec![("SKILLSYNC__SYNC__CREATE_MISSING_SKILLS", "5".to_owned())];
    let nowhere = || vec![("SKILLSYNC__GENESYS__LOGIN_URL", "http://127.0.0.1:9".to_owned())];
    let secret = || vec![("SKILLSYNC__GENESYS__CLIENT_SECRET", "expired".to_owned())];
    let per_minute = RateLimit { calls: 200, per: Duration::from_secs(60) };
    let few = Scenario { limits: Limits { windows: vec![per_minute], ..Limits::default() }, ..Scenario::default() };
    let elsewhere = WfmEndpoint { path: "/api/v2/elsewhere/{userId}".to_owned(), ..WfmEndpoint::default() };
    vec![
        lack(permission(&["routing:skill:view"]), ("skills", "fail", "routing:skill:view")),
        lack(permission(&["routing:skillGroup:view"]), ("skill groups", "warn", "routing:skillGroup:view")),
        lack(permission(&["routing:skill:assign"]), ("routingSkills", "fail", "routing:skill:assign")),
        Lack {
            scenario: permission(&["routing:skill:manage", "routing:skill:create"]),
            settings: creates(),
            line: ("new skills", "fail", "routing:skill:manage or routing:skill:create"),
        },
        lack(org(|behaviour| behaviour.org_limits = Access::Refused), ("limits", "warn", "limits:organization:view")),
        lack(
            org(|behaviour| behaviour.org_limits = Access::Absent),
            ("limits", "warn", "the limits of the org do not include"),
        ),
        lack(few, ("limits", "fail", "300 calls per minute configured, 200 permitted")),
        lack(org(|behaviour| behaviour.scim = Access::Refused), ("employee ids", "warn", "SCIM")),
        lack(org(|behaviour| behaviour.hidden_users = 1.0), ("directory", "fail", "divisions")),
        lack(Scenario { wfm: elsewhere, ..Scenario::default() }, ("wfmSkillGroups", "warn", "genesys.wfm_path")),
        Lack { scenario: Scenario::default(), settings: secret(), line: ("login", "fail", "genesys.client_secret") },
        Lack { scenario: Scenario::default(), settings: nowhere(), line: ("login", "fail", "genesys.region") },
        lack(answering(Route::Users, 404), ("directory", "fail", "genesys.region")),
        lack(answering(Route::Users, 302), ("directory", "fail", "proxy")),
        lack(garbled(Route::RoutingSkills), ("skills", "fail", "GET /api/v2/routing/skills cannot be read")),
        lack(answering(Route::UserSkillsRead, 503), ("routingSkills", "fail", "check the network")),
    ]
}

#[tokio::test]
async fn what_an_org_lacks_is_named_with_its_cure_in_one_line() {
    let folder = std::env::temp_dir().join(format!("skillsync-check-{}", Uuid::new_v4()));
    for Lack { scenario, settings, line: (what, grave, says) } in lacks() {
        let lifecycle = Lifecycle::default();
        let (simulator, genesys) = genesys_of(&lifecycle, scenario).await;
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let (code, found) = check(&genesys, &folder, "not-a-secret", &settings).await;
        let line = found["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == what);
        let line = line.unwrap_or_else(|| panic!("nothing about {what}: {found:#}"));
        assert_eq!(line["level"], grave, "{line:#}");
        assert!(line.to_string().contains(says), "{says}: {line:#}");
        assert_eq!(code, Some(i32::from(grave == "fail")), "{found:#}");
        assert!(simulator.ledger().lost_foreign_changes().is_empty());
        let changed = simulator.ledger().effects().iter().any(|effect| effect.before != effect.after);
        assert!(!changed, "{what}: a check changes nothing");
        lifecycle.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn somebody_is_looked_for_by_whatever_they_are_named() {
    let folder = std::env::temp_dir().join(format!("skillsync-check-{}", Uuid::new_v4()));
    let lifecycle = Lifecycle::default();
    let (simulator, genesys) = genesys(&lifecycle).await;
    let user = simulator.users().remove(0);
    let names = [user.id.to_string(), user.email.to_uppercase(), user.employee_id.unwrap()];
    for name in names {
        let (code, found) = check_for(&name, &genesys, &folder).await;
        assert_eq!((code, level(&found, "user")), (Some(0), Some("ok")), "{name}: {found:#}");
    }
    let (code, found) = check_for("E404", &genesys, &folder).await;
    assert_eq!((code, level(&found, "user")), (Some(1), Some("fail")), "{found:#}");
    assert!(found.to_string().contains("division"), "{found:#}");
    lifecycle.stop(Duration::from_secs(5)).await;
}
