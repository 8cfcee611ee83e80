//! The rate limiter against other rate limiters, and the service against the least that its work takes: `cargo bench --bench pace`.
//!
//! Prints the tables of `docs/PERFORMANCE.md`, "Use of the permitted rate". Windows of a second are measured against the
//! simulator on a socket, where delays are real; the minute's window, long runs and whole jobs on the paused clock in memory, where they take no time.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark ends by panicking, prints what it finds, and works in ratios"
)]

mod alone;
mod limiters;
mod service;
mod socket;
mod virtual_time;

/// Runs the parts named as arguments, or all of them.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let paused = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    if wanted("socket") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(socket::run());
    }
    if wanted("virtual") {
        paused().block_on(virtual_time::run());
    }
    if wanted("service") {
        paused().block_on(service::run());
    }
    if wanted("alone") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(alone::run());
    }
}

/// A part of a whole in percent.
fn percent(part: f64, whole: f64) -> f64 {
    part / whole * 100.0
}
