//! Settles what is told of people: which names are theirs, who has left, and what leavers may lose.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::known::{Turn, called, count_in_order_of_rows, written};
use super::{Intake, Parts, RequestOrigin};
use crate::domain::audit::{Actor, Asker};
use crate::domain::entry::EntryOrder;
use crate::domain::job::{JobSpec, Lane};
use crate::domain::text::folded;
use crate::domain::{JobId, UserId, UserRef};
use crate::engine::IdempotencyContext;
use crate::hris::mapped::{Mapped, Mapping};
use crate::hris::source::Source;
use crate::journal::JournalError;

/// How to decide whether what is reported about a person is newer than what was reported before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// By its date, if it has one.
    ByDate,
    /// By its date, if it has one; and since all rows describe the same time, people who share an id are different
    /// people.
    OfExport,
    /// It was read just now, so it is newer.
    JustRead,
}

/// Settles what one delivery, record or export of a source tells.
///
/// Invariant: from its creation until it is dropped, no other one settles anything about the same people. Its owner
/// keeps it until there is a job, so that the next one sees all that was told.
#[derive(Debug)]
pub(super) struct Settlement<'i> {
    pub(super) intake: &'i Intake,
    pub(super) source: &'i Arc<Source>,
    /// Names that rows looked at before are about to give something.
    told: BTreeSet<Box<str>>,
    turn: Turn,
}

impl Intake {
    /// Waits until nothing else is settled about the people in a mapping, nor about the names that they have or had.
    pub(super) async fn settle<'i>(&'i self, source: &'i Arc<Source>, mapping: &Mapping) -> Settlement<'i> {
        let ids = mapping.sender_ids().map(|id| format!("id {id}"));
        let mut keys: BTreeSet<_> = mapping.names().filter_map(name_key).chain(ids).collect();
        loop {
            let turn = self.0.known.settling.of(keys.iter().map(|key| &**key)).await;
            // Known only now: somebody else may have settled meanwhile that one of them has another name.
            let names = mapping.sender_ids().flat_map(|id| self.0.known.names_by_id(source, &id));
            let more: Vec<_> = names.filter_map(|name| name_key(&name)).filter(|key| !keys.contains(key)).collect();
            if more.is_empty() {
                return Settlement { intake: self, source, told: BTreeSet::new(), turn };
            }
            keys.extend(more);
        }
    }

    /// Waits until nothing else is settled about anyone, if the export tells ids of people. Otherwise no one in it has a
    /// former name, and deliveries need not wait for it.
    pub(super) async fn settle_export<'i>(&'i self, source: &'i Arc<Source>, mapping: &Mapping) -> Settlement<'i> {
        let tells_ids = mapping.sender_ids().next().is_some();
        let settling = &self.0.known.settling;
        let turn = if tells_ids { settling.everybody().await } else { settling.of(std::iter::empty()).await };
        Settlement { intake: self, source, told: BTreeSet::new(), turn }
    }
}

/// Returns the key under which turns about a name are taken, the same for all spellings.
fn name_key(name: &UserRef) -> Option<String> {
    Some(format!("name {}", folded(name.text()?)))
}

