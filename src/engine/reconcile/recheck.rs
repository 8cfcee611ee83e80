//! Resolves an entry again when Genesys does not know the ids it was resolved to: a skill or user may have been deleted
//! and created again under the same name with another id.

use std::sync::Arc;

use crate::domain::{Listed, UserId, UserKey, UserRef};
use crate::engine::job::outcome::Failure;
use crate::engine::org::catalogue::Catalogue;
use crate::engine::org::directory::{Search, Sought};
use crate::engine::org::unknown_names::Proposals;
use crate::engine::port::{CallError, CallOptions, UpstreamAnswer};
use crate::engine::prepare::create_skills::Creation;
use crate::engine::prepare::resolve::{find_assignments, find_user, park};
use crate::engine::reconcile::reconciliation::{AttemptEnd, Reconciliation};
use crate::engine::user::pending_change::PendingChange;

impl Reconciliation<'_> {
    /// Handles a permanently refused write: checks once whether the assignments still have the ids under which they
    /// were found, and continues if they do not.
    pub(in crate::engine) async fn recheck_assignments(&mut self, failure: &Failure) -> AttemptEnd {
        if self.progress.rechecked {
            return self.fail_all(failure);
        }
        // A reading that began after the entries were accepted is new enough.
        let Some(since) = self.pending_changes.iter().map(|pending_change| pending_change.job.accepted_at()).max()
        else {
            return AttemptEnd::Recorded;
        };
        let options = self.options();
        let look = self.engine.catalogues.read_anew(self.engine.genesys.as_ref(), &options, self.key.target, since);
        let catalogue = match look.await {
            Ok(catalogue) => catalogue,
            Err(error) => return self.recheck_failed(&options, error, failure),
        };
        self.count_calls(&options);
        self.progress.rechecked = true;
        let mut changed = false;
        for pending_change in std::mem::take(&mut self.pending_changes) {
            match found_anew(&pending_change, &catalogue) {
                Ok(found) => {
                    changed |= found.listed != pending_change.listed;
                    self.pending_changes.push(found);
                }
                // An incomplete catalogue does not prove that a name is missing.
                Err(_) if catalogue.doubt(self.key.target).is_some() => self.pending_changes.push(pending_change),
                Err(failure) => {
                    changed = true;
                    self.fail(&pending_change, &failure);
                }
            }
        }
        match (changed, self.pending_changes.is_empty()) {
            (true, true) => AttemptEnd::Recorded,
            (true, false) => {
                self.progress.must_read = true;
                AttemptEnd::Again
            }
            (false, _) => self.fail_all(failure),
        }
    }

    /// Handles a target's endpoint that does not know the user. A user who was not named by id may have another id now.
    /// If the directory still has the user, the endpoint is absent or lacks this user; or, if a write got this answer,
    /// one of the skills may have been deleted.
    pub(in crate::engine) async fn recheck_user(&mut self, answer: &UpstreamAnswer, written: bool) -> AttemptEnd {
        let options = self.options();
        let (gone, mut is_in_directory) = (Failure::user_gone(answer), false);
        let mut there = Vec::new();
        for pending_change in std::mem::take(&mut self.pending_changes) {
            let named = pending_change.job.open_request(pending_change.index).map(|request| request.user);
            let named = named.unwrap_or(UserRef::Id(self.key.user));
            let since = pending_change.job.accepted_at();
            let search = Search { genesys: self.engine.genesys.as_ref(), options: &options, since };
            match self.engine.directory.look_again(search, &named).await.map(Sought::Told) {
                Ok(found) => match find_user(self.engine, &named, &found) {
                    // What a write for it may have done stays with the user for whom it was made.
                    Ok(user) if user != self.key.user && self.may_have_begun(&pending_change) => {
                        self.fail(&pending_change, &gone);
                    }
                    Ok(user) if user != self.key.user => self.leave_with(pending_change, user),
                    Ok(_) if written && !self.key.target.is_of_a_partner() => there.push(pending_change),
                    Ok(_) => {
                        is_in_directory = true;
                        self.fail(&pending_change, &Failure::target_lacks_user(self.key.target, answer));
                    }
                    Err(failure) => self.fail(&pending_change, &failure),
                },
                Err(error) => {
                    self.pending_changes.extend(there.into_iter().chain([pending_change]));
                    return self.recheck_failed(&options, error, &gone);
                }
            }
        }
        self.count_calls(&options);
        if is_in_directory {
            self.engine.endpoints.lacks_user(self.key.target, answer);
        }
        if there.is_empty() {
            return AttemptEnd::Recorded;
        }
        // The user exists, so one of the skills does not.
        self.pending_changes = there;
        self.recheck_assignments(&Failure::rejected(answer)).await
    }

    fn leave_with(&mut self, pending_change: PendingChange, user: UserId) {
        for row in pending_change.indices() {
            pending_change.job.resolved(row, user);
        }
        park(self.engine, UserKey { user, ..self.key }, pending_change);
    }

    fn recheck_failed(&mut self, options: &CallOptions, error: CallError, failure: &Failure) -> AttemptEnd {
        self.count_calls(options);
        match error {
            CallError::Unavailable { answer, retry_at } => self.unavailable(&answer, retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => self.unavailable(&answer, None),
            CallError::NotFound(_)
            | CallError::Forbidden(_)
            | CallError::TargetUnavailable(_)
            | CallError::Rejected(_) => self.fail_all(failure),
        }
    }
}

/// Returns the pending change with its rows resolved against this catalogue.
fn found_anew(pending_change: &PendingChange, catalogue: &Catalogue) -> Result<PendingChange, Failure> {
    let mut rows = Vec::new();
    for row in pending_change.indices() {
        let Some(request) = pending_change.job.open_request(row) else { continue };
        let unrated = pending_change.job.spec().default_proficiency;
        let (listed, _) =
            find_assignments(catalogue, &request.assignments, Creation::No, unrated, &mut Proposals::none())?;
        rows.push((row, listed));
    }
    let listed = Listed::together(rows.iter().map(|(_, listed)| &**listed));
    let listed = if listed == *pending_change.listed { Arc::clone(&pending_change.listed) } else { Arc::new(listed) };
    let rows = if pending_change.rows.is_empty() { Arc::default() } else { rows.into() };
    Ok(PendingChange { rows, listed, ..pending_change.clone() })
}
