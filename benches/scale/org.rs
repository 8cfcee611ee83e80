//! A Genesys that answers everything at once and rightly, and keeps nothing but what each user has: so that time and memory
//! are the service's own, also with a million users. (The simulator keeps a ledger of every call.)

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Deserialize;
use skillsync::genesys::transport::Transport;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use crate::roster;

/// A round trip.
const LATENCY: Duration = Duration::from_millis(50);
const USER: u128 = 0xa000_0000_0000_4000_8000_0000_0000_0000;
const ASSIGNMENT: u128 = 0xb000_0000_0000_4000_8000_0000_0000_0000;

/// Handles to one org.
#[derive(Clone)]
pub(crate) struct Org {
    state: Arc<Mutex<State>>,
    latency: Duration,
}

struct State {
    users: Vec<User>,
    sets: HashSet<Arc<[usize]>>,
    calls: Calls,
}

struct User {
    version: u32,
    has: Arc<[usize]>,
    /// Somebody else writes this user between the next read and the write that follows it.
    meddled: bool,
}

/// Calls that reached the org, logins apart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) listings: usize,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
}

impl Calls {
    pub(crate) fn all(self) -> usize {
        self.listings + self.reads + self.writes
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            listings: self.listings - before.listings,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
        }
    }
}

impl Org {
    /// An org of this many users, of whom `changed` percent lack one of the assignments that they shall have.
    pub(crate) fn of(users: usize, changed: usize) -> Self {
        let mut state = State { users: Vec::with_capacity(users), sets: HashSet::new(), calls: Calls::default() };
        for n in 0..users {
            let lacks = usize::from(roster::is_changed(n, changed));
            let has = state.set(roster::assignments(n).skip(lacks).collect());
            state.users.push(User { version: 1, has, meddled: false });
        }
        Self { state: Arc::new(Mutex::new(state)), latency: LATENCY }
    }

    /// Of a hundred users, so many are written by somebody else before our first write of them.
    pub(crate) fn with_conflicts(self, percent: usize) -> Self {
        let mut state = self.lock();
        for (n, user) in state.users.iter_mut().enumerate() {
            user.meddled = roster::is_changed(n, percent);
        }
        drop(state);
        self
    }

