//! The endpoint of the target `wfmSkillGroups`, which not every org has, nor every user, and whose versions are opaque.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Generated, Population, Scenario, Simulator};
use http::{HeaderValue, Method, Request, Response};
use serde_json::Value;
use skillsync::domain::{EntryState, Mode, Reason, Target};
use skillsync::genesys::transport::{Transport, TransportError};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::bed::{Bed, employee};

fn org(users: usize) -> Scenario {
    let population = Generated { users, inactive: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

/// Changes a request; whether the endpoint knows what it is about.
type Change = fn(&mut Request<Bytes>) -> bool;

/// A service beside an org whose partner endpoint is another one: what it is asked and what it answers are changed.
fn beside(scenario: &Scenario, extra: &str, ask: Change, answer: fn(Response<Bytes>) -> Response<Bytes>) -> Bed {
    let changed = move |inner: Transport| {
        BoxCloneSyncService::new(tower::service_fn(move |mut request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                if !request.uri().path().starts_with("/api/v2/wfm/") {
                    return inner.oneshot(request).await;
                }
                if !ask(&mut request) {
                    return Ok::<_, TransportError>(not_found());
                }
                inner.oneshot(request).await.map(answer)
            }
        }))
    };
    Bed::join(Simulator::new(scenario.clone()), Arc::default(), scenario, extra, changed)
}

fn as_it_is(answer: Response<Bytes>) -> Response<Bytes> {
    answer
}

fn not_found() -> Response<Bytes> {
    let body = r#"{"message":"HTTP 404 Not Found","code":"not.found","status":404}"#;
    Response::builder().status(404).body(body.into()).expect("an answer")
}

async fn run(bed: &Bed, users: &[usize], groups: &[&str]) -> Vec<(EntryState, Option<Reason>, String)> {
    let rows = users.iter().map(|n| employee(*n, groups)).collect();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, rows).await;
    bed.finish(job).await;
    let told = |message: Option<Box<str>>| message.map(String::from).unwrap_or_default();
    bed.entries(job).into_iter().map(|entry| (entry.state, entry.result.reason, told(entry.result.message))).collect()
}

fn groups_of(bed: &Bed, n: usize) -> usize {
    let id = format!("E{}", 1000 + n);
    bed.simulator.users().into_iter().find(|user| user.employee_id.as_ref() == Some(&id)).expect("a user").groups.len()
}

#[tokio::test(start_paused = true)]
async fn an_org_without_the_endpoint_is_told_so_and_few_calls_are_spent() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    fn count(_: &mut Request<Bytes>) -> bool {
        ASKED.fetch_add(1, Ordering::Relaxed);
        false
    }
    let bed = beside(&org(200), "", count, as_it_is);
    let users: Vec<_> = (1..=200).collect();
    for (state, reason, message) in run(&bed, &users, &["Group 1"]).await {
        assert_eq!((state, reason), (EntryState::Failed, Some(Reason::TargetUnavailable)), "{message}");
        assert!(message.contains("genesys.wfm_path") && message.contains("routingSkills"), "{message}");
    }
    let asked = ASKED.load(Ordering::Relaxed);
    assert!(asked <= 30, "{asked} calls of an endpoint that is not there");
    tokio::time::sleep(Duration::from_secs(61)).await;
    run(&bed, &users, &["Group 1"]).await;
    let again = ASKED.load(Ordering::Relaxed) - asked;
    assert_eq!(again, 1, "one user asks whether it is there now");
}

#[tokio::test(start_paused = true)]
async fn a_user_whom_only_the_endpoint_lacks_fails_alone() {
    fn lacks_some(request: &mut Request<Bytes>) -> bool {
        let path = request.uri().path();
        // About one in eight of the ids.
        !path.contains("/users/0") && !path.contains("/users/1")
    }
    let bed = beside(&org(100), "", lacks_some, as_it_is);
    let ends = run(&bed, &(1..=100).collect::<Vec<_>>(), &["Group 1"]).await;
    let lacking = ends.iter().filter(|(_, reason, _)| *reason == Some(Reason::TargetUnavailable)).count();
    let others = ends.iter().filter(|(state, ..)| matches!(state, EntryState::Applied | EntryState::Unchanged)).count();
    assert!(lacking > 0 && others > 50, "{lacking} lack it, {others} do not");
    assert_eq!(lacking + others, 100);
}

/// The version as an opaque `ETag`, and nothing in the body.
fn opaque(answer: Response<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = answer.into_parts();
    let mut body: Value = serde_json::from_slice(&body).expect("JSON");
    if let Some(version) = body.as_object_mut().and_then(|body| body.remove("version")) {
        let tag = HeaderValue::try_from(format!("\"a{version}\"")).expect("a header");
        parts.headers.insert("etag", tag);
    }
    Response::from_parts(parts, body.to_string().into())
}

