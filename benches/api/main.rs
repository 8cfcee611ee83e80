//! The HTTP API under load, next to a bare axum handler in the same run: `cargo bench --bench api`.
//!
//! Prints the tables of `docs/PERFORMANCE.md`, "The HTTP API". Each server is a process of its own, so that its
//! CPU time can be told from that of the callers; callers and servers share the machine.
#![expect(
    clippy::expect_used,
    clippy::format_collect,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark ends by panicking, prints what it finds, and works in ratios"
)]

mod connection;
mod load;
mod memory;
mod polls;
mod process;
mod server;
mod streams;
mod submissions;

/// Runs the parts named as arguments, or all of them; as a child, the server that it is told to be.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if let [role, kind] = arguments.as_slice()
        && role == process::CHILD
    {
        return runtime.block_on(server::run(kind));
    }
    server::tidy_up();
    let wanted = |part: &str| arguments.is_empty() || arguments.iter().any(|name| name == part);
    if wanted("polls") {
        runtime.block_on(polls::run());
    }
    if wanted("submissions") {
        runtime.block_on(submissions::run());
    }
    if wanted("streams") {
        runtime.block_on(streams::run());
    }
    if wanted("memory") {
        runtime.block_on(memory::run());
    }
}
