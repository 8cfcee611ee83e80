//! What can be assigned: skills by page number, skill groups by cursor.

use serde_json::{Value, json};

use super::super::scenario::CatalogueEntry;
use super::Model;
use super::call::Call;
use super::paging::{CursorPage, Page};
use super::reply::Reply;

impl Model {
    pub(super) fn list_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = Page::of(call)?;
        let name = call.query.first("name").filter(|name| !name.is_empty());
        let entries = &self.org.skills.entries;
        let matching = || entries.iter().filter(|entry| name.is_none_or(|name| is_named(entry, name)));
        let entity = |entry: &CatalogueEntry| json!({ "id": entry.id, "name": entry.name, "state": "active" });
        let entities = page.of_items(matching()).map(entity).collect();
        Ok(Reply::ok(page.listing(call, matching().count(), entities)))
    }

    pub(super) fn list_groups(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = CursorPage::of(call)?;
        let entity = |entry: &CatalogueEntry| -> Value { json!({ "id": entry.id, "name": entry.name }) };
        Ok(Reply::ok(page.listing(call, &self.org.groups.entries, entity)))
    }
}

/// Without regard to case; a star at the end stands for any rest.
fn is_named(entry: &CatalogueEntry, name: &str) -> bool {
    let (own, wanted) = (entry.name.to_lowercase(), name.to_lowercase());
    wanted.strip_suffix('*').map_or(own == wanted, |start| own.starts_with(start))
}
