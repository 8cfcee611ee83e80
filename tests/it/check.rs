//! `skillsync check` as its caller meets it: the real binary against the simulated Genesys.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use skillsync::lifecycle::Lifecycle;
use skillsync::simulator::{Scenario, Simulator};
use tokio::net::TcpListener;
use uuid::Uuid;

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync"));
    command
        .args(["check", "--json"])
        .args(config.into_iter().flat_map(|file| [Path::new("--config"), file]))
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
    let simulator = Simulator::new(Scenario::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (serving, stopping) = (simulator.clone(), lifecycle.clone());
    lifecycle.spawn(async move { serving.serve(listener, async move { stopping.stopping().await }).await.unwrap() });
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
    for what in ["configuration", "journal", "login", "directory", "skills", "skill groups", "limits"] {
        assert_eq!(level(&found, what), Some("ok"), "{what}: {found:#}");
    }
    for what in ["access", "managed", "permissions"] {
        assert_eq!(level(&found, what), Some("warn"), "{what}: {found:#}");
    }
    assert!(found.to_string().contains("no such group") && !found.to_string().contains("\"Group 1\\"), "{found:#}");

    let (code, found) = check(&genesys, &folder, "wrong", &[]).await;
    assert_eq!((code, level(&found, "login")), (Some(1), Some("fail")), "{found:#}");
    let (code, found) = check(&genesys, Path::new("/proc/nowhere"), "not-a-secret", &[]).await;
    assert_eq!((code, level(&found, "journal")), (Some(1), Some("fail")), "{found:#}");
    let (code, found) = check(&genesys, &folder, "not-a-secret", &[("SKILLSYNC__SYNC__COLOUR", "red")]).await;
    assert_eq!((code, level(&found, "configuration")), (Some(1), Some("fail")), "{found:#}");

    assert!(simulator.ledger().effects().is_empty(), "a check writes nothing to Genesys");
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
        ("fail", "webhooks.open: secret: the secret is missing or empty: anybody could sign with it"),
    ];
    assert_eq!(lines("webhooks"), expected);
    let expected = [
        ("ok", "good: all that they assign is in the catalogue"),
        ("warn", "lacking: the catalogue lacks \"Claims\" (rule a, b)"),
    ];
    assert_eq!(lines("rules"), expected);
    assert!(simulator.ledger().effects().is_empty());
    lifecycle.stop(Duration::from_secs(5)).await;
    std::fs::remove_dir_all(&folder).unwrap();
}
