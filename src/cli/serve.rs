//! `skillsync serve`: the service.

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

/// Runs until SIGTERM or Ctrl-C, then lets what is in flight finish; a second signal cuts that short.
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
    // From here on a SIGHUP does not end the process; what comes before there are sources to read again is kept.
    let hangup = signal(SignalKind::hangup())?;
    let (journal, mut recovered) = open(&config.journal)?;
    if config.journal.enabled {
        app::owner::settle(&config, &*journal, &mut recovered).await?;
    }
    let clock = WallClock::System;
    let around = Dependencies {
        transport: over_http(&app::transport_settings(&config)?)?,
        // What a process before this one sent may still count at Genesys.
        gate_start: app::start_from(&recovered.calls, clock),
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
        tracing::info!(%address, "listening; nobody is asked for a key, so only on loopback");
    } else {
        tracing::info!(%address, keys = config.server.api_keys.len(), "listening; callers are asked for a key");
    }
    let about = format!("start with {} keys, {} sources", config.server.api_keys.len(), config.webhooks.len());
    if let Err(error) = service.engine.keep_record(Action::Reloaded, Asker::operator(), None, about).await {
        tracing::error!(%error, "cannot record with which keys and sources the service starts");
    }
    let mut signals = StopSignals::listen()?;
    let (router, stopping) = (app::router_for(&config, &service, &keys, &lifecycle), lifecycle.clone());
    let serving = config.clone();
    lifecycle.spawn(async move {
        if let Err(error) = app::serve(&serving, listener, router, stopping.clone()).await {
            stopping.fail(format!("cannot serve any more: {error}"));
        }
    });
    tokio::select! {
        () = signals.next() => {}
        () = lifecycle.stopping() => {}
    }
    tracing::info!("stopping: what is in flight may finish");
    tokio::select! {
        finished = lifecycle.stop(config.server.shutdown_grace) => {
            if !finished {
                tracing::warn!("the grace time is over; open work is left undone");
            }
        }
        () = signals.next() => tracing::warn!("told to stop a second time; open work is left undone"),
    }
    if let Err(error) = journal.flush().await {
        tracing::error!(%error, "not everything could be written down");
    }
    if let Some(export) = export {
        export.finish().await;
    }
    // Not a success, so that a supervisor starts it anew.
    Ok(if lifecycle.failure().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Starts logging, and the export of spans if there is somebody to take them.
fn start_telemetry(config: &TelemetryConfig) -> Result<Option<SpanExport>> {
    let level = "skillsync=info,warn";
    let Some(endpoint) = config.otlp_endpoint.clone() else {
        telemetry::start(level);
        return Ok(None);
    };
    let settings = ExportSettings { endpoint, service_name: config.service_name.clone() };
    Ok(Some(telemetry::start_exporting(level, &settings)?))
}

/// So long the files of a configuration may take to be read again.
const MAX_READ_TIME: Duration = Duration::from_secs(10);

/// Reads `[[webhooks]]` and `[[server.api_keys]]` again at each SIGHUP. What else has changed in the file takes a restart.
///
/// What a reload permits is on the record before it is permitted: while the journal cannot be written, the old keys stay.
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
                Ok((keys, sources)) => tracing::info!(keys, sources, "read the keys and the sources of webhooks again"),
                Err(fault) => tracing::error!(fault, "the configuration is faulty; the old keys and sources stay"),
            }
        }
    });
}

async fn reload(file: Option<PathBuf>, service: &Service, keys: &ApiKeys) -> Result<(usize, usize), String> {
    // In a thread of its own: a file may be on a disk that does not answer, or be a pipe that nobody writes to.
    let reading = tokio::task::spawn_blocking(move || {
        let config = Config::load(file.as_deref())?;
        // Once before it counts, as sources have files of their own.
        Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
        Ok::<_, ConfigError>(config)
    });
    let read = match tokio::time::timeout(MAX_READ_TIME, reading).await {
        Ok(Ok(read)) => read.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("reading it panicked".to_owned()),
        Err(_) => Err(format!("its files cannot be read within {MAX_READ_TIME:?}")),
    };
    let (count, sources) = read.as_ref().map_or((0, 0), |config| (config.server.api_keys.len(), config.webhooks.len()));
    let about = match &read {
        Ok(_) => format!("{count} keys, {sources} sources"),
        Err(_) => "faulty; the old keys and sources stay".to_owned(),
    };
    let kept = service.engine.keep_record(Action::Reloaded, Asker::operator(), None, about).await;
    let read = kept.map_err(|error| format!("it cannot be recorded who may do what: {error}")).and(read);
    app::reload(service, keys, read.as_ref().map_err(Clone::clone))
}

/// Opens the journal and tells what it holds.
fn open(config: &JournalConfig) -> Result<(Arc<dyn Journal>, Recovered)> {
    if !config.enabled {
        tracing::warn!("journal.enabled = false: a restart forgets all jobs");
        return Ok((Arc::new(NoJournal), Recovered::default()));
    }
    let begun = Instant::now();
    let (journal, recovered) = SqliteJournal::open(&config.path, config.max_bytes)?;
    let open = recovered.jobs.iter().flat_map(|job| &job.outcomes).filter(|outcome| outcome.is_none()).count();
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(jobs = recovered.jobs.len(), open_entries = open, took_ms, "read the journal");
    Ok((Arc::new(journal), recovered))
}
