//! The minute's window, over an hour of virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use skillsync::lifecycle::Lifecycle;
use tokio::time::{Instant, sleep, timeout};

use crate::limiters::{Kind, Limiter, answered};
use crate::percent;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) async fn run() {
    println!("## 300 calls in 60 s, an hour on the paused clock\n");
    println!("governor reads a clock of its own, which cannot be paused.\n");
    println!("| latency | rate limiter | tower RateLimit |");
    println!("|---|---|---|");
    let ms = Duration::from_millis;
    for (latency, spread) in [(ms(5), ms(0)), (ms(50), ms(0)), (ms(200), ms(0)), (ms(50), ms(100)), (ms(50), ms(6000))]
    {
        let mut cells = Vec::new();
        for kind in [Kind::Skillsync, Kind::TowerRateLimit] {
            let arrivals = an_hour(kind, latency, spread).await;
            let used = percent(arrivals.len() as f64, 300.0 * HOUR.div_duration_f64(MINUTE));
            let peak = peak(arrivals, MINUTE);
            let mark = if peak > 300 { "**" } else { "" };
            cells.push(format!("{used:.1} %, peak {mark}{peak}{mark}"));
        }
        let to = if spread.is_zero() { String::new() } else { format!(" to {:?}", latency + spread) };
        println!("| {latency:?}{to} | {} |", cells.join(" | "));
    }
    println!();
}

/// When calls arrived; each way takes half of what the other leaves of the latency, and its own part of the spread.
async fn an_hour(kind: Kind, latency: Duration, spread: Duration) -> Vec<Instant> {
    let limiter = Limiter::new(kind, 300, MINUTE, 60, &Lifecycle::default());
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
    let way = || latency / 2 + (spread / 2).mul_f64(random.lock().expect("not poisoned").random());
    let caller = || async {
        loop {
            let permit = limiter.admit().await;
            sleep(way()).await;
            arrivals.lock().expect("not poisoned").push(Instant::now());
            sleep(way()).await;
            answered(permit);
        }
    };
    let _ = timeout(HOUR, join_all((0..60).map(|_| caller()))).await;
    std::mem::take(&mut arrivals.lock().expect("not poisoned"))
}

fn peak(mut arrivals: Vec<Instant>, period: Duration) -> usize {
    arrivals.sort_unstable();
    let within = |first: usize| arrivals[first..].partition_point(|at| *at < arrivals[first] + period);
    (0..arrivals.len()).map(within).max().unwrap_or(0)
}
