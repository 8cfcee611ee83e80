//! `skillsync serve`: runs the service.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::StopSignals;
use crate::api::ApiKeys;
use crate::app::{self, Dependencies, Service};
use crate::clock::WallClock;
use crate::config::{Config, ConfigError, JournalConfig, TelemetryConfig, exposed_files};
use crate::domain::audit::{Action, Asker};
use crate::genesys::transport::over_http;
use crate::hris::Sources;
use crate::hris::filter::FilterRunner;
use crate::journal::{Journal, NoJournal, Recovered, SqliteJournal};
use crate::lifecycle::Lifecycle;
use crate::telemetry::{self, ExportSettings, SpanExport};

/// Runs the service until SIGTERM or Ctrl-C, then lets work in flight finish. A second signal ends it immediately.
pub(super) async fn run(file: Option<&Path>) -> Result<ExitCode> {
    let config = super::usable_config(file)?;
    let export = start_telemetry(&config.telemetry)?;
    for exposed in exposed_files(file) {
        tracing::warn!("{exposed}");
    }
    for weakness in config.weaknesses() {
        tracing::warn!("{weakness}");
    }
    let lifecycle = Lifecycle::default();
    // From here on, SIGHUP does not end the process. One that arrives during the start is handled after it.
    let hangup = signal(SignalKind::hangup())?;
    let (journal, mut recovered) = open(&config.journal)?;
    if config.journal.enabled {
        app::owner::settle(&config, &*journal, &mut recovered).await?;
    }
    let clock = WallClock::System;
    let around = Dependencies {
        transport: over_http(&app::transport_settings(&config)?)?,
        // Calls of an earlier process may still count towards the limits of Genesys.
        rate_limiter_start: app::start_from(&recovered.calls, clock),
        journal: Arc::clone(&journal),
        recovered,
        clock,
        seed: uuid::Uuid::new_v4().as_u64_pair().0,
    };
    let service = Arc::new(app::start(&config, around, &lifecycle)?);
    let keys = app::api_keys(&config);
    reload_when_told(hangup, file, &service, &keys, &lifecycle);
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("server.listen: cannot listen on {}", config.server.listen))?;
    let address = listener.local_addr()?;
    if keys.is_empty() {
        tracing::info!(%address, "listening on loopback only, because no API keys are configured");
    } else {
        tracing::info!(%address, keys = config.server.api_keys.len(), "listening; callers need an API key");
    }
    let about = format!("start with {} keys, {} sources", config.server.api_keys.len(), config.webhooks.len());
    if let Err(error) = service.engine.keep_record(Action::Reloaded, Asker::operator(), None, about).await {
        tracing::error!(%error, "cannot write the audit record of the start");
    }
    let mut signals = StopSignals::listen()?;
    let (router, stopping) = (app::router_for(&config, &service, &keys, &lifecycle), lifecycle.clone());
    let serving = config.clone();
    lifecycle.spawn(async move {
        if let Err(error) = app::serve(&serving, listener, router, stopping.clone()).await {
            stopping.fail(format!("the HTTP server failed: {error}"));
        }
    });
    tokio::select! {
        () = signals.next() => {}
        () = lifecycle.stopping() => {}
    }
    tracing::info!("stopping; work in flight may finish");
    tokio::select! {
        finished = lifecycle.stop(config.server.shutdown_grace) => {
            if !finished {
                tracing::warn!("server.shutdown_grace is over; open work was not finished");
            }
        }
        () = signals.next() => tracing::warn!("received a second stop signal; open work was not finished"),
    }
    if let Err(error) = journal.flush().await {
        tracing::error!(%error, "cannot write the last records to the journal");
    }
    if let Some(export) = export {
        export.finish().await;
    }
    // A failure exit code makes a supervisor restart the service.
    Ok(if lifecycle.failure().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Starts logging, and the export of spans if `telemetry.otlp_endpoint` is configured.
fn start_telemetry(config: &TelemetryConfig) -> Result<Option<SpanExport>> {
    let level = "skillsync=info,warn";
    let Some(endpoint) = config.otlp_endpoint.clone() else {
        telemetry::start(level);
        return Ok(None);
    };
    let settings = ExportSettings { endpoint, service_name: config.service_name.clone() };
    Ok(Some(telemetry::start_exporting(level, &settings)?))
}

/// Maximum time for reading the files of a configuration during a reload.
const MAX_READ_TIME: Duration = Duration::from_secs(10);

/// Reloads `[[webhooks]]` and `[[server.api_keys]]` at each SIGHUP. Other changes in the file require a restart.
///
/// The audit record of a reload is written before the reload takes effect: while the journal cannot be written, the old
/// keys stay.
fn reload_when_told(
    mut hangup: Signal,
    file: Option<&Path>,
    service: &Arc<Service>,
    keys: &ApiKeys,
    lifecycle: &Lifecycle,
) {
    let (file, service, keys) = (file.map(Path::to_owned), Arc::clone(service), keys.clone());
    lifecycle.spawn_until_stop(async move {
        while hangup.recv().await.is_some() {
            match reload(file.clone(), &service, &keys).await {
                Ok((keys, sources)) => tracing::info!(keys, sources, "reloaded the API keys and the sources"),
                Err(fault) => tracing::error!(
                    fault,
                    "the reloaded configuration is invalid; the old API keys and sources stay in use"
                ),
            }
        }
    });
}

async fn reload(file: Option<PathBuf>, service: &Service, keys: &ApiKeys) -> Result<(usize, usize), String> {
    // On a blocking thread: a file may be on an unresponsive disk, or be a pipe without a writer.
    let reading = tokio::task::spawn_blocking(move || {
        let config = Config::load(file.as_deref())?;
        // Compiled here to find faults early, because sources have files of their own.
        Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
        Ok::<_, ConfigError>(config)
    });
    let read = match tokio::time::timeout(MAX_READ_TIME, reading).await {
        Ok(Ok(read)) => read.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("reading the configuration panicked".to_owned()),
        Err(_) => Err(format!("the files of the configuration cannot be read within {MAX_READ_TIME:?}")),
    };
    let (count, sources) = read.as_ref().map_or((0, 0), |config| (config.server.api_keys.len(), config.webhooks.len()));
    let about = match &read {
        Ok(_) => format!("{count} keys, {sources} sources"),
        Err(_) => "invalid; the old API keys and sources stay in use".to_owned(),
    };
    let kept = service.engine.keep_record(Action::Reloaded, Asker::operator(), None, about).await;
    let read = kept.map_err(|error| format!("the audit record of the reload cannot be written: {error}")).and(read);
    app::reload(service, keys, read.as_ref().map_err(Clone::clone))
}

/// Opens the journal and logs what it holds.
fn open(config: &JournalConfig) -> Result<(Arc<dyn Journal>, Recovered)> {
    if !config.enabled {
        tracing::warn!("journal.enabled is false, so a restart forgets all jobs");
        return Ok((Arc::new(NoJournal), Recovered::default()));
    }
    let begun = Instant::now();
    let (journal, recovered) = SqliteJournal::open(&config.path, config.max_bytes)?;
    let open = recovered.jobs.iter().flat_map(|job| &job.outcomes).filter(|outcome| outcome.is_none()).count();
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(jobs = recovered.jobs.len(), open_entries = open, took_ms, "read the journal");
    Ok((Arc::new(journal), recovered))
}
