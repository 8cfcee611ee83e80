//! jq filters of operators: from any payload to people.
//!
//! A filter is a program, and one that never ends is easily written. The language offers no way to interrupt it, and a
//! thread cannot be stopped from outside. So each run is a process of its own: this same program, without an environment,
//! with bounds on memory and processor time, and killed when its time is up. See `docs/decisions`.

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

/// How long one run may take.
const MAX_RUN_TIME: Duration = Duration::from_millis(1500);
/// How long a payload waits for others to be mapped; together with a run, well within what senders wait for an answer.
const MAX_WAIT: Duration = Duration::from_millis(1000);
/// What one run may answer.
const MAX_OUTPUT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a filter; longer ones belong into several sources, or are mistakes.
const MAX_FILTER_LENGTH: usize = 16 * 1024;
/// What compiling the deepest filter of that length takes, with room to spare. Only what is used of it becomes memory.
const COMPILER_STACK: usize = 256 * 1024 * 1024;
/// Runs at a time.
const MAX_RUNS: usize = 2;

/// The subcommand by which this program runs a filter.
pub const SUBCOMMAND: &str = "run-filter";

/// Why a run came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// What the filter says of this payload; the same again next time.
    #[error("the filter fails: {0}")]
    Failed(String),
    #[error("the filter yields more than {MAX_OUTPUT_BYTES} bytes")]
    TooMuch,
    /// Ran into one of its bounds; a payload of the same kind may well pass.
    #[error("the filter was stopped: it took longer than {MAX_RUN_TIME:?}, or too much memory")]
    Stopped,
    #[error("too many payloads wait for their filters")]
    Busy,
    #[error("the filter cannot be started: {0}")]
    CannotStart(String),
}

/// Runs filters, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct FilterRunner {
    program: PathBuf,
    places: Arc<Semaphore>,
}

impl FilterRunner {
    /// Runs filters in processes of `program`, which understands [`SUBCOMMAND`].
    pub fn new(program: PathBuf) -> Self {
        Self { program, places: Arc::new(Semaphore::new(MAX_RUNS)) }
    }

    /// Runs filters in processes of the program that this is.
    pub fn of_this_program() -> Self {
        // On Linux this names the running file even after it was replaced by a newer one.
        let running = PathBuf::from("/proc/self/exe");
        Self::new(if running.exists() { running } else { std::env::current_exe().unwrap_or_default() })
    }

    /// What `filter` yields for `payload`, as JSON: the array of its outputs.
    pub async fn run(&self, filter: &str, payload: &[u8]) -> Result<Vec<u8>, FilterError> {
        let place = tokio::time::timeout(MAX_WAIT, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(FilterError::Busy) };
        let cannot = |error: std::io::Error| FilterError::CannotStart(error.to_string());
        let mut child = self.command().spawn().map_err(cannot)?;
        // A run that is not waited for any more is killed, because the child is dropped with it.
        let outcome = tokio::time::timeout(MAX_RUN_TIME, converse(&mut child, filter, payload)).await;
        match outcome {
            Ok(answer) => answer,
            Err(_) => Err(FilterError::Stopped),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(SUBCOMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A panic in there is told by the exit code.
        command.env(OsString::from("RUST_BACKTRACE"), "0").kill_on_drop(true);
        command
    }
}

async fn converse(child: &mut Child, filter: &str, payload: &[u8]) -> Result<Vec<u8>, FilterError> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(FilterError::CannotStart("it has no pipes".to_owned()));
    };
    let send = async {
        // Whoever ends early does not read to the end; what it has to say is on the other pipe.
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

/// Whether a filter can be run at all; what is wrong with it, if not.
///
/// The parser calls itself for each bracket, so a filter of nothing else needs much stack: with a bound on the one and
/// plenty of the other, no filter ends the process, neither at the start nor when the configuration is read again.
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
