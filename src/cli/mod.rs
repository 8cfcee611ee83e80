//! The command line: one file a subcommand.

/// In place of the standard one, so that nothing that is printed acts on the terminal.
macro_rules! println {
    () => { crate::terminal::line(format_args!("")) };
    ($($told:tt)+) => { crate::terminal::line(format_args!($($told)+)) };
}

/// The same.
macro_rules! print {
    ($($told:tt)+) => { crate::terminal::text(format_args!($($told)+)) };
}

/// The same.
macro_rules! eprintln {
    ($($told:tt)+) => { crate::terminal::note(format_args!($($told)+)) };
}

mod check;
mod completions;
mod config;
mod demo;
mod health;
mod http;
mod input;
mod journal;
mod map;
mod openapi;
mod push;
mod serve;
mod simulate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::usable;
use crate::config::Config;

/// Brings employees' skills from an HR system into Genesys Cloud: in bulk, at the permitted rate, without lost updates.
#[derive(Debug, Parser)]
#[command(name = "skillsync", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(ConfigFile),
    /// Run simulator and service and sync 500 users and 30 skill groups, with conflicts; no Genesys account needed.
    Demo(demo::DemoArguments),
    /// Run the Genesys simulator alone.
    Simulate(simulate::SimulateArguments),
    /// Submit a file of entries to a running service and follow it; exits with 0 if all is well, 1 if some entries
    /// failed or are held, 2 if it could not be done.
    Push(Box<push::PushArguments>),
    /// Ask a running service whether it lives; exits with 0 if it does.
    Health(health::HealthArguments),
    /// Try the configuration out: login, permissions, limits, catalogue, journal; changes nothing.
    Check(check::CheckArguments),
    /// Look at the journal, also while the service runs: how much there is, whether it is sound, its records, a backup.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Say whether the configuration can be used, or print an example with every key.
    Config(config::ConfigArguments),
    /// Print a script that completes commands and options in a shell.
    Completions(completions::CompletionsArguments),
    /// Show what a payload or an export becomes by a source's rules, and why; nothing is sent.
    Map(map::MapArguments),
    /// Run a filter over a payload; the service starts this itself.
    #[command(name = "run-filter", hide = true)]
    RunFilter,
    /// Print the OpenAPI document of the service.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file; `skillsync.toml` in the working directory if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Threads for what would hold others up, as large bodies and the names of hosts: each has a stack of its own.
const MAX_BLOCKING: usize = 16;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::RunFilter) {
        // Before there are threads: a filter gets by with little memory.
        return crate::hris::filter::run_as_child();
    }
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().max_blocking_threads(MAX_BLOCKING).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&error.into()),
        };
    let outcome = match arguments.command {
        Command::Serve(file) => runtime.block_on(serve::run(file.config.as_deref())),
        Command::Demo(arguments) => runtime.block_on(demo::run(&arguments)),
        Command::Simulate(arguments) => runtime.block_on(simulate::run(&arguments)),
        Command::Health(arguments) => runtime.block_on(health::run(&arguments)),
        Command::Push(arguments) => Ok(runtime.block_on(push::run(&arguments))),
        Command::Check(arguments) => runtime.block_on(check::run(&arguments)),
        Command::Journal(command) => runtime.block_on(journal::run(&command)),
        Command::Config(arguments) => config::run(&arguments),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
        Command::Map(arguments) => runtime.block_on(map::run(&arguments)),
        Command::RunFilter => Ok(ExitCode::FAILURE),
        Command::Openapi => Ok(openapi::run()),
    };
    // Not waiting for a thread that reads what never comes.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| failed(&error))
}

/// The configuration of a file and the environment, if a start could use it.
fn usable_config(file: Option<&Path>) -> anyhow::Result<Config> {
    let unusable = "the configuration cannot be used";
    let config = Config::load(file).context(unusable)?;
    usable::check(&config).context(unusable)?;
    Ok(config)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("skillsync: {error:#}");
    ExitCode::FAILURE
}

/// SIGTERM and Ctrl-C, from now on: what comes while nobody waits is not lost.
#[derive(Debug)]
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves at the first signal.
async fn told_to_stop() -> std::io::Result<()> {
    StopSignals::listen()?.next().await;
    Ok(())
}
