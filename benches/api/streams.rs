//! A thousand followers of jobs that change ten times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use skillsync::lifecycle::Lifecycle;
use tokio::time::{Instant, sleep};

use crate::connection::{Connection, get};
use crate::process::{KEY, Server};

const STREAMS: usize = 1000;
const JOBS: usize = 10;
const LENGTH: Duration = Duration::from_secs(15);

/// Percent of one core, and events a second that came in.
struct Cost {
    percent: f64,
    events: f64,
}

pub(crate) async fn run() {
    println!("## Event streams\n");
    println!(
        "{STREAMS} streams of {JOBS} jobs, each of which works on 5 users a second: 10 changes a second, and the job itself. \
         The bare handler sends each of its streams 10 ready events a second.\n"
    );
    println!("| server | CPU, of one core | events a second |\n|---|---|---|");
    let bare = Server::start("bare");
    let of_bare = measure(&bare, &["/v1/sync-jobs/1".to_owned()], STREAMS).await;
    println!("| bare, {STREAMS} streams | {:.1} % | {:.0} |", of_bare.percent, of_bare.events);
    drop(bare);
    let service = Server::start("fast");
    let mut jobs = Vec::new();
    for n in 0..JOBS {
        jobs.push(service.submit(n * 1500..(n + 1) * 1500).await);
    }
    sleep(Duration::from_secs(3)).await;
    let idle = measure(&service, &jobs, 0).await;
    println!("| skillsync, the jobs alone | {:.1} % | |", idle.percent);
    let followed = measure(&service, &jobs, STREAMS).await;
    println!("| skillsync, {STREAMS} streams | {:.1} % | {:.0} |", followed.percent, followed.events);
    println!("\nThe streams cost {:.1} % of one core.\n", followed.percent - idle.percent);
}

async fn measure(server: &Server, jobs: &[String], streams: usize) -> Cost {
    let (lifecycle, events) = (Lifecycle::default(), Arc::new(AtomicUsize::new(0)));
    for job in jobs.iter().cycle().take(streams) {
        let (address, request) = (server.address, get(&format!("{job}/events"), KEY));
        let events = Arc::clone(&events);
        lifecycle.spawn_until_stop(async move {
            let count = |more| {
                events.fetch_add(more, Ordering::Relaxed);
            };
            Connection::open(address).await.follow(&request, count).await;
        });
    }
    // What has happened so far is told first.
    sleep(Duration::from_secs(3)).await;
    let (cpu, began, before) = (server.cpu_seconds(), Instant::now(), events.load(Ordering::Relaxed));
    sleep(LENGTH).await;
    let seconds = began.elapsed().as_secs_f64();
    let percent = 100.0 * (server.cpu_seconds() - cpu) / seconds;
    let came = events.load(Ordering::Relaxed) - before;
    lifecycle.stop(Duration::from_secs(5)).await;
    Cost { percent, events: came as f64 / seconds }
}
