//! What can be assigned: skills by page number, skill groups by cursor.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::scenario::CatalogueEntry;
use super::Model;
use super::call::Call;
use super::paging::{CursorPage, Page};
use super::reply::Reply;

/// A skill to be created; what else the call holds is ignored, as the real API does.
#[derive(Debug, Deserialize)]
struct NewSkill {
    name: String,
}

impl Model {
    pub(super) fn list_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = Page::of(call, &self.behaviour.paging)?;
        let name = call.query.first("name").filter(|name| !name.is_empty());
        let entries = &self.org.skills.entries;
        let matching = || entries.iter().filter(|entry| name.is_none_or(|name| is_named(entry, name)));
        let entities = page.of_items(matching()).map(skill).collect();
        Ok(Reply::ok(page.listing(call, matching().count(), entities)))
    }

    /// Names are given once, without regard to case.
    pub(super) fn create_skill(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let NewSkill { name } = call.json()?;
        if name.trim().is_empty() {
            return Err(Reply::invalid("name must not be empty."));
        }
        if self.org.skills.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(&name)) {
            let message = "A skill of this name exists already.";
            return Err(Reply::error(StatusCode::CONFLICT, "general.conflict", message));
        }
        Ok(Reply::ok(skill(&self.add_skill(name))))
    }

    pub(in crate::simulator) fn add_skill(&mut self, name: String) -> CatalogueEntry {
        let nth = u64::try_from(self.org.skills.entries.len()).unwrap_or(u64::MAX);
        let created = CatalogueEntry { id: self.dice.id("created skill", nth), name };
        self.org.skills.add(created.clone());
        created
    }

    pub(super) fn list_groups(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = CursorPage::of(call, &self.behaviour.paging)?;
        let entity = |entry: &CatalogueEntry| -> Value { json!({ "id": entry.id, "name": entry.name }) };
        Ok(Reply::ok(page.listing(call, &self.org.groups.entries, entity)))
    }
}

fn skill(entry: &CatalogueEntry) -> Value {
    json!({ "id": entry.id, "name": entry.name, "state": "active" })
}

/// Without regard to case; a star at the end stands for any rest.
fn is_named(entry: &CatalogueEntry, name: &str) -> bool {
    let (own, wanted) = (entry.name.to_lowercase(), name.to_lowercase());
    wanted.strip_suffix('*').map_or(own == wanted, |start| own.starts_with(start))
}
