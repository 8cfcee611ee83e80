//! `skillsync simulate`: runs the Genesys simulator alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use super::told_to_stop;
use crate::charset;
use crate::telemetry;
use genesys_simulator::{Scenario, Simulator};

#[derive(Debug, clap::Args)]
pub(super) struct SimulateArguments {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8900")]
    listen: SocketAddr,
    /// A scenario file (TOML) with the users, limits and misbehaviour of the org.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The random seed; the same seed gives every user the same conflicts.
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) async fn run(arguments: &SimulateArguments) -> Result<ExitCode> {
    telemetry::start("skillsync=info,warn");
    let mut scenario = match &arguments.scenario {
        Some(file) => {
            let text = charset::text_of_file(file).with_context(|| format!("cannot read {}", file.display()))?;
            Scenario::from_toml(&text).with_context(|| format!("the scenario {} is invalid", file.display()))?
        }
        None => Scenario::default(),
    };
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    let listener =
        TcpListener::bind(arguments.listen).await.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("simulated Genesys: genesys.api_url = genesys.login_url = {url:?}");
    println!(
        "genesys.client_id = {:?}, genesys.client_secret = {:?}, seed = {}",
        scenario.credentials.client_id, scenario.credentials.client_secret, scenario.seed
    );
    let stop = async {
        let _ = told_to_stop().await;
    };
    Simulator::new(scenario).serve(listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}
