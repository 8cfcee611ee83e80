//! What the org reports about its limits: `/api/v2/organizations/limits/namespaces`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::route::Subject;
use super::super::scenario::Limits;
use super::Model;
use super::call::Call;
use super::paging::Page;
use super::reply::Reply;

/// Namespace of the limits that apply to all calls of a client.
const PLATFORM: &str = "platform.api";
const PER_MINUTE: &str = "client.credentials.token.rate.per.minute";

impl Model {
    pub(super) fn org_limits(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let limits = self.tokens.limits();
        match &call.matched.subject {
            Subject::Namespace { name, defaults } => {
                let usual = Limits::default();
                if !namespaces(limits).contains(name.as_str()) {
                    return Err(Reply::not_found("namespace"));
                }
                Ok(Reply::ok(json!({ "entities": told(if *defaults { &usual } else { limits }, name) })))
            }
            Subject::Nothing | Subject::User(_) | Subject::UserSkill(..) | Subject::External { .. } => {
                let names = namespaces(limits);
                let page = Page::of(call, &self.behaviour.paging)?;
                let entities = page.of_items(names.iter()).map(|name| json!(name)).collect();
                Ok(Reply::ok(page.listing(call, names.len(), entities)))
            }
        }
    }
}

fn namespaces(limits: &Limits) -> BTreeSet<&str> {
    limits
        .routes
        .iter()
        .filter(|limit| !limit.key.is_empty())
        .map(|limit| limit.namespace.as_str())
        .chain([PLATFORM])
        .collect()
}

/// Returns the limits of a namespace. Of the limits on all calls, only that of a minute has a name.
fn told(limits: &Limits, namespace: &str) -> Vec<Value> {
    let minute = limits.windows.iter().filter(|window| window.per == Duration::from_secs(60));
    let general = minute.map(|window| (PER_MINUTE, PLATFORM, window.calls));
    let named = limits.routes.iter().filter(|own| !own.key.is_empty());
    let own = named.map(|own| (own.key.as_str(), own.namespace.as_str(), own.limit.calls));
    let of_namespace = general.chain(own).filter(|(_, of, _)| *of == namespace);
    of_namespace.map(|(key, of, value)| json!({ "key": key, "namespace": of, "value": value })).collect()
}
