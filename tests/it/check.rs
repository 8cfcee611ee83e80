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
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync"));
    command
        .args(["check", "--json"])
        .env("SKILLSYNC__GENESYS__API_URL", genesys)
        .env("SKILLSYNC__GENESYS__LOGIN_URL", genesys)
        .env("SKILLSYNC__GENESYS__CLIENT_ID", "skillsync-simulated")
        .env("SKILLSYNC__GENESYS__CLIENT_SECRET", secret)
        .env("SKILLSYNC__JOURNAL__PATH", journal)
        .envs(extra.iter().copied());
    let Output { status, stdout, .. } = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), serde_json::from_slice(&stdout).unwrap())
}

/// The level of a finding, if there is one about that.
fn level<'a>(document: &'a Value, what: &str) -> Option<&'a str> {
    document["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == what)?["level"].as_str()
}

#[tokio::test]
async fn a_check_tells_what_works_and_what_does_not_and_changes_nothing() {
    let folder = std::env::temp_dir().join(format!("skillsync-check-{}", Uuid::new_v4()));
    let (simulator, lifecycle) = (Simulator::new(Scenario::default()), Lifecycle::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let genesys = format!("http://{}", listener.local_addr().unwrap());
    let (serving, stopping) = (simulator.clone(), lifecycle.clone());
    lifecycle.spawn(async move { serving.serve(listener, async move { stopping.stopping().await }).await.unwrap() });

    let managed = [("SKILLSYNC__SYNC__MANAGED", "[\"Group 1\", \"no such group\"]")];
    let (code, found) = check(&genesys, &folder, "not-a-secret", &managed).await;
    assert_eq!(code, Some(0), "{found:#}");
    for what in ["configuration", "journal", "login", "directory", "skills", "skill groups"] {
        assert_eq!(level(&found, what), Some("ok"), "{what}: {found:#}");
    }
    for what in ["access", "limits", "managed", "permissions"] {
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
