//! Forgetting a person, wherever a source has named them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::KnownPeople;
use super::written::{read, written};
use crate::domain::{UserId, UserRef};
use crate::engine::{ErasureError, PersonIdentity};
use crate::journal::{JournalError, Memo};

impl KnownPeople {
    /// Forgets a person in each source, together with `erase`, which receives the memos to write. No one becomes known
    /// in the meantime.
    pub(in crate::hris::intake) async fn erase<T>(
        &self,
        person: &PersonIdentity,
        erase: impl AsyncFnOnce(Vec<Memo>) -> Result<T, ErasureError>,
    ) -> Result<T, ErasureError> {
        let _writing = self.writing.everybody().await;
        let theirs = self.places_of(person);
        let handed_on = self.handed_on_by(person);
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

    /// Returns where a person is known: as their user, or by name where the user is unknown.
    fn places_of(&self, person: &PersonIdentity) -> Vec<(Arc<str>, Box<str>)> {
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
