//! What a change says of a user's assignments.

use super::{AssignmentId, Assignments, Proficiency};

/// What the user is to have, and what is left to them as it is because nobody knows.
///
/// An assignment may be both: whoever lacks it gets it, whoever has it keeps it with the rating that it has. Where the list says
/// what to take away, it is not taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Listed {
    assignments: Assignments,
    /// In order.
    left_as_is: Box<[AssignmentId]>,
}

impl Listed {
    /// A list, and what is left as it is.
    pub fn new(assignments: Assignments, left_as_is: impl IntoIterator<Item = AssignmentId>) -> Self {
        let mut left_as_is: Vec<_> = left_as_is.into_iter().collect();
        left_as_is.sort_unstable();
        left_as_is.dedup();
        Self { assignments, left_as_is: left_as_is.into() }
    }

    /// Several lists as one: of several ratings the highest counts.
    pub fn together<'l>(lists: impl Iterator<Item = &'l Self> + Clone) -> Self {
        let assignments = lists.clone().flat_map(Self::iter).collect();
        Self::new(assignments, lists.flat_map(Self::left_as_is))
    }

    /// The assignments that the user is to have.
    pub fn assignments(&self) -> &Assignments {
        &self.assignments
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.assignments.ids()
    }

    /// Them with their ratings.
    pub fn iter(&self) -> impl Iterator<Item = (AssignmentId, Option<Proficiency>)> + '_ {
        self.assignments.iter()
    }

    /// What to take away if this lists what the user is not to have.
    pub fn to_take_away(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.ids().filter(|id| !self.leaves_as_is(*id))
    }

    /// Whether the user is to have this.
    pub fn contains(&self, id: AssignmentId) -> bool {
        self.assignments.contains(id)
    }

    /// What is left as it is.
    pub fn left_as_is(&self) -> impl Iterator<Item = AssignmentId> + '_ {
        self.left_as_is.iter().copied()
    }

    /// Whether this is left to who has it.
    pub fn leaves_as_is(&self, id: AssignmentId) -> bool {
        self.left_as_is.binary_search(&id).is_ok()
    }

    /// Whether the user is to have nothing, and nothing is left to them.
    pub fn is_empty(&self) -> bool {
        self.assignments.is_empty() && self.left_as_is.is_empty()
    }

    /// Whether any rating of this will do.
    pub fn takes_any_rating(&self, id: AssignmentId) -> bool {
        self.leaves_as_is(id) || self.assignments.get(id) == Some(None)
    }
}

impl From<Assignments> for Listed {
    fn from(assignments: Assignments) -> Self {
        Self { assignments, left_as_is: Box::default() }
    }
}

impl FromIterator<(AssignmentId, Option<Proficiency>)> for Listed {
    fn from_iter<I: IntoIterator<Item = (AssignmentId, Option<Proficiency>)>>(items: I) -> Self {
        Assignments::from_iter(items).into()
    }
}
