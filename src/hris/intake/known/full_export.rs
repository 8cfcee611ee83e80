//! Whom a full export does not name, and whether that can be believed.

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

/// What is known of those who are missing.
struct Missing<'k> {
    /// What the exports that named each of them have in common: the last of the first ones, and the first of the last ones.
    exports: Option<Exports>,
    /// When the first of those was named last whom no full export named; absent if there are none.
    named_at: Option<Timestamp>,
    /// When an export first lacked one of them, if one did before.
    since: Option<Timestamp>,
    /// What the sender calls them, unless it has not said so of each.
    sender_ids: Option<BTreeSet<&'k str>>,
}

impl KnownPeople {
    /// Says of people whom a full export names what that tells of those who are `missing`. To be asked before it is learnt that
    /// they were named.
    ///
    /// An export that is wrong comes again, at once or after a right one, or comes as a dry run or a delta before, and what it names
    /// is known by then. So it counts who was named beside those who are missing: by one full export.
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

    /// A full export has named these. Durable when it answers, but for exports that follow each other within hours: those are kept in
    /// memory.
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
                // Going on is written down with what else is renewed of them.
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

    /// Full exports lack these from now on, if they did not before. Durable when it answers.
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

    /// Everybody whom the source named by the same kind of key as `like`, but for those in `present`. An employee id that is
    /// there in another case is missing only if it is known to be another user's.
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
        // Whoever was only planned was never named.
        let is_named = |text: &str, person: &KnownPerson| !person.is_planned || was_applied(&source.name, text, engine);
        let absent = known.by_name.iter().filter(|(text, _)| !present.contains(*text) && !is_there(text));
        let absent = absent.filter(|(text, person)| is_named(text, person)).filter_map(|(text, _)| read(text));
        absent.filter(|user| std::mem::discriminant(user) == std::mem::discriminant(like)).collect()
    }

    /// Whom a name that the source has given led to last.
    pub(in crate::hris::intake) fn user_of(&self, source: &Source, named: &UserRef, engine: &Engine) -> Option<UserId> {
        self.lock().get(&source.name)?.user_of(&written(named)?, engine)
    }

    /// Those of `present` as the users that their names led to last.
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
    fn missing<'k>(&'k self, missing: &[UserRef], engine: &Engine) -> Option<Missing<'k>> {
        let named = |user: &UserRef| {
            let text = written(user)?;
            Some((self.user_of(&text, engine), self.by_name.get(&text)?))
        };
        let known: Vec<(Option<UserId>, &KnownPerson)> = missing.iter().filter_map(named).collect();
        if known.is_empty() {
            return None;
        }
        // Somebody who had several names was named under all of them.
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

    /// Whom a name has led to.
    pub(super) fn user_of(&self, text: &str, engine: &Engine) -> Option<UserId> {
        let called = read(text).and_then(|named| engine.user_called(&named));
        called.or_else(|| self.by_name.get(text)?.user)
    }
}

impl Missing<'_> {
    /// Whether full exports named somebody beside each of them; `None` if they name one of both never.
    fn share_exports_with(&self, known: &KnownPerson) -> Option<bool> {
        let (theirs, exports) = (self.exports?, known.exports?);
        Some(exports.first <= theirs.last && exports.last >= theirs.first)
    }

    /// Whether somebody was named while they were.
    fn were_beside(&self, known: &KnownPerson) -> bool {
        self.share_exports_with(known).unwrap_or_else(|| self.since.is_none_or(|missing| known.since < missing))
    }

    /// Whether somebody can be none of them.
    fn were_surely_beside(&self, known: &KnownPerson) -> bool {
        let shared = self.share_exports_with(known).unwrap_or(self.exports.is_none());
        shared && self.named_at.is_none_or(|named_at| known.since <= named_at)
    }

    /// Whether somebody who is new may be one of them.
    fn may_be(&self, person: &Mapped) -> bool {
        match (&person.sender_id, &self.sender_ids) {
            (Some(id), Some(theirs)) => theirs.contains(&**id),
            (None, _) | (_, None) => true,
        }
    }
}
