//! What the service itself costs, beside the least that it could: `cargo bench --bench scale`.
//!
//! Prints the section "The service" of `docs/PERFORMANCE.md`. Every figure stands next to a limit that is
//! measured in the same run.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark ends by panicking, prints what it finds, works in ratios, and lives in real time where no clock is paused"
)]

mod acceptance;
mod chart;
mod costs;
mod entries;
mod idle;
mod memory;
mod nights;
mod org;
mod roster;
mod service;
mod strategies;

/// Runs the parts named as arguments, or all of them.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let [nights::ONE, users, changed] = named.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return nights::one(users.parse().expect("a number"), changed.parse().expect("a number"));
    }
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    if wanted("acceptance") {
        acceptance::run();
    }
    if wanted("entries") {
        entries::run();
    }
    if wanted("costs") {
        costs::run();
    }
    if wanted("idle") {
        idle::run();
    }
    if wanted("strategies") {
        strategies::run();
    }
    if wanted("nights") {
        nights::run();
    }
}

/// A runtime on this thread; on a paused clock if the time that passes is not the point.
fn runtime(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().expect("a runtime")
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
