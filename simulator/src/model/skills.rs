//! Target `routingSkills`: the skills of a user, without versions, at most 50.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::ledger::WriteKind;
use super::super::resource::{Assignment, AssignmentSet, Origin, Resource, Target};
use super::super::route::Subject;
use super::super::scenario::UserState;
use super::call::Call;
use super::foreign::MAX_ASSIGNMENTS;
use super::paging::Page;
use super::reply::Reply;
use super::{Model, Write};

/// One entry of a bulk call; other fields are ignored, as by the real API.
#[derive(Debug, Deserialize)]
struct Entry {
    id: Uuid,
    proficiency: f64,
}

/// The update of one skill of a user.
#[derive(Debug, Deserialize)]
struct Update {
    proficiency: f64,
    state: Option<String>,
}

impl Model {
    pub(super) fn read_user_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let (user, page) = (call.user()?, Page::of(call, &self.behaviour.paging)?);
        self.precede_contact(call.now, user, Target::RoutingSkills);
        let resource = self.skills_of(user)?;
        let set = AssignmentSet::clone(&resource.read(call.now).set);
        let reply = self.skills_reply(call, user, page, &set);
        self.follow_read(call.now, user, Target::RoutingSkills);
        Ok(reply)
    }

    pub(super) fn add_user_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let (user, entries) = (call.user()?, self.entries(call)?);
        let current = AssignmentSet::clone(&self.skills_of(user)?.current().set);
        let given = |id| entries.iter().find(|entry| entry.id == id).copied();
        let kept = current.iter().map(|entry| given(entry.id).unwrap_or(*entry));
        let new = entries.iter().filter(|entry| current.iter().all(|other| other.id != entry.id)).copied();
        self.write_skills(call, user, kept.chain(new).collect(), WriteKind::Add)
    }

    pub(super) fn replace_user_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let (user, entries) = (call.user()?, self.entries(call)?);
        self.write_skills(call, user, entries.into(), WriteKind::Replace)
    }

    /// Updates one skill; the only way to activate a skill that was deactivated for a user.
    pub(super) fn update_user_skill(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let Subject::UserSkill(user, skill) = call.matched.subject else { return Err(Reply::not_found("skill")) };
        let Update { proficiency, state } = call.json()?;
        check_proficiency(proficiency)?;
        let mut set = self.skills_of(user)?.current().set.to_vec();
        let rated = set.iter_mut().find(|entry| entry.id == skill).ok_or_else(|| Reply::not_found("skill"))?;
        rated.proficiency = Some(proficiency);
        let rated = *rated;
        self.write_skills(call, user, set.into(), WriteKind::Add)?;
        if state.as_deref() == Some("active") {
            self.activated.insert((user, skill));
        }
        Ok(Reply::ok(self.skill_entry(user, &rated)))
    }

    pub(super) fn remove_user_skill(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let Subject::UserSkill(user, skill) = call.matched.subject else { return Err(Reply::not_found("skill")) };
        let current = AssignmentSet::clone(&self.skills_of(user)?.current().set);
        let left: AssignmentSet = current.iter().filter(|entry| entry.id != skill).copied().collect();
        if left.len() == current.len() {
            return Err(Reply::not_found("skill"));
        }
        self.write_skills(call, user, left, WriteKind::Remove)?;
        Ok(Reply::no_content())
    }

    /// Returns a user's skill as the API shows it.
    pub(super) fn skill_entry(&self, user: Uuid, skill: &Assignment) -> Value {
        json!({
            "id": skill.id, "name": self.org.skills.name(skill.id),
            "proficiency": skill.proficiency.unwrap_or_default(), "state": self.state_at(user, skill.id).name(),
            "skillUri": format!("/api/v2/routing/skills/{}", skill.id),
            "selfUri": format!("/api/v2/users/{user}/routingskills/{}", skill.id),
        })
    }

    /// Returns the state of a user's skill: active, unless the skill itself is not, or it was deactivated for this
    /// user.
    fn state_at(&self, user: Uuid, skill: Uuid) -> UserState {
        let (share, both) = (self.behaviour.deactivated_skills, Uuid::from_u128(user.as_u128() ^ skill.as_u128()));
        match self.org.skills.details(skill).state {
            UserState::Active if self.activated.contains(&(user, skill)) => UserState::Active,
            UserState::Active if share > 0.0 && self.dice.unit("deactivated", Some(both), 0) < share => {
                UserState::Inactive
            }
            state @ (UserState::Active | UserState::Inactive | UserState::Deleted) => state,
        }
    }

    fn skills_of(&mut self, user: Uuid) -> Result<&mut Resource, Reply> {
        let user = self.org.living_mut(user).ok_or_else(|| Reply::not_found("user"))?;
        Ok(user.resource_mut(Target::RoutingSkills))
    }

    fn skills_reply(&self, call: &Call<'_>, user: Uuid, page: Page, set: &AssignmentSet) -> Reply {
        let entities = page.of_items(set.iter()).map(|skill| self.skill_entry(user, skill)).collect();
        Reply::ok(page.listing(call, set.len(), entities))
    }

    fn entries(&self, call: &Call<'_>) -> Result<Vec<Assignment>, Reply> {
        let entries: Vec<Entry> = call.json()?;
        if entries.len() > MAX_ASSIGNMENTS {
            return Err(Reply::invalid("At most 50 skills can be written in one call."));
        }
        if entries.iter().map(|entry| entry.id).collect::<HashSet<_>>().len() < entries.len() {
            return Err(Reply::invalid("A skill is listed more than once."));
        }
        if let Some(unknown) = entries.iter().find(|entry| !self.org.skills.has(entry.id)) {
            return Err(Reply::invalid(&format!("The skill {} does not exist.", unknown.id)));
        }
        entries.iter().try_for_each(|entry| check_proficiency(entry.proficiency))?;
        Ok(entries.iter().map(|entry| Assignment::skill(entry.id, entry.proficiency)).collect())
    }

    fn write_skills(
        &mut self,
        call: &Call<'_>,
        user: Uuid,
        set: AssignmentSet,
        kind: WriteKind,
    ) -> Result<Reply, Reply> {
        if set.len() > MAX_ASSIGNMENTS {
            return Err(Reply::invalid("A user can have at most 50 skills."));
        }
        self.check_unversioned(call, user)?;
        let reply = self.skills_reply(call, user, Page::first(), &set);
        self.write(Write {
            at: call.now,
            user,
            target: Target::RoutingSkills,
            set,
            origin: Origin::Client,
            kind,
            request: Some(call.number),
            lag: self.own_lag(user),
        });
        Ok(reply)
    }
}

fn check_proficiency(proficiency: f64) -> Result<(), Reply> {
    let is_within = (0.0..=5.0).contains(&proficiency);
    if is_within { Ok(()) } else { Err(Reply::invalid("proficiency must be between 0.0 and 5.0.")) }
}
