//! `skillsync push`: submits a file to a running service and follows the job.
//!
//! Exits with 0 if all entries succeeded, with 1 if some failed, were cancelled or are held, and with 2 if the command
//! failed.

mod display;
mod plan;
mod remote;
mod report;
mod source;

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use self::display::PushDisplay;
use self::remote::Remote;
use self::source::{JobOptions, PushSource};
use super::told_to_stop;
use crate::charset;
use crate::clock::WallClock;

#[derive(Debug, clap::Args)]
pub(super) struct PushArguments {
    /// The file of entries: .csv, .xlsx, .ndjson or .json; one that also ends in .gz or .zst is sent compressed as it
    /// is.
    file: PathBuf,
    /// The base URL of the service.
    #[arg(long, env = "SKILLSYNC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key with the role submit; prefer --key-file, because other users of this machine can see this option in
    /// the process list.
    #[arg(long, env = "SKILLSYNC_KEY", hide_env_values = true, conflicts_with = "key_file")]
    key: Option<String>,
    /// A file that contains the API key.
    #[arg(long, value_name = "FILE", env = "SKILLSYNC_KEY_FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    job: JobOptions,
    /// Show the plan, and carry it out after confirmation or with --yes.
    #[arg(long)]
    dry_run: bool,
    /// Carry out the plan of --dry-run without confirmation.
    #[arg(long, requires = "dry_run")]
    yes: bool,
    /// The idempotency key: the same key and file give the same job, however often they are sent [default: a new key].
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Compress the file for sending.
    #[arg(long)]
    gzip: bool,
    /// The file for failed rows [default: beside the input, `roster.failed.csv` for `roster.csv`].
    #[arg(long, value_name = "FILE")]
    failed_to: Option<PathBuf>,
    /// Give up if the service does not answer for this long; at most 10 seconds if it has never answered.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

/// The result, as expressed by the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PushOutcome {
    AllWell,
    /// Entries failed, were cancelled or are held.
    SomeNot,
}

impl PushOutcome {
    fn of(view: &Value) -> Self {
        let count = |state: &str| view.pointer(&format!("/counts/{state}")).and_then(Value::as_u64).unwrap_or_default();
        let well = count("failed") + count("held") + count("cancelled") == 0;
        if well { Self::AllWell } else { Self::SomeNot }
    }
}

pub(super) async fn run(arguments: &PushArguments) -> ExitCode {
    match push(arguments).await {
        Ok(PushOutcome::AllWell) => ExitCode::SUCCESS,
        Ok(PushOutcome::SomeNot) => ExitCode::from(1),
        Err(error) => {
            eprintln!("skillsync: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn push(arguments: &PushArguments) -> Result<PushOutcome> {
    let source = PushSource::read(&arguments.file, &arguments.job, arguments.dry_run).await?;
    let remote = Remote::new(&arguments.url, key(arguments)?, Duration::from_secs(arguments.patience))?;
    // A submission whose response is lost is sent again; without a key, it would be carried out twice.
    let key = arguments.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let accepted = remote.submit(&source, &key, arguments.gzip).await?;
    if !arguments.dry_run {
        let view = follow_unless_told_to_stop(&remote, &accepted).await?;
        return finish(&remote, &view, arguments).await;
    }
    // Interrupting the planning leaves nothing behind. Once caught, the signal would no longer interrupt the question
    // below.
    let view = follow(&remote, &accepted).await?;
    let changes = plan::show(&remote, &view).await?;
    let outcome = finish(&remote, &view, arguments).await?;
    if changes == 0 || !confirmed(arguments, changes)? {
        return Ok(outcome);
    }
    let applied = remote.apply(remote::id_of(&view)?).await?;
    let view = follow_unless_told_to_stop(&remote, &applied).await?;
    let applied = finish(&remote, &view, arguments).await?;
    Ok(if outcome == PushOutcome::AllWell { applied } else { outcome })
}

fn key(arguments: &PushArguments) -> Result<Option<String>> {
    let Some(file) = &arguments.key_file else { return Ok(arguments.key.clone()) };
    let text = charset::text_of_file(file).with_context(|| format!("--key-file: cannot read {}", file.display()))?;
    Ok(Some(text.trim().to_owned()))
}

/// Follows a job. A signal ends the following with an error that says how to cancel the job, which goes on.
async fn follow_unless_told_to_stop(remote: &Remote, accepted: &Value) -> Result<Value> {
    tokio::select! {
        biased;
        told = told_to_stop() => {
            told?;
            let job = remote.address_of(remote::id_of(accepted)?);
            bail!("interrupted; the job goes on: read it with GET {job}, cancel it with POST {job}/cancel")
        }
        view = follow(remote, accepted) => view,
    }
}

/// Follows a job until it has ended or is held, and returns its last view.
async fn follow(remote: &Remote, accepted: &Value) -> Result<Value> {
    let id = remote::id_of(accepted)?;
    println!("job {id}");
    let mut display = PushDisplay::new()?;
    let mut known = None;
    loop {
        let asked_at = Instant::now();
        if let Some((view, tag)) = remote.job(id, known.as_deref()).await? {
            display.show(&view, WallClock::System.now());
            if is_over(&view) {
                display.finish();
                return Ok(view);
            }
            known = tag;
        }
        // A job changes dozens of times per second, faster than anyone can read.
        tokio::time::sleep_until(asked_at + display::REFRESH).await;
    }
}

fn is_over(view: &Value) -> bool {
    view.get("finishedAt").is_some_and(Value::is_string) || view.get("status").is_some_and(|status| status == "held")
}

/// Prints how a job ended, and writes its failed rows to a file.
async fn finish(remote: &Remote, view: &Value, arguments: &PushArguments) -> Result<PushOutcome> {
    report::print(view);
    let count = |state: &str| view.pointer(&format!("/counts/{state}")).and_then(Value::as_u64).unwrap_or_default();
    let id = remote::id_of(view)?;
    if count("failed") > 0 {
        report::print_failures(&remote.failures(id).await?, count("failed"));
        let file = arguments.failed_to.clone().unwrap_or_else(|| source::failed_rows_beside(&arguments.file));
        let rows = remote.failed_rows(id).await?;
        crate::private_file::write(&file, &rows)
            .with_context(|| format!("cannot write the failed rows to {}", file.display()))?;
        println!("failed rows: {} (correct them and push this file)", file.display());
    }
    if count("held") > 0 {
        report::print_held(view, &remote.address_of(id));
    }
    Ok(PushOutcome::of(view))
}

fn confirmed(arguments: &PushArguments, changes: u64) -> Result<bool> {
    if arguments.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        println!("nothing was written; --yes carries out the plan");
        return Ok(false);
    }
    print!("carry out {changes} changes? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_failed_is_held_or_was_cancelled_is_not_well() {
        assert_eq!(
            PushOutcome::of(&json!({"counts": {"applied": 3, "unchanged": 2, "superseded": 1}})),
            PushOutcome::AllWell
        );
        for state in ["failed", "held", "cancelled"] {
            assert_eq!(PushOutcome::of(&json!({"counts": {"applied": 3, state: 1}})), PushOutcome::SomeNot, "{state}");
        }
    }

    #[test]
    fn a_held_job_is_over_for_who_follows_it() {
        assert!(is_over(&json!({"status": "held", "finishedAt": null})));
        assert!(is_over(&json!({"status": "completed", "finishedAt": "2026-11-23T19:00:00Z"})));
        assert!(!is_over(&json!({"status": "running", "finishedAt": null})));
    }
}
