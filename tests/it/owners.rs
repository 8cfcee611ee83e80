//! Three sources that change the same people: HR by webhooks, a training system by CSV, planning by jobs. Over sockets, with
//! the real binary, which is killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Assignment, Effect, Limits, Scenario, Simulator, Target};
use http::Request;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skillsync::clock::WallClock;
use skillsync::genesys::transport::{Transport, TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use crate::hris::{bamboo_headers, by_title, employees};
use crate::process::{Folder, Process, free_port, serve_genesys};
use crate::sim::setting;

const PEOPLE: usize = 500;
const ROUNDS: usize = 3;
/// People in one submission.
const AT_ONCE: usize = 25;
/// Groups that all three assign.
const SHARED: usize = 8;
/// The group that planning lists for everybody, always.
const PINNED: &str = "Group 30";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Hr,
    Lms,
    Planning,
}

impl Party {
    const ALL: [Self; 3] = [Self::Hr, Self::Lms, Self::Planning];

    fn owner(self) -> &'static str {
        match self {
            Self::Hr => "hr",
            Self::Lms => "lms",
            Self::Planning => "planning",
        }
    }

    /// What it might say of somebody.
    fn draw(self, dice: &mut StdRng) -> BTreeSet<String> {
        let group = |dice: &mut StdRng| format!("Group {}", dice.random_range(1..=SHARED));
        match self {
            // A job title is one group; whoever has left has none.
            Self::Hr => (0..usize::from(dice.random_bool(0.85))).map(|_| group(dice)).collect(),
            Self::Lms => (0..dice.random_range(0..=3)).map(|_| group(dice)).collect(),
            Self::Planning => (0..dice.random_range(0..=2)).map(|_| group(dice)).chain([PINNED.to_owned()]).collect(),
        }
    }
}

/// One submission: what a party says of some people.
struct Word {
    party: Party,
    nth: usize,
    about: BTreeMap<usize, BTreeSet<String>>,
}

/// The service and the way to it.
struct Service {
    folder: Folder,
    genesys: String,
    port: u16,
    transport: Transport,
}

impl Service {
    fn start(&self) -> Process {
        let settings = [
            ("SKILLSYNC__GENESYS__LIMITS", "60/100ms"),
            ("SKILLSYNC__SERVER__REQUESTS_PER_SECOND", "100000"),
            ("SKILLSYNC__SYNC__HOLD_USERS_PERCENT", "100"),
            ("SKILLSYNC__SYNC__HOLD_SKILL_PERCENT", "100"),
            ("SKILLSYNC__SYNC__HOLD_SKILL_LEFT", "0"),
        ];
        let config = self.folder.0.join("skillsync.toml");
        Process::configured(self.port, &self.genesys, &self.folder.journal(), &config, &settings)
    }

    /// Status and body; `None` if nobody answers.
    async fn send(&self, request: http::request::Builder, body: String) -> Option<(u16, Value)> {
        let answer = self.transport.clone().oneshot(request.body(Bytes::from(body)).unwrap()).await.ok()?;
        Some((answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()))
    }

