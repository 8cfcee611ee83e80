//! Runs the jq filters of operators, which turn any payload into people.
//!
//! A filter is a program, and it is easy to write one that never ends. The language cannot be interrupted, and a thread
//! cannot be stopped from outside. So each run is a process of its own: this same program, without an environment, with
//! limits on memory and processor time, and killed when its time is up. See `docs/decisions`.

mod child;
mod people;
mod program;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

pub use self::child::run as run_as_child;
pub use self::people::people;

/// Maximum duration of one run.
const MAX_RUN_TIME: Duration = Duration::from_millis(1500);
/// Maximum time for which a payload waits for other runs. Together with a run, it stays well below the time that
/// senders wait for an answer.
const MAX_WAIT: Duration = Duration::from_millis(1000);
/// Maximum size of the output of one run, in bytes.
const MAX_OUTPUT_BYTES: usize = 8 * 1024 * 1024;
/// Maximum size of a filter, in bytes; a longer one is a mistake, or should be split over several sources.
const MAX_FILTER_LENGTH: usize = 16 * 1024;
/// Stack that compiles the most deeply nested filter of that size, with room to spare. Only the part in use takes up
/// memory.
const COMPILER_STACK: usize = 256 * 1024 * 1024;
/// Maximum number of concurrent runs.
const MAX_RUNS: usize = 2;

/// The subcommand with which this program runs a filter.
pub const SUBCOMMAND: &str = "run-filter";

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The filter failed on this payload, and would do so again.
    #[error("the filter failed: {0}")]
    Failed(String),
    /// The output is too large.
    #[error("the filter yields more than {MAX_OUTPUT_BYTES} bytes")]
    TooMuch,
    /// The run reached one of its limits; a similar payload may succeed.
    #[error("the filter was stopped because it took longer than {MAX_RUN_TIME:?} or too much memory")]
    Stopped,
    /// Other runs did not end in time.
    #[error("too many payloads are waiting for a filter")]
    Busy,
    /// The process could not be started.
    #[error("the filter cannot be started: {0}")]
    CannotStart(String),
}

/// Runs filters, a limited number at a time.
#[derive(Debug, Clone)]
pub struct FilterRunner {
    program: PathBuf,
    places: Arc<Semaphore>,
}

impl FilterRunner {
    /// Runs filters in processes of `program`, which must support [`SUBCOMMAND`].
    pub fn new(program: PathBuf) -> Self {
        Self { program, places: Arc::new(Semaphore::new(MAX_RUNS)) }
    }

    /// Runs filters in processes of the current program.
    pub fn of_this_program() -> Self {
        // On Linux, this names the running file even after a newer one has replaced it.
        let running = PathBuf::from("/proc/self/exe");
        Self::new(if running.exists() { running } else { std::env::current_exe().unwrap_or_default() })
    }

    /// Runs `filter` on `payload` and returns the JSON array of its outputs.
    pub async fn run(&self, filter: &str, payload: &[u8]) -> Result<Vec<u8>, FilterError> {
        let place = tokio::time::timeout(MAX_WAIT, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(FilterError::Busy) };
        let cannot = |error: std::io::Error| FilterError::CannotStart(error.to_string());
        let mut child = self.command().spawn().map_err(cannot)?;
        // If this future is dropped, so is the child, and with it the run is killed.
        let outcome = tokio::time::timeout(MAX_RUN_TIME, converse(&mut child, filter, payload)).await;
        match outcome {
            Ok(answer) => answer,
            Err(_) => Err(FilterError::Stopped),
        }
    }

    /// Returns the command that starts a child, without an environment.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(SUBCOMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A panic in the child is recognised by its exit code.
        command.env(OsString::from("RUST_BACKTRACE"), "0").kill_on_drop(true);
        command
    }
}

/// Sends the request to a child and reads its output up to [`MAX_OUTPUT_BYTES`].
async fn converse(child: &mut Child, filter: &str, payload: &[u8]) -> Result<Vec<u8>, FilterError> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(FilterError::CannotStart("its process has no pipes".to_owned()));
    };
    let send = async {
        // A child that ends early does not read all input; its result is on the other pipe.
        let _ = stdin.write_all(&child::request(filter, payload)).await;
        drop(stdin);
    };
    let receive = async {
        let mut output = Vec::new();
        let most = u64::try_from(MAX_OUTPUT_BYTES + 1).unwrap_or(u64::MAX);
        stdout.take(most).read_to_end(&mut output).await.map(|_| output)
    };
    let ((), output) = tokio::join!(send, receive);
    let output = output.map_err(|_| FilterError::Stopped)?;
    if output.len() > MAX_OUTPUT_BYTES {
        return Err(FilterError::TooMuch);
    }
    let status = child.wait().await.map_err(|_| FilterError::Stopped)?;
    match status.code() {
        Some(child::GOOD) => Ok(output),
        Some(child::FAILED) => Err(FilterError::Failed(String::from_utf8_lossy(&output).into_owned())),
        Some(_) | None => Err(FilterError::Stopped),
    }
}

/// Checks that a filter can be compiled, or returns what is wrong with it.
///
/// The parser recurses for each bracket, so a filter of nothing but brackets needs a large stack. Since the length is
/// limited and the stack is large enough, no filter ends the process, neither at the start nor on a reload.
pub fn check(filter: &str) -> Result<(), String> {
    if filter.len() > MAX_FILTER_LENGTH {
        return Err(format!("is longer than {MAX_FILTER_LENGTH} bytes"));
    }
    std::thread::scope(|scope| {
        let compiling = std::thread::Builder::new()
            .stack_size(COMPILER_STACK)
            .spawn_scoped(scope, || program::with_compiled(filter, |_| ()))
            .map_err(|error| format!("cannot be compiled now: {error}"))?;
        compiling.join().unwrap_or_else(|_| Err("cannot be compiled".to_owned()))
    })
}
