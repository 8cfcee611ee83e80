//! Names that belong to another user in Genesys by now: whoever had such a name before may still have owned
//! assignments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::written::{read, written};
use super::{KnownPeople, KnownPerson, OfSource};
use crate::domain::text::as_it_reads;
use crate::domain::{UserId, UserRef};
use crate::engine::{Engine, PersonIdentity};
use crate::hris::source::Source;

impl KnownPeople {
    /// Returns the users that names of the source led to before they led to others, and to whom no other name of any
    /// source leads. They may have owned assignments, and no name of theirs can be missing from an export.
    pub(in crate::hris::intake) fn former_users(
        &self,
        source: &Source,
        present: &BTreeSet<UserId>,
        engine: &Engine,
    ) -> Vec<(UserRef, UserId)> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Vec::new() };
        let mut former = Vec::new();
        for (text, known) in &of_source.by_name {
            let before = of_source.users_before(text, known, engine);
            former.extend(before.into_iter().filter(|user| !present.contains(user)).map(|user| (&**text, user)));
        }
        if former.is_empty() {
            return Vec::new();
        }
        let mut named_as = HashMap::<UserId, usize>::new();
        for user in people.values().flat_map(|of_source| of_source.by_name.values()).filter_map(|known| known.user) {
            *named_as.entry(user).or_default() += 1;
        }
        let is_nobodys = |(text, user): &(&str, UserId)| {
            let here = usize::from(of_source.by_name.get(*text).is_some_and(|known| known.user == Some(*user)));
            named_as.get(user).copied().unwrap_or_default() == here
                && !engine.owns_nothing_of(*user, Some(&source.owner))
        };
        let former = former.into_iter().filter(is_nobodys);
        former.filter_map(|(text, user)| Some((read(text)?, user))).collect()
    }

    /// Returns the users that names led to while the sender gave these names to the person with this id, and that
    /// belong to others now, each with such a name. Leaves out users that a name of the source still leads to.
    pub(in crate::hris::intake) fn former_users_by_id(
        &self,
        source: &Source,
        sender_id: &str,
        engine: &Engine,
    ) -> Vec<(UserRef, UserId)> {
        let people = self.lock();
        let (Some(of_source), id) = (people.get(&source.name), as_it_reads(sender_id)) else { return Vec::new() };
        let mut former = Vec::new();
        for text in of_source.by_sender_id.get(&*id).into_iter().flatten() {
            let known = of_source.by_name.get(text).filter(|known| known.former_id.as_deref() == Some(&*id));
            let (Some(known), Some(name)) = (known, read(text)) else { continue };
            former.extend(of_source.users_before(text, known, engine).into_iter().map(|user| (name.clone(), user)));
        }
        former.retain(|(_, user)| {
            let is_named = |text: &str, known: &KnownPerson| {
                known.user == Some(*user) && of_source.user_of(text, engine) == Some(*user)
            };
            !of_source.by_name.iter().any(|(text, known)| is_named(text, known))
                && !engine.owns_nothing_of(*user, Some(&source.owner))
        });
        former
    }

    /// Returns the names that a person had and others have now, each without its reference to the person, and the names
    /// of others that the sender gave with the person's id before it gave theirs, each without that id.
    pub(super) fn handed_on_by(
        &self,
        person: &PersonIdentity,
        engine: &Engine,
    ) -> Vec<(Arc<str>, Box<str>, KnownPerson)> {
        let mut rewritten = BTreeMap::new();
        for (source, text, known) in self.misnamed_as(person, engine) {
            rewritten.insert((source, text), KnownPerson { sender_id: None, ..known });
        }
        for (source, text, known) in self.were_called_by(person) {
            let known = rewritten.remove(&(Arc::clone(&source), text.clone())).unwrap_or(known);
            rewritten.insert((source, text), KnownPerson { former_user: None, former_id: None, ..known });
        }
        rewritten.into_iter().map(|((source, text), known)| (source, text, known)).collect()
    }

    /// Returns the names of other users that the sender gave with the person's id before it gave theirs.
    fn misnamed_as(&self, person: &PersonIdentity, engine: &Engine) -> Vec<(Arc<str>, Box<str>, KnownPerson)> {
        let places = self.places_of(person);
        let people = self.lock();
        let mut found = Vec::new();
        for (source, text) in &places {
            let Some(of_source) = people.get(source) else { continue };
            let Some(theirs) = of_source.by_name.get(text) else { continue };
            let is_before = |(text, known): &(&str, &KnownPerson)| {
                let user = of_source.user_of(text, engine);
                user.is_some() && user != person.user && known.was_given_before(theirs)
            };
            let before = of_source.sharing_id_with(text).filter(is_before);
            found.extend(before.map(|(text, known)| (Arc::clone(source), text.into(), known.clone())));
        }
        found
    }

    /// Returns the names that a person had and others have now.
    pub(super) fn were_called_by(&self, person: &PersonIdentity) -> Vec<(Arc<str>, Box<str>, KnownPerson)> {
        let names: BTreeSet<_> = person.names.iter().filter_map(written).collect();
        let is_theirs = |text: &str, known: &KnownPerson| {
            if known.former_user.is_some() {
                return known.former_user == person.user;
            }
            let is_anothers = known.user.is_some() && known.user != person.user;
            known.former_id.is_some() && is_anothers && names.contains(text)
        };
        let people = self.lock();
        let all = people.iter().flat_map(|(source, known)| known.by_name.iter().map(move |person| (source, person)));
        let theirs = all.filter(|(_, (text, known))| is_theirs(text, known));
        theirs.map(|(source, (text, known))| (Arc::clone(source), text.clone(), known.clone())).collect()
    }
}

impl OfSource {
    /// Returns the other names that the sender gave with the same id as this one.
    pub(super) fn sharing_id_with(&self, text: &str) -> impl Iterator<Item = (&str, &KnownPerson)> {
        let id = self.by_name.get(text).and_then(|known| known.sender_id.as_ref());
        let same = id.and_then(|id| self.by_sender_id.get(id)).into_iter().flatten();
        let known = same.filter(move |other| &***other != text).filter_map(|other| self.by_name.get_key_value(other));
        known.filter(move |(_, known)| known.sender_id.as_ref() == id).map(|(text, known)| (&**text, known))
    }

    /// Returns the users that a name led to before it led to its present one.
    fn users_before(&self, text: &str, known: &KnownPerson, engine: &Engine) -> BTreeSet<UserId> {
        let now = self.user_of(text, engine);
        let told_before = read(text).and_then(|named| engine.user_called_before(&named));
        let before = [known.former_user, known.user, told_before].into_iter().flatten();
        before.filter(|user| Some(*user) != now).collect()
    }
}
