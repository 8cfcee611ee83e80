//! Finds who is missing from a full export, and judges whether that is plausible.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::exports::Exports;
use super::written::read;
use super::{KnownPeople, KnownPerson, OfSource, was_applied, written};
use crate::domain::entry::Presence;
use crate::domain::text::folded;
use crate::domain::{UserId, UserRef};
use crate::engine::Engine;
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError};

/// What is known of the people who are missing.
struct Missing<'k> {
    /// The exports that all of them have in common: from the latest `first` to the earliest `last`.
    exports: Option<Exports>,
    /// Of those whom no full export named, the earliest time at which one was last named; `None` if there are none.
    named_at: Option<Timestamp>,
    /// When an export first lacked one of them, if any did.
    since: Option<Timestamp>,
    /// The sender's ids of all of them; `None` if one has no id.
    sender_ids: Option<BTreeSet<&'k str>>,
}

impl KnownPeople {
    /// Notes for each person in a full export what their presence says about those who are `missing`. Must be called
    /// before the people in the export become known.
    ///
    /// A wrong export may be repeated, at once or after a correct one, or be preceded by a dry run or a delta, so its
    /// names are known by then. What counts is therefore whether a person was named together with the missing ones, in
    /// the same full export.
    pub(in crate::hris::intake) fn note_presence(
        &self,
        source: &Source,
        named: &mut [Mapped],
        missing: &[UserRef],
        engine: &Engine,
    ) {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return };
        let Some(missing) = of_source.missing(missing, engine) else { return };
        let mut in_any_case = HashMap::<String, &str>::new();
        if named.iter().any(|person| matches!(person.user, UserRef::EmployeeId(_))) {
            in_any_case.extend(of_source.by_name.keys().map(|text| (folded(text), &**text)));
        }
        for person in named {
            let Some(text) = written(&person.user) else { continue };
            let is_known = of_source.by_name.contains_key(&text);
            let text = if is_known { Some(&*text) } else { in_any_case.get(&folded(&text)).copied() };
            let known = text.and_then(|text| of_source.by_name.get(text));
            let was_found = text.is_some_and(|text| of_source.user_of(text, engine).is_some());
            person.presence = match known {
                Some(known) if was_found && missing.were_beside(known) => Presence::NamedAgain,
                Some(known) if !was_found && missing.were_surely_beside(known) => Presence::Unremarkable,
                Some(_) | None if missing.may_be(person) => Presence::NewName,
                Some(_) | None => Presence::Unremarkable,
            };
        }
    }

    /// Notes that a full export has named these people. Durable when it returns, except for exports that follow each
    /// other within hours, which are kept only in memory.
    pub(in crate::hris::intake) async fn note_export(
        &self,
        journal: &dyn Journal,
        source: &Source,
        named: impl Iterator<Item = &UserRef>,
    ) -> Result<(), JournalError> {
        let texts: BTreeSet<_> = named.filter_map(written).collect();
        let _writing = self.writing.of(texts.iter().map(|text| &**text)).await;
        let last = self.clock.now();
        let changes = {
            let mut people = self.lock();
            let Some(of_source) = people.get_mut(&source.name) else { return Ok(()) };
            let before = of_source.last_export.replace(last);
            let mut changes = Vec::new();
            for text in texts {
                let Some(known) = of_source.by_name.get_mut(&text) else { continue };
                let going_on = known.exports.filter(|exports| Some(exports.last) == before);
                let first = going_on.map_or(last, |exports| exports.first);
                // A continued series is written together with the next renewal of the person.
                let is_worth_it = going_on.is_none() || before.is_none_or(|before| known.named_at > before);
                known.exports = Some(Exports { first, last });
                if is_worth_it {
                    changes.push((text, Some(known.clone())));
                }
            }
            changes
        };
        if changes.is_empty() { Ok(()) } else { self.write(journal, &source.name, changes).await }
    }

    /// Notes that full exports lack these people from now on, unless they already did. Durable when it returns.
    pub(in crate::hris::intake) async fn note_missing(
        &self,
        journal: &dyn Journal,
        source: &Source,
        missing: &[UserRef],
    ) -> Result<(), JournalError> {
        let texts: Vec<_> = missing.iter().filter_map(written).collect();
        let _writing = self.writing.of(texts.iter().map(|text| &**text)).await;
        let missing_since = Some(self.clock.now());
        let known = |text: Box<str>| {
            let people = self.lock();
            let known = people.get(&source.name)?.by_name.get(&text)?;
            let is_new = known.missing_since.is_none();
            is_new.then(|| (text, Some(KnownPerson { missing_since, is_written: true, ..known.clone() })))
        };
        let changes: Vec<_> = texts.into_iter().filter_map(known).collect();
        if changes.is_empty() { Ok(()) } else { self.write(journal, &source.name, changes).await }
    }

    /// Returns everyone whom the source named by the same kind of key as `like`, except those in `present`. An employee
    /// id that is present in another case is missing only if it is known to belong to a different user.
    pub(in crate::hris::intake) fn missing(
        &self,
        source: &Source,
        like: &UserRef,
        present: &BTreeSet<Box<str>>,
        engine: &Engine,
    ) -> Vec<UserRef> {
        let people = self.lock();
        let Some(known) = people.get(&source.name) else { return Vec::new() };
        let mut in_any_case = HashMap::<String, Vec<&str>>::new();
        if matches!(like, UserRef::EmployeeId(_)) {
            for text in present {
                in_any_case.entry(folded(text)).or_default().push(text);
            }
        }
        let is_another = |text: &str, other: &str| {
            known.user_of(text, engine).zip(known.user_of(other, engine)).is_some_and(|(user, other)| user != other)
        };
        let is_there = |text: &str| {
            in_any_case.get(&folded(text)).is_some_and(|same| same.iter().any(|other| !is_another(text, other)))
        };
        // A person who was only planned in a dry run was never named.
        let is_named = |text: &str, person: &KnownPerson| !person.is_planned || was_applied(&source.name, text, engine);
        let absent = known.by_name.iter().filter(|(text, _)| !present.contains(*text) && !is_there(text));
        let absent = absent.filter(|(text, person)| is_named(text, person)).filter_map(|(text, _)| read(text));
        absent.filter(|user| std::mem::discriminant(user) == std::mem::discriminant(like)).collect()
    }

    /// Returns the user that a name given by the source last led to.
    pub(in crate::hris::intake) fn user_of(&self, source: &Source, named: &UserRef, engine: &Engine) -> Option<UserId> {
        self.lock().get(&source.name)?.user_of(&written(named)?, engine)
    }

    /// Returns the users that the names in `present` last led to.
    pub(in crate::hris::intake) fn users_of(
        &self,
        source: &Source,
        present: &BTreeSet<Box<str>>,
        engine: &Engine,
    ) -> BTreeSet<UserId> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return BTreeSet::new() };
        present.iter().filter_map(|text| of_source.user_of(text, engine)).collect()
    }
}

