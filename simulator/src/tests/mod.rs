//! The simulator as its clients see it, through the front in memory and on the paused clock.

mod catalogue;
mod causes;
mod directory;
mod divisions;
mod faults;
mod hostile;
mod languages;
mod paging;
mod runs;
mod scim;
mod search;
mod skills;
mod socket;
mod tokens;
mod wfm;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A small org whose limits do not interfere.
fn small(users: usize) -> Scenario {
    Scenario {
        seed: 11,
        population: Population::Generated(Generated { users, ..Generated::default() }),
        limits: Limits { windows: Vec::new(), ..Limits::default() },
        ..Scenario::default()
    }
}

fn misbehaving(users: usize, change: impl FnOnce(&mut Behaviour)) -> Scenario {
    let mut scenario = small(users);
    change(&mut scenario.behaviour);
    scenario
}

/// A client that is logged in.
#[derive(Debug, Clone)]
struct Client {
    simulator: Simulator,
    token: String,
}

/// An answer, with its body as a document if it is one.
#[derive(Debug)]
struct Answer {
    status: u16,
    response: Response<Bytes>,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn names(&self, list: &str) -> Vec<String> {
        self.body[list].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    }
}

async fn send(
    simulator: &Simulator,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, TransportError> {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = simulator.service().oneshot(request.body(body.into()).unwrap()).await?;
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    Ok(Answer { status: response.status().as_u16(), response, body })
}

async fn login(simulator: &Simulator) -> Answer {
    let Credentials { client_id, client_secret, .. } = Credentials::default();
    let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("authorization", basic.as_str()), form];
    send(simulator, Method::POST, "/oauth/token", &headers, "grant_type=client_credentials").await.unwrap()
}

impl Client {
    async fn of(scenario: Scenario) -> Self {
        let simulator = Simulator::new(scenario);
        let token = login(&simulator).await.body["access_token"].as_str().unwrap().to_owned();
        Self { simulator, token }
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, TransportError> {
        let bearer = format!("Bearer {}", self.token);
        let all: Vec<(&str, &str)> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        send(&self.simulator, method, path, &all, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, &[], "").await.unwrap()
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.try_send(method, path, &[JSON], body.to_string()).await.unwrap()
    }

    async fn read_groups(&self, user: Uuid) -> Answer {
        self.get(&wfm_path(user)).await
    }

    async fn write_groups(&self, user: Uuid, version: u64, groups: &[Uuid]) -> Answer {
        self.try_write_groups(user, version, groups).await.unwrap()
    }

    async fn try_write_groups(&self, user: Uuid, version: u64, groups: &[Uuid]) -> Result<Answer, TransportError> {
        let (version, body) = (format!("\"{version}\""), json!({ "skillGroupIds": groups }).to_string());
        self.try_send(Method::PATCH, &wfm_path(user), &[JSON, ("if-match", &version)], body).await
    }

    /// Reads, and directly afterwards writes what was read.
    async fn read_and_write(&self, user: Uuid) -> Answer {
        let read = self.read_groups(user).await;
        let groups: Vec<Uuid> = ids(&read.body["skillGroups"]);
        self.write_groups(user, read.body["version"].as_u64().unwrap(), &groups).await
    }

    /// Returns all users, in the order of listings.
    fn users(&self) -> Vec<Uuid> {
        self.simulator.users().into_iter().map(|user| user.id).collect()
    }

    fn conflicts(&self, cause: ConflictCause) -> usize {
        self.simulator.ledger().conflicts().get(&cause).copied().unwrap_or_default()
    }
}

fn ids(entries: &Value) -> Vec<Uuid> {
    entries.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().parse().unwrap()).collect()
}

fn wfm_path(user: Uuid) -> String {
    format!("/api/v2/wfm/users/{user}/assignments")
}

fn skills_path(user: Uuid) -> String {
    format!("/api/v2/users/{user}/routingskills")
}
