//! The naive client, for comparison: it reads everything first, writes later, and repeats refused writes unchanged.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::DemoPace;
use crate::cli::http::JsonClient;
use genesys_simulator::Scenario;

/// Number of attempts per user, including the first.
const TRIES: u32 = 4;

/// The result of the naive run.
#[derive(Debug, Clone, Copy)]
pub(super) struct NaiveResult {
    pub(super) users: usize,
    /// The number of users whose last write was refused.
    pub(super) failed: usize,
    pub(super) conflicts: usize,
}

/// Reads the groups and the version of every user, then writes all of them, at the permitted pace and up to ten at a
/// time. A refused write is sent again unchanged after an exponential backoff.
pub(super) async fn run(url: String, scenario: &Scenario, job: &Value, pace: &DemoPace) -> Result<NaiveResult> {
    let client = JsonClient::new(url)?;
    let token = log_in(&client, scenario).await?;
    let naive = Naive { client, token, ticks: Mutex::new(evenly(pace)), backoff: pace.backoff };
    let groups = naive.ids_by("/api/v2/routing/skillgroups?pageSize=200", "/name").await?;
    let users =
        naive.ids_by("/api/v2/users?pageSize=500&pageNumber=1&expand=employerInfo", "/employerInfo/employeeId").await?;
    let entries = job.get("entries").and_then(Value::as_array).context("the job has no entries")?;
    let reads = stream::iter(entries).map(|entry| naive.prepare(entry, &users, &groups)).buffer_unordered(10);
    let writes: Vec<_> = reads.collect().await;
    let sent = stream::iter(writes.into_iter().flatten()).map(|write| naive.write(write)).buffer_unordered(10);
    let results: Vec<(bool, usize)> = sent.collect().await;
    Ok(NaiveResult {
        users: entries.len(),
        failed: entries.len() - results.iter().filter(|(passed, _)| *passed).count(),
        conflicts: results.iter().map(|(_, conflicts)| conflicts).sum(),
    })
}

/// Returns an interval that ticks at the slowest pace of the windows.
fn evenly(pace: &DemoPace) -> Interval {
    let slowest = pace.windows.iter().map(|&(calls, per)| per / calls).max().unwrap_or(Duration::from_millis(100));
    let mut ticks = interval(slowest);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn log_in(client: &JsonClient, scenario: &Scenario) -> Result<HeaderValue> {
    let login = &scenario.credentials;
    let basic = STANDARD.encode(format!("{}:{}", login.client_id, login.client_secret));
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Basic {basic}"))?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = Bytes::from_static(b"grant_type=client_credentials");
    let answer = client.exchange(Method::POST, "/oauth/token", headers, body).await?;
    let token = text(&answer.body, "/access_token").context("the response to the login has no token")?;
    Ok(HeaderValue::try_from(format!("Bearer {token}"))?)
}

struct Naive {
    client: JsonClient,
    token: HeaderValue,
    ticks: Mutex<Interval>,
    backoff: Duration,
}

/// A prepared write, which can be sent repeatedly.
struct Write {
    path: String,
    version: String,
    body: Bytes,
}

impl Naive {
    async fn get(&self, path: &str) -> Result<Value> {
        self.ticks.lock().await.tick().await;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, self.token.clone())]);
        Ok(self.client.exchange(Method::GET, path, headers, Bytes::new()).await?.body)
    }

    /// Returns the ids on the first page of a listing, each after the text at `pointer`.
    async fn ids_by(&self, path: &str, pointer: &str) -> Result<Vec<(String, String)>> {
        let page = self.get(path).await?;
        let entities = page.get("entities").and_then(Value::as_array).context("a listing without entities")?;
        Ok(entities.iter().filter_map(|entity| Some((text(entity, pointer)?, text(entity, "/id")?))).collect())
    }

    /// Reads a user and computes the new groups: the existing ones and the listed ones.
    async fn prepare(&self, entry: &Value, users: &[(String, String)], groups: &[(String, String)]) -> Option<Write> {
        let user = lookup(users, &text(entry, "/user/employeeId")?)?;
        let path = format!("/api/v2/wfm/users/{user}/assignments");
        let state = self.get(&path).await.ok()?;
        let mut ids: Vec<String> =
            state.get("skillGroups")?.as_array()?.iter().filter_map(|group| text(group, "/id")).collect();
        for listed in entry.get("assignments")?.as_array()? {
            let id = lookup(groups, &text(listed, "/name")?)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let body = serde_json::to_vec(&json!({ "skillGroupIds": ids })).ok()?;
        Some(Write { path, version: format!("\"{}\"", state.get("version")?), body: body.into() })
    }

    /// Returns whether the write finally succeeded, and how many conflicts it met.
    async fn write(&self, write: Write) -> (bool, usize) {
        let mut conflicts = 0;
        for tries in 0..TRIES {
            if tries > 0 {
                tokio::time::sleep(self.backoff * 2u32.pow(tries - 1)).await;
            }
            self.ticks.lock().await.tick().await;
            match self.patch(&write).await {
                Ok(StatusCode::OK) => return (true, conflicts),
                Ok(StatusCode::CONFLICT) => conflicts += 1,
                Ok(_) | Err(_) => {}
            }
        }
        (false, conflicts)
    }

    async fn patch(&self, write: &Write) -> Result<StatusCode> {
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, self.token.clone()),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (IF_MATCH, HeaderValue::try_from(&write.version)?),
        ]);
        Ok(self.client.exchange(Method::PATCH, &write.path, headers, write.body.clone()).await?.status)
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn lookup(pairs: &[(String, String)], key: &str) -> Option<String> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, id)| id.clone())
}
