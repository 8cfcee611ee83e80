//! Forgetting a person, wherever a source has named them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::written::{read, written};
use super::{KnownPeople, gone_key};
use crate::domain::{UserId, UserRef};
use crate::engine::{Engine, ErasureError, PersonIdentity};
use crate::journal::{JournalError, Memo};

impl KnownPeople {
    /// Forgets a person in each source, together with `erase`, which receives the memos to write. No one becomes known
    /// in the meantime.
    pub(in crate::hris::intake) async fn erase<T>(
        &self,
        person: &PersonIdentity,
        engine: &Engine,
        erase: impl AsyncFnOnce(Vec<Memo>) -> Result<T, ErasureError>,
    ) -> Result<T, ErasureError> {
        let _writing = self.writing.everybody().await;
        let mut theirs = self.places_of(person);
        theirs.extend(self.departures_of(person));
        let handed_on = self.handed_on_by(person, engine);
        let memos = theirs.iter().flat_map(|(source, text)| self.memos(source, text, None));
        let after = handed_on.iter().flat_map(|(source, text, known)| self.memos(source, text, Some(known)));
        let erased = erase(memos.chain(after).collect()).await;
        if matches!(erased, Ok(_) | Err(ErasureError::Journal(JournalError::StillInFiles(_)))) {
            self.have_one_key(theirs.iter().map(|(source, text)| (source, text)));
            let mut people = self.lock();
            for (source, text) in theirs {
                if let Some(known) = people.get_mut(&source) {
                    known.remove(&text);
                }
            }
            for (source, text, known) in handed_on {
                people.entry(source).or_default().insert(text, known);
            }
        }
        erased
    }

    /// Returns the sender's ids of a person, over all sources.
    pub(in crate::hris::intake) fn sender_ids_of(&self, person: &PersonIdentity) -> Vec<Box<str>> {
        let places = self.places_of(person);
        let people = self.lock();
        let id = |(source, text): &(Arc<str>, Box<str>)| people.get(source)?.by_name.get(text)?.sender_id.clone();
        places.iter().filter_map(id).collect()
    }

    /// Returns the names that sources have given to a person, shown by the sender's id, and by which nobody was found.
    pub(in crate::hris::intake) fn unfound_names_of(&self, person: &PersonIdentity, engine: &Engine) -> Vec<UserRef> {
        let places = self.places_of(person);
        let people = self.lock();
        let mut names = Vec::new();
        for (source, text) in &places {
            let Some(of_source) = people.get(source) else { continue };
            let is_unfound = |(text, _): &(&str, _)| of_source.user_of(text, engine).is_none();
            names.extend(of_source.sharing_id_with(text).filter(is_unfound).filter_map(|(text, _)| read(text)));
        }
        names
    }

    /// Returns where it is remembered that a person has left: under the ids that the sender gave them, with names that
    /// are theirs or were.
    fn departures_of(&self, person: &PersonIdentity) -> Vec<(Arc<str>, Box<str>)> {
        let places = self.places_of(person);
        let former = self.were_called_by(person);
        let people = self.lock();
        let known = |(source, text): &(Arc<str>, Box<str>)| people.get(source)?.by_name.get(text);
        let ids = |place: &(Arc<str>, Box<str>)| {
            let ids = known(place).into_iter().flat_map(|known| known.sender_id.iter().chain(&known.former_id));
            ids.map(|id| (Arc::clone(&place.0), id.clone())).collect::<Vec<_>>()
        };
        let former = former.into_iter().filter_map(|(source, _, known)| Some((source, known.former_id?)));
        let gone = places.iter().flat_map(ids).chain(former).map(|(source, id)| (source, gone_key(&id)));
        gone.filter(|(source, text)| people.get(source).is_some_and(|known| known.by_name.contains_key(text))).collect()
    }

    /// Returns where a person is known: as their user, or by name where the user is unknown.
    pub(super) fn places_of(&self, person: &PersonIdentity) -> Vec<(Arc<str>, Box<str>)> {
        let names: BTreeSet<_> = person.names.iter().filter_map(written).collect();
        let mut places = Vec::new();
        for (source, known) in &*self.lock() {
            let theirs = known.by_name.iter().filter(|(text, known)| match known.user {
                Some(user) => person.user == Some(user),
                None => names.contains(*text),
            });
            places.extend(theirs.map(|(text, _)| (Arc::clone(source), text.clone())));
        }
        places
    }

    /// Returns the users that a name has turned out to be, over all sources.
    pub(in crate::hris::intake) fn users_named(&self, name: &UserRef) -> Vec<UserId> {
        let Some(text) = written(name) else { return Vec::new() };
        self.lock().values().filter_map(|known| known.by_name.get(&text)?.user).collect()
    }

    /// Returns the names that sources have given to a user.
    pub(in crate::hris::intake) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        let people = self.lock();
        let all = people.values().flat_map(|known| &known.by_name);
        all.filter(|(_, known)| known.user == Some(user)).filter_map(|(text, _)| read(text)).collect()
    }
}
