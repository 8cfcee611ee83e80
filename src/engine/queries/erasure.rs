//! Erases a person: finds out who they are under all their names, what is about them, and removes it.
//!
//! A person may have been named in several ways in several jobs. All entries that were resolved to the same user are
//! erased, and of the entries whose user is unknown, those with one of that user's names.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::audit::{Action, AuditRecord};
use crate::domain::job::Lane;
use crate::domain::name_index::Match;
use crate::domain::{JobId, Target, UserId, UserKey, UserRef};
use crate::engine::core::Engine;
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::people::PersonIdentity;
use crate::engine::org::directory::Search;
use crate::engine::port::{CallOptions, LookUp};
use crate::engine::prepare::prefetch::TakenSlot;
use crate::journal::{Erasure, JournalError, Memo};

/// Jobs examined before other tasks get their turn.
const AT_ONCE: usize = 16;
/// Maximum time for asking Genesys who a name stands for.
const MAX_LOOK_UP_TIME: Duration = Duration::from_secs(20);

/// Why a person was not erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The reference has named more than one user.
    #[error("the reference has named {0} users")]
    SeveralUsers(usize),
    /// Some entries about the person have not ended.
    #[error("entries of {} jobs have not ended", .0.len())]
    Open(Vec<JobId>),
    /// A reconciliation of the person is just ending.
    #[error("work on the user is under way")]
    AtWork,
    /// Genesys could not be asked, so it is unknown who the person is or by which other names they were referred to.
    #[error("Genesys cannot be asked who that is")]
    InDoubt,
    /// A record of the person is still to be read from an HR system.
    #[error("a record is still to be read")]
    RecordWaits,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Engine {
    /// Finds out who a reference names. `known` contains users whom other parts of the service know by it.
    pub async fn person(&self, reference: &UserRef, known: Vec<UserId>) -> Result<PersonIdentity, ErasureError> {
        let name = reference.folded();
        let mut users: BTreeSet<UserId> = known.into_iter().collect();
        if let UserRef::Id(id) = name {
            users.insert(id);
        } else {
            users.extend(self.core.users.find(&name).map(|(user, _)| user));
            self.core.each_job(|job| users.extend(job.users_named(&name))).await;
        }
        let mut in_doubt = false;
        if users.is_empty() {
            match self.core.who_is(&name).await {
                Ok(user) => users.extend(user),
                Err(InDoubt) => in_doubt = true,
            }
        }
        if users.len() > 1 {
            return Err(ErasureError::SeveralUsers(users.len()));
        }
        let user = users.pop_first();
        let mut names = HashSet::from([name]);
        if let Some(user) = user {
            names.insert(UserRef::Id(user));
            let listed = self.core.directory.names_of(user);
            let mut has_unknown = false;
            let look = |job: &Arc<Job>| {
                names.extend(job.names_of(user));
                has_unknown |= job.has_unknown();
            };
            self.core.each_job(look).await;
            // Some of those entries may be about the same person under a name that is not known here.
            if has_unknown {
                match self.core.names_told_of(user).await {
                    Ok(told) => names.extend(told),
                    Err(InDoubt) => in_doubt |= listed.is_empty(),
                }
            }
            names.extend(listed);
        }
        Ok(PersonIdentity { user, names, in_doubt })
    }

    /// Erases a person from jobs and user states and removes these memos, all of it or nothing. Returns the number of
    /// entries erased. Once this returns, nothing of it is left in the journal's files.
    pub async fn erase(&self, person: &PersonIdentity, memos: Vec<Memo>) -> Result<usize, ErasureError> {
        let core = &self.core;
        let (_work, at_work) = core.keep_idle(person);
        let mut about: Vec<(Arc<Job>, Vec<u32>)> = Vec::new();
        let mut open = Vec::new();
        core.each_job(|job| {
            let of_job = job.about(person);
            if of_job.open {
                open.push(job.id());
            }
            if !of_job.entries.is_empty() {
                about.push((Arc::clone(job), of_job.entries));
            }
        })
        .await;
        if !open.is_empty() {
            return Err(ErasureError::Open(open));
        }
        if at_work {
            return Err(ErasureError::AtWork);
        }
        if person.in_doubt {
            return Err(ErasureError::InDoubt);
        }
        let entries: Vec<_> =
            about.iter().flat_map(|(job, entries)| entries.iter().map(|index| (job.id(), *index))).collect();
        let count = entries.len();
        let asked = self.asker().map(|by| AuditRecord {
            at: core.clock.now(),
            action: Action::Erased,
            by: by.clone(),
            job: None,
            about: Some(format!("entries: {count}").into()),
        });
        let written = core.journal.erase(Erasure { entries, user: person.user, memos, asked }).await;
        if let Ok(()) | Err(JournalError::StillInFiles(_)) = written {
            core.forget_person(person, &about);
            tracing::info!(entries = count, "erased a person");
        }
        Ok(written.map(|()| count)?)
    }
}

