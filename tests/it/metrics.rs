//! `/metrics` of a whole run: what it says is what happened, and what is written about it is true.

use std::collections::BTreeMap;
use std::path::Path;

use genesys_simulator::{Behaviour, Blocked, Conflicts, ForeignWriter, Generated, Population, Scenario, Share};
use serde_json::Value;
use skillsync::domain::assignment::Target;
use skillsync::domain::{EntryState, Mode};

use crate::bed::{Bed, employee, in_state};

/// A job of 60 users, a third of whom somebody else writes in between.
async fn conflicted() -> (Bed, skillsync::engine::JobSnapshot) {
    let conflicts = Conflicts {
        foreign_writer: ForeignWriter { share: Share::Users(20), ..ForeignWriter::default() },
        blocked: Blocked { share: Share::Users(2), ..Blocked::default() },
        ..Conflicts::default()
    };
    let scenario = Scenario {
        population: Population::Generated(Generated { users: 60, ..Generated::default() }),
        behaviour: Behaviour { conflicts, ..Behaviour::default() },
        ..Scenario::default()
    };
    let bed = Bed::start(&scenario, "");
    let entries = (1..=61).map(|n| employee(n, &["Group 1"])).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, entries).await;
    let job = bed.finish(job).await;
    (bed, job)
}

/// The samples of a text: the value of each series.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(series, value)| (series, value.parse().unwrap())).collect()
}

/// Each family with its type.
fn families(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

fn sum(samples: &BTreeMap<&str, f64>, family: &str) -> f64 {
    samples.iter().filter(|(series, _)| series.split('{').next() == Some(family)).map(|(_, value)| value).sum()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test(start_paused = true)]
async fn what_metrics_say_is_what_happened() {
    let (bed, job) = conflicted().await;
    let text = bed.get("/metrics").await;
    let (samples, ledger) = (samples(&text), bed.simulator.ledger());
    let figure = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("no {series} in\n{text}"));

    assert_eq!(figure("skillsync_jobs{status=\"completed\"}"), 1.0);
    assert_eq!(sum(&samples, "skillsync_jobs"), 1.0);
    assert_eq!(sum(&samples, "skillsync_entries"), 61.0);
    for (state, word) in [(EntryState::Applied, "applied"), (EntryState::Failed, "failed")] {
        let of_job = f64::from(in_state(&job, state));
        assert!(of_job > 0.0, "{word}");
        assert_eq!(figure(&format!("skillsync_entries{{state=\"{word}\"}}")), of_job);
        assert_eq!(figure(&format!("skillsync_entries_ended_total{{state=\"{word}\"}}")), of_job);
    }
    assert_eq!(figure("skillsync_entries_unsuccessful_total{reason=\"userNotFound\"}"), 1.0);
    assert_eq!(figure("skillsync_entries_unsuccessful_total{reason=\"blocked\"}"), 2.0);

    let refused = ledger.conflicts().values().sum::<usize>() as f64;
    assert!(refused > 10.0, "{refused}");
    assert_eq!(sum(&samples, "skillsync_conflicts_total"), refused);
    assert_eq!(figure("skillsync_genesys_calls_total{route=\"wfm_write\",status=\"409\"}"), refused);
    let calls = ledger.api_requests().count() as f64;
    assert_eq!(sum(&samples, "skillsync_genesys_calls_total"), calls);
    assert_eq!(sum(&samples, "skillsync_gate_granted_total"), calls);
    assert_eq!(sum(&samples, "skillsync_gate_wait_seconds_count"), calls);
    assert_eq!(sum(&samples, "skillsync_genesys_call_duration_seconds_count"), calls);
    assert_eq!(figure("skillsync_genesys_logins_total{result=\"logged_in\"}"), 1.0);
    assert_eq!(figure("skillsync_genesys_logged_in"), 1.0);
    assert_eq!(figure("skillsync_users_occupied"), 0.0);
    assert_eq!(figure("skillsync_oldest_open_job_age_seconds"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn names_follow_the_conventions_and_no_label_holds_an_id() {
    let (bed, job) = conflicted().await;
    let text = bed.get("/metrics").await;
    for (name, kind) in families(&text) {
        assert!(name.starts_with("skillsync_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{name} has no unit");
    }
    for series in samples(&text).keys() {
        for personal in ["E10", "@", &job.id.to_string(), "Group 1"] {
            assert!(!series.contains(personal), "{series}");
        }
    }
    assert!(text.lines().count() < 500, "{} lines", text.lines().count());
}

/// The words in a text that begin like one of our metrics, and are not parts of a longer one.
fn metrics_named_in(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("skillsync_")).collect()
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_documented_with_its_type_and_nothing_else_is() {
    let (bed, _) = conflicted().await;
    let text = bed.get("/metrics").await;
    let docs = read("docs/OPERATIONS.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `skillsync_"));
    let documented: BTreeMap<String, &str> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            (format!("skillsync_{}", cells.next().unwrap().trim_end_matches('`')), cells.next().unwrap())
        })
        .collect();
    let shown: BTreeMap<String, &str> =
        families(&text).into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
    assert_eq!(documented, shown);
}

#[tokio::test(start_paused = true)]
async fn dashboard_and_alerts_ask_only_for_metrics_that_there_are() {
    let (bed, _) = conflicted().await;
    let text = bed.get("/metrics").await;
    let families = families(&text);
    let dashboard = read("ops/grafana/skillsync.json");
    serde_json::from_str::<Value>(&dashboard).unwrap();
    for (file, content) in [("grafana", dashboard), ("prometheus", read("ops/prometheus/skillsync.rules.yml"))] {
        let named = metrics_named_in(&content);
        assert!(named.len() > 10, "{file} names only {}", named.len());
        for name in named {
            let of_histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .any(|family| families.get(family) == Some(&"histogram"));
            assert!(families.contains_key(name) || of_histogram, "{file}: {name} is not shown by /metrics");
        }
    }
}
