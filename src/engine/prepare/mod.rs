//! The preparation of a job: from its acceptance to pending changes in the slots of its users. Resumed after a panic.

pub(in crate::engine) mod create_skills;
pub(in crate::engine) mod prefetch;
pub(in crate::engine) mod preparation;
pub(in crate::engine) mod removal_check;
pub(in crate::engine) mod resolve;
pub(in crate::engine) mod resolved;
pub(in crate::engine) mod same_user;

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::conclusion::{Concluding, Ending};
use crate::engine::core::{EngineCore, MAX_PANICS};
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::lifecycle::Lifecycle;

/// The progress of a preparation, which outlives a panic in the middle of it.
pub(in crate::engine) struct Prepared<'a> {
    /// Entries that are parked with their users. They are not prepared again.
    pub(in crate::engine) parked: HashSet<u32>,
    /// Ends that are decided but not shown yet.
    pub(in crate::engine) concluding: Vec<Concluding<'a>>,
}

/// Prepares the open entries of a job, except those that are `parked` with their users already. After a panic, resumes
/// the preparation following a pause. After repeated panics, the entries that are not parked yet fail.
pub(in crate::engine) async fn prepare(
    engine: &EngineCore,
    lifecycle: &Lifecycle,
    job: &Arc<Job>,
    parked: HashSet<u32>,
) {
    let mut prepared = Prepared { parked, concluding: Vec::new() };
    for panics in 1..=MAX_PANICS {
        let work = resolve::resolve_and_park(engine, job, &mut prepared);
        if lifecycle.caught("job", work).await.is_some() {
            return;
        }
        tokio::time::sleep(engine.backoff.pause(panics)).await;
    }
    let Prepared { parked, mut concluding } = prepared;
    let failure = Failure::defect(MAX_PANICS);
    let left = (0..job.len()).filter(|index| !parked.contains(index));
    concluding.push(engine.conclude(left.map(|index| Ending::failed(job, index, &failure)).collect(), None));
    engine.order.prepared(job.id());
    for ended in concluding {
        ended.shown().await;
    }
}