/// Genesys could not be asked.
struct InDoubt;

impl EngineCore {
    /// Returns the user with this name, from earlier readings or else by a look-up; `None` if it does not name exactly
    /// one user.
    async fn who_is(&self, name: &UserRef) -> Result<Option<UserId>, InDoubt> {
        if let Some(user) = self.directory.known_as(name) {
            return Ok(Some(user));
        }
        let options = CallOptions::new(Lane::Interactive);
        let search = Search { genesys: self.genesys.as_ref(), options: &options, since: Instant::now() };
        match tokio::time::timeout(MAX_LOOK_UP_TIME, self.directory.look_again(search, name)).await {
            Ok(Ok(Match::One(found))) => Ok(Some(found.user)),
            Ok(Ok(Match::Several(_) | Match::None)) => Ok(None),
            Ok(Err(_)) | Err(_) => Err(InDoubt),
        }
    }

    /// Returns the names that Genesys has for a user: the e-mail address and the employee id.
    async fn names_told_of(&self, user: UserId) -> Result<Vec<UserRef>, InDoubt> {
        let options = CallOptions::new(Lane::Interactive);
        let ids = [user];
        let look_up = self.genesys.look_up(&options, LookUp::Ids(&ids));
        let Ok(Ok(found)) = tokio::time::timeout(MAX_LOOK_UP_TIME, look_up).await else { return Err(InDoubt) };
        let names = found.into_iter().filter(|found| found.id == user).flat_map(|found| {
            let email = found.email.map(|email| UserRef::Email(email).folded());
            email.into_iter().chain(found.employee_id.map(|id| UserRef::EmployeeId(id).folded()))
        });
        Ok(names.collect())
    }

    /// Passes each job to `look`, yielding to other tasks in between.
    async fn each_job(&self, mut look: impl FnMut(&Arc<Job>)) {
        let mut after = None;
        loop {
            let jobs = self.registry.from(after, AT_ONCE);
            let Some(last) = jobs.last() else { break };
            after = Some(last.id());
            jobs.iter().for_each(&mut look);
            drop(jobs);
            tokio::task::yield_now().await;
        }
    }

    /// Prevents reconciliations of a person from beginning. Also returns whether one was under way or pending already.
    fn keep_idle(&self, person: &PersonIdentity) -> (Vec<TakenSlot<'_>>, bool) {
        let key = |target| person.user.map(|user| UserKey { target, user });
        let keys: Vec<_> = Target::ALL.into_iter().filter_map(key).collect();
        let taken: Vec<_> = keys.iter().filter_map(|key| TakenSlot::idle(self, *key)).collect();
        let busy = taken.len() < keys.len();
        (taken, busy)
    }

    fn forget_person(&self, person: &PersonIdentity, about: &[(Arc<Job>, Vec<u32>)]) {
        for (job, entries) in about {
            job.erase(entries);
            if let Some(user) = person.user {
                self.users.forget(user, job.id());
            }
        }
        for target in Target::ALL {
            person.user.into_iter().for_each(|user| self.user_states.erase(UserKey { target, user }));
        }
        person.user.into_iter().for_each(|user| self.holders.erase(user));
        self.directory.forget(person.user, |name| person.names.contains(&name.folded()));
    }
}
