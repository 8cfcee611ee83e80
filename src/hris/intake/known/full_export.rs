//! Whom a full export does not name, and whether that can be believed.

use std::collections::{BTreeSet, HashMap};

use super::written::read;
use super::{KnownPeople, OfSource, written};
use crate::domain::entry::Presence;
use crate::domain::text::folded;
use crate::domain::{UserId, UserRef};
use crate::engine::Engine;
use crate::hris::mapping::Mapped;
use crate::hris::source::Source;

impl KnownPeople {
    /// Says of people whom a full export names what that tells of those whom it does not name. To be asked before it is learnt
    /// that they were named.
    pub(in crate::hris::intake) fn note_presence(&self, source: &Source, named: &mut [Mapped], engine: &Engine) {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return };
        let mut in_any_case = HashMap::<String, &str>::new();
        if named.iter().any(|person| matches!(person.user, UserRef::EmployeeId(_))) {
            in_any_case.extend(of_source.by_name.keys().map(|text| (folded(text), &**text)));
        }
        for person in named {
            let Some(text) = written(&person.user) else { continue };
            let known = if of_source.by_name.contains_key(&text) {
                Some(&*text)
            } else {
                in_any_case.get(&folded(&text)).copied()
            };
            person.presence = of_source.presence_of(known, person, engine);
        }
    }

    /// Everybody whom the source named by the same kind of key as `like`, but for those in `present`. An employee id that is
    /// there in another case is missing only if it is known to be another user's.
    pub(in crate::hris::intake) fn missing(
        &self,
        source: &Source,
        like: &UserRef,
        present: &BTreeSet<Box<str>>,
    ) -> Vec<UserRef> {
        let people = self.lock();
        let Some(known) = people.get(&source.name).map(|known| &known.by_name) else { return Vec::new() };
        let user_of = |text: &str| known.get(text).and_then(|known| known.user);
        let mut in_any_case = HashMap::<String, Vec<&str>>::new();
        if matches!(like, UserRef::EmployeeId(_)) {
            for text in present {
                in_any_case.entry(folded(text)).or_default().push(text);
            }
        }
        let is_another =
            |text: &str, other: &str| user_of(text).zip(user_of(other)).is_some_and(|(user, other)| user != other);
        let is_there = |text: &str| {
            in_any_case.get(&folded(text)).is_some_and(|same| same.iter().any(|other| !is_another(text, other)))
        };
        let absent = known.keys().filter(|text| !present.contains(*text) && !is_there(text));
        let absent = absent.filter_map(|text| read(text));
        absent.filter(|user| std::mem::discriminant(user) == std::mem::discriminant(like)).collect()
    }
}

impl OfSource {
    /// What it tells that the source names somebody whom it is known to have named like that before, or not.
    fn presence_of(&self, known: Option<&str>, person: &Mapped, engine: &Engine) -> Presence {
        let was_found = |text: &str| {
            let user: Option<UserId> = self.by_name.get(text).and_then(|known| known.user);
            user.is_some() || read(text).is_some_and(|named| engine.user_called(&named).is_some())
        };
        let has_other_name = |id: &str| self.by_sender_id.contains_key(id);
        match known {
            Some(known) if was_found(known) => Presence::NamedAgain,
            // Whoever was never found has nothing to lose, under no name.
            Some(_) => Presence::Unremarkable,
            None if person.sender_id.as_deref().is_none_or(has_other_name) => Presence::NewName,
            None => Presence::Unremarkable,
        }
    }
}
