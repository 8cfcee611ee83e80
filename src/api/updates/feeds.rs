//! What followers of jobs are told, written out once for all who have seen the same so far.
//!
//! Followers of a job look at the same moments. The first of them to look has what is new put into words, and the others send
//! the same bytes. How often they look depends on how many there are, so that any number of followers costs about as much
//! as a hundred.

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

/// Entries looked up at a time.
const AT_A_TIME: usize = 100;
/// Changes that come closer together are told together.
const GATHER: Duration = Duration::from_millis(100);
/// By so much they gather longer for each follower, where these are many.
const GATHER_FOR_EACH: Duration = Duration::from_millis(1);
const MAX_GATHERING: Duration = Duration::from_secs(1);

/// The feeds of all jobs that somebody follows.
#[derive(Debug)]
pub(in crate::api) struct Feeds {
    /// Tells events of this run from those of the one before.
    run: Uuid,
    begun: Instant,
    by_job: Mutex<HashMap<JobId, Weak<Feed>>>,
}

/// What is told of one job.
///
/// Invariant: `newest` is a part that reaches to where the job was when it was written. Who has seen less than it begins with,
/// or more, gets a part of their own; so everybody is told everything once and in order, whatever is kept here.
#[derive(Debug)]
pub(in crate::api) struct Feed {
    job: JobId,
    run: Uuid,
    begun: Instant,
    newest: Mutex<Option<Arc<FeedPart>>>,
}

/// Some events, as they go over the wire.
#[derive(Debug)]
pub(in crate::api) struct FeedPart {
    from: EventCursor,
    /// Where one is who has been told this.
    pub(in crate::api) to: EventCursor,
    pub(in crate::api) text: Bytes,
    /// Whether nothing will follow.
    pub(in crate::api) is_last: bool,
}

impl Feeds {
    pub(in crate::api) fn new(run: Uuid) -> Self {
        Self { run, begun: Instant::now(), by_job: Mutex::default() }
    }

    /// The feed of a job; it exists as long as somebody holds it.
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

    /// What an event id of this run of the service stands for.
    pub(in crate::api) fn followed(&self, id: &str) -> Option<EventCursor> {
        let mut parts = id.split('-');
        let (run, revision, entry) = (parts.next()?, parts.next()?, parts.next()?);
        (run == self.run.simple().to_string())
            .then_some(EventCursor { revision: revision.parse().ok()?, entry: entry.parse().ok()? })
    }
}

impl Feed {
    /// What comes behind `told`, if anything does; `None` for a job that is gone.
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

    /// One event; JSON has no line breaks, so its data is one line.
    fn event(&self, text: &mut String, name: &str, at: EventCursor, view: &impl Serialize) {
        let (run, EventCursor { revision, entry }) = (self.run.simple(), at);
        let data = serde_json::to_string(view).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = write!(text, "event: {name}\nid: {run}-{revision}-{entry}\ndata: {data}\n\n");
    }

    /// When those who follow this job look next, where so many follow some job.
    pub(in crate::api) fn next_look(&self, followers: usize) -> Instant {
        let followers = u32::try_from(followers).unwrap_or(u32::MAX);
        let gather = GATHER_FOR_EACH.saturating_mul(followers).clamp(GATHER, MAX_GATHERING);
        // Jobs look one after the other.
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
