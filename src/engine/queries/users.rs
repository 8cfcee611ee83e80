//! What is known of users.

use std::sync::Arc;

use crate::domain::job::JobSpec;
use crate::domain::{JobId, Owner, Owners, Target, UserId, UserKey, UserRef};
use crate::engine::core::Engine;
use crate::engine::job::EntrySnapshot;

/// What is known of one user.
#[derive(Debug)]
pub struct UserSnapshot {
    pub user: UserId,
    /// The newest entries about them, newest first.
    pub entries: Vec<(JobId, JobSpec, EntrySnapshot)>,
    /// What skillsync itself assigned, by owner.
    pub owned: Vec<(Target, Arc<Owners>)>,
}

impl Engine {
    /// What is known of a user, if any job has named them.
    pub fn user(&self, named: &UserRef) -> Option<UserSnapshot> {
        let (user, places) = self.core.users.find(named)?;
        let entries = places.into_iter().filter_map(|(id, index)| {
            let job = self.core.registry.get(id)?;
            let entry = job.entries(None, index, 1).0.pop()?;
            Some((id, job.spec().clone(), entry))
        });
        let owned = |target| self.core.user_states.recall(UserKey { target, user }).owned;
        Some(UserSnapshot {
            user,
            entries: entries.collect(),
            owned: Target::ALL.map(|target| (target, owned(target))).into(),
        })
    }

    /// The user whom a caller has named so before.
    pub fn user_called(&self, named: &UserRef) -> Option<UserId> {
        self.core.users.find(named).map(|(user, _)| user)
    }

    /// The user whom a caller named so before the name was another one's.
    pub fn user_called_before(&self, named: &UserRef) -> Option<UserId> {
        self.core.users.former(named)
    }

    /// Whether a job with this label that is no dry run has named a user so.
    pub fn was_written_for(&self, named: &UserRef, label: &str) -> bool {
        let entries = self.core.users.find(named).map(|(_, entries)| entries);
        entries.into_iter().flatten().any(|(id, _)| {
            self.core
                .registry
                .get(id)
                .is_some_and(|job| !job.spec().dry_run && job.spec().label.as_deref() == Some(label))
        })
    }

    /// Whether an open entry gives its user this name.
    pub fn is_open_name(&self, named: &UserRef) -> bool {
        let named = named.folded();
        self.core.registry.any(|job| job.is_open_name(&named))
    }

    /// Whether this owner, or none at all if it is not given, holds nothing of what a user has.
    pub fn owns_nothing_of(&self, user: UserId, owner: Option<&Owner>) -> bool {
        Target::ALL.into_iter().all(|target| {
            let held = self.core.user_states.recall(UserKey { target, user }).owned;
            owner.map_or(held.is_empty(), |owner| !held.has_any_of(owner))
        })
    }
}
