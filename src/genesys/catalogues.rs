//! Reads the catalogues of skills and of skill groups, and creates missing skills.

use http::Method;

use super::answer::parse;
use super::call::{CallLane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::paging::PagedListing;
use super::path::ApiPath;
use super::wire::{NamedItem, NewSkill};
use crate::engine::port::{CallError, CallOptions, CatalogueItem, CatalogueListing};

const SKILLS: PagedListing = PagedListing {
    route: Route::RoutingSkills,
    of: "routing skills",
    none: "nothing",
    page_size: 500,
    most_pages: None,
};
const GROUPS: PagedListing =
    PagedListing { route: Route::SkillGroups, of: "skill groups", none: "nothing", page_size: 100, most_pages: None };

/// Lists all active routing skills.
pub(super) async fn skills(client: &GenesysClient, options: &CallOptions) -> Result<CatalogueListing, CallError> {
    let path =
        |number| ApiPath::new("/api/v2/routing/skills").query("pageSize", SKILLS.page_size).query("pageNumber", number);
    let (skills, extent) = client.all::<NamedItem>(options, SKILLS, path).await?;
    let items = skills.into_iter().filter(NamedItem::is_active).map(CatalogueItem::from).collect();
    Ok(CatalogueListing { items, extent })
}

/// Creates a skill. Fails with a conflict if one with this name exists, active or not.
pub(super) async fn create_skill(
    client: &GenesysClient,
    options: &CallOptions,
    name: &str,
) -> Result<CatalogueItem, CallError> {
    let (route, path) = (Route::SkillCreate, ApiPath::new("/api/v2/routing/skills"));
    let body = json(&NewSkill { name, division_id: client.endpoints.skill_division })?;
    let out = Outgoing { method: Method::POST, route, path, header: None, body };
    let answer = client.send(CallLane::of(options), options, out).await?;
    parse::<NamedItem>(route, &answer).map(CatalogueItem::from)
}

/// Lists all skill groups.
pub(super) async fn groups(client: &GenesysClient, options: &CallOptions) -> Result<CatalogueListing, CallError> {
    let first = ApiPath::new("/api/v2/routing/skillgroups").query("pageSize", GROUPS.page_size);
    let (groups, extent) = client.all_by_cursor::<NamedItem>(options, GROUPS, first).await?;
    Ok(CatalogueListing { items: groups.into_iter().map(CatalogueItem::from).collect(), extent })
}
