//! Senders as they are: 10,000 events of all vendors about 500 people, out of order and more than once, while a bulk job
//! of 5,000 runs; on the paused clock. The senders' clocks are wrong, and so is every twentieth answer of the HR system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use genesys_simulator::{Behaviour, Latency, Limits, RateLimit, Scenario, Simulator, Target};
use skillsync::domain::{EntryState, Mode};
use tokio::time::Instant;

use super::records::HrSystem;
use super::senders::{Event, Vendor};
use super::{BEGIN, Office, by_title, employees, titled};
use crate::bed::{Bed, employee};

const PEOPLE: usize = 500;
const EVENTS_A_PERSON: usize = 20;
/// Clocks are off by up to so many seconds, either way.
const OFF: i64 = 3_600;
/// `sync.future_tolerance`: what is dated by a clock that is further ahead counts from when it comes.
const FUTURE_TOLERANCE: i64 = 600;

/// A generator that gives the same numbers each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// What happens at a second: a change in the HR system, or one attempt to deliver it.
#[derive(Debug, Clone)]
enum Happening {
    Change(Event),
    Delivery(Event),
}

/// The real limits, and a round trip of 50 ms.
fn org(users: usize) -> Scenario {
    let window = |calls, seconds| RateLimit { calls, per: Duration::from_secs(seconds) };
    Scenario {
        limits: Limits { windows: vec![window(10, 1), window(300, 60)], ..Limits::default() },
        behaviour: Behaviour {
            latency: Latency { fixed: Duration::from_millis(50), spread: Duration::ZERO },
            ..Behaviour::default()
        },
        ..employees(users)
    }
}

fn vendor_of(n: usize) -> Vendor {
    Vendor::ALL[n % Vendor::ALL.len()]
}

