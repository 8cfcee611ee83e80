//! Targets `routingSkills` and `routingLanguages`: the skills or languages of a user, without versions, at most 50.

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
    pub(super) fn read_user_skills(&mut self, call: &Call<'_>, target: Target) -> Result<Reply, Reply> {
        let (user, page) = (call.user()?, Page::of(call, &self.behaviour.paging)?);
        self.precede_contact(call.now, user, target);
        let resource = self.rated(user, target)?;
        let set = AssignmentSet::clone(&resource.read(call.now).set);
        let reply = self.skills_reply(call, target, user, page, &set);
        self.follow_read(call.now, user, target);
        Ok(reply)
    }

    pub(super) fn add_user_skills(&mut self, call: &Call<'_>, target: Target) -> Result<Reply, Reply> {
        let (user, entries) = (call.user()?, self.entries(call, target)?);
        let current = AssignmentSet::clone(&self.rated(user, target)?.current().set);
        let given = |id| entries.iter().find(|entry| entry.id == id).copied();
        let kept = current.iter().map(|entry| given(entry.id).unwrap_or(*entry));
        let new = entries.iter().filter(|entry| current.iter().all(|other| other.id != entry.id)).copied();
        self.write_skills(call, (user, target), kept.chain(new).collect(), WriteKind::Add)
    }

    pub(super) fn replace_user_skills(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let (user, target) = (call.user()?, Target::RoutingSkills);
        let entries = self.entries(call, target)?;
        self.write_skills(call, (user, target), entries.into(), WriteKind::Replace)
    }

    /// Updates one skill; the only way to activate a skill that was deactivated for a user.
    pub(super) fn update_user_skill(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let Subject::UserSkill(user, skill) = call.matched.subject else { return Err(Reply::not_found("skill")) };
        let Update { proficiency, state } = call.json()?;
        check_proficiency(proficiency)?;
        let target = Target::RoutingSkills;
        let mut set = self.rated(user, target)?.current().set.to_vec();
        let rated = set.iter_mut().find(|entry| entry.id == skill).ok_or_else(|| Reply::not_found("skill"))?;
        rated.proficiency = Some(proficiency);
        let rated = *rated;
        self.write_skills(call, (user, target), set.into(), WriteKind::Add)?;
        if state.as_deref() == Some("active") {
            self.activated.insert((user, skill));
        }
        Ok(Reply::ok(self.skill_entry(target, user, &rated)))
    }

    pub(super) fn remove_user_skill(&mut self, call: &Call<'_>, target: Target) -> Result<Reply, Reply> {
        let Subject::UserSkill(user, skill) = call.matched.subject else { return Err(Reply::not_found("skill")) };
        let current = AssignmentSet::clone(&self.rated(user, target)?.current().set);
        let left: AssignmentSet = current.iter().filter(|entry| entry.id != skill).copied().collect();
        if left.len() == current.len() {
            return Err(Reply::not_found("skill"));
        }
        self.write_skills(call, (user, target), left, WriteKind::Remove)?;
        Ok(Reply::no_content())
    }

    /// Returns a user's skill or language as the API shows it.
    pub(super) fn skill_entry(&self, target: Target, user: Uuid, skill: &Assignment) -> Value {
        let (id, proficiency) = (skill.id, skill.proficiency.unwrap_or_default());
        let name = self.org.catalogue(target).name(id);
        if target == Target::RoutingLanguages {
            return json!({
                "id": id, "name": name, "proficiency": proficiency, "state": "active",
                "languageUri": format!("/api/v2/routing/languages/{id}"),
                "selfUri": format!("/api/v2/users/{user}/routinglanguages/{id}"),
            });
        }
        json!({
            "id": id, "name": name, "proficiency": proficiency, "state": self.state_at(user, id).name(),
            "skillUri": format!("/api/v2/routing/skills/{id}"),
            "selfUri": format!("/api/v2/users/{user}/routingskills/{id}"),
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

    fn rated(&mut self, user: Uuid, target: Target) -> Result<&mut Resource, Reply> {
        let user = self.org.living_mut(user).ok_or_else(|| Reply::not_found("user"))?;
        Ok(user.resource_mut(target))
    }

    fn skills_reply(&self, call: &Call<'_>, target: Target, user: Uuid, page: Page, set: &AssignmentSet) -> Reply {
        let entities = page.of_items(set.iter()).map(|skill| self.skill_entry(target, user, skill)).collect();
        Reply::ok(page.listing(call, set.len(), entities))
    }

    fn entries(&self, call: &Call<'_>, target: Target) -> Result<Vec<Assignment>, Reply> {
        let entries: Vec<Entry> = call.json()?;
        if entries.len() > MAX_ASSIGNMENTS {
            return Err(Reply::invalid("At most 50 skills can be written in one call."));
        }
        if entries.iter().map(|entry| entry.id).collect::<HashSet<_>>().len() < entries.len() {
            return Err(Reply::invalid("A skill is listed more than once."));
        }
        if let Some(unknown) = entries.iter().find(|entry| !self.org.catalogue(target).has(entry.id)) {
            return Err(Reply::invalid(&format!("The skill {} does not exist.", unknown.id)));
        }
        entries.iter().try_for_each(|entry| check_proficiency(entry.proficiency))?;
        let assignment = match target {
            Target::RoutingLanguages => Assignment::language,
            Target::RoutingSkills | Target::WfmSkillGroups => Assignment::skill,
        };
        Ok(entries.iter().map(|entry| assignment(entry.id, entry.proficiency)).collect())
    }

    fn write_skills(
        &mut self,
        call: &Call<'_>,
        (user, target): (Uuid, Target),
        set: AssignmentSet,
        kind: WriteKind,
    ) -> Result<Reply, Reply> {
        if set.len() > MAX_ASSIGNMENTS {
            return Err(Reply::invalid("A user can have at most 50 skills."));
        }
        self.check_unversioned(call, user, target)?;
        let reply = self.skills_reply(call, target, user, Page::first(), &set);
        self.write(Write {
            at: call.now,
            user,
            target,
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
