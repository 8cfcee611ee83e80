//! The child process that runs one filter over one payload.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::program;

/// Exit codes; with any other, the process was stopped.
pub(super) const GOOD: i32 = 0;
pub(super) const FAILED: i32 = 3;

/// Maximum memory of a run, in bytes.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// Maximum processor time of a run, in seconds. The parent kills the run long before that, unless the parent was killed
/// itself.
const MAX_CPU_SECONDS: u64 = 5;

/// Builds the input of the child: the length of the filter, the filter, and the payload.
pub(super) fn request(filter: &str, payload: &[u8]) -> Vec<u8> {
    let mut request = u32::try_from(filter.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    request.extend_from_slice(filter.as_bytes());
    request.extend_from_slice(payload);
    request
}

/// Reads a request from stdin, runs it, and writes the outputs of the filter to stdout.
pub fn run() -> ExitCode {
    let answered = bounded().and_then(|()| received()).map(|(filter, payload)| program::outputs(&filter, &payload));
    let (code, text) = match answered {
        Ok(Ok(outputs)) => (GOOD, outputs),
        Ok(Err(problem)) => (FAILED, problem.into_bytes()),
        Err(error) => (FAILED, error.to_string().into_bytes()),
    };
    let written = io::stdout().write_all(&text).and_then(|()| io::stdout().flush());
    match written {
        Ok(()) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Sets resource limits, and gives up whatever a filter does not need.
fn bounded() -> io::Result<()> {
    let bounds =
        [(Resource::Data, MAX_MEMORY), (Resource::Cpu, MAX_CPU_SECONDS), (Resource::Core, 0), (Resource::Fsize, 0)];
    for (resource, most) in bounds {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Reads the filter and the payload from stdin.
fn received() -> io::Result<(String, Vec<u8>)> {
    let mut stdin = io::stdin().lock();
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let mut filter = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or_default()];
    stdin.read_exact(&mut filter)?;
    let mut payload = Vec::new();
    stdin.read_to_end(&mut payload)?;
    let filter = String::from_utf8(filter).map_err(io::Error::other)?;
    Ok((filter, payload))
}
