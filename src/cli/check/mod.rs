//! `skillsync check`: checks the configuration item by item and says what to do. Changes nothing in Genesys.
//!
//! Exits with 0 if nothing failed, even with warnings, and with 1 if something failed.

mod findings;
mod genesys;
mod names;
mod sources;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use self::findings::Findings;
use crate::app::usable::{Unusable, check_all_but_sources};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// The configuration file [default: `skillsync.toml` in the working directory, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document instead of a table, for programs.
    #[arg(long)]
    json: bool,
    /// Also look up this user: an e-mail address, a Genesys user id, or otherwise an employee id.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

pub(super) async fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let mut findings = Findings::default();
    match usable(arguments.config.as_deref()) {
        Ok(config) => {
            findings.ok("configuration", "valid");
            steps::secrets(arguments.config.as_deref(), &config, &mut findings);
            steps::access(&config, &mut findings);
            let owner = steps::journal(&config, &mut findings);
            let sources = sources::compiled(&config, &mut findings);
            genesys::survey(&config, &sources, arguments.user.as_deref(), owner.as_ref(), &mut findings).await?;
        }
        Err(error) => {
            findings.fail("configuration", error, "correct the key; `skillsync config --example` explains all keys");
        }
    }
    print!("{}", if arguments.json { findings.json() } else { findings.table() });
    Ok(if findings.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns the configuration, or an error if the service could not start with it. The sources are checked separately.
fn usable(file: Option<&Path>) -> Result<Config, Unusable> {
    let config = Config::load(file)?;
    check_all_but_sources(&config)?;
    Ok(config)
}
