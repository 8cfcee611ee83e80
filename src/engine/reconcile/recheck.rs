//! A second look at what an entry names, when Genesys does not know what it was resolved to: a skill or a user may have been
//! deleted and made again since, under the same name and another id.

use std::sync::Arc;

use crate::domain::{Listed, UserId, UserKey, UserRef};
use crate::engine::job::outcome::Failure;
use crate::engine::org::catalogue::Catalogue;
use crate::engine::org::directory::{Search, Sought};
use crate::engine::org::unknown_names::Proposals;
use crate::engine::port::{CallError, Errand, UpstreamAnswer};
use crate::engine::prepare::create_skills::Creation;
use crate::engine::prepare::resolve::{find_assignments, find_user, park};
use crate::engine::reconcile::pass::{Pass, Round};
use crate::engine::user::pending_change::Ticket;

impl Pass<'_> {
    /// A write was refused for good: looks once whether the assignments still have the ids that they were found under, and
    /// goes on if they do not.
    pub(in crate::engine) async fn recheck_assignments(&mut self, failure: &Failure) -> Round {
        if self.progress.rechecked {
            return self.fail_all(failure);
        }
        // A look from after they were accepted is new enough.
        let Some(since) = self.tickets.iter().map(|ticket| ticket.job.accepted_at()).max() else {
            return Round::Recorded;
        };
        let errand = self.errand();
        let look = self.engine.catalogues.read_anew(self.engine.genesys.as_ref(), &errand, self.key.target, since);
        let catalogue = match look.await {
            Ok(catalogue) => catalogue,
            Err(error) => return self.recheck_failed(&errand, error, failure),
        };
        self.count_calls(&errand);
        self.progress.rechecked = true;
        let mut changed = false;
        for ticket in std::mem::take(&mut self.tickets) {
            match found_anew(&ticket, &catalogue) {
                Ok(found) => {
                    changed |= found.listed != ticket.listed;
                    self.tickets.push(found);
                }
                // Of an incomplete catalogue only what it shows is believed.
                Err(_) if catalogue.doubt(self.key.target).is_some() => self.tickets.push(ticket),
                Err(failure) => {
                    changed = true;
                    self.fail(&ticket, &failure);
                }
            }
        }
        match (changed, self.tickets.is_empty()) {
            (true, true) => Round::Recorded,
            (true, false) => {
                self.progress.must_read = true;
                Round::Again
            }
            (false, _) => self.fail_all(failure),
        }
    }

    /// A target's endpoint does not know the user. Whoever was named otherwise than by id may have another id now; and if the
    /// directory has the user, it is the endpoint that is not there, or does not have this one; or, if a write was answered so, it
    /// may be one of the skills that is gone.
    pub(in crate::engine) async fn recheck_user(&mut self, answer: &UpstreamAnswer, written: bool) -> Round {
        let errand = self.errand();
        let (gone, mut is_in_directory) = (Failure::user_gone(answer), false);
        let mut there = Vec::new();
        for ticket in std::mem::take(&mut self.tickets) {
            let named = ticket.job.open_request(ticket.index).map(|request| request.user);
            let named = named.unwrap_or(UserRef::Id(self.key.user));
            let since = ticket.job.accepted_at();
            let search = Search { genesys: self.engine.genesys.as_ref(), errand: &errand, since };
            match self.engine.directory.look_again(search, &named).await.map(Sought::Told) {
                Ok(found) => match find_user(self.engine, &named, &found) {
                    // What a write of it may have done stays with the user whom it was made for.
                    Ok(user) if user != self.key.user && self.may_have_begun(&ticket) => self.fail(&ticket, &gone),
                    Ok(user) if user != self.key.user => self.leave_with(ticket, user),
                    Ok(_) if written && !self.key.target.is_of_a_partner() => there.push(ticket),
                    Ok(_) => {
                        is_in_directory = true;
                        self.fail(&ticket, &Failure::target_lacks_user(self.key.target, answer));
                    }
                    Err(failure) => self.fail(&ticket, &failure),
                },
                Err(error) => {
                    self.tickets.extend(there.into_iter().chain([ticket]));
                    return self.recheck_failed(&errand, error, &gone);
                }
            }
        }
        self.count_calls(&errand);
        if is_in_directory {
            self.engine.endpoints.lacks_user(self.key.target, answer);
        }
        if there.is_empty() {
            return Round::Recorded;
        }
        // The user is there, so it is one of the skills that is not.
        self.tickets = there;
        self.recheck_assignments(&Failure::rejected(answer)).await
    }

    fn leave_with(&mut self, ticket: Ticket, user: UserId) {
        for row in ticket.indices() {
            ticket.job.resolved(row, user);
        }
        park(self.engine, UserKey { user, ..self.key }, ticket);
    }

    fn recheck_failed(&mut self, errand: &Errand, error: CallError, failure: &Failure) -> Round {
        self.count_calls(errand);
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

/// The ticket with what its rows list by the ids of this catalogue.
fn found_anew(ticket: &Ticket, catalogue: &Catalogue) -> Result<Ticket, Failure> {
    let mut rows = Vec::new();
    for row in ticket.indices() {
        let Some(request) = ticket.job.open_request(row) else { continue };
        let (listed, _) = find_assignments(catalogue, &request.assignments, Creation::No, &mut Proposals::none())?;
        rows.push((row, listed));
    }
    let listed = Listed::together(rows.iter().map(|(_, listed)| &**listed));
    let listed = if listed == *ticket.listed { Arc::clone(&ticket.listed) } else { Arc::new(listed) };
    let rows = if ticket.rows.is_empty() { Arc::default() } else { rows.into() };
    Ok(Ticket { rows, listed, ..ticket.clone() })
}
