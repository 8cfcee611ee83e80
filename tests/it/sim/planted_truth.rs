//! More planted bugs: what restarts, late answers and reports can get wrong.
//!
//! Where a bug shows on the wire or in the journal it is put there. What an engine would do wrong between the two, the
//! judge is told instead: a run whose entries say what such an engine would have reported.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{ReadLag, Share};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use skillsync::domain::EntryState;
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::checks::{Kind, violations};
use super::life::{Joints, SOUND};
use super::plan::{Plan, Restart, What};
use super::record::Run;
use super::run::run;
use super::tap::subject;

/// Plans that each bug is looked for in at most.
const RUNS: u64 = 400;

/// Runs plans with a bug and without, until the checks say this of the bug in a plan of which they say nothing else.
fn see(joints: Joints, doctor: fn(&mut Run) -> bool, expected: &[Kind]) {
    see_in(Plan::extended, joints, doctor, expected);
}

fn see_in(plan: fn(u64) -> Plan, joints: Joints, doctor: fn(&mut Run) -> bool, expected: &[Kind]) {
    let mut seen = BTreeSet::new();
    for seed in 1..=RUNS {
        let plan = plan(seed);
        let kinds = |run: &Run| violations(run).into_iter().map(|violation| violation.kind).collect::<BTreeSet<_>>();
        let mut bugged = run(&plan, joints);
        if !doctor(&mut bugged) {
            continue;
        }
        let found = kinds(&bugged);
        let caught = expected.iter().any(|kind| found.contains(kind));
        if caught && !kinds(&run(&plan, SOUND)).iter().any(|kind| expected.contains(kind)) {
            println!("in plan {seed}: {found:?}");
            return;
        }
        seen.extend(found);
    }
    panic!("in {RUNS} plans only {seen:?} was seen, none of {expected:?}");
}

fn as_it_is(_: &mut Run) -> bool {
    true
}

/// The pages of a listing that lack somebody say that there is nobody else.
fn believing_short_listings(wire: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            let listing = request.uri().path() == "/api/v2/users";
            let answer = wire.oneshot(request).await?;
            let Some(mut page) = json(&answer).filter(|_| listing) else { return Ok(answer) };
            let Some(users) = page["entities"].as_array_mut() else { return Ok(answer) };
            // Everybody but the last one: all that a client that believes incomplete listings would know.
            let left = users.len().saturating_sub(1);
            users.truncate(left);
            page["total"] = left.into();
            Ok(answer.map(|_| page.to_string().into()))
        }
    }))
}

/// Where a read lags behind, its version does not tell.
fn hiding_lag(wire: Transport) -> Transport {
    let newest: Arc<Mutex<HashMap<String, u64>>> = Arc::default();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, newest) = (wire.clone(), Arc::clone(&newest));
        async move {
            let (path, reads) = (request.uri().path().to_owned(), request.method() == Method::GET);
            let answer = wire.oneshot(request).await?;
            let Some(mut body) = json(&answer).filter(|_| path.contains("/wfm/")) else { return Ok(answer) };
            let Some(shown) = body["version"].as_u64() else { return Ok(answer) };
            let version = {
                let mut newest = newest.lock().unwrap();
                let known = newest.entry(path).or_default();
                *known = shown.max(*known);
                *known
            };
            if !reads || version == shown {
                return Ok(answer);
            }
            body["version"] = version.into();
            let mut answer: Response<Bytes> = answer.map(|_| body.to_string().into());
            answer.headers_mut().insert(http::header::ETAG, format!("\"{version}\"").parse().unwrap());
            Ok(answer)
        }
    }))
}

/// Reads lag behind for longer than a restart takes, and nothing else leaves a doubt.
fn lagging_after_stops(seed: u64) -> Plan {
    let mut plan = Plan::extended(seed);
    plan.scenario.behaviour.faults.clear();
    let lag = Duration::from_secs(9);
    plan.scenario.behaviour.conflicts.read_lag = ReadLag { share: Share::Rate(1.0), lag, times: 0, own_writes: true };
    for operation in &mut plan.operations {
        if let What::Restart(restart) = &mut operation.what {
            *restart = Restart::Stopped { pause: 500 };
        }
    }
    plan
}

/// A write without an answer is sent again, and again.
fn never_giving_up(wire: Transport) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let wire = wire.clone();
        async move {
            let writes = request.method() != Method::GET && subject(request.uri().path()).is_some();
            let mut answer = wire.clone().oneshot(request.clone()).await;
            for _ in 0..3 {
                let lost = match &answer {
                    Ok(answer) => answer.status() == StatusCode::INTERNAL_SERVER_ERROR,
                    Err(_) => true,
                };
                if !writes || !lost {
                    break;
                }
                answer = wire.clone().oneshot(request.clone()).await;
            }
            answer
        }
    }))
}

fn json(answer: &Response<Bytes>) -> Option<Value> {
    if answer.status().is_success() { serde_json::from_slice(answer.body()).ok() } else { None }
}

/// Of two entries that were carried out one after another, the older one came second.
fn in_order_of_resolution(run: &mut Run) -> bool {
    let pairs = pairs(run, |older, newer| older.finished_at < newer.finished_at);
    for (older, newer) in &pairs {
        let (a, b) = (run.entries[*older].place, run.entries[*newer].place);
        (run.entries[*older].place, run.entries[*newer].place) = (b, a);
    }
    !pairs.is_empty()
}

