//! Senders as they are: 10,000 deliveries about 500 people, out of order and more than once, while a bulk job of 5,000
//! runs; on the paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use ring::hmac;
use skillsync::domain::{EntryState, Mode};
use skillsync::simulator::{Behaviour, Latency, Limits, RateLimit, Scenario, Simulator, Target};
use tokio::time::Instant;

use super::records::HrSystem;
use super::{BEGIN, Office, by_title, employees, titled};
use crate::bed::{Bed, employee};

const PEOPLE: usize = 500;
const EVENTS_A_PERSON: usize = 17;
const MERGE_KEY: &str = "merge-test-key";

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
    Change { n: usize, title: String },
    Delivery { n: usize, title: String, changed_at: i64 },
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

/// Changes over half an hour; each is delivered late by up to two minutes, and some again. Also how the titles end.
fn timeline(dice: &mut Dice) -> (Vec<(i64, Happening)>, BTreeMap<usize, String>) {
    let (mut happenings, mut last) = (Vec::new(), BTreeMap::new());
    for n in 1..=PEOPLE {
        let mut seconds: BTreeSet<i64> = BTreeSet::new();
        while seconds.len() < EVENTS_A_PERSON {
            seconds.insert(i64::try_from(dice.below(1800)).unwrap());
        }
        for second in seconds {
            let title = format!("Group {}", 1 + dice.below(30));
            last.insert(n, title.clone());
            happenings.push((second, Happening::Change { n, title: title.clone() }));
            let attempts = if dice.below(100) < 17 { 2 } else { 1 };
            for _ in 0..attempts {
                let late = i64::try_from(dice.below(120)).unwrap();
                let title = title.clone();
                happenings.push((second + late, Happening::Delivery { n, title, changed_at: second }));
            }
        }
    }
    // Of one second, changes come first: nobody delivers what has not happened.
    happenings.sort_by_key(|(second, happening)| (*second, matches!(happening, Happening::Delivery { .. })));
    (happenings, last)
}

fn sources() -> String {
    let merge = by_title("merge", "")
        .replace("preset = 'bamboohr'", "preset = 'merge'")
        .replace(super::BAMBOO_SECRET, MERGE_KEY)
        .replace("employeeNumber", "employee_number")
        .replace("'jobTitle'", "'job_title'");
    let record = "record = { url = 'https://hr.test/{id}', authorization = 'Bearer t', per_second = 20 }";
    by_title("fields", "") + &merge + &by_title("hr", record)
}

async fn deliver(office: &Office, n: usize, title: &str, changed_at: i64) -> u16 {
    let at = BEGIN + changed_at;
    let stamp = jiff::Timestamp::from_second(at).unwrap();
    match n % 3 {
        0 => office.bamboo("fields", &titled(n, title), at).await.status,
        1 => {
            let body = serde_json::json!({
                "hook": {"id": "h", "event": "Employee.changed"},
                "data": {"id": n.to_string(), "employee_number": format!("E{}", 1000 + n), "job_title": title,
                    "modified_at": stamp.to_string()},
            });
            let body = body.to_string();
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, MERGE_KEY.as_bytes()), body.as_bytes());
            let signature = base64::engine::general_purpose::URL_SAFE.encode(tag);
            office.post("/v1/webhooks/merge", &[("x-merge-webhook-signature", &signature)], &body).await.status
        }
        _ => {
            let body = format!(
                "{{\"type\":\"employee.updated\",\"timestamp\":\"{stamp}\",\"data\":{{\"employeeId\":\"{n}\"}}}}"
            );
            office.bamboo("hr", &body, at).await.status
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_deliveries_beside_a_bulk_job_end_with_the_newest_of_each_person() {
    let (scenario, sources) = (org(5_500), sources());
    let system = Arc::new(HrSystem::default());
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
            Happening::Change { n, title } => system.set(n, &title),
            Happening::Delivery { n, title, changed_at } => {
                deliveries += 1;
                once.insert((n, changed_at));
                assert_eq!(deliver(&office, n, &title, changed_at).await, 202);
            }
        }
    }
    println!("{deliveries} deliveries of {} events", once.len());
    assert!((9_700..10_300).contains(&deliveries), "{deliveries}");
    let engine = &office.bed.service.engine;
    while office.bed.service.intake.waiting("hr") > 0 || engine.open_entries() > 0 {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    for (n, title) in &last {
        assert_eq!(&office.groups(*n), std::slice::from_ref(title), "employee {n}");
    }
    let jobs = engine.jobs(None, None, usize::MAX).0;
    let made = |label: &str| jobs.iter().filter(|job| job.spec.label.as_deref() == Some(label)).count();
    let events = |rest: usize| once.iter().filter(|(n, _)| n % 3 == rest).count();
    assert_eq!((made("webhook fields"), made("webhook merge")), (events(0), events(1)), "one job an event");
    assert!(made("webhook hr") <= events(2), "events of one person are read together");
    assert!(jobs.iter().all(|job| job.counts.of(EntryState::Failed) == 0));
    let ledger = office.bed.simulator.ledger();
    assert!(ledger.effects().iter().all(|effect| effect.before != effect.after), "no write without a change");
    assert_eq!(ledger.overlapping_writes(), []);
    assert_eq!(ledger.rate_limited(), 0);
    assert!(ledger.peak_in_any(Duration::from_secs(1)) <= 10 && ledger.peak_in_any(Duration::from_secs(60)) <= 300);
    assert_eq!(engine.job(bulk).unwrap().counts.of(EntryState::Applied), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_reaches_genesys_ahead_of_the_bulk_that_saturates_the_gate() {
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
    // A place of the gate is a minute's 300th part; a round trip is 50 ms.
    assert!(p99 <= 2 * Duration::from_millis(200) + Duration::from_millis(50), "{p99:?}");
}
