//! Event feeds of jobs, serialized once for all followers who have seen the same events.
//!
//! All followers of a job look for changes at the same moments. The first to look serializes the new events, and the
//! others send the same bytes. The interval grows with the number of followers, so that any number of them costs about
//! as much as a hundred.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::shapes::entry_view::SyncJobEntryView;
use crate::api::shapes::job_view::SyncJobView;
use crate::domain::JobId;
use crate::engine::{Engine, EventCursor};

/// Maximum number of entries per part of a feed.
const AT_A_TIME: usize = 100;
/// Minimum interval between looks; changes within it are sent together.
const GATHER: Duration = Duration::from_millis(100);
/// Interval between looks per follower, if this makes it longer than [`GATHER`].
const GATHER_FOR_EACH: Duration = Duration::from_millis(1);
const MAX_GATHERING: Duration = Duration::from_secs(1);

/// The feeds of all jobs that have followers.
#[derive(Debug)]
pub(in crate::api) struct Feeds {
    /// Distinguishes event ids of this run of the service from those of earlier runs.
    run: Uuid,
    begun: Instant,
    by_job: Mutex<HashMap<JobId, Weak<Feed>>>,
}

/// The event feed of one job.
///
/// Invariant: `newest` is a part that reached the state of the job when it was written. A follower at any position
/// other than its beginning gets a part of their own. Every follower therefore receives every event once and in order,
/// whatever is cached here.
#[derive(Debug)]
pub(in crate::api) struct Feed {
    job: JobId,
    run: Uuid,
    begun: Instant,
    newest: Mutex<Option<Arc<FeedPart>>>,
}

/// Some consecutive events, as sent over the wire.
#[derive(Debug)]
pub(in crate::api) struct FeedPart {
    from: EventCursor,
    /// The position of a follower who has received this part.
    pub(in crate::api) to: EventCursor,
    pub(in crate::api) text: Bytes,
    /// Whether no part follows.
    pub(in crate::api) is_last: bool,
}

impl Feeds {
    /// Returns an empty set; `run` identifies this run of the service.
    pub(in crate::api) fn new(run: Uuid) -> Self {
        Self { run, begun: Instant::now(), by_job: Mutex::default() }
    }

    /// Returns the feed of a job. It exists as long as a follower holds it.
    pub(in crate::api) fn of(&self, job: JobId) -> Arc<Feed> {
        let mut by_job = self.by_job.lock();
        if let Some(feed) = by_job.get(&job).and_then(Weak::upgrade) {
            return feed;
        }
        by_job.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed { job, run: self.run, begun: self.begun, newest: Mutex::default() });
        by_job.insert(job, Arc::downgrade(&feed));
        feed
    }

    /// Returns the position of an event id, or `None` if the id is malformed or of an earlier run of the service.
    pub(in crate::api) fn followed(&self, id: &str) -> Option<EventCursor> {
        let mut parts = id.split('-');
        let (run, revision, entry) = (parts.next()?, parts.next()?, parts.next()?);
        (run == self.run.simple().to_string())
            .then_some(EventCursor { revision: revision.parse().ok()?, entry: entry.parse().ok()? })
    }
}

impl Feed {
    /// Returns the part after `told`, which is empty if there is nothing new, or `None` if the job no longer exists.
    pub(in crate::api) fn after(&self, told: EventCursor, engine: &Engine) -> Option<Arc<FeedPart>> {
        let newest = self.newest.lock().clone();
        if let Some(newest) = newest.filter(|newest| newest.from == told) {
            return Some(newest);
        }
        let (part, reaches_the_end) = self.write(told, engine)?;
        let part = Arc::new(part);
        if reaches_the_end && !part.text.is_empty() {
            *self.newest.lock() = Some(Arc::clone(&part));
        }
        Some(part)
    }

    fn write(&self, told: EventCursor, engine: &Engine) -> Option<(FeedPart, bool)> {
        let news = engine.news(self.job, told, AT_A_TIME)?;
        let names = engine.names(engine.job(self.job)?.spec.target);
        let (mut to, mut text, mut is_last) = (told, String::new(), false);
        for (place, entry) in news.entries {
            to = place;
            self.event(&mut text, "entry", to, &SyncJobEntryView::of(entry, &names));
        }
        let reaches_the_end = news.job.is_some();
        if let Some(job) = news.job {
            is_last = job.finished_at.is_some();
            let all = EventCursor::all_of(job.revision);
            if to < all {
                to = all;
                self.event(&mut text, "job", to, &SyncJobView::of(job, engine));
            }
        }
        Some((FeedPart { from: told, to, text: text.into(), is_last }, reaches_the_end))
    }

    /// Appends one event. Its data fits on one line, because compact JSON has no line breaks.
    fn event(&self, text: &mut String, name: &str, at: EventCursor, view: &impl Serialize) {
        let (run, EventCursor { revision, entry }) = (self.run.simple(), at);
        let data = serde_json::to_string(view).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(text, "event: {name}\nid: {run}-{revision}-{entry}\ndata: {data}\n\n");
    }

    /// Returns when the followers of this job look next; `followers` is the number of held-back responses of all jobs.
    pub(in crate::api) fn next_look(&self, followers: usize) -> Instant {
        let followers = u32::try_from(followers).unwrap_or(u32::MAX);
        let gather = GATHER_FOR_EACH.saturating_mul(followers).clamp(GATHER, MAX_GATHERING);
        // Spreads the looks of different jobs over the interval.
        let phase = gather.mul_f64(f64::from(self.job.0.as_fields().0 % 1000) / 1000.0);
        let elapsed = self.begun.elapsed() + gather.saturating_sub(phase);
        let looks = u32::try_from(elapsed.as_nanos() / gather.as_nanos()).unwrap_or(u32::MAX);
        self.begun + gather * looks + phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_follow_a_job_look_at_once_and_more_rarely_the_more_they_are() {
        let feeds = Feeds::new(Uuid::nil());
        let feed = feeds.of(JobId(Uuid::from_u128(0x1234_5678 << 96)));
        for (followers, gather) in [(0, 100), (1, 100), (100, 100), (250, 250), (5000, 1000)] {
            let mut looks = Vec::new();
            for _ in 0..300 {
                tokio::time::advance(Duration::from_millis(7)).await;
                let look = feed.next_look(followers);
                assert!(look > Instant::now() && look <= Instant::now() + Duration::from_millis(gather));
                looks.push(look);
            }
            looks.dedup();
            assert!(looks.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(gather)), "{followers}");
        }
    }

    #[test]
    fn a_feed_is_shared_while_somebody_holds_it() {
        let (feeds, job) = (Feeds::new(Uuid::nil()), JobId(Uuid::nil()));
        let first = feeds.of(job);
        assert!(Arc::ptr_eq(&first, &feeds.of(job)));
        drop(first);
        drop(feeds.of(JobId(Uuid::max())));
        assert!(feeds.by_job.lock().keys().all(|kept| *kept != job));
        assert_eq!(
            feeds.followed("00000000000000000000000000000000-7-4").map(|at| (at.revision, at.entry)),
            Some((7, 4))
        );
        assert_eq!(feeds.followed("0-7-4"), None);
    }
}
