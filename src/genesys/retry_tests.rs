//! The decision table row by row, and the budget.

use tokio::time::Instant;

use super::*;
use crate::genesys::call::{CallLane, CallMeter, Route};
use crate::genesys::login::LoginError;
use crate::genesys::rate_limiter::Paused;

const NONE: Option<Duration> = None;

#[test]
fn only_what_can_do_no_harm_is_repeated() {
    use Decision::{AgainAfterPause, AgainThroughRateLimiter, HandOver};
    let (short, long) = (Some(Duration::from_secs(180)), Some(Duration::from_secs(181)));
    let unsent = StackError::Transport(TransportError::NotSent(String::new()));
    let unanswered = StackError::Transport(TransportError::NoAnswer(String::new()));
    let no_token = StackError::Login(LoginError::Refused(String::new()));
    let turned_back = StackError::Paused(Paused { until: Instant::now() });
    for (result, told, read, write) in [
        (Ok(200), NONE, HandOver, HandOver),
        (Ok(302), NONE, HandOver, HandOver),
        (Ok(400), NONE, HandOver, HandOver),
        (Ok(401), NONE, HandOver, HandOver),
        (Ok(403), NONE, HandOver, HandOver),
        (Ok(404), NONE, HandOver, HandOver),
        (Ok(408), NONE, AgainAfterPause, HandOver),
        (Ok(409), NONE, HandOver, HandOver),
        (Ok(413), NONE, HandOver, HandOver),
        (Ok(415), NONE, HandOver, HandOver),
        (Ok(422), NONE, HandOver, HandOver),
        (Ok(428), NONE, HandOver, HandOver),
        (Ok(429), NONE, AgainThroughRateLimiter, AgainThroughRateLimiter),
        (Ok(429), short, AgainThroughRateLimiter, AgainThroughRateLimiter),
        (Ok(429), long, HandOver, HandOver),
        (Ok(500), NONE, AgainAfterPause, HandOver),
        (Ok(502), NONE, AgainAfterPause, HandOver),
        (Ok(503), short, AgainAfterPause, HandOver),
        (Ok(503), long, HandOver, HandOver),
        (Ok(504), NONE, AgainAfterPause, HandOver),
        (Ok(501), NONE, HandOver, HandOver),
        (Err(&unsent), NONE, AgainAfterPause, AgainAfterPause),
        (Err(&unanswered), NONE, AgainAfterPause, HandOver),
        (Err(&no_token), NONE, HandOver, HandOver),
        (Err(&turned_back), NONE, HandOver, HandOver),
    ] {
        let ending = CallEnding::of(result);
        for (writes, expected) in [(false, read), (true, write)] {
            assert_eq!(decide(ending, Effect::of(writes, ending), told), expected, "{result:?} writes: {writes}");
        }
    }
}

fn answer(status: u16) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::new()).unwrap()
}

/// How many of this many reads that end like this are repeated after their first attempt.
fn repeated(policy: &RetryPolicy, reads: u32, status: u16) -> usize {
    let again = |_: &u32| {
        let mut request = Request::new(Bytes::new());
        let context = CallContext { lane: CallLane::Bulk, route: Route::User, meter: CallMeter::default() };
        request.extensions_mut().insert(context);
        policy.clone().retry(&mut request, &mut Ok(answer(status))).is_some()
    };
    (0..reads).filter(again).count()
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_answered_with_a_storm() {
    let backoff = Arc::new(Backoff::new(Duration::from_millis(500), Duration::from_secs(30), 1));
    let policy = RetryPolicy::new(backoff, Arc::new(budget()), Arc::default(), WallClock::System);
    assert_eq!(repeated(&policy, 1000, 200), 0);
    let first = repeated(&policy, 1000, 503);
    assert!((200..=220).contains(&first), "a fifth of those that passed of late, and one a second: {first}");
    tokio::time::advance(Duration::from_secs(60)).await;
    let later = repeated(&policy, 1000, 503);
    assert!(later <= 10, "{later}");
    assert_eq!(repeated(&policy, 10, 429), 10, "what the rate limiter paces is not paid for");
}
