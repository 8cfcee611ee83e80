//! Random histories of people who are hired, change numbers, take each other's, leave and come back, told in any order:
//! in the end everyone has what is true, whatever was told first; on the paused clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use genesys_simulator::Scenario;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::{BEGIN, Office, by_title, employees};

/// How many numbers the people of one history share.
const NUMBERS: usize = 4;
/// A long run has 300 of them; it takes ten minutes.
const SEEDS: std::ops::Range<u64> = 0..3;
const HISTORIES: usize = 24;

/// Somebody as they truly are.
#[derive(Debug, Clone)]
struct Somebody {
    id: String,
    number: usize,
    former: usize,
    /// The title that gives them a group; `None` once they have left.
    title: Option<usize>,
}

/// What is told, in the order in which it happened, and in the end the group of each number.
#[derive(Debug)]
struct History {
    told: Vec<Value>,
    groups: [Option<usize>; NUMBERS],
}

/// The first of the numbers of a history: `E1001` is the first employee.
fn first_number(which: usize) -> usize {
    1 + which * NUMBERS
}

/// A history of two people who share the numbers from `first` on.
fn history(dice: &mut StdRng, which: usize) -> History {
    let first = first_number(which);
    let mut people: Vec<_> = (0..2)
        .map(|n| Somebody { id: format!("{which}-{n}"), number: n, former: n, title: Some(dice.random_range(1..=3)) })
        .collect();
    let mut told: Vec<_> = people.iter().map(|person| employee(person, None, first)).collect();
    for _ in 0..dice.random_range(2..=6) {
        let who = dice.random_range(0..people.len());
        let is_free = |number: &usize| !people.iter().any(|person| person.title.is_some() && person.number == *number);
        let free: Vec<_> = (0..NUMBERS).filter(is_free).collect();
        let Some(person) = people.get_mut(who) else { continue };
        match (person.title, dice.random_range(0..10)) {
            (Some(_), 0..3) => person.title = Some(dice.random_range(1..=3)),
            (Some(_), 3..7) => {
                person.former = person.number;
                person.number = *free.choose(dice).unwrap();
            }
            (Some(_), _) => {
                person.title = None;
                let number = [None, Some(person.number), Some(person.former)].choose(dice).copied().flatten();
                told.push(employee(person, number, first));
                continue;
            }
            (None, _) => {
                person.former = person.number;
                (person.number, person.title) = (*free.choose(dice).unwrap(), Some(dice.random_range(1..=3)));
            }
        }
        told.push(employee(person, None, first));
    }
    for (at, told) in told.iter_mut().enumerate() {
        let at = BEGIN - 90_000 + 100 * i64::try_from(at).unwrap();
        told["timestamp"] = jiff::Timestamp::from_second(at).unwrap().to_string().into();
    }
    let group = |number| people.iter().filter(|person| person.number == number).find_map(|person| person.title);
    History { told, groups: std::array::from_fn(group) }
}

/// Somebody as BambooHR tells of them: if they have left, by their id and perhaps by a number.
fn employee(person: &Somebody, number: Option<usize>, first: usize) -> Value {
    let number_of = |number: usize| format!("E{}", 1000 + first + number);
    let fields = match person.title {
        Some(title) => json!({"employeeNumber": number_of(person.number), "jobTitle": format!("Group {title}")}),
        None => number.map_or_else(|| json!([]), |number| json!({"employeeNumber": number_of(number)})),
    };
    let action = if person.title.is_some() { "Updated" } else { "Deleted" };
    json!({"id": person.id, "action": action, "fields": fields})
}

/// Histories that are told in any order.
fn shuffled(seed: u64) -> Vec<History> {
    let dice = &mut StdRng::seed_from_u64(seed);
    let mut histories: Vec<_> = (0..HISTORIES).map(|which| history(dice, which)).collect();
    for history in &mut histories {
        history.told.shuffle(dice);
    }
    histories
}

