//! The catalogues: skills by page number, skill groups by cursor.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::scenario::{CatalogueEntry, UserState};
use super::Model;
use super::call::Call;
use super::division::{division, home};
use super::paging::{CursorPage, Page};
use super::reply::Reply;

/// When everything was created and last changed; the simulated org has no calendar.
pub(super) const LONG_AGO: &str = "2024-01-15T08:00:00.000Z";

/// A skill to create; other fields are ignored, as by the real API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSkill {
    name: String,
    division_id: Option<Uuid>,
}

impl Model {
    /// Lists skills of all states whose name starts with `name` and, if ids are given, that have one of them.
    pub(super) fn list_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = Page::of(call, &self.behaviour.paging)?;
        let (start, ids) = (wanted_name(call), wanted_ids(call));
        let is_wanted = |entry: &&CatalogueEntry| starts(entry, &start) && (ids.is_empty() || ids.contains(&entry.id));
        let matching = || self.org.skills.entries.iter().filter(is_wanted);
        let entities = page.of_items(matching()).map(|entry| self.skill(entry)).collect();
        Ok(Reply::ok(page.listing(call, matching().count(), entities)))
    }

    /// Creates a skill. Names are unique regardless of case; the name of a deleted skill is free again.
    pub(super) fn create_skill(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let NewSkill { name, division_id } = call.json()?;
        if name.trim().is_empty() {
            return Err(Reply::invalid("name must not be empty."));
        }
        let skills = &self.org.skills;
        let is_there = |entry: &CatalogueEntry| skills.details(entry.id).state != UserState::Deleted;
        if skills.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(&name) && is_there(entry)) {
            let message = "A skill of this name exists already.";
            return Err(Reply::error(StatusCode::CONFLICT, "general.conflict", message));
        }
        let created = self.add_skill(name, division_id);
        Ok(Reply::ok(self.skill(&created)))
    }

    /// Adds a skill to the catalogue.
    pub(crate) fn add_skill(&mut self, name: String, division: Option<Uuid>) -> CatalogueEntry {
        let nth = u64::try_from(self.org.skills.entries.len()).unwrap_or(u64::MAX);
        let created = CatalogueEntry { id: self.dice.id("created skill", nth), name };
        self.org.skills.add(created.clone(), division);
        created
    }

    pub(super) fn list_languages(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = Page::of(call, &self.behaviour.paging)?;
        let (start, ids) = (wanted_name(call), wanted_ids(call));
        let is_wanted = |entry: &&CatalogueEntry| starts(entry, &start) && (ids.is_empty() || ids.contains(&entry.id));
        let matching = || self.org.languages.entries.iter().filter(is_wanted);
        let entities = page.of_items(matching()).map(language).collect();
        Ok(Reply::ok(page.listing(call, matching().count(), entities)))
    }

    /// Creates a language. Names are unique regardless of case.
    pub(super) fn create_language(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let NewSkill { name, .. } = call.json()?;
        if name.trim().is_empty() {
            return Err(Reply::invalid("name must not be empty."));
        }
        let languages = &mut self.org.languages;
        if languages.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(&name)) {
            let message = "A language of this name exists already.";
            return Err(Reply::error(StatusCode::CONFLICT, "general.conflict", message));
        }
        let nth = u64::try_from(languages.entries.len()).unwrap_or(u64::MAX);
        let created = CatalogueEntry { id: self.dice.id("created language", nth), name };
        languages.add(created.clone(), None);
        Ok(Reply::ok(language(&created)))
    }

    /// Lists skill groups by cursor.
    pub(super) fn list_groups(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let (page, start) = (CursorPage::of(call, &self.behaviour.paging)?, wanted_name(call));
        let mut groups: Vec<&CatalogueEntry> =
            self.org.groups.entries.iter().filter(|entry| starts(entry, &start)).collect();
        match call.query.first("sortOrder").map(str::to_ascii_lowercase).as_deref() {
            Some("asc" | "ascending") => groups.sort_by_cached_key(|entry| entry.name.to_lowercase()),
            Some("desc" | "descending") => {
                groups.sort_by_cached_key(|entry| std::cmp::Reverse(entry.name.to_lowercase()));
            }
            Some(other) => return Err(Reply::invalid(&format!("sortOrder cannot be {other}."))),
            None => {}
        }
        Ok(Reply::ok(page.listing(call, &groups, |entry| group(entry))))
    }

    fn skill(&self, entry: &CatalogueEntry) -> Value {
        let details = self.org.skills.details(entry.id);
        let mut skill = json!({
            "id": entry.id, "name": entry.name, "state": details.state.name(), "version": details.version.to_string(),
            "dateModified": LONG_AGO, "selfUri": format!("/api/v2/routing/skills/{}", entry.id),
        });
        if let Some(own) = details.division {
            skill["division"] = division(own);
        }
        skill
    }
}

fn language(entry: &CatalogueEntry) -> Value {
    json!({
        "id": entry.id, "name": entry.name, "state": "active", "version": "1", "dateModified": LONG_AGO,
        "selfUri": format!("/api/v2/routing/languages/{}", entry.id),
    })
}

fn group(entry: &CatalogueEntry) -> Value {
    json!({
        "id": entry.id, "name": entry.name, "division": home(), "dateCreated": LONG_AGO, "dateModified": LONG_AGO,
        "selfUri": format!("/api/v2/routing/skillgroups/{}", entry.id),
    })
}

/// Returns the lower-case text with which names must start.
fn wanted_name(call: &Call<'_>) -> String {
    call.query.whole("name").unwrap_or_default().to_lowercase()
}

fn starts(entry: &CatalogueEntry, start: &str) -> bool {
    start.is_empty() || entry.name.to_lowercase().starts_with(start)
}

/// Returns the requested ids; a malformed one matches nothing.
fn wanted_ids(call: &Call<'_>) -> Vec<Uuid> {
    let given = call.query.all("id").filter(|id| !id.is_empty());
    given.map(|id| Uuid::try_parse(id).unwrap_or_default()).collect()
}
