//! Keeps the usage log of the rate limiter in the journal, and restores a new rate limiter from it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::WallClock;
use crate::genesys::rate_limiter::{Start, UsageLog, UsageRecord};
use crate::journal::{CallRecord, Journal};

/// Writes the rate limiter's usage records to the journal, with dates instead of instants.
#[derive(Debug)]
pub(super) struct JournalledCalls {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: WallClock,
}

impl UsageLog for JournalledCalls {
    fn write(&self, page: UsageRecord) -> BoxFuture<'_, bool> {
        let date = |at| self.clock.date_of(at);
        let record = CallRecord {
            ended: page.ended,
            ended_at: date(page.ended_at),
            lease_until: date(page.lease_until),
            at_most: page.at_most,
            forget_before: page.forget_before.map_or(Timestamp::MIN, date),
        };
        Box::pin(async move { self.journal.calls(record).await.is_ok() })
    }
}

/// Dates are stored in whole milliseconds, so each call counts as one of the following millisecond.
const ROUNDING: Duration = Duration::from_millis(1);

/// Returns what a new rate limiter assumes about the calls of an earlier process. Without any record, it assumes that
/// all permitted calls were made just now.
pub fn start_from(calls: &[CallRecord], clock: WallClock) -> Start {
    let Some(newest) = calls.last() else { return Start::AsIfFull };
    let (now, date) = (Instant::now(), clock.now());
    // Calls in the future (the clock was set back) count as made now.
    let instant = |at: Timestamp| {
        let ago = Duration::try_from(date.duration_since(at)).unwrap_or_default();
        now.checked_sub(ago.saturating_sub(ROUNDING))
    };
    let counted = calls.iter().filter_map(|record| Some((instant(record.ended_at)?, record.ended)));
    Start::Recent {
        counted: counted.flat_map(|(at, calls)| (0..calls).map(move |_| at)).collect(),
        presumed: instant(newest.lease_until).map(|at| (newest.at_most, at)),
    }
}
