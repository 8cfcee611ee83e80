//! Which entries named a user, for those who ask about one.

use std::collections::VecDeque;

use dashmap::DashMap;

use crate::domain::{JobId, UserId, UserRef};

/// The newest entries of each user, and the references that users were named by.
#[derive(Debug, Default)]
pub(super) struct UserHistories {
    entries: DashMap<UserId, VecDeque<(JobId, u32)>>,
    names: DashMap<UserRef, UserId>,
}

impl UserHistories {
    /// Entries kept of one user.
    const KEPT: usize = 20;

    /// An entry turned out to be about this user.
    pub(super) fn note(&self, named: &UserRef, user: UserId, job: JobId, index: u32) {
        if !matches!(named, UserRef::Id(_)) {
            self.names.insert(folded(named), user);
        }
        let mut entries = self.entries.entry(user).or_default();
        if entries.contains(&(job, index)) {
            // Resolved again: after an outage, or because its job was held.
            return;
        }
        if entries.len() == Self::KEPT {
            entries.pop_front();
        }
        entries.push_back((job, index));
    }

    /// The user, and the entries about them, newest first.
    pub(super) fn find(&self, named: &UserRef) -> Option<(UserId, Vec<(JobId, u32)>)> {
        let user = match named {
            UserRef::Id(id) => *id,
            UserRef::Email(_) | UserRef::EmployeeId(_) | UserRef::ExternalId { .. } => {
                *self.names.get(&folded(named))?
            }
        };
        let entries = self.entries.get(&user)?;
        Some((user, entries.iter().rev().copied().collect()))
    }
}

/// E-mail addresses are compared without case.
fn folded(named: &UserRef) -> UserRef {
    match named {
        UserRef::Email(email) => UserRef::Email(email.trim().to_lowercase().into()),
        UserRef::EmployeeId(id) => UserRef::EmployeeId(id.trim().into()),
        UserRef::Id(_) | UserRef::ExternalId { .. } => named.clone(),
    }
}
