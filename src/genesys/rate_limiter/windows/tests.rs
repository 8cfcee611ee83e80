//! The windows against a receiver that counts by brute force, over random schedules.

mod world;

use std::num::NonZeroU32;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::limits::Credit;
use super::*;
use world::{Delays, MANY, NONE, World};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at_most(calls: u32, period: Duration) -> WindowLimit {
    WindowLimit { calls: NonZeroU32::new(calls).unwrap(), period }
}

fn limits(windows: Vec<WindowLimit>, max_in_flight: u32, credit: Credit) -> Limits {
    Limits { windows, max_in_flight: NonZeroU32::new(max_in_flight).unwrap(), credit, ..Limits::default() }
}

#[test]
fn without_credit_no_window_overflows_whatever_the_delays() {
    for seed in 0..100 {
        let mut random = StdRng::seed_from_u64(seed);
        let windows = (0..random.random_range(1..4))
            .map(|_| at_most(random.random_range(1..15), ms(random.random_range(1..4000))))
            .collect();
        let limits = limits(windows, random.random_range(1..15), Credit::None);
        let delays = |random: &mut StdRng| {
            let mut any = || match random.random_range(0..4) {
                0 => ms(0),
                1 => ms(random.random_range(0..20)),
                2 => ms(random.random_range(0..1000)),
                _ => ms(random.random_range(0..9000)),
            };
            (any(), any())
        };
        let mut world = World::new(limits, Start::Empty, seed);
        world.run(Duration::from_secs(120), &delays, MANY);
        world.check_arrivals(&format!("seed {seed}"));
    }
}

fn uniform(random: &mut StdRng, above: Duration, spread: Duration) -> Duration {
    above + spread.mul_f64(random.random::<f64>())
}

fn mostly_short(random: &mut StdRng, above: Duration, mean: Duration) -> Duration {
    above + mean.mul_f64(-(1.0 - random.random::<f64>()).ln())
}

#[test]
fn with_credit_no_window_overflows_where_delays_vary_around_a_floor() {
    let (there, back, tenth) = (ms(30), ms(60), ms(100));
    let kinds: [(&str, Box<Delays>); 6] = [
        ("constant", Box::new(move |_| (there, back))),
        ("jitter forward", Box::new(move |r| (uniform(r, there, tenth), back))),
        ("jitter back", Box::new(move |r| (there, uniform(r, back, tenth)))),
        ("jitter both", Box::new(move |r| (uniform(r, there, tenth / 2), uniform(r, back, tenth / 2)))),
        ("wide jitter both", Box::new(move |r| (uniform(r, there, tenth), uniform(r, back, tenth)))),
        ("long tails both", Box::new(move |r| (mostly_short(r, there, ms(20)), mostly_short(r, back, ms(20))))),
    ];
    for (kind, delays) in &kinds {
        let mut peak = 0;
        for seed in 0..6 {
            let limits = limits(vec![at_most(10, ms(1000))], 10, Credit::SmallestRoundTrip);
            let mut world = World::new(limits, Start::Empty, seed);
            world.run(Duration::from_secs(300), delays, if seed % 2 == 0 { MANY } else { NONE });
            world.check_arrivals(&format!("{kind}, seed {seed}"));
            peak = peak.max(world.receiver.peak(ms(1000)));
        }
        println!("{kind}: peak {peak} of 10");
    }
}

/// Calls per window as a share of those permitted, once the credit is known.
fn utilisation(delays: &Delays, credit: Credit, seed: u64) -> f64 {
    let mut world = World::new(limits(vec![at_most(10, ms(1000))], 10, credit), Start::Empty, seed);
    world.run(Duration::from_secs(60), delays, NONE);
    let (from, to) = (world.now, world.now + Duration::from_secs(540));
    world.run(to - from, delays, NONE);
    world.check_arrivals(&format!("seed {seed}"));
    f64::from(u32::try_from(world.receiver.between(from, to)).unwrap()) / 5400.0
}

#[test]
fn constant_latency_costs_less_than_two_percent() {
    for latency in [5, 50, 200, 700] {
        let delays = move |_: &mut StdRng| (ms(latency) / 3, ms(latency) * 2 / 3);
        let (with, without) =
            (utilisation(&delays, Credit::SmallestRoundTrip, 1), utilisation(&delays, Credit::None, 1));
        println!("{latency} ms: {:.2} % with credit, {:.2} % without", with * 100.0, without * 100.0);
        assert!(with >= 0.98, "{latency} ms: {with}");
    }
}

#[test]
fn slow_writes_among_fast_reads_cost_nothing() {
    let mut world = World::new(limits(vec![at_most(10, ms(1000))], 10, Credit::SmallestRoundTrip), Start::Empty, 3);
    world.slow_writes = Some(ms(300));
    let delays: Box<Delays> = Box::new(|_| (ms(20), ms(30)));
    world.run(Duration::from_secs(30), &delays, NONE);
    let (from, to) = (world.now, world.now + Duration::from_secs(200));
    world.run(to - from, &delays, NONE);
    world.check_arrivals("mixed");
    let used = f64::from(u32::try_from(world.receiver.between(from, to)).unwrap()) / 2000.0;
    println!("reads of 50 ms and writes of 350 ms: {:.2} %", used * 100.0);
    assert!(used >= 0.98, "{used}");
}

