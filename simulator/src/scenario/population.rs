//! Who is in the simulated org: generated from the seed, or given by the caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::dice::Dice;
use super::super::resource::Assignment;

/// Where users and catalogues come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Population {
    /// Generated from the seed.
    Generated(Generated),
    /// Given by the caller.
    Explicit(Explicit),
}

impl Default for Population {
    fn default() -> Self {
        Self::Generated(Generated::default())
    }
}

impl Population {
    /// Returns all users and catalogues, generated from the seed where they were not given.
    pub(crate) fn resolve(self, dice: Dice) -> Explicit {
        let mut explicit = match self {
            Self::Explicit(explicit) => explicit,
            Self::Generated(generated) => generated.resolve(dice),
        };
        if explicit.foreign_skills.is_empty() {
            explicit.foreign_skills = catalogue(dice, "foreign skill", "Foreign", 5);
        }
        if explicit.foreign_languages.is_empty() {
            explicit.foreign_languages = catalogue(dice, "foreign language", "Foreign", 5);
        }
        if explicit.foreign_groups.is_empty() {
            explicit.foreign_groups = catalogue(dice, "foreign group", "Foreign", 5);
        }
        explicit
    }
}

/// An org of the given size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Generated {
    /// Number of users.
    pub users: usize,
    /// Number of inactive users, taken from the end of the list, before the deleted ones.
    pub inactive: usize,
    /// Number of deleted users, taken from the end of the list.
    pub deleted: usize,
    /// Number of skills.
    pub skills: usize,
    /// Number of inactive skills, taken from the end of the list, before the deleted ones.
    pub inactive_skills: usize,
    /// Number of deleted skills, taken from the end of the list.
    pub deleted_skills: usize,
    /// Number of languages.
    pub languages: usize,
    /// Number of skill groups.
    pub groups: usize,
    /// Number of skills that each user has.
    pub skills_per_user: usize,
    /// Number of languages that each user has.
    pub languages_per_user: usize,
    /// Number of skill groups that each user has.
    pub groups_per_user: usize,
}

impl Default for Generated {
    fn default() -> Self {
        Self {
            users: 500,
            inactive: 0,
            deleted: 0,
            skills: 40,
            inactive_skills: 0,
            deleted_skills: 0,
            languages: 10,
            groups: 30,
            skills_per_user: 5,
            languages_per_user: 0,
            groups_per_user: 4,
        }
    }
}

impl Generated {
    fn resolve(self, dice: Dice) -> Explicit {
        let skills = catalogue(dice, "skill", "Skill", self.skills);
        let languages = catalogue(dice, "language", "Language", self.languages);
        let groups = catalogue(dice, "group", "Group", self.groups);
        let state = |index| state(self.skills - index, self.inactive_skills, self.deleted_skills);
        let skill_states: BTreeMap<Uuid, UserState> =
            skills.iter().enumerate().map(|(index, skill)| (skill.id, state(index))).collect();
        let active: Vec<CatalogueEntry> =
            skills.iter().filter(|skill| skill_states[&skill.id] == UserState::Active).cloned().collect();
        let users = (0..self.users).map(|index| self.user(dice, index, [&active, &languages, &groups])).collect();
        Explicit { users, skills, languages, groups, skill_states, ..Explicit::default() }
    }

    fn user(self, dice: Dice, index: usize, [skills, languages, groups]: [&[CatalogueEntry]; 3]) -> SimUser {
        let number = index + 1;
        let id = dice.id("user", u64::try_from(index).unwrap_or(u64::MAX));
        let skill = |nth, id| Assignment::skill(id, proficiency(dice, nth, id));
        let language = |nth, id| Assignment::language(id, proficiency(dice, nth, id));
        let spoken = some(dice, languages, self.languages_per_user, id);
        SimUser {
            id,
            name: format!("Agent {number}"),
            email: format!("agent{number}@example.com"),
            employee_id: Some(format!("E{}", 1000 + number)),
            external_ids: vec![ExternalId { authority: "hris".to_owned(), key: format!("H{number}") }],
            state: state(self.users - index, self.inactive, self.deleted),
            skills: (0..).zip(some(dice, skills, self.skills_per_user, id)).map(|(nth, id)| skill(nth, id)).collect(),
            languages: (0..).zip(spoken).map(|(nth, id)| language(nth, id)).collect(),
            groups: some(dice, groups, self.groups_per_user, id),
        }
    }
}

