//! The directory: `/api/v2/users`.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::resource::Target;
use super::super::route::Subject;
use super::super::scenario::UserState;
use super::Model;
use super::call::Call;
use super::division::home;
use super::org::User;
use super::paging::Page;
use super::reply::Reply;

/// Maximum number of users that a call may request by id.
const MAX_IDS: usize = 100;

/// What a caller asked to see of a user besides the plain entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expand {
    skills: bool,
    languages: bool,
    employer: bool,
}

impl Expand {
    fn of(call: &Call<'_>) -> Self {
        Self::named(|name| call.query.all("expand").any(|value| value == name))
    }

    /// Returns what was asked for by name.
    pub(super) fn named(asked: impl Fn(&str) -> bool) -> Self {
        Self { skills: asked("skills"), languages: asked("languages"), employer: asked("employerInfo") }
    }
}

impl Model {
    pub(super) fn list_users(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let page = Page::of(call, &self.behaviour.paging)?;
        let wanted = match call.query.first("state").unwrap_or("active") {
            "active" => Some(UserState::Active),
            "inactive" => Some(UserState::Inactive),
            "deleted" => Some(UserState::Deleted),
            "any" => None,
            other => return Err(Reply::invalid(&format!("state cannot be {other}."))),
        };
        if wanted == Some(UserState::Inactive) && page.is_beyond(self.behaviour.inactive_cap) {
            return Err(Reply::invalid("The requested page is beyond the maximum number of results."));
        }
        let (expand, ids) = (Expand::of(call), wanted_ids(call)?);
        let is_wanted = |user: &&User| {
            wanted.is_none_or(|state| user.profile.state == state)
                && ids.as_ref().is_none_or(|ids| ids.contains(&user.profile.id))
        };
        let matching = || self.seen_users().filter(is_wanted);
        let entities = page.of_items(matching()).map(|user| self.entry(call, user, expand)).collect();
        Ok(Reply::ok(page.listing(call, matching().count(), entities)))
    }

    pub(super) fn read_user(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let user = self.org.user(call.user()?).ok_or_else(|| Reply::not_found("user"))?;
        Ok(Reply::ok(self.entry(call, user, Expand::of(call))))
    }

    pub(super) fn find_user(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let Subject::External { authority, key } = &call.matched.subject else { return Err(Reply::not_found("user")) };
        let seen = self.org.by_external_id(authority, key).filter(|user| self.sees(user.profile.id));
        let user = seen.ok_or_else(|| Reply::not_found("user"))?;
        Ok(Reply::ok(self.entry(call, user, Expand::of(call))))
    }

    pub(super) fn entry(&self, call: &Call<'_>, user: &User, expand: Expand) -> Value {
        let profile = &user.profile;
        let mut entry = json!({
            "id": profile.id, "name": profile.name, "email": profile.email, "username": profile.email,
            "primaryContactInfo": [{ "address": profile.email, "mediaType": "EMAIL", "type": "PRIMARY" }],
            "chat": { "jabberId": format!("{}@simulated.orgspan.com", profile.id.simple()) },
            "division": home(), "state": profile.state.name(), "acdAutoAnswer": false,
            "version": user.directory_version, "selfUri": format!("/api/v2/users/{}", profile.id),
        });
        if expand.employer
            && let Some(employee) = &profile.employee_id
        {
            entry["employerInfo"] = json!({ "employeeId": employee });
        }
        if expand.skills {
            self.show_rated(&mut entry, "skills", Target::RoutingSkills, (call, user));
        }
        if expand.languages {
            self.show_rated(&mut entry, "languages", Target::RoutingLanguages, (call, user));
        }
        entry
    }

    /// Adds what a user has to their entry in a listing. Of some users, it is left out or cut, as is configured.
    fn show_rated(&self, entry: &mut Value, field: &str, target: Target, (call, user): (&Call<'_>, &User)) {
        let id = user.profile.id;
        if self.falls_to(id, "expand", self.behaviour.expand_drops_skills) {
            return;
        }
        let all = &user.resource(target).shown_at(call.now).set;
        let cut = self.falls_to(id, "expand cut", self.behaviour.expand_cuts_skills);
        let shown = all.iter().take(if cut { all.len() / 2 } else { all.len() });
        entry[field] = shown.map(|skill| self.skill_entry(target, id, skill)).collect();
    }

    /// Returns whether a user belongs to a share of users, with the same result each time they are shown.
    fn falls_to(&self, user: Uuid, about: &str, share: f64) -> bool {
        share > 0.0 && self.dice.unit(about, Some(user), 0) < share
    }
}

/// Returns the requested ids, if there are any; a malformed one matches no user.
fn wanted_ids(call: &Call<'_>) -> Result<Option<HashSet<Uuid>>, Reply> {
    let ids: Vec<&str> = call.query.all("id").filter(|id| !id.is_empty()).collect();
    if ids.len() > MAX_IDS {
        return Err(Reply::invalid("At most 100 users can be asked for by id."));
    }
    Ok((!ids.is_empty()).then(|| ids.into_iter().filter_map(|id| Uuid::try_parse(id).ok()).collect()))
}
