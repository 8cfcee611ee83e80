//! Looking at everyone from time to time: whom names have led to, and who is forgotten.

use std::sync::Arc;

use super::written::read;
use super::{AT_ONCE, KnownPeople, KnownPerson, before, was_applied};
use crate::domain::Owner;
use crate::engine::Engine;
use crate::journal::{Journal, JournalError};

impl KnownPeople {
    /// Goes through all people: notes the users that the engine has found for them, and forgets those who have not been
    /// named for longer than the retention and have nothing left that their source assigned. `owner_of` returns the owner
    /// of a source, if it is still configured.
    pub(in crate::hris::intake) async fn tidy_up(
        &self,
        journal: &dyn Journal,
        engine: &Engine,
        owner_of: impl Fn(&str) -> Option<Owner>,
    ) -> Result<(), JournalError> {
        let sources: Vec<_> = self.lock().keys().map(Arc::clone).collect();
        let mut forgotten = 0;
        for source in sources {
            let (mut after, owner) = (None, owner_of(&source));
            loop {
                let writing = self.writing.everybody().await;
                let some = self.some(&source, after.as_deref());
                let Some((last, _)) = some.last() else { break };
                after = Some(last.clone());
                let changes: Vec<_> = some
                    .into_iter()
                    .filter_map(|(text, known)| self.change(&source, owner.as_ref(), text, &known, engine))
                    .collect();
                forgotten += changes.iter().filter(|(_, known)| known.is_none()).count();
                if !changes.is_empty() {
                    self.write(journal, &source, changes).await?;
                }
                drop(writing);
                tokio::task::yield_now().await;
            }
        }
        if forgotten > 0 {
            tracing::info!(
                people = forgotten,
                "forgot people whom no source has named for longer than journal.retention"
            );
        }
        Ok(())
    }

    /// Returns the next people of a source, in order of their names.
    fn some(&self, source: &str, after: Option<&str>) -> Vec<(Box<str>, KnownPerson)> {
        let people = self.lock();
        let Some(known) = people.get(source).map(|known| &known.by_name) else { return Vec::new() };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = known.range::<str, _>((from, std::ops::Bound::Unbounded));
        range.take(AT_ONCE).map(|(text, known)| (text.clone(), known.clone())).collect()
    }

    /// Returns what must be written about a person, if anything; the inner `None` forgets them.
    fn change(
        &self,
        source: &str,
        owner: Option<&Owner>,
        text: Box<str>,
        known: &KnownPerson,
        engine: &Engine,
    ) -> Option<(Box<str>, Option<KnownPerson>)> {
        let view = read(&text).and_then(|named| engine.user(&named));
        let user = view.as_ref().map(|view| view.user).or(known.user);
        let is_open = view.is_some_and(|view| view.entries.iter().any(|(_, _, entry)| !entry.state.is_terminal()));
        let is_old = known.named_at < before(self.clock.now(), self.retention);
        if is_old && !is_open && user.is_none_or(|user| engine.owns_nothing_of(user, owner)) {
            return Some((text, None));
        }
        let handed_on = known.user.filter(|before| user != Some(*before));
        let before = || engine.user_called_before(&read(&text)?);
        let former_user = handed_on.or_else(before).or(known.former_user);
        let former_user = former_user.filter(|former| user != Some(*former) && !engine.owns_nothing_of(*former, owner));
        let is_planned = known.is_planned && !was_applied(source, &text, engine);
        let noted = KnownPerson { user, former_user, is_planned, is_written: true, ..known.clone() };
        (noted != *known).then_some((text, Some(noted)))
    }
}
