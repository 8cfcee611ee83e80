//! The preparation of a job, taken up again where a panic ends it.

use std::collections::HashSet;
use std::sync::Arc;

use super::EngineCore;
use super::conclusion::{Concluding, Ending};
use super::job::Job;
use super::resolve;
use super::verdict::Failure;
use crate::lifecycle::Lifecycle;

/// After so many panics in a row, of the preparation of a job or of the passes over a user, the entries concerned fail.
pub(super) const MOST_PANICS: u32 = 5;

/// How far a preparation has come: what outlives a panic in the middle of it.
pub(super) struct Prepared<'a> {
    /// Entries that are with their users. They are not prepared again.
    pub(super) parked: HashSet<u32>,
    /// Ends that are decided and not shown yet.
    pub(super) concluding: Vec<Concluding<'a>>,
}

/// Brings the open entries of a job on their way, but for those that are `parked` with their users already. If a panic ends that, it is taken up again after a pause; if that happens
/// time after time, the entries that are not on their way fail.
pub(super) async fn prepare(engine: &EngineCore, lifecycle: &Lifecycle, job: &Arc<Job>, parked: HashSet<u32>) {
    let mut prepared = Prepared { parked, concluding: Vec::new() };
    for panics in 1..=MOST_PANICS {
        let work = resolve::resolve_and_park(engine, job, &mut prepared);
        if lifecycle.caught("job", work).await.is_some() {
            return;
        }
        tokio::time::sleep(engine.backoff.pause(panics)).await;
    }
    let Prepared { parked, mut concluding } = prepared;
    let failure = Failure::defect(MOST_PANICS);
    let left = (0..job.len()).filter(|index| !parked.contains(index));
    concluding.push(engine.conclude(left.map(|index| Ending::failed(job, index, &failure)).collect(), None));
    engine.order.prepared(job.id());
    for ended in concluding {
        ended.shown().await;
    }
}
