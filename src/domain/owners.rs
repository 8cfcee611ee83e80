//! Who of skillsync's callers and sources assigned what to a user.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{AssignmentId, Mode};

/// The party on whose behalf a job assigns: a source, or what the caller names. As with the field managers of
/// Kubernetes' server-side apply, what one owner no longer lists stays for the others who do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(Arc<str>);

impl Owner {
    /// Maximum length in bytes.
    pub const MAX_LENGTH: usize = 64;
    /// What the name of an owner has to consist of.
    pub const FORM: &str = "must consist of 1 to 64 of the characters A to Z, a to z, 0 to 9, -, _ and .";

    /// Returns the owner with this name, or `None` if the name is empty, too long or contains anything but ASCII
    /// letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str) -> Option<Self> {
        let is_permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let valid = (1..=Self::MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_permitted);
        valid.then(|| Self(name.into()))
    }

    /// Returns the owner of jobs that name none.
    pub fn of_no_name() -> Self {
        Self("default".into())
    }

    /// Returns the owner that a journal names. Its name was checked when it was accepted.
    pub fn kept(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The assignments of one user that skillsync made, by owner.
///
/// What was assigned before owners were recorded is unclaimed: it belongs to the owner that next lists it, and until
/// then any owner may remove it. In the place of an owner, `None` stands for that time.
///
/// Invariant: an assignment is unclaimed or has owners, never both, and no owner is kept without assignments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Owners(BTreeMap<Option<Owner>, BTreeSet<AssignmentId>>);

impl Owners {
    /// Returns whether skillsync made the assignment, for whatever owner.
    pub fn contains(&self, id: AssignmentId) -> bool {
        self.0.values().any(|ids| ids.contains(&id))
    }

    /// Returns whether skillsync made none of the assignments.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all assignments, in order of id.
    pub fn ids(&self) -> BTreeSet<AssignmentId> {
        self.0.values().flatten().copied().collect()
    }

    /// Returns the assignments of each owner, the unclaimed ones first.
    pub fn by_owner(&self) -> impl Iterator<Item = (Option<&Owner>, &BTreeSet<AssignmentId>)> {
        self.0.iter().map(|(owner, ids)| (owner.as_ref(), ids))
    }

    /// Returns the owners of an assignment, in order of name.
    pub fn owners_of(&self, id: AssignmentId) -> impl Iterator<Item = &Owner> {
        self.0.iter().filter(move |(_, ids)| ids.contains(&id)).filter_map(|(owner, _)| owner.as_ref())
    }

    /// Returns whether anything is unclaimed or held by this owner.
    pub fn has_any_of(&self, owner: &Owner) -> bool {
        self.0.keys().any(|of| of.as_ref().is_none_or(|of| of == owner))
    }

    fn is_held_by(&self, owner: Option<&Owner>, id: AssignmentId) -> bool {
        self.0.iter().any(|(of, ids)| of.as_ref() == owner && ids.contains(&id))
    }

    /// Returns whether a change by this owner removes the assignment if it is to: `replace` removes whatever is there,
    /// `remove` what no other owner holds, and `managed` of that only what skillsync assigned or what is configured as
    /// `managed`.
    pub fn is_removable(
        &self,
        owner: Option<&Owner>,
        mode: Mode,
        managed: &BTreeSet<AssignmentId>,
        id: AssignmentId,
    ) -> bool {
        let is_of_others = || self.owners_of(id).any(|other| owner != Some(other));
        match mode {
            Mode::Add => false,
            Mode::Remove => !is_of_others(),
            Mode::Managed => !is_of_others() && (self.contains(id) || managed.contains(&id)),
            Mode::Replace => true,
        }
    }

    /// Adds an owner to the assignment. An assignment without one becomes theirs.
    pub fn claim(&mut self, owner: Option<&Owner>, id: AssignmentId) {
        if owner.is_none() && self.contains(id) {
            return;
        }
        if owner.is_some() {
            self.let_go(None, id);
        }
        self.0.entry(owner.cloned()).or_default().insert(id);
    }

    /// Takes the assignment from one owner.
    pub fn let_go(&mut self, owner: Option<&Owner>, id: AssignmentId) {
        self.0.retain(|of, ids| {
            if of.as_ref() == owner {
                ids.remove(&id);
            }
            !ids.is_empty()
        });
    }

    /// Takes the assignment from all owners.
    pub fn remove(&mut self, id: AssignmentId) {
        self.retain(|kept| kept != id);
    }

    /// Keeps only the assignments that `keep` accepts.
    pub fn retain(&mut self, keep: impl Fn(AssignmentId) -> bool) {
        self.0.retain(|_, ids| {
            ids.retain(|id| keep(*id));
            !ids.is_empty()
        });
    }

    /// Returns the part about the assignments that `keep` accepts.
    #[must_use]
    pub fn restricted_to(&self, keep: impl Fn(AssignmentId) -> bool) -> Self {
        let mut part = self.clone();
        part.retain(keep);
        part
    }

    /// Adds the owners that `other` has for its assignments.
    pub fn extend(&mut self, other: &Self) {
        for (owner, ids) in other.by_owner() {
            for id in ids {
                self.claim(owner, *id);
            }
        }
    }

    /// Returns what is here and not in `other`.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        let is_new = |owner: Option<&Owner>, id| match owner {
            Some(_) => !other.is_held_by(owner, id),
            None => !other.contains(id),
        };
        let new = self.by_owner().flat_map(|(owner, ids)| {
            ids.iter().filter(move |id| is_new(owner, **id)).map(move |id| (owner.cloned(), *id))
        });
        new.collect()
    }

    /// Returns whether every owner in `other` has at least the same assignments here.
    pub fn includes(&self, other: &Self) -> bool {
        other.beyond(self).is_empty()
    }
}

impl FromIterator<(Option<Owner>, AssignmentId)> for Owners {
    fn from_iter<I: IntoIterator<Item = (Option<Owner>, AssignmentId)>>(items: I) -> Self {
        let mut ownership = Self::default();
        for (owner, id) in items {
            ownership.claim(owner.as_ref(), id);
        }
        ownership
    }
}
