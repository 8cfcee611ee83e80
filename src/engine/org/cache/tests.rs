//! Tests that readings are shared, and that there are pauses between them.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use tokio::time::sleep;

use super::*;
use crate::engine::port::UpstreamAnswer;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn cache() -> Cache<u32> {
    Cache::new(Ages { renew_after: secs(600), use_until: secs(1800) }, secs(5))
}

/// A value that takes a while to read and counts its readings.
#[derive(Default)]
struct Source {
    readings: AtomicU32,
    fails: bool,
}

impl Source {
    async fn read(&self, takes: Duration) -> Result<u32, CallError> {
        let number = self.readings.fetch_add(1, Ordering::Relaxed);
        sleep(takes).await;
        let gone = CallError::Unavailable { answer: UpstreamAnswer::default(), retry_at: None };
        if self.fails { Err(gone) } else { Ok(number) }
    }

    fn readings(&self) -> u32 {
        self.readings.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_miss_something_share_few_readings_and_none_gets_an_older_one() {
    let (cache, source, begun) = (cache(), Source::default(), Instant::now());
    let ask = async |n: u64| {
        sleep(Duration::from_millis(300 * n)).await;
        let since = Instant::now();
        let reading = cache.begun_since(since, || source.read(secs(2))).await.unwrap();
        assert!(reading.begun_at >= since);
        since.elapsed()
    };
    let waited = join_all((0..200).map(ask)).await.into_iter().max().unwrap();
    // One reading every 8 s: it takes 2 s, followed by a pause of 6 s.
    assert_eq!((source.readings(), begun.elapsed()), (9, secs(66)));
    assert!(waited <= secs(10), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_reading_rests_all_the_same() {
    let (cache, source, begun) = (cache(), Source::default(), Instant::now());
    for _ in 0..4 {
        cache.begun_since(Instant::now(), || source.read(Duration::from_millis(1))).await.unwrap();
    }
    assert_eq!((source.readings(), begun.elapsed().as_secs()), (4, 15));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_fails_is_the_answer_for_all_who_waited_for_it() {
    let (cache, source) = (cache(), Source { fails: true, ..Source::default() });
    let ask = |_| async { cache.get(|| source.read(secs(2))).await.unwrap_err() };
    join_all((0..50).map(ask)).await;
    assert_eq!(source.readings(), 1);
    let begun = Instant::now();
    cache.get(|| source.read(secs(2))).await.unwrap_err();
    assert_eq!((source.readings(), begun.elapsed()), (2, secs(3)), "after a rest of its own");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_a_reading_leaves_it_to_the_next() {
    let (cache, source) = (cache(), Source::default());
    let first = async {
        tokio::select! {
            _ = cache.get(|| source.read(secs(600))) => unreachable!("it was given up"),
            () = sleep(secs(1)) => {}
        }
    };
    let second = async {
        let begun = Instant::now();
        cache.get(|| source.read(secs(2))).await.unwrap();
        begun.elapsed()
    };
    let ((), waited) = tokio::join!(first, second);
    assert_eq!((waited, source.readings()), (secs(3), 2));
}
