//! `skillsync journal`: inspects the journal, even while the service runs.

mod adopt;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::config::Config;
use crate::journal::{ExportError, JournalReader};
use crate::private_file;

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Print counts and sizes.
    Stats(Where),
    /// Read the whole journal and report faults; exits with 1 if there are any.
    Verify(Where),
    /// Write every record as a line of JSON; the output contains personal data: names of people and their skills.
    Export {
        #[command(flatten)]
        of: Where,
        /// Write to this new file [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Copy the current state of the journal to a new file.
    Backup {
        #[command(flatten)]
        of: Where,
        /// The file to create; it must not exist.
        file: PathBuf,
    },
    /// Show which org the journal belongs to and what it holds, and with --yes bind it to the configured org; stop the
    /// service first. Exits with 1 if the journal still belongs to another org.
    Adopt {
        /// The configuration file [default: `skillsync.toml`].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Bind the journal; without this option, only show what that would mean.
        #[arg(long)]
        yes: bool,
    },
}

/// Selects the journal.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// The configuration file whose `journal.path` to use [default: `skillsync.toml`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of a journal, or a backup file; no configuration is read.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    path: Option<PathBuf>,
}

impl Where {
    fn open(&self) -> Result<JournalReader> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => Config::load(self.config.as_deref()).context("the configuration is invalid")?.journal.path,
        };
        Ok(JournalReader::open(&path)?)
    }
}

pub(super) async fn run(command: &JournalCommand) -> Result<ExitCode> {
    match command {
        JournalCommand::Stats(of) => stats(&of.open()?),
        JournalCommand::Verify(of) => verify(&of.open()?),
        JournalCommand::Export { of, output } => export(&of.open()?, output.as_deref()),
        JournalCommand::Adopt { config, yes } => adopt::run(config.as_deref(), *yes).await,
        JournalCommand::Backup { of, file } => {
            let bytes = of.open()?.backup(file)?;
            println!("{}: {bytes} bytes", file.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn stats(journal: &JournalReader) -> Result<ExitCode> {
    let contents = journal.contents()?;
    let date = |at: Option<jiff::Timestamp>| at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    println!("version           {}", contents.version);
    println!("database          {} bytes", contents.database_bytes);
    println!("log beside it     {} bytes", contents.log_bytes);
    println!(
        "jobs              {}, oldest {}, newest {}",
        contents.jobs,
        date(contents.oldest_job),
        date(contents.newest_job)
    );
    println!("entries           {}", contents.entries.values().sum::<u64>());
    for (state, entries) in &contents.entries {
        println!("  {state:<15} {entries}");
    }
    println!("users remembered  {}", contents.standings);
    println!("keys              {}", contents.keys);
    println!("memos             {}", contents.memos);
    Ok(ExitCode::SUCCESS)
}

fn verify(journal: &JournalReader) -> Result<ExitCode> {
    let verdict = journal.verify()?;
    for remark in &verdict.remarks {
        println!("note: {remark}");
    }
    for fault in &verdict.faults {
        println!("fault: {fault}");
    }
    if verdict.faults.is_empty() {
        println!("sound: {} records read", verdict.records);
        return Ok(ExitCode::SUCCESS);
    }
    println!("not sound: restore a backup, or save the readable records with `skillsync journal export`");
    Ok(ExitCode::FAILURE)
}

fn export(journal: &JournalReader, output: Option<&Path>) -> Result<ExitCode> {
    let mut to: Box<dyn Write> = match output {
        Some(file) => Box::new(private_file::create_new(file).with_context(|| file.display().to_string())?),
        None => Box::new(io::stdout().lock()),
    };
    let exported = match journal.export(&mut BufWriter::new(&mut to)) {
        // The reader of the lines closed the pipe early, which is no failure.
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        exported => exported?,
    };
    eprintln!("{} records", exported.lines);
    if exported.unreadable == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{} records could not be read and were left out", exported.unreadable);
    Ok(ExitCode::FAILURE)
}