impl Settlement<'_> {
    /// Lets rows of a record that give a name to somebody else count from now: the record of the one before may have been
    /// requested later and read earlier.
    pub(super) fn count_handed_on_from_now(&self, people: &mut [Mapped]) {
        let now = self.intake.0.clock.now();
        for person in people.iter_mut().filter(|person| !person.leaver) {
            let holder = self.intake.0.known.holder_of(self.source, &person.user);
            if holder.is_some_and(|holder| person.sender_id.as_ref().is_some_and(|id| *id != holder)) {
                person.occurred_at = person.occurred_at.max(Some(now));
            }
        }
    }

    /// Settles who leaves because of a delivery, and notes whom it names. Where its rows share names or ids, each row is
    /// looked at with all that the rows before it say, as if they had come one after another. Returns the number of
    /// leavers who were never named.
    pub(super) async fn settle_rows(&mut self, mapping: &mut Mapping) -> Result<usize, JournalError> {
        let Parts { known, journal, clock, engine, .. } = &*self.intake.0;
        let (now, mut leavers_unknown) = (clock.now(), 0);
        for mut part in mapping.take_parts() {
            leavers_unknown += self.find_leavers(&mut part).await?;
            self.leave_former_names(&mut part, Freshness::ByDate);
            let sent_at = part.sent_at;
            known.learn_in_order(&**journal, engine, self.source, &mut part.people, sent_at, now).await?;
            self.told.extend(part.people.iter().filter_map(|person| written(&person.user)));
            mapping.people.append(&mut part.people);
            mapping.changed.append(&mut part.changed);
        }
        count_in_order_of_rows(&mut mapping.people, now);
        Ok(leavers_unknown)
    }

    /// Submits a job for a delivery or a record: in the lane `interactive`, unless it is as large as an export.
    pub(super) async fn submit(
        &self,
        under: IdempotencyContext,
        mapping: Mapping,
        request: RequestOrigin,
    ) -> Result<JobId, JournalError> {
        let few = mapping.people.len() <= Lane::MAX_INTERACTIVE_ENTRIES;
        let lane = if few { Lane::Interactive } else { Lane::Bulk };
        let (spec, entries) = self.job(mapping, "webhook", lane);
        let RequestOrigin { address, request_id } = request;
        let actor = Actor::Source(Arc::clone(&self.source.name));
        let engine = self.intake.0.engine.on_behalf_of(Asker { actor, address, request_id });
        Ok(engine.submit_under(Some(under), spec, entries).await?.id)
    }

    /// Builds the job of a mapping. The people in it must be known by now.
    pub(super) fn job(&self, mut mapping: Mapping, via: &str, lane: Lane) -> (JobSpec, Vec<EntryOrder>) {
        self.name_leavers(&mut mapping.people);
        self.source.job(&mapping, via, lane)
    }

    /// Ends the settlement, but not the turn.
    pub(super) fn into_turn(self) -> Turn {
        self.turn
    }

    /// Returns whether a leaver of this name may lose something.
    pub(super) fn may_lose(&self, user: &UserRef) -> bool {
        let is_told = written(user).is_some_and(|text| self.told.contains(&text));
        is_told || (!self.has_nothing(user) && self.may_have_something(user))
    }

    /// Returns whether a person of this name may have owned assignments: not if the name never led to a user and
    /// nothing under way may lead it to one.
    pub(super) fn may_have_something(&self, user: &UserRef) -> bool {
        let engine = &self.intake.0.engine;
        // Asked again, because an entry that ended in the meantime may have led to a user.
        self.user_of(user).is_some() || engine.is_open_name(user) || self.user_of(user).is_some()
    }

    /// Returns the user that a name led to last.
    fn user_of(&self, named: &UserRef) -> Option<UserId> {
        self.intake.0.known.user_of(self.source, named, &self.intake.0.engine)
    }

    /// Replaces the names of leavers by the users that they are known to be, since the name may belong to someone else
    /// in Genesys by now, or to no one.
    fn name_leavers(&self, people: &mut [Mapped]) {
        for person in people.iter_mut().filter(|person| person.leaver) {
            let Some(user) = self.user_of(&person.user) else { continue };
            // A look-up under way may lead the name to another user.
            if self.intake.0.engine.is_open_name(&person.user) {
                continue;
            }
            person.called = called(&person.user);
            person.user = UserRef::Id(user);
        }
    }

    /// Returns whether the engine knows that the user has no assignments of this source's owner on its target.
    pub(super) fn has_nothing(&self, user: &UserRef) -> bool {
        let Some(user) = self.intake.0.engine.user(user) else { return false };
        // Pending entries are about to change what the user has.
        let settled = user.entries.iter().all(|(_, _, entry)| entry.state.is_terminal());
        settled
            && user
                .owned
                .iter()
                .all(|(target, owned)| *target != self.source.target || !owned.has_any_of(&self.source.owner))
    }
}