fn from_opaque(request: &mut Request<Bytes>) -> bool {
    if request.method() == Method::PATCH {
        let tag = request.headers().get("if-match").expect("a precondition").to_str().expect("text").to_owned();
        let number = tag.strip_prefix("\"a").expect("the tag as it came");
        request.headers_mut().insert("if-match", HeaderValue::try_from(format!("\"{number}")).expect("a header"));
    }
    true
}

#[tokio::test(start_paused = true)]
async fn an_etag_that_is_no_number_goes_back_as_it_came() {
    let bed = beside(&org(20), "", from_opaque, opaque);
    let users: Vec<_> = (1..=20).collect();
    for groups in [["Group 1"], ["Group 2"]] {
        for (state, reason, message) in run(&bed, &users, &groups).await {
            assert!(matches!(state, EntryState::Applied | EntryState::Unchanged), "{reason:?} {message}");
        }
    }
}

/// The version that the endpoint keeps to itself.
static NEWEST: AtomicU64 = AtomicU64::new(0);

fn without_version(answer: Response<Bytes>) -> Response<Bytes> {
    let document: Value = serde_json::from_slice(answer.body()).expect("JSON");
    if let Some(version) = document["version"].as_u64() {
        NEWEST.store(version, Ordering::Relaxed);
    }
    let (mut parts, body) = opaque(answer).into_parts();
    parts.headers.remove("etag");
    Response::from_parts(parts, body)
}

fn any_version(request: &mut Request<Bytes>) -> bool {
    if request.method() == Method::PATCH {
        assert!(!request.headers().contains_key("if-match"));
        // The simulated org insists on one.
        let newest = NEWEST.load(Ordering::Relaxed);
        request.headers_mut().insert("if-match", HeaderValue::try_from(format!("\"{newest}\"")).expect("a header"));
    }
    true
}

#[tokio::test(start_paused = true)]
async fn without_a_version_nothing_is_written_unless_that_is_permitted() {
    let bed = beside(&org(3), "", any_version, without_version);
    let before = groups_of(&bed, 1);
    for (state, reason, message) in run(&bed, &[1, 2, 3], &["Group 1", "Group 2", "Group 3"]).await {
        assert_eq!((state, reason), (EntryState::Failed, Some(Reason::TargetUnavailable)), "{message}");
        assert!(message.contains("genesys.unversioned_writes"), "{message}");
    }
    assert_eq!(groups_of(&bed, 1), before);

    let bed = beside(&org(3), "unversioned_writes = true\n", any_version, without_version);
    for (state, _, message) in run(&bed, &[1], &["Group 1", "Group 2", "Group 3"]).await {
        assert_eq!(state, EntryState::Applied, "{message}");
    }
    assert!(groups_of(&bed, 1) >= 3);
}

/// Users who were deleted since the directory was read are no reason to doubt the public API.
#[tokio::test(start_paused = true)]
async fn the_public_endpoint_is_never_taken_for_absent() {
    let scenario = org(60);
    let lacking = |inner: Transport| {
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                let path = request.uri().path();
                if path.contains("/users/") && path.ends_with("/routingskills") {
                    return Ok::<_, TransportError>(not_found());
                }
                inner.oneshot(request).await
            }
        }))
    };
    let bed = Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, "", lacking);
    let rows = (1..=60).map(|n| employee(n, &["Skill 1"])).collect();
    let job = bed.submit(Target::RoutingSkills, Mode::Remove, rows).await;
    bed.finish(job).await;
    for entry in bed.entries(job) {
        assert_eq!(entry.result.reason, Some(Reason::UserNotFound), "{:?}", entry.result.message);
    }
}

/// Every other answer is about somebody without any groups.
fn of_somebody_else(answer: Response<Bytes>) -> Response<Bytes> {
    static ANSWERS: AtomicUsize = AtomicUsize::new(0);
    if ANSWERS.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
        return answer;
    }
    answer.map(|body| {
        let mut body: Value = serde_json::from_slice(&body).expect("a body");
        let other = Uuid::from_u128(7);
        body["userId"] = other.to_string().into();
        body["selfUri"] = format!("/api/v2/wfm/users/{other}/assignments").into();
        body["skillGroups"] = Value::Array(Vec::new());
        body.to_string().into()
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_user_is_not_believed() {
    let bed = beside(&org(3), "", |_| true, of_somebody_else);
    let before: Vec<_> = (1..=3).map(|n| groups_of(&bed, n)).collect();
    let ends = run(&bed, &[1, 2, 3], &["Group 30"]).await;
    assert!(ends.iter().all(|(state, ..)| *state == EntryState::Applied), "{ends:?}");
    let after: Vec<_> = (1..=3).map(|n| groups_of(&bed, n)).collect();
    assert_eq!(after, before.iter().map(|groups| groups + 1).collect::<Vec<_>>());
}