/// Tells these people to a service that then has nothing left to do.
async fn tell(office: &Office, employees: &[Value]) {
    let answer = office.bamboo("hr", &json!({"employees": employees}).to_string(), BEGIN).await;
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    if answer.body["jobId"].is_string() {
        office.finish(&answer).await;
    }
}

/// A source whose jobs are never held.
fn source() -> String {
    by_title("hr", "") + "[sync]\nhold_skill_left = 0\nhold_skill_percent = 100\nhold_users_percent = 100\n"
}

fn population() -> Scenario {
    employees(first_number(HISTORIES))
}

fn open() -> Office {
    Office::open(&population(), &source())
}

/// Checks that everyone has what is true.
fn judge(office: &Office, seed: u64, histories: &[History]) {
    let is_wrong = |(which, history): (usize, &History)| {
        let has: Vec<_> = (0..NUMBERS).map(|number| office.groups(first_number(which) + number).concat()).collect();
        let group = |group: &Option<usize>| group.map(|group| format!("Group {group}")).unwrap_or_default();
        let true_groups: Vec<_> = history.groups.iter().map(group).collect();
        let told: Vec<_> = history.told.iter().map(|told| format!("  {told}\n")).collect();
        let told = told.concat();
        (has != true_groups)
            .then(|| format!("E{} on: {has:?}, not {true_groups:?}, told\n{told}", 1000 + first_number(which)))
    };
    let wrong: Vec<_> = histories.iter().enumerate().filter_map(is_wrong).collect();
    assert!(wrong.is_empty(), "seed {seed}: {} of {HISTORIES}\n{}", wrong.len(), wrong.concat());
}

#[tokio::test(start_paused = true)]
async fn whatever_is_told_first_everyone_has_what_is_true_in_the_end() {
    for seed in SEEDS {
        let (office, histories) = (open(), shuffled(seed));
        for told in histories.iter().flat_map(|history| history.told.chunks(1)) {
            tell(&office, told).await;
        }
        judge(&office, seed, &histories);
    }
}

#[tokio::test(start_paused = true)]
async fn the_case_of_a_number_makes_no_difference() {
    for seed in SEEDS {
        let (office, mut histories) = (open(), shuffled(seed));
        let dice = &mut StdRng::seed_from_u64(seed);
        for told in histories.iter_mut().flat_map(|history| &mut history.told) {
            if let Some(number) = told["fields"]["employeeNumber"].as_str().filter(|_| dice.random()) {
                told["fields"]["employeeNumber"] = number.to_lowercase().into();
            }
        }
        for told in histories.iter().flat_map(|history| history.told.chunks(1)) {
            tell(&office, told).await;
        }
        judge(&office, seed, &histories);
    }
}

#[tokio::test(start_paused = true)]
async fn several_rows_of_one_delivery_end_as_if_each_had_come_alone() {
    for seed in SEEDS {
        let (office, histories) = (open(), shuffled(seed));
        for (which, history) in histories.iter().enumerate() {
            for told in history.told.chunks(2 + which % 3) {
                tell(&office, told).await;
            }
        }
        judge(&office, seed, &histories);
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_come_at_once_end_as_if_one_had_come_after_another() {
    for seed in SEEDS {
        let (office, histories) = (open(), shuffled(seed));
        let told = histories.iter().flat_map(|history| history.told.chunks(1));
        join_all(told.map(|told| tell(&office, told))).await;
        judge(&office, seed, &histories);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_nothing_of_whose_a_name_is() {
    for seed in SEEDS {
        let (mut office, histories) = (open(), shuffled(seed));
        let most = histories.iter().map(|history| history.told.len()).max().unwrap_or_default();
        for at in 0..most {
            for told in histories.iter().filter_map(|history| history.told.get(at)) {
                tell(&office, std::slice::from_ref(told)).await;
            }
            let (simulator, kept) = (office.bed.simulator.clone(), Arc::clone(&office.bed.kept));
            assert!(office.bed.lifecycle.stop(Duration::from_secs(30)).await);
            office = Office::reopen(simulator, kept, &population(), &source());
        }
        judge(&office, seed, &histories);
    }
}
