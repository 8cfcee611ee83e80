//! `skillsync demo`: runs a realistic job against the simulator, over real HTTP on both sides.

mod naive;
mod org;
mod progress;
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;

use self::report::Report;
use super::http::JsonClient;
use super::told_to_stop;
use crate::app::{self, Dependencies};
use crate::clock::WallClock;
use crate::config::Config;
use crate::genesys::rate_limiter::Start;
use crate::genesys::transport::{TransportSettings, over_http};
use crate::journal::{NoJournal, Recovered};
use crate::lifecycle::Lifecycle;
use crate::telemetry;
use genesys_simulator::{Scenario, Simulator};

#[derive(Debug, clap::Args)]
pub(super) struct DemoArguments {
    /// Keep the service and the simulator running afterwards.
    #[arg(long)]
    keep: bool,
    /// Use the real limits, 10 calls per second and 300 per minute, instead of scaled ones; takes some minutes.
    #[arg(long)]
    real_time: bool,
    /// The random seed, which decides who meets which conflict.
    #[arg(long, default_value_t = 15)]
    seed: u64,
    /// The port of the service; 0 chooses a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// The limits and durations of the demo.
struct DemoPace {
    windows: [(u32, Duration); 2],
    /// How long reads lag behind a foreign write.
    lag: Duration,
    /// How long a busy user stays busy.
    busy: Duration,
    conflict_patience: Duration,
    /// The first pause of the naive client.
    backoff: Duration,
}

impl DemoPace {
    /// Returns the limits of a default Genesys contract.
    fn real() -> Self {
        Self {
            windows: [(10, Duration::from_secs(1)), (300, Duration::from_secs(60))],
            lag: Duration::from_secs(5),
            busy: Duration::from_secs(8),
            conflict_patience: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
        }
    }

    /// Returns scaled limits, with which the demo ends in about 20 s.
    fn scaled() -> Self {
        Self {
            windows: [(70, Duration::from_secs(1)), (3600, Duration::from_secs(60))],
            lag: Duration::from_millis(1500),
            busy: Duration::from_millis(2000),
            conflict_patience: Duration::from_secs(4),
            backoff: Duration::from_millis(250),
        }
    }

    /// Returns the limits in the notation of the configuration.
    fn limits(&self) -> String {
        self.windows.map(|(calls, per)| format!("{calls}/{}s", per.as_secs())).join(", ")
    }
}

pub(super) async fn run(arguments: &DemoArguments) -> Result<ExitCode> {
    telemetry::start("skillsync=error,warn");
    let lifecycle = Lifecycle::default();
    let pace = if arguments.real_time { DemoPace::real() } else { DemoPace::scaled() };
    let rows = org::roster()?;
    let job = org::job(&rows);
    let scenario = org::scenario(&rows, &pace, arguments.seed);

    let (simulator, genesys_url) = simulate(scenario.clone(), &lifecycle).await?;
    let (_, twin_url) = simulate(scenario.clone(), &lifecycle).await?;
    let config = configuration(&scenario, &genesys_url, &pace)?;
    let service_url = serve(&config, arguments, &lifecycle).await?;
    println!("simulated Genesys at {genesys_url}, service at {service_url}, limits {}", pace.limits());
    println!("500 employees, 30 skill groups; for comparison, a naive client does the same against a copy of the org");
    println!();

    let client = JsonClient::new(service_url.clone())?;
    let ours = sync(&client, &job);
    let ((view, failed), naive) = tokio::try_join!(ours, naive::run(twin_url, &scenario, &job, &pace))?;
    let report = Report::new(&view, &failed, &simulator.ledger(), naive, &pace);
    report.print();
    if arguments.keep {
        println!();
        println!("still running: {service_url} (OpenAPI document: {service_url}/openapi.json); stop with Ctrl-C");
        told_to_stop().await?;
    }
    lifecycle.stop(Duration::from_secs(5)).await;
    Ok(if report.every_promise_held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Submits the job, follows it to its end, and returns it with its failed entries.
async fn sync(client: &JsonClient, job: &Value) -> Result<(Value, Value)> {
    let accepted = client.post("/v1/sync-jobs", job).await.context("the job was not accepted")?;
    let id = accepted.get("id").and_then(Value::as_str).context("the response to the submission has no id")?;
    let path = format!("/v1/sync-jobs/{id}");
    let view = progress::follow(client, &path).await?;
    let failed = client.get(&format!("{path}/entries?state=failed&limit=1000")).await?;
    Ok((view, failed))
}

async fn simulate(scenario: Scenario, lifecycle: &Lifecycle) -> Result<(Simulator, String)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let simulator = Simulator::new(scenario);
    let (server, stopping) = (simulator.clone(), lifecycle.clone());
    lifecycle.spawn(async move {
        let stop = async move { stopping.stopping().await };
        if let Err(error) = server.serve(listener, stop).await {
            tracing::error!(%error, "the HTTP server of the simulator failed");
        }
    });
    Ok((simulator, url))
}

fn configuration(scenario: &Scenario, genesys_url: &str, pace: &DemoPace) -> Result<Config> {
    let login = &scenario.credentials;
    let config = Config::from_toml(&format!(
        "[genesys]\napi_url = {genesys_url:?}\nlogin_url = {genesys_url:?}\nclient_id = {:?}\nclient_secret = {:?}\n\
         limits = {:?}\n[sync]\nconflict_patience = \"{}ms\"\n",
        login.client_id,
        login.client_secret,
        pace.limits(),
        pace.conflict_patience.as_millis()
    ))?;
    Ok(config)
}

async fn serve(config: &Config, arguments: &DemoArguments, lifecycle: &Lifecycle) -> Result<String> {
    let around = Dependencies {
        transport: over_http(&TransportSettings::default())?,
        // The simulator has just started too, so no earlier calls count.
        rate_limiter_start: Start::Empty,
        journal: Arc::new(NoJournal),
        recovered: Recovered::default(),
        clock: WallClock::System,
        seed: arguments.seed,
    };
    let service = app::start(config, around, lifecycle)?;
    let router = app::router(config, &service, lifecycle);
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.context("cannot listen")?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stopping, config) = (lifecycle.clone(), config.clone());
    lifecycle.spawn(async move {
        if let Err(error) = app::serve(&config, listener, router, stopping).await {
            tracing::error!(%error, "the HTTP server of the service failed");
        }
    });
    Ok(url)
}
