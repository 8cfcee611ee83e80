//! `skillsync check`: tries the configuration out, line by line, and says what to do. Nothing is written to Genesys.
//!
//! Exits with 0 if nothing failed, also with warnings, and with 1 if something did.

mod findings;
mod sources;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use self::findings::Findings;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// The configuration file; `skillsync.toml` in the working directory if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For programs: one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let mut findings = Findings::default();
    match Config::load(arguments.config.as_deref()) {
        Ok(config) => {
            findings.ok("configuration", "can be used");
            steps::access(&config, &mut findings);
            steps::journal(&config, &mut findings);
            let sources = sources::compiled(&config, &mut findings);
            steps::genesys(&config, &sources, &mut findings).await?;
        }
        Err(error) => {
            findings.fail("configuration", error, "correct the key; `skillsync config --example` explains all");
        }
    }
    print!("{}", if arguments.json { findings.json() } else { findings.table() });
    Ok(if findings.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
