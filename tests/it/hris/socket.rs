//! Over real sockets, with the journal on the disk: how long senders wait for their answers while a bulk job runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use genesys_simulator::Simulator;
use skillsync::app::{self, Dependencies};
use skillsync::clock::WallClock;
use skillsync::config::Config;
use skillsync::domain::job::{JobSpec, SameUser};
use skillsync::domain::{Mode, Target};
use skillsync::genesys::rate_limiter::Start;
use skillsync::genesys::transport::{TransportSettings, over_http};
use skillsync::journal::{DEFAULT_MAX_BYTES, SqliteJournal};
use skillsync::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt;

use super::{bamboo_request, by_title, employees, titled};
use crate::bed::employee;

const DELIVERIES: usize = 2_000;
/// Senders that wait for an answer at a time.
const AT_ONCE: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_are_answered_within_three_seconds_while_a_bulk_job_runs() {
    let scenario = employees(5_500);
    let login = &scenario.credentials;
    let config = Config::from_toml(&format!(
        "[genesys]\napi_url = 'http://genesys.test'\nlogin_url = 'http://genesys.test'\nclient_id = '{}'\n\
         client_secret = '{}'\n{}",
        login.client_id,
        login.client_secret,
        by_title("hr", "")
    ));
    let (config, lifecycle) = (config.unwrap(), Lifecycle::default());
    let simulator = Simulator::new(scenario.clone());
    let folder = std::env::temp_dir().join(format!("skillsync-senders-{}", uuid::Uuid::new_v4()));
    let (journal, recovered) = SqliteJournal::open(&folder, DEFAULT_MAX_BYTES).unwrap();
    let journal = Arc::new(journal);
    let around = Dependencies {
        transport: app::in_memory(&simulator, Duration::from_secs(60)),
        rate_limiter_start: Start::Empty,
        journal: Arc::<SqliteJournal>::clone(&journal),
        recovered,
        clock: WallClock::System,
        seed: 1,
    };
    let service = app::start(&config, around, &lifecycle).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/v1/webhooks/hr", listener.local_addr().unwrap());
    let (router, stopping, serving) = (app::router(&config, &service, &lifecycle), lifecycle.clone(), config.clone());
    lifecycle.spawn(async move { app::serve(&serving, listener, router, stopping).await.unwrap() });
    let bulk = (501..=5_500).map(|n| employee(n, &["Group 1"])).collect();
    let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Managed) };
    service.engine.submit(spec, bulk).await.unwrap();

    let client = over_http(&TransportSettings::default()).unwrap();
    let begun = WallClock::System.now().as_second();
    let attempts = (0..DELIVERIES).map(|n| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            // A second of its own for each event of a person.
            let at = begun + i64::try_from(n / 500).unwrap();
            let request = bamboo_request(&url, titled(1 + n % 500, &format!("Group {}", 1 + n % 30)), at);
            let sent = Instant::now();
            let answer = client.oneshot(request).await.unwrap();
            (answer.status().as_u16(), sent.elapsed())
        }
    });
    let answers: Vec<_> = futures_util::stream::iter(attempts).buffer_unordered(AT_ONCE).collect().await;
    assert!(answers.iter().all(|(status, _)| *status == 202));
    let mut took: Vec<_> = answers.into_iter().map(|(_, took)| took).collect();
    took.sort();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{DELIVERIES} deliveries answered: median {median:?}, p99 {p99:?}, worst {:?}", took.last());
    assert!(p99 < Duration::from_secs(3), "{p99:?}");
    lifecycle.stop(Duration::from_secs(10)).await;
    journal.close();
    std::fs::remove_dir_all(&folder).unwrap();
}
