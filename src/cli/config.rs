//! `skillsync config`: validates the configuration, or prints an example or a table of all keys.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::config::{example, exposed_files, reference};

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArguments {
    /// Print an example with every key, its default and its description.
    #[arg(long)]
    example: bool,
    /// Print a Markdown table of every key.
    #[arg(long, conflicts_with = "example")]
    reference: bool,
    /// Validate this file, with the environment [default: `skillsync.toml`].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["example", "reference"])]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &ConfigArguments) -> Result<ExitCode> {
    if arguments.example {
        print!("{}", example());
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.reference {
        print!("{}", reference());
        return Ok(ExitCode::SUCCESS);
    }
    let config = super::usable_config(arguments.config.as_deref())?;
    for weakness in config.weaknesses() {
        eprintln!("warning: {weakness}");
    }
    for exposed in exposed_files(arguments.config.as_deref()) {
        eprintln!("warning: {exposed}");
    }
    println!("the configuration is valid; `skillsync check` checks it against Genesys");
    Ok(ExitCode::SUCCESS)
}
