//! The simulated org: users, their resources, and the catalogues.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::time::Instant;
use uuid::Uuid;

use super::super::dice::Dice;
use super::super::resource::{Assignment, AssignmentSet, Resource, Target};
use super::super::scenario::{CatalogueEntry, Explicit, ExternalId, SimUser, UserState};

/// A user with both resources.
#[derive(Debug)]
pub(super) struct User {
    /// The profile; its assignments are empty, because the resources hold them.
    pub(super) profile: SimUser,
    /// Version of the directory entry, far above those of the resources, so that confusing the two is noticed.
    pub(super) directory_version: u64,
    skills: Resource,
    languages: Resource,
    groups: Resource,
}

impl User {
    fn new(mut profile: SimUser, dice: Dice, now: Instant) -> Self {
        let id = Some(profile.id);
        let skills: AssignmentSet = std::mem::take(&mut profile.skills).into();
        let languages: AssignmentSet = std::mem::take(&mut profile.languages).into();
        let groups: AssignmentSet = std::mem::take(&mut profile.groups).into_iter().map(Assignment::group).collect();
        Self {
            directory_version: 10_000 + dice.roll("directory version", id, 0) % 10_000,
            skills: Resource::new(1, skills, now),
            languages: Resource::new(1, languages, now),
            groups: Resource::new(1 + dice.roll("resource version", id, 0) % 20, groups, now),
            profile,
        }
    }

    pub(super) fn resource(&self, target: Target) -> &Resource {
        match target {
            Target::RoutingSkills => &self.skills,
            Target::RoutingLanguages => &self.languages,
            Target::WfmSkillGroups => &self.groups,
        }
    }

    pub(super) fn resource_mut(&mut self, target: Target) -> &mut Resource {
        match target {
            Target::RoutingSkills => &mut self.skills,
            Target::RoutingLanguages => &mut self.languages,
            Target::WfmSkillGroups => &mut self.groups,
        }
    }

    /// Returns the user with their present assignments.
    pub(super) fn snapshot(&self) -> SimUser {
        SimUser {
            skills: self.skills.current().set.to_vec(),
            languages: self.languages.current().set.to_vec(),
            groups: self.groups.current().set.iter().map(|entry| entry.id).collect(),
            ..self.profile.clone()
        }
    }
}

/// Details of a skill or a group besides its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Details {
    pub(super) state: UserState,
    pub(super) version: u32,
    pub(super) division: Option<Uuid>,
}

/// The details of most entries.
const USUAL: Details = Details { state: UserState::Active, version: 1, division: None };

/// Skills or groups that can be assigned.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) entries: Vec<CatalogueEntry>,
    /// What foreign writers assign; `ordinary` holds what everyone assigns.
    pub(super) foreign: Vec<Uuid>,
    pub(super) ordinary: Vec<Uuid>,
    by_id: HashMap<Uuid, usize>,
    /// Details of entries that differ from the usual ones.
    details: HashMap<Uuid, Details>,
}

impl Catalogue {
    fn new(mut entries: Vec<CatalogueEntry>, foreign: Vec<CatalogueEntry>, states: BTreeMap<Uuid, UserState>) -> Self {
        let details = states.into_iter().map(|(id, state)| (id, Details { state, ..USUAL })).collect();
        let pool: HashSet<Uuid> = foreign.iter().map(|entry| entry.id).collect();
        let ordinary = entries.iter().map(|entry| entry.id).filter(|id| !pool.contains(id)).collect();
        let foreign_ids = foreign.iter().map(|entry| entry.id).collect();
        let known: HashSet<Uuid> = entries.iter().map(|entry| entry.id).collect();
        entries.extend(foreign.into_iter().filter(|entry| !known.contains(&entry.id)));
        let by_id = entries.iter().enumerate().map(|(index, entry)| (entry.id, index)).collect();
        Self { entries, foreign: foreign_ids, ordinary, by_id, details }
    }

    pub(super) fn add(&mut self, entry: CatalogueEntry, division: Option<Uuid>) {
        self.details.insert(entry.id, Details { division, ..USUAL });
        self.by_id.insert(entry.id, self.entries.len());
        self.ordinary.push(entry.id);
        self.entries.push(entry);
    }

    /// Returns whether there is such an entry that can be assigned.
    pub(super) fn has(&self, id: Uuid) -> bool {
        self.by_id.contains_key(&id) && self.details(id).state == UserState::Active
    }

    pub(super) fn details(&self, id: Uuid) -> Details {
        self.details.get(&id).copied().unwrap_or(USUAL)
    }

    /// Changes an entry's state; false if there is no such entry.
    pub(super) fn set_state(&mut self, id: Uuid, state: UserState) -> bool {
        let known = self.by_id.contains_key(&id);
        if known {
            let details = self.details.entry(id).or_insert(USUAL);
            (details.state, details.version) = (state, details.version + 1);
        }
        known
    }

    pub(super) fn name(&self, id: Uuid) -> &str {
        self.by_id.get(&id).and_then(|index| self.entries.get(*index)).map_or("", |entry| &entry.name)
    }
}

/// All users and catalogues.
#[derive(Debug)]
pub(super) struct Org {
    pub(super) skills: Catalogue,
    pub(super) languages: Catalogue,
    pub(super) groups: Catalogue,
    /// In the order of listings.
    users: Vec<User>,
    by_id: HashMap<Uuid, usize>,
    by_external_id: HashMap<ExternalId, Uuid>,
}

impl Org {
    pub(super) fn new(population: Explicit, dice: Dice, now: Instant) -> Self {
        let users = population.users;
        let external = |user: &SimUser| user.external_ids.iter().map(|key| (key.clone(), user.id)).collect::<Vec<_>>();
        Self {
            skills: Catalogue::new(population.skills, population.foreign_skills, population.skill_states),
            languages: Catalogue::new(population.languages, population.foreign_languages, BTreeMap::new()),
            groups: Catalogue::new(population.groups, population.foreign_groups, BTreeMap::new()),
            by_id: users.iter().enumerate().map(|(index, user)| (user.id, index)).collect(),
            by_external_id: users.iter().flat_map(external).collect(),
            users: users.into_iter().map(|profile| User::new(profile, dice, now)).collect(),
        }
    }

    pub(super) fn user(&self, id: Uuid) -> Option<&User> {
        self.by_id.get(&id).and_then(|index| self.users.get(*index))
    }

    pub(super) fn user_mut(&mut self, id: Uuid) -> Option<&mut User> {
        self.by_id.get(&id).and_then(|index| self.users.get_mut(*index))
    }

    /// Returns a user who still has resources.
    pub(super) fn living_mut(&mut self, id: Uuid) -> Option<&mut User> {
        self.user_mut(id).filter(|user| user.profile.state != UserState::Deleted)
    }

    pub(super) fn by_external_id(&self, authority: &str, key: &str) -> Option<&User> {
        let key = ExternalId { authority: authority.to_owned(), key: key.to_owned() };
        self.by_external_id.get(&key).and_then(|id| self.user(*id))
    }

    /// Returns all users in the order of listings.
    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    pub(super) fn catalogue(&self, target: Target) -> &Catalogue {
        match target {
            Target::RoutingSkills => &self.skills,
            Target::RoutingLanguages => &self.languages,
            Target::WfmSkillGroups => &self.groups,
        }
    }

    /// Returns everything that only foreign writers assign.
    pub(super) fn foreign_pool(&self) -> HashSet<Uuid> {
        [&self.skills, &self.languages, &self.groups]
            .into_iter()
            .flat_map(|catalogue| &catalogue.foreign)
            .copied()
            .collect()
    }
}