/// A job that repeats another one is taken for a new one.
fn retried_as_new(run: &mut Run) -> bool {
    let mut repeats = false;
    for at in 0..run.entries.len() {
        let entry = &run.entries[at];
        if entry.result.reason == Some(skillsync::domain::Reason::StaleEvent) && entry.repeats {
            repeats = true;
            run.entries[at].state = EntryState::Unchanged;
            run.entries[at].result.reason = None;
            run.entries[at].result.superseded_by = None;
        }
    }
    repeats
}

/// What nothing came of in the end is called unchanged.
fn unchanged_by_the_net(run: &mut Run) -> bool {
    let mut undone = false;
    for entry in &mut run.entries {
        if entry.state == EntryState::Superseded && entry.result.reason.is_none() && !entry.dry_run {
            undone = true;
            entry.state = EntryState::Unchanged;
            entry.result.superseded_by = None;
        }
    }
    undone
}

/// What was carried out before a lost answer is told by nobody.
fn dropping_effects(run: &mut Run) -> bool {
    let lost: Vec<_> =
        run.exchanges.iter().filter(|e| e.writes && e.status.is_none_or(|status| status >= 500)).collect();
    let lost: Vec<_> = lost.into_iter().map(|exchange| (exchange.user, exchange.target, exchange.sent_at)).collect();
    let mut dropped = false;
    for entry in &mut run.entries {
        let open = |at| entry.accepted_at <= at && at <= entry.finished_at;
        let hit =
            lost.iter().any(|(user, target, at)| entry.user == Some(*user) && entry.target == *target && open(*at));
        if hit && entry.state == EntryState::Applied {
            dropped = true;
            entry.state = EntryState::Unchanged;
            entry.result.effects = skillsync::domain::entry::Effects::default();
        }
    }
    dropped
}

/// An entry whose write a dead process had under way was cancelled as if nothing had been done.
fn cancelling_what_was_under_way(run: &mut Run) -> bool {
    if !dropping_effects(run) {
        return false;
    }
    for entry in run.entries.iter_mut().filter(|entry| entry.state == EntryState::Unchanged) {
        entry.state = EntryState::Cancelled;
        entry.result.message = Some("cancelled before it was carried out".into());
    }
    true
}

/// Two entries of one user that ended together did each what the other one says.
fn swapping_effects(run: &mut Run) -> bool {
    let pairs = pairs(run, |one, other| one.finished_at == other.finished_at);
    for (one, other) in &pairs {
        let (a, b) = (run.entries[*one].result.clone(), run.entries[*other].result.clone());
        (run.entries[*one].result, run.entries[*other].result) = (b, a);
    }
    !pairs.is_empty()
}

/// Entries of one user that were carried out, the older one first, each in one pair at most.
fn pairs(run: &Run, wanted: fn(&super::record::Entry, &super::record::Entry) -> bool) -> Vec<(usize, usize)> {
    let mut used = BTreeSet::new();
    let mut pairs = Vec::new();
    let applied: Vec<_> = run.entries.iter().filter(|entry| entry.state == EntryState::Applied).collect();
    for one in &applied {
        for other in &applied {
            let same = one.user == other.user && one.target == other.target && one.place < other.place;
            if same && wanted(one, other) && !used.contains(&one.order) && !used.contains(&other.order) {
                used.extend([one.order, other.order]);
                pairs.push((one.order, other.order));
            }
        }
    }
    pairs
}

#[test]
fn an_order_of_resolution_is_seen() {
    see(SOUND, in_order_of_resolution, &[Kind::Order]);
}

#[test]
fn a_retry_as_new_is_seen() {
    see(SOUND, retried_as_new, &[Kind::Stale, Kind::Untrue, Kind::NotTheFold]);
}

#[test]
fn an_unchanged_from_the_net_is_seen() {
    see(SOUND, unchanged_by_the_net, &[Kind::Untrue]);
}

#[test]
fn an_incomplete_listing_that_is_believed_is_seen() {
    see(Joints { wire: believing_short_listings, ..SOUND }, as_it_is, &[Kind::Unexplained]);
}

#[test]
fn a_lagging_read_that_is_believed_after_a_start_is_seen() {
    see_in(lagging_after_stops, Joints { wire: hiding_lag, ..SOUND }, as_it_is, &[Kind::Lag, Kind::NotTheFold]);
}

#[test]
fn an_uncertain_write_without_end_is_seen() {
    see(Joints { wire: never_giving_up, ..SOUND }, as_it_is, &[Kind::Unbounded]);
}

#[test]
fn an_end_that_is_shown_too_early_is_seen() {
    see(Joints { lies: true, ..SOUND }, as_it_is, &[Kind::WentBack]);
}

#[test]
fn an_effect_that_a_lost_answer_drops_is_seen() {
    see(SOUND, dropping_effects, &[Kind::Effects]);
}

#[test]
fn a_cancel_that_hides_a_write_is_seen() {
    see(SOUND, cancelling_what_was_under_way, &[Kind::Effects]);
}

#[test]
fn an_effect_of_another_is_seen() {
    see(SOUND, swapping_effects, &[Kind::Effects]);
}
