//! Planted bugs: each kind of fault that the product promises not to have is put between the service and the simulator,
//! and the same checks that pass every random run must see it.
//!
//! The bugs are layers on the wire, because that is where a fault of a client shows; the product has no switch for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use genesys_simulator::{Access, Behaviour, Generated, Population, Target};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use skillsync::domain::Mode;
use skillsync::domain::job::SameUser;
use skillsync::genesys::transport::{Transport, TransportError};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::checks::Kind;
use super::life::{Joints, SOUND};
use super::plan::{Naming, Operation, Plan, Submission, What, Wish};
use super::tap::{shows_skills, subject};
use super::verdict;

/// Plans that each bug is looked for in at most.
const RUNS: u64 = 600;

/// Runs one plan after another until the checks have said all this about a bug.
fn see(joints: Joints, expected: &[Kind]) {
    let mut seen = BTreeSet::new();
    for seed in 1..=RUNS {
        seen.extend(verdict(&Plan::from_seed(seed), joints).into_iter().map(|violation| violation.kind));
        if expected.iter().all(|kind| seen.contains(kind)) {
            println!("after {seed} plans: {seen:?}");
            return;
        }
    }
    panic!("after {RUNS} plans only {seen:?} was seen, not all of {expected:?}");
}

/// What is not the fold of the entries, by what may have made it so.
const NOT_THE_FOLD: [Kind; 3] = [Kind::NotTheFold, Kind::Order, Kind::Lag];

/// Runs one plan after another until the checks have said that what was done is not the fold.
fn see_that_it_is_not_the_fold(plan: fn(u64) -> Plan, joints: Joints) {
    for seed in 1..=RUNS {
        let found = verdict(&plan(seed), joints);
        if let Some(violation) = found.iter().find(|violation| NOT_THE_FOLD.contains(&violation.kind)) {
            println!("after {seed} plans: {violation}");
            return;
        }
    }
    panic!("in {RUNS} plans nothing was seen that is not the fold");
}

type Answer = Result<Response<Bytes>, TransportError>;

/// Whether a request is for a user's assignments, and changes them.
fn writes(request: &Request<Bytes>) -> bool {
    request.method() != Method::GET && subject(request.uri().path()).is_some()
}

fn refused(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|answer| [StatusCode::CONFLICT, StatusCode::BAD_REQUEST].contains(&answer.status()))
}

/// The read that belongs to a write.
fn read_of(write: &Request<Bytes>) -> Request<Bytes> {
    let mut read = Request::get(write.uri().clone()).body(Bytes::new()).unwrap();
    read.headers_mut().extend(write.headers().clone());
    read.headers_mut().remove(IF_MATCH);
    read
}

/// After a refusal the state is not read again: what was read before is taken for the answer.
fn skipping_the_re_read(wire: Transport) -> Transport {
    let remembered: Arc<Mutex<HashMap<String, Response<Bytes>>>> = Arc::default();
    let disputed: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, remembered, disputed) = (wire.clone(), Arc::clone(&remembered), Arc::clone(&disputed));
        async move {
            let path = request.uri().path().to_owned();
            if subject(&path).is_none() {
                return wire.oneshot(request).await;
            }
            if request.method() != Method::GET {
                let answer = wire.oneshot(request).await;
                if refused(&answer) {
                    disputed.lock().unwrap().insert(path);
                }
                return answer;
            }
            let known = remembered.lock().unwrap().get(&path).cloned();
            if let Some(known) = known.filter(|_| disputed.lock().unwrap().remove(&path)) {
                return Ok(known);
            }
            let answer = wire.oneshot(request).await;
            if let Some(answer) = answer.as_ref().ok().filter(|answer| answer.status().is_success()) {
                remembered.lock().unwrap().insert(path, answer.clone());
            }
            answer
        }
    }))
}

/// A refused write is sent again as it is, with the version that is current by then.
fn overwriting_foreign_changes(wire: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            let answer = wire.clone().oneshot(request.clone()).await;
            if !writes(&request) || !refused(&answer) || !request.headers().contains_key(IF_MATCH) {
                return answer;
            }
            let read = wire.clone().oneshot(read_of(&request)).await?;
            let Some(version) = read.headers().get(ETAG) else { return answer };
            let mut again = request;
            again.headers_mut().insert(IF_MATCH, version.clone());
            wire.oneshot(again).await
        }
    }))
}

/// Every write goes out twice at once.
fn writing_twice(wire: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            if !writes(&request) {
                return wire.oneshot(request).await;
            }
            let (first, _) = tokio::join!(wire.clone().oneshot(request.clone()), wire.oneshot(request));
            first
        }
    }))
}