/// Evidence for the margin, over far longer runs than a regular test run can afford.
#[test]
#[ignore = "takes minutes; for when the credit is changed"]
fn with_credit_no_window_overflows_in_long_runs() {
    let (there, back) = (ms(30), ms(60));
    let normal = |r: &mut StdRng, above, spread: Duration| {
        above + spread.mul_f64((0..4).map(|_| r.random::<f64>()).sum::<f64>() / 4.0)
    };
    let kinds: [(&str, Box<Delays>); 6] = [
        ("jitter forward", Box::new(move |r| (uniform(r, there, ms(100)), back))),
        ("jitter both", Box::new(move |r| (uniform(r, there, ms(50)), uniform(r, back, ms(50))))),
        ("wide jitter both", Box::new(move |r| (uniform(r, there, ms(300)), uniform(r, back, ms(300))))),
        ("long tails both", Box::new(move |r| (mostly_short(r, there, ms(20)), mostly_short(r, back, ms(20))))),
        ("bell both", Box::new(move |r| (normal(r, there, ms(60)), normal(r, back, ms(60))))),
        (
            "two speeds",
            Box::new(move |r| {
                let slow = if r.random_bool(0.9) { ms(40) } else { ms(0) };
                (uniform(r, there + slow, ms(20)), uniform(r, back + slow, ms(20)))
            }),
        ),
    ];
    for (kind, delays) in &kinds {
        let mut overfull = 0;
        for seed in 0..40 {
            let limits = limits(vec![at_most(10, ms(1000))], 10, Credit::SmallestRoundTrip);
            let mut world = World::new(limits, Start::Empty, seed);
            world.run(Duration::from_secs(2500), delays, NONE);
            overfull += u32::from(world.receiver.peak(ms(1000)) > 10);
        }
        println!("{kind}: {overfull} of 40 runs of 2500 s overfull");
        assert_eq!(overfull, 0, "{kind}");
    }
}

#[test]
fn jitter_of_a_tenth_of_the_window_costs_less_than_ten_percent() {
    let tenth = ms(100);
    let kinds: [(&str, Box<Delays>); 3] = [
        ("forward", Box::new(move |r| (uniform(r, ms(30), tenth), ms(90)))),
        ("back", Box::new(move |r| (ms(30), uniform(r, ms(90), tenth)))),
        ("both", Box::new(move |r| (uniform(r, ms(30), tenth / 2), uniform(r, ms(90), tenth / 2)))),
    ];
    for (kind, delays) in &kinds {
        for seed in 0..2 {
            let with = utilisation(delays, Credit::SmallestRoundTrip, seed);
            println!("jitter {kind}, seed {seed}: {:.2} %", with * 100.0);
            assert!(with >= 0.9, "{kind}, seed {seed}: {with}");
        }
    }
}

#[test]
fn a_fresh_rate_limiter_may_start_as_if_its_windows_were_full() {
    let now = Instant::now();
    let mut windows = Windows::new(&Limits::default(), Start::AsIfFull, now);
    assert_eq!(windows.free_at(now), Some(now + Duration::from_secs(60)));
    assert!(windows.try_admit(RouteClass::Read, now).is_none());
    let later = now + Duration::from_secs(60);
    let places: Vec<_> = (0..10).map(|_| windows.try_admit(RouteClass::Read, later)).collect();
    assert!(places.iter().all(Option::is_some));
    assert_eq!(windows.free_at(later), None, "only an answer can help");
}

#[test]
fn a_fresh_rate_limiter_may_know_of_the_calls_of_the_process_before() {
    let now = Instant::now() + Duration::from_secs(10);
    let recent = vec![now - ms(200), now - ms(900), now + ms(500), now - ms(5000)];
    let limits = limits(vec![at_most(4, ms(1000))], 10, Credit::None);
    let mut windows = Windows::new(&limits, Start::Recent { counted: recent, presumed: None }, now);
    let place = windows.try_admit(RouteClass::Read, now).expect("three of four are taken");
    assert_eq!(windows.free_at(now), Some(now + ms(100)));
    windows.abandoned(place);
    assert_eq!(windows.usage(now).map(|(_, used)| used).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_dropping_credit_takes_back_places_that_were_just_given_back() {
    let mut now = Instant::now();
    let limits = limits(vec![at_most(1, ms(1000))], 10, Credit::SmallestRoundTrip);
    let mut windows = Windows::new(&limits, Start::Empty, now);
    let mut call = |windows: &mut Windows, latency| {
        now = windows.free_at(now).unwrap();
        let place = windows.try_admit(RouteClass::Read, now).expect("free");
        now += ms(latency);
        windows.answered(place, now);
        now
    };
    let slow = (0..300).map(|_| call(&mut windows, 500)).last().unwrap();
    assert_eq!(windows.credit(RouteClass::Read), ms(498));
    assert_eq!(windows.free_at(slow), Some(slow + ms(502)));
    let quick = call(&mut windows, 100);
    assert_eq!(windows.credit(RouteClass::Read), ms(0));
    assert_eq!(windows.free_at(quick), Some(quick + ms(1000)));
}
