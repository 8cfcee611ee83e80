//! The layer around a transport with scripted answers, on the paused clock.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;

use super::*;
use crate::genesys::rate_limiter::{Limits, Start, WindowLimit};
use crate::lifecycle::Lifecycle;

type Script = Arc<Mutex<VecDeque<Response<Bytes>>>>;
type Stack = RateLimitService<BoxCloneSyncService<Request<Bytes>, Response<Bytes>, &'static str>>;

/// Answers from the script, then with 200; status 599 stands for a broken connection.
fn stack(script: impl IntoIterator<Item = Response<Bytes>>) -> (RateLimiter, Stack) {
    let rate_limiter = RateLimiter::new(&Limits::default(), Start::Empty, &Lifecycle::default());
    let script: Script = Arc::new(Mutex::new(script.into_iter().collect()));
    let transport = tower::service_fn(move |_| {
        let answer = script.lock().unwrap().pop_front().unwrap_or_default();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if answer.status() == 599 { Err("connection reset") } else { Ok(answer) }
        }
    });
    let service =
        RateLimitLayer::new(rate_limiter.clone(), WallClock::System).layer(BoxCloneSyncService::new(transport));
    (rate_limiter, service)
}

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn request(lane: CallLane, route: Route, meter: &CallMeter) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    request.extensions_mut().insert(CallContext { lane, route, meter: meter.clone() });
    request
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_everything_until_its_retry_after() {
    let (rate_limiter, stack) = stack([answer(429, &[("retry-after", "42")], "")]);
    let (began, meter) = (Instant::now(), CallMeter::default());
    let call = || stack.clone().oneshot(request(CallLane::Interactive, Route::User, &meter));
    assert_eq!(call().await.unwrap().status(), 429);
    assert_eq!(rate_limiter.paused_until(), Some(began + Duration::from_millis(42_020)));
    assert_eq!(call().await.unwrap().status(), 200);
    assert_eq!(began.elapsed().as_secs(), 42);
    assert_eq!(meter.take(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_any_more_keeps_its_place_until_it_is_answered() {
    let lifecycle = Lifecycle::default();
    let limits = Limits {
        windows: vec![WindowLimit { calls: NonZeroU32::MIN, period: Duration::from_secs(1) }],
        ..Limits::default()
    };
    let rate_limiter = RateLimiter::new(&limits, Start::Empty, &lifecycle);
    let arrivals = Arc::<Mutex<Vec<Instant>>>::default();
    let log = Arc::clone(&arrivals);
    let transport = tower::service_fn(move |_| {
        let (log, first) = (Arc::clone(&log), log.lock().unwrap().is_empty());
        async move {
            // It arrives, and is answered, long after its caller is gone.
            tokio::time::sleep(Duration::from_millis(if first { 5_000 } else { 20 })).await;
            log.lock().unwrap().push(Instant::now());
            Ok::<_, &'static str>(Response::<Bytes>::default())
        }
    });
    let stack = RateLimitLayer::new(rate_limiter, WallClock::System).layer(BoxCloneSyncService::new(transport));
    let meter = CallMeter::default();
    let call = || stack.clone().oneshot(request(CallLane::Bulk, Route::User, &meter));
    assert!(tokio::time::timeout(Duration::from_millis(100), call()).await.is_err());
    assert_eq!(call().await.unwrap().status(), 200);
    let arrivals = arrivals.lock().unwrap().clone();
    assert!(arrivals[1] - arrivals[0] >= Duration::from_secs(1), "{arrivals:?}");
    assert!(lifecycle.stop(Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn a_429_of_one_service_pauses_only_the_route() {
    let body = r#"{"limit":{"key":"k","namespace":"routing","value":5}}"#;
    let (rate_limiter, stack) = stack([answer(429, &[("retry-after", "120")], body)]);
    let (began, meter) = (Instant::now(), CallMeter::default());
    let call = |route| stack.clone().oneshot(request(CallLane::Bulk, route, &meter));
    call(Route::UserSkillsAdd).await.unwrap();
    call(Route::User).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(rate_limiter.paused_until(), None);
    assert_eq!(rate_limiter.route_paused_until(Route::UserSkillsAdd), Some(began + Duration::from_millis(120_020)));
    call(Route::UserSkillsAdd).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn troubles_and_broken_connections_open_the_breaker_and_a_good_answer_closes_it() {
    let troubles = [503, 599, 500, 599, 504].map(|status| answer(status, &[], ""));
    let (rate_limiter, stack) = stack(troubles);
    let meter = CallMeter::default();
    let call = || stack.clone().oneshot(request(CallLane::Bulk, Route::User, &meter));
    let results = join_all((0..5).map(|_| call())).await;
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 2);
    assert!(rate_limiter.snapshot().breaker_open);
    let began = Instant::now();
    call().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(!rate_limiter.snapshot().breaker_open);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_reveals_other_users_lowers_the_pace_until_the_reset() {
    let headers = [("inin-ratelimit-count", "297"), ("inin-ratelimit-allowed", "300"), ("inin-ratelimit-reset", "30")];
    let (rate_limiter, stack) = stack([answer(200, &headers, "")]);
    let (began, meter) = (Instant::now(), CallMeter::default());
    let call = || stack.clone().oneshot(request(CallLane::Bulk, Route::User, &meter));
    call().await.unwrap();
    assert_eq!(rate_limiter.snapshot().left_by_others, Some(3));
    join_all((0..3).map(|_| call())).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    call().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_count_of_our_own_calls_alone_changes_nothing() {
    let counts: Vec<String> = (1..=40).map(|n: u32| n.to_string()).collect();
    let script = counts.iter().map(|count| {
        let allowed = [("inin-ratelimit-count", count.as_str()), ("inin-ratelimit-allowed", "300")];
        answer(200, &[&allowed[..], &[("inin-ratelimit-reset", "30")]].concat(), "")
    });
    let (rate_limiter, stack) = stack(script.collect::<Vec<_>>());
    let meter = CallMeter::default();
    for _ in 0..4 {
        let calls = (0..10).map(|_| stack.clone().oneshot(request(CallLane::Bulk, Route::User, &meter)));
        join_all(calls).await;
        assert_eq!(rate_limiter.snapshot().left_by_others, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_context_is_a_bulk_call_and_a_dropped_one_is_paid_for() {
    let lifecycle = Lifecycle::default();
    let rate_limiter = RateLimiter::new(&Limits::default(), Start::Empty, &lifecycle);
    let never = tower::service_fn(|_| std::future::pending::<Result<Response<Bytes>, Infallible>>());
    let service = RateLimitLayer::new(rate_limiter.clone(), WallClock::System).layer(never);
    let call = service.oneshot(Request::new(Bytes::new()));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    let paid = |in_flight| {
        let view = rate_limiter.snapshot();
        assert_eq!((view.granted_to(CallLane::Bulk), view.in_flight, view.windows[0].used), (1, in_flight, 1));
    };
    paid(1);
    assert!(lifecycle.stop(Duration::from_secs(1)).await);
    paid(0);
}
