//! What a limiter costs by itself: CPU per call, memory per waiting call.

use std::time::Duration;

use futures_util::FutureExt;
use skillsync::genesys::call::{CallLane, Route};
use skillsync::genesys::rate_limiter::{Limits, RateLimiter, Start};
use skillsync::lifecycle::Lifecycle;
use tokio::time::Instant;

use crate::limiters::{Kind, Limiter, answered};

const CALLS: u32 = 200_000;
const WAITERS: usize = 1_000_000;

pub(crate) async fn run() {
    println!("## By itself\n");
    println!("CPU per call, with {CALLS} calls through a limit that is never met, on one thread:\n");
    println!("| {} |", Kind::ALL.map(Kind::name).join(" | "));
    println!("|{}", "---|".repeat(Kind::ALL.len()));
    let mut cells = Vec::new();
    for kind in Kind::ALL {
        let lifecycle = Lifecycle::default();
        let limiter = Limiter::new(kind, 900_000_000, Duration::from_secs(1), 100, &lifecycle);
        let began = Instant::now();
        for _ in 0..CALLS {
            answered(limiter.admit().await);
        }
        cells.push(format!("{:.2} µs", began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)));
    }
    println!("| {} |\n", cells.join(" | "));
    wait_by_the_million();
}

/// Resident memory with and without a million callers in the rate limiter.
fn wait_by_the_million() {
    let rate_limiter = RateLimiter::new(&Limits::default(), Start::AsIfFull, &Lifecycle::default());
    let before = resident_bytes();
    let began = Instant::now();
    let join = || {
        let mut waiting = Box::pin(rate_limiter.admit(CallLane::Bulk, Route::WfmRead));
        assert!((&mut waiting).now_or_never().is_none());
        waiting
    };
    let waiting: Vec<_> = std::iter::repeat_with(join).take(WAITERS).collect();
    let joined = began.elapsed();
    let bytes = resident_bytes().saturating_sub(before);
    drop(waiting);
    let left = began.elapsed().saturating_sub(joined);
    println!("{WAITERS} waiting callers: {} MB, joined in {joined:.1?}, left in {left:.1?}.", bytes / 1_000_000);
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}
