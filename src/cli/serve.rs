//! `skillsync serve`: the service.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use super::told_to_stop;
use crate::app::{self, Surroundings};
use crate::clock::WallClock;
use crate::config::Config;
use crate::genesys::gate::Start;
use crate::genesys::transport::over_http;
use crate::lifecycle::Lifecycle;
use crate::{api, telemetry};

/// Runs until SIGTERM or Ctrl-C, then lets what is in flight finish; a second signal cuts that short.
pub(super) async fn run(file: Option<&Path>) -> Result<ExitCode> {
    let config = Config::load(file).context("the configuration cannot be used")?;
    telemetry::start("skillsync=info,warn");
    let lifecycle = Lifecycle::default();
    let around = Surroundings {
        transport: over_http(&app::transport_settings(&config)?)?,
        // What a process before this one sent may still count at Genesys.
        gate_start: Start::AsIfFull,
        clock: WallClock::System,
        seed: uuid::Uuid::new_v4().as_u64_pair().0,
    };
    let service = app::start(&config, around, &lifecycle)?;
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("server.listen: cannot listen on {}", config.server.listen))?;
    tracing::info!(address = %listener.local_addr()?, "listening; nobody is asked for a key, so only on loopback");
    let (router, stopping) = (app::router(&config, &service, &lifecycle), lifecycle.clone());
    lifecycle.spawn(async move {
        if let Err(error) = api::serve(listener, router, stopping.clone()).await {
            tracing::error!(%error, "cannot serve any more");
            stopping.begin_stop();
        }
    });
    tokio::select! {
        signal = told_to_stop() => signal?,
        () = lifecycle.stopping() => {}
    }
    tracing::info!("stopping: what is in flight may finish");
    tokio::select! {
        finished = lifecycle.stop(config.server.shutdown_grace) => {
            if !finished {
                tracing::warn!("the grace time is over; open work is left undone");
            }
        }
        _ = told_to_stop() => tracing::warn!("told to stop a second time; open work is left undone"),
    }
    Ok(ExitCode::SUCCESS)
}