impl OfSource {
    /// Collects what is known of the people who are missing; `None` if nothing is.
    fn missing<'k>(&'k self, missing: &[UserRef], engine: &Engine) -> Option<Missing<'k>> {
        let named = |user: &UserRef| {
            let text = written(user)?;
            Some((self.user_of(&text, engine), self.by_name.get(&text)?))
        };
        let known: Vec<(Option<UserId>, &KnownPerson)> = missing.iter().filter_map(named).collect();
        if known.is_empty() {
            return None;
        }
        // A person with several names was named under all of them.
        let mut by_user = HashMap::<UserId, Exports>::new();
        for (user, exports) in known.iter().filter_map(|(user, known)| Some(((*user)?, known.exports?))) {
            let all = by_user.entry(user).or_insert(exports);
            *all = Exports { first: all.first.min(exports.first), last: all.last.max(exports.last) };
        }
        let unknown = known.iter().filter(|(user, _)| user.is_none()).filter_map(|(_, known)| known.exports);
        let exports = || by_user.values().copied().chain(unknown.clone());
        let (first, last) = (exports().map(|exports| exports.first).max(), exports().map(|exports| exports.last).min());
        let known_by_export = |user: Option<UserId>| user.is_some_and(|user| by_user.contains_key(&user));
        let others = known.iter().filter(|(user, known)| known.exports.is_none() && !known_by_export(*user));
        let others = others.map(|(_, known)| known);
        let known = || known.iter().map(|(_, known)| known);
        Some(Missing {
            exports: first.zip(last).map(|(first, last)| Exports { first, last }),
            named_at: others.map(|known| known.named_at).min(),
            since: known().filter_map(|known| known.missing_since).min(),
            sender_ids: known().map(|known| known.sender_id.as_deref()).collect(),
        })
    }

    /// Returns the user that a name led to.
    pub(super) fn user_of(&self, text: &str, engine: &Engine) -> Option<UserId> {
        let called = read(text).and_then(|named| engine.user_called(&named));
        called.or_else(|| self.by_name.get(text)?.user)
    }
}

impl Missing<'_> {
    /// Returns whether full exports named this person together with each of the missing; `None` if they never named one
    /// of the two.
    fn share_exports_with(&self, known: &KnownPerson) -> Option<bool> {
        let (theirs, exports) = (self.exports?, known.exports?);
        Some(exports.first <= theirs.last && exports.last >= theirs.first)
    }

    /// Returns whether this person was named while the missing were.
    fn were_beside(&self, known: &KnownPerson) -> bool {
        self.share_exports_with(known).unwrap_or_else(|| self.since.is_none_or(|missing| known.since < missing))
    }

    /// Returns whether this person certainly is none of the missing.
    fn were_surely_beside(&self, known: &KnownPerson) -> bool {
        let shared = self.share_exports_with(known).unwrap_or(self.exports.is_none());
        shared && self.named_at.is_none_or(|named_at| known.since <= named_at)
    }

    /// Returns whether a new person may be one of the missing.
    fn may_be(&self, person: &Mapped) -> bool {
        match (&person.sender_id, &self.sender_ids) {
            (Some(id), Some(theirs)) => theirs.contains(&**id),
            (None, _) | (_, None) => true,
        }
    }
}
