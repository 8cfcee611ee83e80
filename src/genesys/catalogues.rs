//! What can be assigned: the listings of skills and of skill groups, and a skill that there was not.

use http::Method;

use super::answer::parse;
use super::call::{Lane, Route};
use super::client::{GenesysClient, Outgoing, json, unsendable};
use super::wire::{CursorPage, Named, NewSkill};
use crate::engine::port::{CallError, CatalogueItem, Errand};

/// All active routing skills.
pub(super) async fn skills(client: &GenesysClient, errand: &Errand) -> Result<Vec<CatalogueItem>, CallError> {
    let path = |number| format!("/api/v2/routing/skills?pageSize=500&pageNumber={number}");
    let skills = client.all::<Named>(errand, Route::RoutingSkills, path).await?;
    Ok(skills.into_iter().filter(Named::is_active).map(CatalogueItem::from).collect())
}

/// Creates a skill; a conflict if there is one of this name, active or not.
pub(super) async fn create_skill(
    client: &GenesysClient,
    errand: &Errand,
    name: &str,
) -> Result<CatalogueItem, CallError> {
    let (route, path) = (Route::SkillCreate, "/api/v2/routing/skills".to_owned());
    let out = Outgoing { method: Method::POST, route, path, header: None, body: json(&NewSkill { name })? };
    let answer = client.send(Lane::of(errand), errand, out).await?;
    parse::<Named>(route, &answer).map(CatalogueItem::from)
}

/// All skill groups.
pub(super) async fn groups(client: &GenesysClient, errand: &Errand) -> Result<Vec<CatalogueItem>, CallError> {
    let mut all = Vec::new();
    let mut next = Some("/api/v2/routing/skillgroups?pageSize=200".to_owned());
    while let Some(path) = next {
        let page: CursorPage<Named> = client.get(errand, Route::SkillGroups, path).await?;
        all.extend(page.entities.into_iter().map(CatalogueItem::from));
        next = page.next_uri.map(|uri| own_path(client, &uri)).transpose()?;
    }
    Ok(all)
}

/// The path of a `nextUri`, which may come as a path or as an address of the API's own host. The token goes nowhere
/// else.
fn own_path(client: &GenesysClient, uri: &str) -> Result<String, CallError> {
    let path = uri.strip_prefix(&client.endpoints.api_url).unwrap_or(uri);
    if path.starts_with('/') && !path.starts_with("//") {
        return Ok(path.to_owned());
    }
    Err(unsendable("the listing's nextUri leads to another host"))
}