/// Returns the state of an entry by its position from the end of the list, starting at 1.
fn state(from_the_end: usize, inactive: usize, deleted: usize) -> UserState {
    if from_the_end <= deleted {
        UserState::Deleted
    } else if from_the_end <= deleted + inactive {
        UserState::Inactive
    } else {
        UserState::Active
    }
}

fn proficiency(dice: Dice, nth: u64, id: Uuid) -> f64 {
    *dice.pick(&[1.0, 2.0, 3.0, 4.0, 5.0], "proficiency", Some(id), nth).unwrap_or(&3.0)
}

fn catalogue(dice: Dice, about: &str, name: &str, size: usize) -> Vec<CatalogueEntry> {
    let entry =
        |(nth, number): (u64, usize)| CatalogueEntry { id: dice.id(about, nth), name: format!("{name} {number}") };
    (0..).zip(1..=size).map(entry).collect()
}

/// Returns `count` different entries in the order of the user's rolls.
fn some(dice: Dice, entries: &[CatalogueEntry], count: usize, user: Uuid) -> Vec<Uuid> {
    let mut ranked: Vec<(u64, Uuid)> =
        (0..).zip(entries).map(|(nth, entry)| (dice.roll("initial", Some(user), nth), entry.id)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(count).map(|(_, id)| id).collect()
}

/// An org whose members are given, for example from a roster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Explicit {
    /// The users.
    pub users: Vec<SimUser>,
    /// The skills that clients assign.
    pub skills: Vec<CatalogueEntry>,
    /// The languages that clients assign.
    pub languages: Vec<CatalogueEntry>,
    /// The skill groups that clients assign.
    pub groups: Vec<CatalogueEntry>,
    /// The skills that foreign writers assign. They are part of the catalogue; if none are given, five are generated.
    pub foreign_skills: Vec<CatalogueEntry>,
    /// The languages that foreign writers assign; as for the skills, five are generated if none are given.
    pub foreign_languages: Vec<CatalogueEntry>,
    /// The skill groups that foreign writers assign; as for the skills, five are generated if none are given.
    pub foreign_groups: Vec<CatalogueEntry>,
    /// The states of skills that are not active.
    pub skill_states: BTreeMap<Uuid, UserState>,
}

/// A skill, a language or a skill group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A simulated user, with the assignments that they start with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimUser {
    /// Id of the user.
    pub id: Uuid,
    /// Name of the user.
    pub name: String,
    /// E-mail address, which is the user name as well.
    pub email: String,
    /// Employee id, if the user has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// Keys under which other systems know the user.
    #[serde(default)]
    pub external_ids: Vec<ExternalId>,
    /// State in the directory.
    #[serde(default)]
    pub state: UserState,
    /// Skills at the start.
    #[serde(default)]
    pub skills: Vec<Assignment>,
    /// Languages at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Assignment>,
    /// Ids of the skill groups at the start.
    #[serde(default)]
    pub groups: Vec<Uuid>,
}

/// A key under which another system knows the user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalId {
    /// The authority that issued the key.
    pub authority: String,
    /// The key.
    pub key: String,
}

/// Whether a user or a skill is in service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserState {
    /// In service.
    #[default]
    Active,
    /// Out of service, but not deleted.
    Inactive,
    /// Deleted.
    Deleted,
}

impl UserState {
    /// Returns the name of the state in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }
}