    pub(crate) fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// Without the round trip, for real time.
    pub(crate) fn answering_at_once(self) -> Self {
        Self { latency: Duration::ZERO, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to it.
    pub(crate) fn transport(&self) -> Transport {
        let org = self.clone();
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let org = org.clone();
            async move {
                if !org.latency.is_zero() {
                    tokio::time::sleep(org.latency).await;
                }
                let answer = org.lock().answer(&request);
                Ok::<_, Infallible>(answer)
            }
        });
        BoxCloneSyncService::new(service.map_err(|never| match never {}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    skill_group_ids: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Rating {
    id: Uuid,
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match (request.method(), parts.as_slice()) {
            (_, ["oauth", ..]) => {
                return ok(None, r#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#.to_owned());
            }
            (&Method::GET, ["api", "v2", "users"]) => {
                self.calls.listings += 1;
                return ok(None, self.page(request.uri().query().unwrap_or_default()));
            }
            (&Method::GET, ["api", "v2", "routing", _]) => {
                self.calls.listings += 1;
                return ok(None, catalogue());
            }
            (_, [.., id, "assignments" | "routingskills"]) if *request.method() == Method::GET => {
                self.calls.reads += 1;
                return self.tell(number(id, USER));
            }
            (&Method::PATCH, [.., id, "assignments"]) => {
                self.calls.writes += 1;
                let user = &mut self.users[number(id, USER)];
                if std::mem::take(&mut user.meddled) {
                    user.version += 1;
                    return conflict();
                }
                let groups: Groups = serde_json::from_slice(request.body()).expect("a body");
                self.write(number(id, USER), groups.skill_group_ids.iter().map(|id| place(*id)).collect());
                return self.tell(number(id, USER));
            }
            (&Method::PATCH, [.., id, "routingskills", "bulk"]) => {
                self.calls.writes += 1;
                let ratings: Vec<Rating> = serde_json::from_slice(request.body()).expect("a body");
                let user = number(id, USER);
                let has = self.users[user].has.iter().copied().chain(ratings.iter().map(|rating| place(rating.id)));
                let has = has.collect();
                self.write(user, has);
                return ok(None, r#"{"entities":[]}"#.to_owned());
            }
            _ => {}
        }
        panic!("the org does not know {} {path}", request.method());
    }

    fn write(&mut self, user: usize, has: Vec<usize>) {
        let has = self.set(has);
        let user = &mut self.users[user];
        *user = User { version: user.version + 1, has, meddled: false };
    }

    fn set(&mut self, has: Vec<usize>) -> Arc<[usize]> {
        if let Some(known) = self.sets.get(has.as_slice()) {
            return Arc::clone(known);
        }
        let new: Arc<[usize]> = has.into();
        self.sets.insert(Arc::clone(&new));
        new
    }

    /// One answer for both targets: each client reads what it knows.
    fn tell(&self, user: usize) -> Response<Bytes> {
        let User { version, has, .. } = &self.users[user];
        let list = listed(has);
        let body = format!(
            r#"{{"version":{version},"skillGroups":[{list}],"entities":[{list}],"pageCount":1,"total":{}}}"#,
            has.len()
        );
        ok(Some(*version), body)
    }

    fn page(&self, query: &str) -> String {
        const SIZE: usize = 500;
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number: usize = parameter("pageNumber").and_then(|text| text.parse().ok()).unwrap_or(1);
        let users: &[User] = if parameter("state") == Some("active") { &self.users } else { &[] };
        let mut entities = String::new();
        for (n, user) in users.iter().enumerate().skip((number - 1) * SIZE).take(SIZE) {
            let comma = if entities.is_empty() { "" } else { "," };
            let skills = if query.contains("expand=skills") {
                format!(r#","skills":[{}]"#, listed(&user.has))
            } else {
                String::new()
            };
            let (id, employee) = (Uuid::from_u128(USER + n as u128), roster::employee(n));
            let entity = format_args!(
                r#"{comma}{{"id":"{id}","state":"active","employerInfo":{{"employeeId":"{employee}"}}{skills}}}"#
            );
            entities.write_fmt(entity).expect("there is memory");
        }
        let (pages, total) = (users.len().div_ceil(SIZE), users.len());
        format!(r#"{{"entities":[{entities}],"pageCount":{pages},"total":{total}}}"#)
    }
}

fn listed(has: &[usize]) -> String {
    let one =
        |place: &usize| format!(r#"{{"id":"{}","proficiency":0.0}}"#, Uuid::from_u128(ASSIGNMENT + *place as u128));
    has.iter().map(one).collect::<Vec<_>>().join(",")
}

fn catalogue() -> String {
    let one = |place: usize| {
        format!(r#"{{"id":"{}","name":"{}"}}"#, Uuid::from_u128(ASSIGNMENT + place as u128), roster::name(place))
    };
    let all = (0..roster::CATALOGUE).map(one).collect::<Vec<_>>().join(",");
    format!(r#"{{"entities":[{all}],"pageCount":1,"total":{}}}"#, roster::CATALOGUE)
}

fn number(id: &str, base: u128) -> usize {
    let id: Uuid = id.parse().expect("an id");
    usize::try_from(id.as_u128() - base).expect("an id of this org")
}

fn place(id: Uuid) -> usize {
    usize::try_from(id.as_u128() - ASSIGNMENT).expect("an id of this org")
}

fn conflict() -> Response<Bytes> {
    let body = r#"{"message":"The requested update conflicts with the current state of the resource.","code":"conflict","status":409}"#;
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = http::StatusCode::CONFLICT;
    response
}

fn ok(version: Option<u32>, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    if let Some(version) = version {
        let tag = format!("\"{version}\"").parse().expect("a header");
        response.headers_mut().insert(http::header::ETAG, tag);
    }
    response
}
