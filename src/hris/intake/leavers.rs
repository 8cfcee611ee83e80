//! People who have left, as deliveries and records tell it: often by nothing but the sender's own id of them.

use std::sync::Arc;

use super::Intake;
use super::known::KnownById;
use crate::domain::Mode;
use crate::hris::mapping::{Mapped, Mapping};
use crate::hris::people::Changed;
use crate::hris::source::Source;
use crate::journal::JournalError;

impl Intake {
    /// Turns those of whom a delivery told only the sender's id into the people whom the source named with it before. Answers
    /// how many it never named: nothing of ours is with them, and that they were deleted is remembered for what comes late.
    pub(super) async fn find_leavers(
        &self,
        source: &Arc<Source>,
        mapping: &mut Mapping,
    ) -> Result<usize, JournalError> {
        let mut unknown = 0;
        for (before, Changed { record, occurred_at }) in std::mem::take(&mut mapping.gone).into_iter().rev() {
            let Some(KnownById { user, .. }) = self.0.known.by_id(source, &record) else {
                unknown += 1;
                let at = occurred_at.or(mapping.sent_at).unwrap_or_else(|| self.0.clock.now());
                self.0.known.remember_gone(&*self.0.journal, source, &record, at).await?;
                if self.0.waiting.waits_for_record(&source.name, &record) {
                    mapping.changed.push(Changed { record, occurred_at });
                }
                continue;
            };
            let leaver = Mapped { sender_id: Some(record), ..Mapped::leaver(user, occurred_at) };
            mapping.people.insert(before, leaver);
        }
        // Whether what becomes of a person is read from their record, with our own date.
        if source.record.is_some() {
            self.date_leavers_like_records(source, mapping);
        }
        if source.mode != Mode::Add {
            self.add_who_was_deleted_since(source, mapping);
        }
        Ok(unknown)
    }

    /// What was read of people has the date at which we asked, and the sender's clock may be another: who has left counts as of
    /// now. If something newer was told of them, by the sender's clock, what they are now is in their record.
    fn date_leavers_like_records(&self, source: &Source, mapping: &mut Mapping) {
        let Mapping { people, changed, sent_at, .. } = mapping;
        let signed_at = *sent_at;
        people.retain_mut(|person| {
            let event_at = |id: &str| self.0.known.by_id(source, id).and_then(|known| known.event_at);
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

    /// The same for a record that the sender does not have any more.
    pub(super) fn find_leaver_of_record(&self, source: &Source, mapping: &mut Mapping) {
        for (_, Changed { record, occurred_at }) in std::mem::take(&mut mapping.gone) {
            if let Some(KnownById { user, .. }) = self.0.known.by_id(source, &record) {
                mapping.people.push(Mapped::leaver(user, occurred_at));
            }
        }
    }

    /// Whether the source has named somebody with this id of its own, or names people by nothing else.
    pub(super) fn has_named(&self, source: &Source, record: &str) -> bool {
        source.names_users_by_their_id() || self.0.known.by_id(source, record).is_some()
    }

    /// What comes late about people who were deleted meanwhile, when nobody knew them yet, must not be the last word.
    fn add_who_was_deleted_since(&self, source: &Source, mapping: &mut Mapping) {
        let deleted_since = |person: &Mapped| {
            let gone_at = self.0.known.gone_at(source, person.sender_id.as_deref()?)?;
            let told_at = person.occurred_at.or(mapping.sent_at);
            let is_older = !person.leaver && told_at.is_some_and(|at| at <= gone_at);
            is_older.then(|| Mapped::leaver(person.user.clone(), Some(gone_at)))
        };
        let leavers: Vec<_> = mapping.people.iter().filter_map(deleted_since).collect();
        mapping.people.extend(leavers);
    }
}