/// Changes over half an hour. Where the sender's order can be restored, each is delivered late by up to two minutes: of those
/// whose dates decide, not where all of them have still to come by our clock, as such cannot be told from mistakes. Each person
/// has a sender of their own, with one clock. One delivery in eight is repeated as the vendor does, because its answer was lost, and one in twenty for no reason. Also how
/// the titles end.
fn timeline(dice: &mut Dice) -> (Vec<(i64, Happening)>, BTreeMap<usize, String>) {
    let (mut happenings, mut last) = (Vec::new(), BTreeMap::new());
    for n in 1..=PEOPLE {
        let (vendor, clock) = (vendor_of(n), i64::try_from(dice.below(2 * OFF.unsigned_abs() + 1)).unwrap() - OFF);
        let is_too_far_ahead = vendor.is_ordered_by_its_dates() && clock > FUTURE_TOLERANCE;
        let may_be_late = vendor.may_be_late() && !is_too_far_ahead;
        let mut seconds: BTreeSet<i64> = BTreeSet::new();
        while seconds.len() < EVENTS_A_PERSON {
            // Ten seconds apart, so that repetitions of senders that tell no dates come before the next change.
            seconds.insert(10 * i64::try_from(dice.below(180)).unwrap());
        }
        for second in seconds {
            let title = format!("Group {}", 1 + dice.below(30));
            let event = Event { n, title, changed_at: BEGIN + second, clock };
            last.insert(n, event.title.clone());
            happenings.push((second, Happening::Change(event.clone())));
            let late = if may_be_late { i64::try_from(dice.below(120)).unwrap() } else { 0 };
            let unanswered = vendor.repeats_after().filter(|_| dice.below(8) == 0);
            let twice = (dice.below(20) == 0).then_some(1);
            for after in [Some(0), unanswered, twice].into_iter().flatten() {
                happenings.push((second + late + after, Happening::Delivery(event.clone())));
            }
        }
    }
    // Of one second, changes come first: nobody delivers what has not happened.
    happenings.sort_by_key(|(second, happening)| (*second, matches!(happening, Happening::Delivery(_))));
    (happenings, last)
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_of_all_vendors_beside_a_bulk_job_end_with_the_newest_of_each_person() {
    // Titles are dealt out at random to an org where nobody has one yet, so the first of each come and go.
    let sources = Vendor::ALL.map(Vendor::source).concat() + "[sync]\nhold_skill_left = 0\n";
    let scenario = org(5_500);
    let system = Arc::new(HrSystem::default());
    system.answer_wrongly_every(20);
    let simulator = Simulator::new(scenario.clone());
    let bed = Bed::join_hris(simulator, Arc::default(), &scenario, &sources, system.transport());
    let office = Office::of(bed, &sources);
    let bulk = (PEOPLE + 1..=PEOPLE + 5_000).map(|n| employee(n, &["Group 1", "Group 2"]));
    let bulk = office.bed.submit(skillsync::domain::Target::WfmSkillGroups, Mode::Managed, bulk.collect()).await;

    let (happenings, last) = timeline(&mut Dice(2026));
    let (begun, mut deliveries, mut once) = (Instant::now(), 0_usize, BTreeSet::new());
    for (second, happening) in happenings {
        tokio::time::sleep_until(begun + Duration::from_secs(second.unsigned_abs())).await;
        match happening {
            Happening::Change(event) => system.set(event.n, &event.title),
            Happening::Delivery(event) => {
                deliveries += 1;
                once.insert((event.n, event.changed_at));
                let answer = vendor_of(event.n).deliver(&office, &event, BEGIN + second).await;
                assert_eq!(answer.status, 202, "{event:?}: {answer:?}");
            }
        }
    }
    println!("{deliveries} deliveries of {} events", once.len());
    assert_eq!(once.len(), PEOPLE * EVENTS_A_PERSON);
    assert!(deliveries > once.len() + once.len() / 10, "{deliveries}: many come more than once");
    let (engine, intake) = (&office.bed.service.engine, &office.bed.service.intake);
    while intake.unread().values().any(|counts| counts.waiting > 0) || engine.open_entries() > 0 {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    let (calls, wrong) = system.calls();
    println!("{calls} readings of records, {wrong} of them answered wrongly");
    assert!(wrong >= calls / 21 && wrong > 8 * 10, "{wrong} of {calls}: each kind many times");

    for (n, title) in &last {
        assert_eq!(&office.groups(*n), std::slice::from_ref(title), "employee {n} of {:?}", vendor_of(*n));
    }
    let jobs = engine.jobs(None, None, usize::MAX).0;
    for vendor in Vendor::ALL {
        let label = format!("webhook {}", vendor.name());
        let made = jobs.iter().filter(|job| job.spec.label.as_deref() == Some(&label)).count();
        let events = once.iter().filter(|(n, _)| vendor_of(*n) == vendor).count();
        println!("{vendor:?}: {events} events, {made} jobs");
        if vendor.is_thin() {
            assert!(made <= events, "{vendor:?}: events of one person are read together");
        } else if vendor.repeats_after().is_some() {
            assert_eq!(made, events, "{vendor:?}: one job an event");
        }
    }
    assert!(jobs.iter().all(|job| job.counts.of(EntryState::Failed) == 0));
    let ledger = office.bed.simulator.ledger();
    assert!(ledger.effects().iter().all(|effect| effect.before != effect.after), "no write without a change");
    assert_eq!(ledger.overlapping_writes(), []);
    assert_eq!(ledger.rate_limited(), 0);
    assert!(ledger.peak_in_any(Duration::from_secs(1)) <= 10 && ledger.peak_in_any(Duration::from_secs(60)) <= 300);
    assert_eq!(engine.job(bulk).unwrap().counts.of(EntryState::Applied), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_reaches_genesys_ahead_of_the_bulk_that_saturates_the_rate_limiter() {
    let (scenario, sources) = (org(3_300), by_title("hr", ""));
    let office = Office::open(&scenario, &sources);
    let bulk = (301..=3_300).map(|n| employee(n, &["Group 1"]));
    office.bed.submit(skillsync::domain::Target::WfmSkillGroups, Mode::Managed, bulk.collect()).await;
    // Until listings are read and the windows are full.
    tokio::time::sleep(Duration::from_secs(120)).await;
    let mut sent = BTreeMap::new();
    for n in 1..=200_usize {
        tokio::time::sleep(Duration::from_millis(1_900)).await;
        let at = BEGIN + i64::try_from(120 + 2 * n).unwrap();
        sent.insert(n, Instant::now());
        assert_eq!(office.bamboo("hr", &titled(n, "Group 7"), at).await.status, 202);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (users, ledger) = (office.bed.simulator.users(), office.bed.simulator.ledger());
    let mut took: Vec<_> = sent
        .into_iter()
        .map(|(n, sent)| {
            let id = format!("E{}", 1000 + n);
            let user = users.iter().find(|user| user.employee_id.as_ref() == Some(&id)).unwrap().id;
            let mut writes =
                ledger.requests().iter().filter(|request| request.route.writes() == Some(Target::WfmSkillGroups));
            let write = writes.find(|request| request.user == Some(user)).expect("it was written");
            write.arrived_at - sent
        })
        .collect();
    took.sort();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("webhook to PATCH under bulk: median {median:?}, p99 {p99:?}, worst {:?}", took.last());
    // A place of the rate limiter is a minute's 300th part; a round trip is 50 ms.
    assert!(p99 <= 2 * Duration::from_millis(200) + Duration::from_millis(50), "{p99:?}");
}
