//! The command line, one module per subcommand.

/// Replaces the standard macro, so that no printed text can control the terminal.
macro_rules! println {
    () => { crate::terminal::line(format_args!("")) };
    ($($told:tt)+) => { crate::terminal::line(format_args!($($told)+)) };
}

/// Replaces the standard macro, like `println!` above.
macro_rules! print {
    ($($told:tt)+) => { crate::terminal::text(format_args!($($told)+)) };
}

/// Replaces the standard macro, like `println!` above.
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

/// Syncs employees' skills from HR systems into Genesys Cloud: in bulk, at the permitted rate, without lost updates.
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
    /// Run the service against the simulator and sync 500 users and 30 skill groups, with conflicts; requires no
    /// Genesys account.
    Demo(demo::DemoArguments),
    /// Run the Genesys simulator alone.
    Simulate(simulate::SimulateArguments),
    /// Submit a file of entries to a running service and follow the job; exits with 0 if all entries succeeded, with 1
    /// if some failed, were cancelled or are held, with 2 if the command failed.
    Push(Box<push::PushArguments>),
    /// Check that a running service is alive; exits with 0 if it is.
    Health(health::HealthArguments),
    /// Check the configuration against Genesys: login, permissions, limits, catalogues and journal; changes nothing.
    Check(check::CheckArguments),
    /// Inspect, verify, export, back up or adopt the journal; all but `adopt` work while the service runs.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Validate the configuration, or print an example with every key.
    Config(config::ConfigArguments),
    /// Print a shell completion script.
    Completions(completions::CompletionsArguments),
    /// Show the assignments that the rules of a source derive from a payload or an export, and why; sends nothing.
    Map(map::MapArguments),
    /// Run a filter over a payload; started by the service itself.
    #[command(name = "run-filter", hide = true)]
    RunFilter,
    /// Print the OpenAPI document of the service.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file [default: `skillsync.toml` in the working directory, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Maximum number of threads for blocking work, such as parsing large bodies and resolving host names. Bounded because
/// each has its own stack.
const MAX_BLOCKING: usize = 16;

/// Runs the command given on the command line and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::RunFilter) {
        // Before any threads are started, because a filter process runs with little memory.
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
    // Does not wait for blocking threads: one could be reading input that never arrives.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| failed(&error))
}

/// Returns the configuration from the file and the environment, or an error if the service could not start with it.
fn usable_config(file: Option<&Path>) -> anyhow::Result<Config> {
    let unusable = "the configuration is invalid";
    let config = Config::load(file).context(unusable)?;
    usable::check(&config).context(unusable)?;
    Ok(config)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("skillsync: {error:#}");
    ExitCode::FAILURE
}

/// Listens for SIGTERM and Ctrl-C. A signal that arrives before [`StopSignals::next`] is called is not lost.
#[derive(Debug)]
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves at the first SIGTERM or Ctrl-C.
async fn told_to_stop() -> std::io::Result<()> {
    StopSignals::listen()?.next().await;
    Ok(())
}
