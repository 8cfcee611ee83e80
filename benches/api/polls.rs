//! Polls of a running job.

use std::time::Duration;

use crate::connection::get;
use crate::load::{self, Found};
use crate::process::{KEY, Server};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

pub(crate) async fn run() {
    println!("## Polls of a job that runs\n");
    println!("`GET /v1/sync-jobs/{{jobId}}` with a key, while the job, 10,000 users, takes 5 calls a second.\n");
    println!("| connections, server | a second | CPU of the server each | p50 | p99 |\n|---|---|---|---|---|");
    let (bare, service) = (Server::start("bare"), Server::start("memory"));
    let job = service.submit(0..10_000).await;
    let request = get(&job, KEY);
    let mut told = Vec::new();
    for connections in [1, 8, 64] {
        let (mut of_bare, mut of_service) = (Found::default(), Found::default());
        // In turns, so that what else the machine does hits both alike.
        for _ in 0..ROUNDS {
            of_bare = of_bare.join(load::run(&bare, &request, 200, connections, ROUND).await);
            of_service = of_service.join(load::run(&service, &request, 200, connections, ROUND).await);
        }
        of_bare.row(&format!("{connections}, bare"));
        of_service.row(&format!("{connections}, skillsync"));
        let share = 100.0 * of_service.per_second() / of_bare.per_second();
        let tail = of_service.at(990) / of_bare.at(990);
        told.push(format!("{connections}: {share:.0} % of the bare handler's polls, p99 {tail:.2} times its"));
    }
    println!("\nWith {}.\n", told.join("; with "));
}