/// A refused write is repeated at once with what the next read shows, be it old or new, until it passes.
fn ignoring_lag(wire: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            let mut answer = wire.clone().oneshot(request.clone()).await;
            for _ in 0..2 {
                if !writes(&request) || !refused(&answer) {
                    break;
                }
                wire.clone().oneshot(read_of(&request)).await?;
                answer = wire.clone().oneshot(request.clone()).await;
            }
            answer
        }
    }))
}

/// Every read is answered with the newest version, whatever set the replica showed with it.
fn trusting_old_sets(wire: Transport) -> Transport {
    let newest: Arc<Mutex<HashMap<String, (u64, Bytes)>>> = Arc::default();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, newest) = (wire.clone(), Arc::clone(&newest));
        async move {
            let (path, is_read) = (request.uri().path().to_owned(), request.method() == Method::GET);
            let mut answer = wire.oneshot(request).await?;
            let body: Option<serde_json::Value> = serde_json::from_slice(answer.body()).ok();
            let shown =
                body.as_ref().and_then(|body| body["version"].as_u64()).filter(|_| answer.status().is_success());
            let Some(shown) = shown.filter(|_| path.contains("/wfm/")) else { return Ok(answer) };
            let mut newest = newest.lock().unwrap();
            let (version, first) = newest.entry(path).or_insert_with(|| (shown, answer.body().clone()));
            *version = shown.max(*version);
            if is_read {
                // The first set that was ever seen, under the newest version.
                let mut old: serde_json::Value = serde_json::from_slice(first).unwrap();
                old["version"] = (*version).into();
                let tag = HeaderValue::from_str(&format!("\"{version}\"")).unwrap();
                answer.headers_mut().insert(ETAG, tag);
                *answer.body_mut() = old.to_string().into();
            }
            Ok(answer)
        }
    }))
}

/// Every listing of users with their skills is the one before.
fn trusting_old_listings(wire: Transport) -> Transport {
    let known: Arc<Mutex<HashMap<String, Response<Bytes>>>> = Arc::default();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, known) = (wire.clone(), Arc::clone(&known));
        async move {
            let (listing, page) = (shows_skills(&request), request.uri().to_string());
            let answer = wire.oneshot(request).await?;
            if !listing || !answer.status().is_success() {
                return Ok(answer);
            }
            Ok(known.lock().unwrap().insert(page, answer.clone()).unwrap_or(answer))
        }
    }))
}

/// The same job three times, each with a listing; before the last one, somebody takes away what it has given.
fn three_nights(seed: u64) -> Plan {
    let mut plan = Plan::from_seed(seed);
    (plan.scenario.behaviour, plan.operations) = (Behaviour::default(), Vec::new());
    plan.scenario.behaviour.scim = Access::Refused;
    plan.scenario.population =
        Population::Generated(Generated { users: 6, skills: 6, groups: 6, ..Generated::default() });
    let wish = |user| Wish { user, naming: Naming::EmployeeId, items: vec![(0, None)], occurred: None };
    let nightly = Submission {
        target: Target::RoutingSkills,
        mode: Mode::Managed,
        dry_run: false,
        urgent: false,
        same_user: SameUser::Refuse,
        owner: "default",
        entries: (0..plan.users()).map(wish).collect(),
    };
    let mut perform = |at, what| plan.operations.push(Operation { at, what });
    perform(0, What::Submit(nightly.clone()));
    perform(40_000, What::Submit(nightly.clone()));
    perform(60_000, What::Toggle(0, Target::RoutingSkills, 0));
    perform(80_000, What::Submit(nightly));
    plan
}

#[test]
fn an_old_listing_is_seen() {
    see_that_it_is_not_the_fold(three_nights, Joints { wire: trusting_old_listings, ..SOUND });
    let sound = (1..=20).flat_map(|seed| verdict(&three_nights(seed), SOUND)).collect::<Vec<_>>();
    assert!(sound.is_empty(), "{sound:?}");
}

#[test]
fn a_skipped_re_read_is_seen() {
    see(Joints { wire: skipping_the_re_read, ..SOUND }, &[Kind::OwnConflict, Kind::Hammering]);
}

#[test]
fn a_dropped_slot_is_seen() {
    // Two services that know nothing of each other are one whose slots do not hold.
    see(Joints { services: 2, ..SOUND }, &[Kind::Overlap, Kind::OwnConflict]);
}

#[test]
fn an_overwritten_foreign_change_is_seen() {
    see_that_it_is_not_the_fold(Plan::from_seed, Joints { wire: overwriting_foreign_changes, ..SOUND });
}

#[test]
fn a_double_write_is_seen() {
    see(Joints { wire: writing_twice, ..SOUND }, &[Kind::Overlap]);
}

#[test]
fn ignored_lag_is_seen() {
    see(Joints { wire: ignoring_lag, ..SOUND }, &[Kind::Hammering]);
}

#[test]
fn a_set_from_an_old_replica_is_seen() {
    see_that_it_is_not_the_fold(Plan::from_seed, Joints { wire: trusting_old_sets, ..SOUND });
}
