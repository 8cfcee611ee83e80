//! `skillsync config`: the configuration that would be used, or an example or a table that explains every key.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::config::{example, exposed_files, reference};

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArguments {
    /// Print an example with every key, its default and its meaning.
    #[arg(long)]
    example: bool,
    /// Print a table of every key, as Markdown.
    #[arg(long, conflicts_with = "example")]
    reference: bool,
    /// Say whether this file and the environment can be used; `skillsync.toml` if not given.
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
    println!("the configuration can be used; `skillsync check` tries it out");
    Ok(ExitCode::SUCCESS)
}
