//! Assignments of a user: skills with a proficiency, or WFM skill groups without one.

use std::fmt;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

/// What is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Routing skills of the public API: with proficiency, not versioned.
    RoutingSkills,
    /// WFM skill groups of the partner endpoint: without proficiency, versioned.
    WfmSkillGroups,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 2] = [Self::RoutingSkills, Self::WfmSkillGroups];

    /// Returns the name used in the HTTP API, in logs and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoutingSkills => "routingSkills",
            Self::WfmSkillGroups => "wfmSkillGroups",
        }
    }

    /// Returns whether Genesys refuses a write that was computed from an outdated state. Only then may a write go out
    /// without a preceding read.
    pub fn checks_versions(self) -> bool {
        match self {
            Self::RoutingSkills => false,
            Self::WfmSkillGroups => true,
        }
    }

    /// Returns whether the endpoint belongs to a Genesys partner, so that not every org has it. Other targets use the
    /// public API.
    pub fn is_of_a_partner(self) -> bool {
        match self {
            Self::RoutingSkills => false,
            Self::WfmSkillGroups => true,
        }
    }

    /// Returns the maximum number of assignments that Genesys accepts per user; the bulk routes refuse more.
    pub const fn most_per_user(self) -> usize {
        match self {
            Self::RoutingSkills => 50,
            Self::WfmSkillGroups => usize::MAX,
        }
    }

    /// Returns the proficiency of a new assignment for which the job gives none: the lowest rating of the API for a
    /// skill, `None` for a group.
    pub fn unrated(self) -> Option<Proficiency> {
        match self {
            Self::RoutingSkills => Some(Proficiency::LOWEST),
            Self::WfmSkillGroups => None,
        }
    }
}

/// Id of a skill or skill group in Genesys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignmentId(pub Uuid);

impl fmt::Display for AssignmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Version of a resource, as numbered by Genesys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A skill or skill group in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    pub id: AssignmentId,
    pub name: Box<str>,
}

/// Rating of a user's skill, from 0.0 to 5.0.
///
/// Stored as `f32`, which holds every rating that a person would write and prints it back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Proficiency(f32);

impl Proficiency {
    /// The lowest rating.
    pub const LOWEST: Self = Self(0.0);

    /// Returns the rating, or `None` if `value` is outside 0.0 to 5.0.
    pub fn new(value: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked; finer steps than f32 have no meaning"
        )]
        (0.0..=5.0).contains(&value).then(|| Self(value.abs() as f32))
    }

    /// Returns the rating as a number that prints as short as it was written.
    pub fn value(self) -> f32 {
        self.0
    }
}

// `Eq` and `Hash` are sound because `new` refuses NaN and normalises negative zero.
impl Eq for Proficiency {}

impl Hash for Proficiency {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Proficiency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of assignments, ordered by id, each with its proficiency if the target has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Assignments(Vec<(AssignmentId, Option<Proficiency>)>);

impl Assignments {
    /// Returns the number of assignments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `id` is assigned, with whatever proficiency.
    pub fn contains(&self, id: AssignmentId) -> bool {
        self.position(id).is_ok()
    }

    /// Returns the proficiency with which `id` is assigned; the outer `None` means that it is not assigned.
    pub fn get(&self, id: AssignmentId) -> Option<Option<Proficiency>> {
        self.position(id).ok().and_then(|at| self.0.get(at)).map(|(_, proficiency)| *proficiency)
    }

    /// Assigns `id`, replacing its proficiency if it is already assigned.
    pub fn insert(&mut self, id: AssignmentId, proficiency: Option<Proficiency>) {
        match self.position(id) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.1 = proficiency;
                }
            }
            Err(at) => self.0.insert(at, (id, proficiency)),
        }
    }

    /// Removes `id` and returns whether it was assigned.
    pub fn remove(&mut self, id: AssignmentId) -> bool {
        self.position(id).map(|at| self.0.remove(at)).is_ok()
    }

    /// Returns all assignments in order of id.
    pub fn iter(&self) -> impl Iterator<Item = (AssignmentId, Option<Proficiency>)> + '_ {
        self.0.iter().copied()
    }

    /// Returns all ids in order.
    pub fn ids(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.0.iter().map(|(id, _)| *id)
    }

    fn position(&self, id: AssignmentId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(have, _)| *have)
    }
}

impl FromIterator<(AssignmentId, Option<Proficiency>)> for Assignments {
    /// If an id occurs with several proficiencies, the highest one wins.
    fn from_iter<I: IntoIterator<Item = (AssignmentId, Option<Proficiency>)>>(items: I) -> Self {
        let mut all: Vec<_> = items.into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal)));
        all.dedup_by_key(|(id, _)| *id);
        Self(all)
    }
}

/// The difference between two sets of assignments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Difference {
    pub added: Vec<(AssignmentId, Option<Proficiency>)>,
    pub updated: Vec<(AssignmentId, Option<Proficiency>)>,
    pub removed: Vec<AssignmentId>,
}

impl Difference {
    /// Returns the changes that turn `from` into `to`.
    pub fn between(from: &Assignments, to: &Assignments) -> Self {
        let mut difference = Self::default();
        for (id, proficiency) in to.iter() {
            match from.get(id) {
                None => difference.added.push((id, proficiency)),
                Some(before) if before != proficiency => difference.updated.push((id, proficiency)),
                Some(_) => {}
            }
        }
        difference.removed = from.ids().filter(|id| !to.contains(*id)).collect();
        difference
    }

    /// Returns whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.updated.is_empty() && self.removed.is_empty()
    }

    /// Returns every id that differs.
    pub fn ids(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.added.iter().chain(&self.updated).map(|(id, _)| *id).chain(self.removed.iter().copied())
    }

    /// Returns the difference restricted to the ids that `keep` accepts.
    #[must_use]
    pub fn restricted_to(mut self, keep: impl Fn(AssignmentId) -> bool) -> Self {
        self.added.retain(|(id, _)| keep(*id));
        self.updated.retain(|(id, _)| keep(*id));
        self.removed.retain(|id| keep(*id));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    #[test]
    fn a_proficiency_lies_within_the_vendors_range() {
        for (value, valid) in [(0.0, true), (-0.0, true), (5.0, true), (5.01, false), (-0.1, false), (f64::NAN, false)]
        {
            assert_eq!(Proficiency::new(value).is_some(), valid, "{value}");
        }
        assert_eq!(Proficiency::new(3.3).map(|p| p.to_string()), Some("3.3".to_owned()));
    }

    #[test]
    fn of_several_proficiencies_for_one_assignment_the_highest_wins() {
        let set: Assignments =
            [(id(1), Proficiency::new(2.0)), (id(1), Proficiency::new(4.0)), (id(1), None)].into_iter().collect();
        assert_eq!(set.len(), 1);
        assert_eq!(set.get(id(1)), Some(Proficiency::new(4.0)));
    }

    #[test]
    fn a_difference_names_what_was_added_updated_and_removed() {
        let from: Assignments = [(id(1), None), (id(2), Proficiency::new(1.0))].into_iter().collect();
        let to: Assignments = [(id(2), Proficiency::new(2.0)), (id(3), None)].into_iter().collect();
        let difference = Difference::between(&from, &to);
        assert_eq!(difference.added, vec![(id(3), None)]);
        assert_eq!(difference.updated, vec![(id(2), Proficiency::new(2.0))]);
        assert_eq!(difference.removed, vec![id(1)]);
        assert!(Difference::between(&to, &to).is_empty());
    }
}
