//! The list of assignments in a change.

use super::{AssignmentId, Assignments, Proficiency};

/// The assignments that a user is to have, and those left as they are because it is unknown whether the user should
/// have them.
///
/// An assignment may be both: a user who lacks it gets it, and a user who has it keeps it with its current rating. If
/// the list says what to remove, it is not removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Listed {
    assignments: Assignments,
    /// Sorted.
    left_as_is: Box<[AssignmentId]>,
    /// The rating of assignments without one that a user newly gets.
    unrated: Option<Proficiency>,
}

impl Listed {
    /// Creates a list from the assignments and from the ids that are left as they are.
    pub fn new(assignments: Assignments, left_as_is: impl IntoIterator<Item = AssignmentId>) -> Self {
        let mut left_as_is: Vec<_> = left_as_is.into_iter().collect();
        left_as_is.sort_unstable();
        left_as_is.dedup();
        Self { assignments, left_as_is: left_as_is.into(), unrated: None }
    }

    /// Sets the rating of assignments without one that a user newly gets.
    #[must_use]
    pub fn with_unrated(self, unrated: Option<Proficiency>) -> Self {
        Self { unrated, ..self }
    }

    /// Returns the rating of assignments without one that a user newly gets.
    pub fn unrated(&self) -> Option<Proficiency> {
        self.unrated
    }

    /// Merges several lists; of several ratings, the highest counts.
    pub fn together<'l>(lists: impl Iterator<Item = &'l Self> + Clone) -> Self {
        let assignments = lists.clone().flat_map(Self::iter).collect();
        let unrated = lists.clone().find_map(Self::unrated);
        Self::new(assignments, lists.flat_map(Self::left_as_is)).with_unrated(unrated)
    }

    /// Returns the assignments that the user is to have.
    pub fn assignments(&self) -> &Assignments {
        &self.assignments
    }

    /// Returns their ids.
    pub fn ids(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.assignments.ids()
    }

    /// Returns their ids with their ratings.
    pub fn iter(&self) -> impl Iterator<Item = (AssignmentId, Option<Proficiency>)> + '_ {
        self.assignments.iter()
    }

    /// Returns the ids to remove, for a list that says what the user is not to have.
    pub fn to_take_away(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.ids().filter(|id| !self.leaves_as_is(*id))
    }

    /// Returns whether the user is to have this assignment.
    pub fn contains(&self, id: AssignmentId) -> bool {
        self.assignments.contains(id)
    }

    /// Returns the ids that are left as they are.
    pub fn left_as_is(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.left_as_is.iter().copied()
    }

    /// Returns whether this assignment is left as it is.
    pub fn leaves_as_is(&self, id: AssignmentId) -> bool {
        self.left_as_is.binary_search(&id).is_ok()
    }

    /// Returns whether the list is empty and nothing is left as it is.
    pub fn is_empty(&self) -> bool {
        self.assignments.is_empty() && self.left_as_is.is_empty()
    }

    /// Returns whether any rating satisfies the list for this assignment.
    pub fn takes_any_rating(&self, id: AssignmentId) -> bool {
        self.leaves_as_is(id) || self.assignments.get(id) == Some(None)
    }
}

impl From<Assignments> for Listed {
    fn from(assignments: Assignments) -> Self {
        Self { assignments, ..Self::default() }
    }
}

impl FromIterator<(AssignmentId, Option<Proficiency>)> for Listed {
    fn from_iter<I: IntoIterator<Item = (AssignmentId, Option<Proficiency>)>>(items: I) -> Self {
        Assignments::from_iter(items).into()
    }
}
