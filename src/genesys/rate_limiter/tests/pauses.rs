//! Pauses and outages: which callers wait through them, and which do not.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_429_pauses_everything_and_a_second_one_extends_the_pause() {
    let rate_limiter = rate_limiter(&Limits::default());
    let began = Instant::now();
    let first = rate_limiter.admit(CallLane::Interactive, Route::User).await.unwrap();
    let second = rate_limiter.admit(CallLane::Interactive, Route::WfmRead).await.unwrap();
    let waits = async {
        sleep(secs(1)).await;
        rate_limiter.admit(CallLane::Continuation, Route::WfmWrite).await.unwrap().answered(CallOutcome::Answered);
        began.elapsed()
    };
    let throttled = async {
        first.throttled(None, Some(secs(10)));
        sleep(secs(2)).await;
        second.throttled(None, Some(secs(100)));
        rate_limiter.pause_until(began + secs(5));
        assert_eq!(rate_limiter.paused_until(), Some(began + secs(102)));
    };
    let (passed_after, ()) = tokio::join!(waits, throttled);
    assert_eq!(passed_after, secs(102));
    assert_eq!(rate_limiter.paused_until(), None);
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_length_pauses_for_longer_each_time() {
    let rate_limiter = rate_limiter(&Limits::default());
    let began = Instant::now();
    for _ in 0..4 {
        rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().throttled(None, None);
    }
    rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().answered(CallOutcome::Answered);
    assert_eq!(began.elapsed(), secs(1 + 2 + 4 + 8));
}

#[tokio::test(start_paused = true)]
async fn a_paused_route_holds_up_nobody_else_and_keeps_its_order() {
    let rate_limiter = rate_limiter(&Limits::default());
    let began = Instant::now();
    rate_limiter.pause_route_until(Route::WfmWrite, began + secs(100));
    let order = Mutex::new(Vec::new());
    let paused = (0..100).map(|n| {
        let (rate_limiter, order) = (&rate_limiter, &order);
        async move {
            rate_limiter.admit(CallLane::Continuation, Route::WfmWrite).await.unwrap().answered(CallOutcome::Answered);
            assert!(began.elapsed() >= secs(100));
            order.lock().unwrap().push(n);
        }
    });
    let others = async {
        for _ in 0..100 {
            rate_limiter.admit(CallLane::Interactive, Route::User).await.unwrap().answered(CallOutcome::Answered);
        }
        assert!(began.elapsed() < secs(11), "{:?}", began.elapsed());
        assert_eq!(rate_limiter.snapshot().paused_routes, [(Route::WfmWrite, began + secs(100))]);
        assert_eq!(rate_limiter.snapshot().waiting_in(CallLane::Continuation), 100);
    };
    tokio::join!(join_all(paused), others);
    assert_eq!(order.into_inner().unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_probed_every_thirty_seconds_and_its_end_restores_the_full_rate() {
    let limits = one_window(10, secs(1));
    let network = Network::new(&rate_limiter(&limits), Duration::ZERO, 0);
    let began = Instant::now();
    let outage = began + secs(3600);
    let health = || if Instant::now() < outage { CallOutcome::ServerTrouble } else { CallOutcome::Answered };
    let caller = || async {
        loop {
            network.call(CallLane::Bulk, Route::User, health).await;
        }
    };
    let _ = tokio::time::timeout(secs(3660), join_all((0..10).map(|_| caller()))).await;
    let receiver = network.receiver.lock().unwrap();
    let probes: Vec<_> = receiver.arrivals().iter().filter(|at| **at > began + secs(60) && **at < outage).collect();
    assert!((110..=121).contains(&probes.len()), "{} probes", probes.len());
    assert!(probes.windows(2).all(|pair| *pair[1] - *pair[0] >= secs(30)));
    let good = *receiver.arrivals().iter().find(|at| **at >= outage).expect("a good probe");
    println!("{} probes, back {:?} after the outage", probes.len(), good - outage);
    assert!(good - outage <= secs(30));
    assert!(receiver.between(good + secs(5), good + secs(15)) >= 98);
}

#[tokio::test(start_paused = true)]
async fn whoever_would_wait_for_longer_than_three_minutes_is_turned_back_and_holds_nothing() {
    let rate_limiter = rate_limiter(&one_window(1, secs(1)));
    let began = Instant::now();
    let permit = rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap();
    let waiting = join_all((0..100).map(|n| rate_limiter.admit(CallLane::ALL[n % 3], Route::WfmRead)));
    let pause = async {
        sleep(secs(1)).await;
        permit.throttled(None, Some(secs(600)));
    };
    let (turns, ()) = tokio::join!(waiting, pause);
    let until = began + secs(601);
    assert!(turns.into_iter().all(|turn| turn.unwrap_err() == Paused { until }));
    assert_eq!(began.elapsed(), secs(1), "at once");
    assert_eq!(rate_limiter.admit(CallLane::Continuation, Route::User).await.unwrap_err(), Paused { until });
    assert_eq!((rate_limiter.snapshot().waiting(), rate_limiter.snapshot().in_flight), (0, 0));
    sleep(secs(420)).await;
    rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap().answered(CallOutcome::Answered);
    assert_eq!(began.elapsed(), secs(601), "three minutes before the end it is worth waiting");
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_of_one_route_turns_back_its_own_callers_alone() {
    let rate_limiter = rate_limiter(&Limits::default());
    let began = Instant::now();
    rate_limiter.pause_route_until(Route::WfmWrite, began + secs(600));
    assert_eq!(
        rate_limiter.admit(CallLane::Bulk, Route::WfmWrite).await.unwrap_err(),
        Paused { until: began + secs(600) }
    );
    rate_limiter.admit(CallLane::Bulk, Route::WfmRead).await.unwrap().answered(CallOutcome::Answered);
    assert_eq!(began.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn other_users_that_leave_nothing_for_long_turn_callers_back_too() {
    let rate_limiter = rate_limiter(&Limits::default());
    let began = Instant::now();
    rate_limiter.observe_foreign_use(5000, 5000, secs(3600));
    assert_eq!(
        rate_limiter.admit(CallLane::Bulk, Route::User).await.unwrap_err(),
        Paused { until: began + secs(3600) }
    );
}
