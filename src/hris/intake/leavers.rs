//! People who have left, as reported by deliveries and records: often only by the sender's id.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::known::{KnownById, called, written};
use super::settlement::{Freshness, Settlement};
use super::{Intake, Parts};
use crate::domain::entry::Presence;
use crate::domain::text::as_it_reads;
use crate::domain::{Mode, UserRef};
use crate::hris::mapped::{Mapped, Mapping};
use crate::hris::people::Changed;
use crate::hris::source::Source;
use crate::journal::JournalError;

/// A leaver with no name, or only with names that are other people's by now.
#[derive(Debug)]
pub(super) struct GoneWithoutName {
    sender_id: Box<str>,
    occurred_at: Option<Timestamp>,
    /// Whether the source named the person before.
    was_named: bool,
}

impl Settlement<'_> {
    /// Turns leavers of whom only the sender's id was reported into the people whom the source named with that id
    /// before. Returns the number of leavers it never named: they have no owned assignments, and their deletion is
    /// remembered in case older deliveries about them arrive late.
    pub(super) async fn find_leavers(&self, mapping: &mut Mapping) -> Result<usize, JournalError> {
        let (intake, source, mut unknown) = (self.intake, self.source, 0);
        for (before, Changed { record, occurred_at }) in std::mem::take(&mut mapping.gone).into_iter().rev() {
            let mut names = self.names_of(&record);
            // What the same delivery says about them already counts.
            let is_called_so = |person: &&Mapped| person.sender_id.as_deref() == Some(&*record);
            let told = mapping.people.iter().filter(|person| !person.leaver && person.sender_id.is_some());
            let told = told.filter(|person| self.is_newest_holder(person));
            let (theirs, of_others): (Vec<_>, Vec<_>) = told.partition(is_called_so);
            names.retain(|name| !of_others.iter().any(|person| written(&person.user) == written(name)));
            for person in theirs {
                if !names.iter().any(|name| written(name) == written(&person.user)) {
                    names.push(person.user.clone());
                }
            }
            if names.is_empty() {
                let former = self.leavers_of_former_names(&record, occurred_at);
                if !former.is_empty() {
                    mapping.people.splice(before..before, former);
                    continue;
                }
                unknown += 1;
                self.remember_gone(mapping, &record, occurred_at).await?;
                if intake.0.waiting.waits_for_record(&source.name, &record) {
                    mapping.changed.push(Changed { record, occurred_at });
                }
                continue;
            }
            let leaver = |user| Mapped { sender_id: Some(record.clone()), ..Mapped::leaver(user, occurred_at) };
            mapping.people.splice(before..before, names.into_iter().map(leaver));
        }
        for GoneWithoutName { sender_id, occurred_at, was_named } in self.leave_by_id(mapping) {
            unknown += usize::from(!was_named);
            self.remember_gone(mapping, &sender_id, occurred_at).await?;
        }
        // Other changes of the person are read from the record and carry our date.
        if source.record.is_some() {
            self.date_leavers_like_records(mapping);
        }
        if source.mode != Mode::Add {
            self.add_who_was_deleted_since(mapping);
        }
        Ok(unknown)
    }

    /// Remembers that somebody whom the source never named has left, in case older deliveries about them arrive late.
    /// Durable when it returns.
    async fn remember_gone(
        &self,
        mapping: &Mapping,
        sender_id: &str,
        occurred_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let Parts { known, journal, clock, .. } = &*self.intake.0;
        let at = occurred_at.or(mapping.sent_at).unwrap_or_else(|| clock.now());
        known.remember_gone(&**journal, self.source, sender_id, at).await
    }

    /// Expands each leaver with a sender's id to everyone whom the sender named with that id, under all those names.
    /// The name given now counts as well, unless it belongs to another sender's id, or other names are known and no one
    /// was ever named by this one. Returns the leavers who have no name.
    pub(super) fn leave_by_id(&self, mapping: &mut Mapping) -> Vec<GoneWithoutName> {
        let people = std::mem::take(&mut mapping.people);
        let id_and_name = |person: &Mapped| Some((person.sender_id.clone()?, written(&person.user)?));
        let (leaving, told): (Vec<_>, Vec<_>) = people.iter().partition(|person| person.leaver);
        let mut leaving: BTreeSet<_> = leaving.into_iter().filter_map(id_and_name).collect();
        let told = told.into_iter().filter(|person| self.is_newest_holder(person));
        let told: BTreeSet<_> = told.filter_map(|person| written(&person.user)).collect();
        let (mut all, mut ids, mut nameless) = (Vec::with_capacity(people.len()), BTreeSet::new(), Vec::new());
        for person in people {
            let Some(id) = person.sender_id.as_deref().filter(|_| person.leaver) else {
                all.push(person);
                continue;
            };
            let mut names = self.names_of(id);
            let is_told = written(&person.user).is_some_and(|name| told.contains(&name));
            let was_named = !names.is_empty();
            let is_stray = was_named && !is_told && !self.intake.0.known.is_known(self.source, &person.user);
            names.retain(|name| {
                written(name).is_some_and(|name| !told.contains(&name) && leaving.insert((id.into(), name)))
            });
            let is_anothers = self.is_anothers(&person.user, id);
            let mut theirs: Vec<_> = names.into_iter().map(|user| Mapped { user, ..person.clone() }).collect();
            if ids.insert(Box::<str>::from(id)) {
                theirs.extend(self.leavers_of_former_names(id, person.occurred_at));
            }
            if !is_anothers && !is_stray {
                theirs.push(person);
            } else if theirs.is_empty() {
                let (sender_id, occurred_at) = (id.into(), person.occurred_at);
                nameless.push(GoneWithoutName { sender_id, occurred_at, was_named });
            }
            all.append(&mut theirs);
        }
        mapping.people = all;
        nameless
    }

    /// Removes the dates of leavers, so that they count as of now: records that were read carry the time of our
    /// request, and the sender's clock may differ. If something newer by the sender's clock was reported about a
    /// leaver, their record is read again to find out their present state.
    fn date_leavers_like_records(&self, mapping: &mut Mapping) {
        let Mapping { people, changed, sent_at, .. } = mapping;
        let signed_at = *sent_at;
        people.retain_mut(|person| {
            let event_at = |id: &str| {
                self.intake.0.known.by_id(self.source, id).into_iter().filter_map(|known| known.event_at).max()
            };
            let told_at = person.occurred_at.or(signed_at);
            match &person.sender_id {
                _ if !person.leaver => return true,
                Some(id) if told_at.is_some() && told_at < event_at(id) => {
                    changed.push(Changed { record: id.clone(), occurred_at: told_at });
                    return false;
                }
                Some(_) | None => {}
            }
            (person.occurred_at, *sent_at) = (None, None);
            true
        });
    }

    /// Does what [`Self::find_leavers`] does, for a record that the sender no longer has.
    pub(super) fn find_leaver_of_record(&self, mapping: &mut Mapping) {
        for (_, Changed { record, occurred_at }) in std::mem::take(&mut mapping.gone) {
            let names = self.names_of(&record).into_iter();
            mapping.people.extend(names.map(|user| Mapped::leaver(user, occurred_at)));
            mapping.people.extend(self.leavers_of_former_names(&record, occurred_at));
        }
        self.leave_by_id(mapping);
    }

    /// Returns whether a person leaves this name of theirs: if they may lose something, or if a plan may still give them
    /// something under it that they are not to have any more.
    fn has_to_leave(&self, known: &KnownById) -> bool {
        self.may_lose(&known.user) || (known.is_planned && self.has_nothing(&known.user))
    }

    /// Returns whether a name is somebody else's by now than the person's with this sender's id.
    fn is_anothers(&self, name: &UserRef, sender_id: &str) -> bool {
        self.intake.0.known.is_anothers(self.source, name, &as_it_reads(sender_id), &self.intake.0.engine)
    }

    /// Returns whether nothing newer is known that gives the person's name to somebody else.
    fn is_newest_holder(&self, person: &Mapped) -> bool {
        let (known, engine) = (&self.intake.0.known, &self.intake.0.engine);
        let is_late = |id| known.is_anothers_since(self.source, &person.user, id, person.occurred_at, engine);
        !person.sender_id.as_deref().is_some_and(is_late)
    }

    /// Returns the names that leave if the person with this sender's id leaves: all names that the sender ever gave
    /// with the id and that may have owned assignments, or the latest name if there are none.
    fn names_of(&self, record: &str) -> Vec<UserRef> {
        let mut names = self.intake.0.known.by_id(self.source, record);
        names.retain(|known| !self.is_anothers(&known.user, record));
        names.sort_by_key(|known| known.named_at);
        let last = names.pop();
        let former: Vec<_> = names.into_iter().filter(|known| self.has_to_leave(known)).collect();
        let last = last.filter(|known| former.is_empty() || self.has_to_leave(known));
        former.into_iter().chain(last).map(|known| known.user).collect()
    }

    /// Returns leavers for the users whom the sender meant by this id, under names that belong to others in Genesys by
    /// now.
    fn leavers_of_former_names(&self, record: &str, at: Option<Timestamp>) -> Vec<Mapped> {
        let former = self.intake.0.known.former_users_by_id(self.source, record, &self.intake.0.engine).into_iter();
        former.map(|(name, user)| Mapped { called: called(&name), ..Mapped::leaver(UserRef::Id(user), at) }).collect()
    }

    /// Adds leavers for the former names of people, found by the sender's id of each. In a delivery or a record, no id
    /// stands twice; rows of an export with one id are different people.
    pub(super) fn leave_former_names(&self, mapping: &mut Mapping, freshness: Freshness) {
        if self.source.mode == Mode::Add {
            return;
        }
        let people = std::mem::take(&mut mapping.people);
        let is_newest = |person: &&Mapped| freshness != Freshness::ByDate || self.is_newest_holder(person);
        let named: BTreeSet<_> = people.iter().filter(is_newest).filter_map(|person| written(&person.user)).collect();
        let mut all = Vec::with_capacity(people.len());
        for person in &people {
            let Some(id) = person.sender_id.as_deref().filter(|_| !person.leaver) else {
                all.push(person.clone());
                continue;
            };
            let text = written(&person.user);
            let known = self.intake.0.known.by_id(self.source, id);
            let others = || known.iter().filter(|known| written(&known.user) != text);
            let is_late =
                |event_at| freshness != Freshness::JustRead && person.occurred_at.is_some_and(|at| Some(at) < event_at);
            if others().any(|other| is_late(other.event_at)) {
                // The person has been renamed since, or has left.
                all.push(Mapped {
                    sender_id: person.sender_id.clone(),
                    was_called_so: true,
                    ..Mapped::leaver(person.user.clone(), person.occurred_at)
                });
                continue;
            }
            let is_known_here = |known: &&KnownById| written(&known.user).is_some_and(|text| named.contains(&text));
            let is_theirs = |known: &KnownById| !is_known_here(&known) && !self.is_anothers(&known.user, id);
            let before = others().filter(|known| is_theirs(known) && self.has_to_leave(known));
            let before = before.map(|known| known.user.clone());
            let leaver = |user| Mapped { presence: Presence::FormerName, ..Mapped::leaver(user, person.occurred_at) };
            all.extend(before.map(leaver));
            all.push(person.clone());
        }
        mapping.people = all;
    }

    /// Adds leavers for people whose deletion was reported before they were known, so that a late delivery about them
    /// does not prevail.
    fn add_who_was_deleted_since(&self, mapping: &mut Mapping) {
        let deleted_since = |person: &Mapped| {
            let id = person.sender_id.as_deref()?;
            let gone_at = self.intake.0.known.gone_at(self.source, id)?;
            let told_at = person.occurred_at.or(mapping.sent_at);
            // The name may be another's by now, whom nothing takes away.
            if self.intake.0.known.is_anothers_since(self.source, &person.user, id, told_at, &self.intake.0.engine) {
                return None;
            }
            let is_older = !person.leaver && told_at.is_some_and(|at| at <= gone_at);
            is_older.then(|| Mapped::leaver(person.user.clone(), Some(gone_at)))
        };
        let leavers: Vec<_> = mapping.people.iter().filter_map(deleted_since).collect();
        mapping.people.extend(leavers);
    }
}

impl Intake {
    /// Returns whether the source has named anyone with this sender's id, or identifies users by that id alone.
    pub(super) fn has_named(&self, source: &Source, record: &str) -> bool {
        source.names_users_by_their_id() || !self.0.known.by_id(source, record).is_empty()
    }
}
