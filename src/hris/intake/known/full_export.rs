//! Whom a full export does not name, and whether that can be believed.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::written::read;
use super::{Known, KnownPeople, OfSource, written};
use crate::domain::entry::Presence;
use crate::domain::text::folded;
use crate::domain::{UserId, UserRef};
use crate::engine::Engine;
use crate::hris::mapping::Mapped;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError};

/// What is known of those who are missing.
struct Missing<'k> {
    /// When the first of them was named last.
    named_at: Timestamp,
    /// When an export first lacked one of them, if one did before.
    since: Option<Timestamp>,
    /// What the sender calls them, unless it has not said so of each.
    sender_ids: Option<BTreeSet<&'k str>>,
}

impl KnownPeople {
    /// Says of people whom a full export names what that tells of those who are `missing`. To be asked before it is learnt that
    /// they were named.
    ///
    /// An export that is wrong comes again the next night, or comes as a dry run or a delta before, and what it names is known by
    /// then. So whoever is named again has to have been named before anybody was missing, and whoever was never found, while all
    /// who are missing were still named.
    pub(in crate::hris::intake) fn note_presence(
        &self,
        source: &Source,
        named: &mut [Mapped],
        missing: &[UserRef],
        engine: &Engine,
    ) {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return };
        let Some(missing) = of_source.missing(missing) else { return };
        let mut in_any_case = HashMap::<String, &str>::new();
        if named.iter().any(|person| matches!(person.user, UserRef::EmployeeId(_))) {
            in_any_case.extend(of_source.by_name.keys().map(|text| (folded(text), &**text)));
        }
        for person in named {
            let Some(text) = written(&person.user) else { continue };
            let is_known = of_source.by_name.contains_key(&text);
            let text = if is_known { Some(&*text) } else { in_any_case.get(&folded(&text)).copied() };
            let since = text.and_then(|text| of_source.by_name.get(text)).map(|known| known.since);
            let was_found = text.is_some_and(|text| of_source.user_of(text, engine).is_some());
            person.presence = match since {
                Some(since) if was_found && missing.since.is_none_or(|missing| since < missing) => Presence::NamedAgain,
                Some(since) if since <= missing.named_at => Presence::Unremarkable,
                Some(_) | None if missing.may_be(person) => Presence::NewName,
                Some(_) | None => Presence::Unremarkable,
            };
        }
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
            is_new.then(|| (text, Some(Known { missing_since, is_written: true, ..known.clone() })))
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
        let absent = known.by_name.keys().filter(|text| !present.contains(*text) && !is_there(text));
        let absent = absent.filter_map(|text| read(text));
        absent.filter(|user| std::mem::discriminant(user) == std::mem::discriminant(like)).collect()
    }

    /// Whether a name that the source has given ever led to a user.
    pub(in crate::hris::intake) fn was_found(&self, source: &Source, named: &UserRef, engine: &Engine) -> bool {
        let Some(text) = written(named) else { return false };
        self.lock().get(&source.name).is_some_and(|known| known.user_of(&text, engine).is_some())
    }
}

impl OfSource {
    fn missing<'k>(&'k self, missing: &[UserRef]) -> Option<Missing<'k>> {
        let known: Vec<&Known> = missing.iter().filter_map(|user| self.by_name.get(&written(user)?)).collect();
        Some(Missing {
            named_at: known.iter().map(|known| known.named_at).min()?,
            since: known.iter().filter_map(|known| known.missing_since).min(),
            sender_ids: known.iter().map(|known| known.sender_id.as_deref()).collect(),
        })
    }

    /// Whom a name has led to.
    fn user_of(&self, text: &str, engine: &Engine) -> Option<UserId> {
        let noted = self.by_name.get(text).and_then(|known| known.user);
        noted.or_else(|| engine.user_called(&read(text)?))
    }
}

impl Missing<'_> {
    /// Whether somebody who is new may be one of them.
    fn may_be(&self, person: &Mapped) -> bool {
        match (&person.sender_id, &self.sender_ids) {
            (Some(id), Some(theirs)) => theirs.contains(&**id),
            (None, _) | (_, None) => true,
        }
    }
}
