//! An index of the entries about each user, for queries about a user.

use std::collections::VecDeque;
use std::sync::Arc;

use dashmap::DashMap;

use crate::domain::{JobId, UserId, UserRef};

/// The newest entries about each user, and the names by which users were referred to.
#[derive(Debug, Default)]
pub(in crate::engine) struct UserHistories {
    users: DashMap<UserId, UserHistory>,
    names: DashMap<Arc<UserRef>, UserId>,
    /// For a name that belonged to another user before, the last such user.
    former: DashMap<Arc<UserRef>, UserId>,
}

#[derive(Debug, Default)]
struct UserHistory {
    entries: VecDeque<(JobId, u32)>,
    /// The names by which the user was referred to.
    names: Vec<Arc<UserRef>>,
}

impl UserHistories {
    /// Maximum number of entries kept per user.
    const KEPT: usize = 20;

    /// Records that an entry was resolved to this user.
    pub(in crate::engine) fn note(&self, named: &UserRef, user: UserId, job: JobId, index: u32) {
        let mut history = self.users.entry(user).or_default();
        // An entry may be resolved more than once: after an outage, or because its job was held.
        if !history.entries.contains(&(job, index)) {
            if history.entries.len() == Self::KEPT {
                history.entries.pop_front();
            }
            history.entries.reserve_exact(1);
            history.entries.push_back((job, index));
        }
        if !matches!(named, UserRef::Id(_)) {
            let name = Arc::new(named.folded());
            if !history.names.contains(&name) {
                history.names.reserve_exact(1);
                history.names.push(Arc::clone(&name));
            }
            // Under the user's lock, so that a concurrent `forget` cannot leave the name behind.
            if let Some(before) = self.names.insert(Arc::clone(&name), user).filter(|before| *before != user) {
                self.former.insert(name, before);
            }
        }
    }

    /// Forgets a job that is no longer kept, and the user if no other job named them.
    pub(in crate::engine) fn forget(&self, user: UserId, job: JobId) {
        self.users.remove_if_mut(&user, |_, history| {
            history.entries.retain(|(kept, _)| *kept != job);
            if history.entries.is_empty() {
                for name in &history.names {
                    self.names.remove_if(name, |_, named| *named == user);
                    self.former.remove_if(name, |_, named| *named == user);
                }
            }
            history.entries.is_empty()
        });
    }

    /// Returns the user to whom this name belonged before.
    pub(in crate::engine) fn former(&self, named: &UserRef) -> Option<UserId> {
        self.former.get(&named.folded()).map(|user| *user)
    }

    /// Returns the user with this name and the entries about them, newest first.
    pub(in crate::engine) fn find(&self, named: &UserRef) -> Option<(UserId, Vec<(JobId, u32)>)> {
        let user = match named {
            UserRef::Id(id) => *id,
            UserRef::Email(_) | UserRef::EmployeeId(_) | UserRef::ExternalId { .. } => {
                *self.names.get(&named.folded())?
            }
        };
        let history = self.users.get(&user)?;
        Some((user, history.entries.iter().rev().copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_user_is_forgotten_with_the_last_job_that_named_them() {
        let (users, user) = (UserHistories::default(), UserId(Uuid::from_u128(1)));
        let (first, second) = (JobId(Uuid::from_u128(2)), JobId(Uuid::from_u128(3)));
        let (name, other) = (UserRef::EmployeeId("E1".into()), UserRef::Email("A@example.com".into()));
        users.note(&name, user, first, 0);
        users.note(&other, user, second, 7);
        users.forget(user, first);
        assert_eq!(users.find(&name), Some((user, vec![(second, 7)])));
        users.forget(user, second);
        assert_eq!((users.find(&other), users.users.len(), users.names.len()), (None, 0, 0));
    }

    #[test]
    fn a_name_that_is_handed_on_is_known_to_have_been_anothers() {
        let histories = UserHistories::default();
        let (name, job) = (UserRef::EmployeeId("E7".into()), JobId(Uuid::from_u128(1)));
        let [first, second] = [7, 9].map(|n| UserId(Uuid::from_u128(n)));
        histories.note(&name, first, job, 0);
        assert_eq!(histories.former(&name), None);
        histories.note(&name, second, job, 1);
        histories.note(&name, second, job, 2);
        assert_eq!((histories.find(&name).map(|(user, _)| user), histories.former(&name)), (Some(second), Some(first)));
        histories.forget(first, job);
        assert_eq!(histories.former(&name), None, "not for longer than anything else of a user");
    }
}
