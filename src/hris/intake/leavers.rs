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
            let Some(KnownById { user, event_at }) = self.0.known.by_id(source, &record) else {
                unknown += 1;
                let at = occurred_at.unwrap_or_else(|| self.0.clock.now());
                self.0.known.remember_gone(&*self.0.journal, source, &record, at).await?;
                if self.0.waiting.waits_for_record(&source.name, &record) {
                    mapping.changed.push(Changed { record, occurred_at });
                }
                continue;
            };
            if reads(source) && occurred_at.is_some() && occurred_at < event_at {
                // Something newer was told of them: what they are now is in their record.
                mapping.changed.push(Changed { record, occurred_at });
            } else {
                // What was read of them has the date at which we asked; the sender's clock may be another.
                let occurred_at = occurred_at.filter(|_| !reads(source));
                mapping.people.insert(before, Mapped::leaver(user, occurred_at));
            }
        }
        if source.mode != Mode::Add {
            self.add_who_was_deleted_since(source, mapping);
        }
        Ok(unknown)
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
            let is_older = !person.leaver && person.occurred_at.is_some_and(|at| at <= gone_at);
            is_older.then(|| Mapped::leaver(person.user.clone(), Some(gone_at)))
        };
        let leavers: Vec<_> = mapping.people.iter().filter_map(deleted_since).collect();
        mapping.people.extend(leavers);
    }
}

/// Whether what becomes of a person is read from their record, with our own date.
fn reads(source: &Source) -> bool {
    source.record.is_some()
}