    fn post(&self, path: &str) -> http::request::Builder {
        Request::post(format!("http://127.0.0.1:{}{path}", self.port))
    }

    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let request = Request::get(format!("http://127.0.0.1:{}{path}", self.port));
        self.send(request.header("authorization", "Bearer planning"), String::new()).await
    }

    /// Submits once, as the party does.
    async fn say(&self, word: &Word, began: i64) -> Option<(u16, Value)> {
        let id = |n: usize| format!("E{}", 1000 + n);
        let key = format!("{}-{}", word.party.owner(), word.nth);
        match word.party {
            Party::Hr => {
                let person = |(n, groups): (&usize, &BTreeSet<String>)| {
                    let status = if groups.is_empty() { "Inactive" } else { "Active" };
                    let fields = json!({
                        "employeeNumber": { "value": id(*n) },
                        "jobTitle": { "value": groups.first() },
                        "status": { "value": status },
                    });
                    json!({ "id": n.to_string(), "fields": fields })
                };
                let body = json!({ "employees": word.about.iter().map(person).collect::<Vec<_>>() }).to_string();
                // A second of its own for each event of a person.
                let at = began + i64::try_from(word.nth).unwrap();
                let signed = bamboo_headers(&body, at);
                let request = signed
                    .iter()
                    .fold(self.post("/v1/webhooks/hr"), |request, (name, value)| request.header(*name, value));
                self.send(request, body).await
            }
            Party::Lms => {
                let row = |(n, groups): (&usize, &BTreeSet<String>)| {
                    format!("{},{}\n", id(*n), groups.iter().cloned().collect::<Vec<_>>().join(";"))
                };
                let rows: String = word.about.iter().map(row).collect();
                let request = self.post("/v1/sync-jobs?target=wfmSkillGroups").header("authorization", "Bearer lms");
                let request = request.header("content-type", "text/csv").header("idempotency-key", key);
                self.send(request, format!("employee_id,assignments\n{rows}")).await
            }
            Party::Planning => {
                let entry = |(n, groups): (&usize, &BTreeSet<String>)| {
                    let listed: Vec<_> = groups.iter().map(|name| json!({ "name": name })).collect();
                    json!({ "user": { "employeeId": id(*n) }, "assignments": listed })
                };
                let entries: Vec<_> = word.about.iter().map(entry).collect();
                let body = json!({ "target": "wfmSkillGroups", "owner": "planning", "entries": entries });
                let request = self.post("/v1/sync-jobs").header("authorization", "Bearer planning");
                let request = request.header("content-type", "application/json").header("idempotency-key", key);
                self.send(request, body.to_string()).await
            }
        }
    }

    /// Submits until it is accepted.
    async fn insist(&self, word: &Word, began: i64) {
        let since = Instant::now();
        loop {
            match self.say(word, began).await {
                Some((200 | 202, _)) => return,
                Some((status, body)) => assert!(matches!(status, 409 | 429 | 503), "{status} {body}"),
                None => {}
            }
            assert!(since.elapsed() < Duration::from_mins(2), "never accepted; {}", self.folder.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn all_ended(&self) {
        let since = Instant::now();
        loop {
            if let Some((200, page)) = self.get("/v1/sync-jobs?limit=1000").await {
                let jobs = page["items"].as_array().unwrap();
                assert!(jobs.iter().all(|job| job["counts"]["failed"] == 0 && job["status"] != "held"), "{page}");
                if jobs.iter().all(|job| job["finishedAt"].is_string()) {
                    return;
                }
            }
            assert!(since.elapsed() < Duration::from_mins(4), "not all jobs end; {}", self.folder.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn config() -> String {
    let key = |name: &str| {
        let digest = Sha256::digest(name).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("[[server.api_keys]]\nname = '{name}'\nsha256 = '{digest}'\nrole = 'submit'\nowners = ['{name}']\n")
    };
    let leaver = "leaver = { all = [{ attr = 'status', eq = 'Inactive' }] }";
    format!("{}{}{}", key("lms"), key("planning"), by_title("hr", leaver))
}

/// Each party says something of everybody, several times, in its own order; the parties at random among each other.
fn words(dice: &mut StdRng) -> Vec<Word> {
    let mut by_party: Vec<Vec<Word>> = Vec::new();
    for party in Party::ALL {
        let mut said = Vec::new();
        for _ in 0..ROUNDS {
            let mut people: Vec<usize> = (1..=PEOPLE).collect();
            people.shuffle(dice);
            for some in people.chunks(AT_ONCE) {
                let about = some.iter().map(|n| (*n, party.draw(dice))).collect();
                said.push(Word { party, nth: said.len(), about });
            }
        }
        said.reverse();
        by_party.push(said);
    }
    let mut words = Vec::new();
    while !by_party.is_empty() {
        let at = dice.random_range(0..by_party.len());
        match by_party[at].pop() {
            Some(word) => words.push(word),
            None => drop(by_party.remove(at)),
        }
    }
    words
}

/// The names of what somebody has in Genesys.
fn has(simulator: &Simulator, user: Uuid, names: &BTreeMap<Uuid, String>) -> BTreeSet<String> {
    let assigned = simulator.assignments_of(user, Target::WfmSkillGroups).unwrap();
    assigned.iter().map(|assigned| names[&assigned.id].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_owner_has_its_latest_word_and_takes_nothing_from_the_others() {
    let seed = setting("OWNERS_SEED", 20);
    println!("seed {seed}; another: OWNERS_SEED=…");
    let mut dice = StdRng::seed_from_u64(seed);
    let lifecycle = Lifecycle::default();
    let limits = Limits { windows: Vec::new(), ..Limits::default() };
    let simulator = Simulator::new(Scenario { seed, limits, ..employees(PEOPLE) });
    let names: BTreeMap<Uuid, String> =
        simulator.catalogue(Target::WfmSkillGroups).into_iter().map(|entry| (entry.id, entry.name)).collect();
    let by_name: BTreeMap<&str, Uuid> = names.iter().map(|(id, name)| (name.as_str(), *id)).collect();
    // Every tenth has a group that somebody gave them by hand, and that no source lists.
    let people: BTreeMap<String, Uuid> =
        simulator.users().into_iter().filter_map(|user| Some((user.employee_id?, user.id))).collect();
    let by_hand = |n: usize| n.is_multiple_of(10);
    for n in (1..=PEOPLE).filter(|n| by_hand(*n)) {
        let group = Assignment::group(by_name["Group 29"]);
        assert!(simulator.foreign_set(people[&format!("E{}", 1000 + n)], Target::WfmSkillGroups, &[group]));
    }
    let service = Service {
        folder: Folder::new("owners"),
        genesys: serve_genesys(&simulator, &lifecycle).await,
        port: free_port(),
        transport: over_http(&TransportSettings::default()).unwrap(),
    };
    std::fs::write(service.folder.0.join("skillsync.toml"), config()).unwrap();
    let began = WallClock::System.now().as_second();
    let mut process = service.start();
    let mut latest: BTreeMap<(Party, usize), BTreeSet<String>> = BTreeMap::new();
    let mut kills = 0;
    for word in words(&mut dice) {
        if dice.random_bool(0.06) {
            // The answer may be lost with the process, and the word is said again.
            let (said, ()) = tokio::join!(service.say(&word, began), async {
                tokio::time::sleep(Duration::from_millis(dice.random_range(0..15))).await;
                drop(process);
            });
            process = service.start();
            kills += 1;
            if !matches!(said, Some((200 | 202, _))) {
                service.insist(&word, began).await;
            }
        } else {
            service.insist(&word, began).await;
        }
        latest.extend(word.about.into_iter().map(|(n, groups)| ((word.party, n), groups)));
    }
    service.all_ended().await;
    println!("{kills} kills, {} effects", simulator.ledger().effects().len());
    assert!(kills > 3);
    for n in 1..=PEOPLE {
        let mut due: BTreeSet<String> = Party::ALL.iter().flat_map(|party| &latest[&(*party, n)]).cloned().collect();
        due.extend(by_hand(n).then(|| "Group 29".to_owned()));
        let user = people[&format!("E{}", 1000 + n)];
        assert_eq!(has(&simulator, user, &names), due, "employee {n}: {:?}", Party::ALL.map(|p| &latest[&(p, n)]));
    }
    for n in (1..=PEOPLE).step_by(37) {
        let (status, view) = service.get(&format!("/v1/users/E{}", 1000 + n)).await.unwrap();
        assert_eq!(status, 200);
        let owned = view["owned"].as_array().unwrap().iter().find(|owned| owned["target"] == "wfmSkillGroups").unwrap();
        for assigned in owned["assignments"].as_array().unwrap() {
            let name = assigned["name"].as_str().unwrap();
            let owners: Vec<_> =
                assigned["owners"].as_array().unwrap().iter().map(|owner| owner.as_str().unwrap()).collect();
            let due = Party::ALL.iter().filter(|party| latest[&(**party, n)].contains(name)).map(|party| party.owner());
            assert_eq!(owners, due.collect::<Vec<_>>(), "{name} of employee {n}");
        }
    }
    // What planning always lists was never gone in between, whoever else was written for.
    let pinned = by_name[PINNED];
    let has_it = |set: &[Assignment]| set.iter().any(|assigned| assigned.id == pinned);
    let loses = |effect: &&Effect| has_it(&effect.before) && !has_it(&effect.after);
    assert_eq!(simulator.ledger().effects().iter().filter(loses).count(), 0);
    drop(process);
    lifecycle.stop(Duration::from_secs(5)).await;
}
