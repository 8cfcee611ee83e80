//! Whole exports: everybody in them is mapped, and of a full one everybody who is missing has left.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Intake;
use super::known::{Order, named, written};
use crate::domain::Mode;
use crate::domain::UserRef;
use crate::domain::entry::{EntryOrder, Presence};
use crate::domain::job::{JobSpec, Urgency};
use crate::hris::mapping::{ExportForm, Mapped, MappingFault, PersonFault};
use crate::hris::source::Source;
use crate::journal::JournalError;
use crate::table::TakeRoom;

/// An export as it came.
#[expect(missing_debug_implementations, reason = "a closure has none")]
pub struct Export {
    pub form: ExportForm,
    pub body: Bytes,
    /// For what is kept of it while it is mapped.
    pub room: TakeRoom,
    /// Whether it names everybody, so that who is missing has left.
    pub full: bool,
}

/// What an export comes to: a job that is still to be submitted.
#[derive(Debug)]
pub struct Imported {
    pub spec: JobSpec,
    pub entries: Vec<EntryOrder>,
    /// People whose change had a date that has not come yet, and was taken as of now.
    pub dated_in_future: usize,
}

/// Why an export was not taken. Nothing of it is accepted then.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    #[error("there is no such source")]
    UnknownSource,
    #[error(transparent)]
    Mapping(#[from] MappingFault),
    #[error("people in it cannot be mapped")]
    People { named: Vec<PersonFault>, more: usize },
    #[error("it names nobody")]
    Empty,
    #[error("the mode of the source takes nothing away, so it has no leavers: send it with scope=delta")]
    NoLeavers,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Intake {
    /// The job that an export makes; submitting it is left to the caller, who may have a key for it.
    pub async fn import(&self, source: &str, export: Export) -> Result<Imported, ImportFault> {
        let source = self.0.sources.get(source).ok_or(ImportFault::UnknownSource)?;
        if export.full && source.mode == Mode::Add {
            return Err(ImportFault::NoLeavers);
        }
        let mut mapping = source.map_export(export.form, export.body, export.room).await?;
        if !mapping.faults.is_empty() {
            // In a full export a person who cannot be mapped would be taken for one who has left.
            return Err(ImportFault::People { named: mapping.faults, more: mapping.more_faults });
        }
        let Some(first) = mapping.people.first().map(|person| person.user.clone()) else {
            return Err(ImportFault::Empty);
        };
        for column in &mapping.loosely {
            tracing::info!(source = &*source.name, %column, "a column of an export is spelt in another way");
        }
        let dated_in_future = self.take_future_dates_as_now(&source, &mut mapping);
        if export.full {
            // Before it is learnt who is in it.
            self.0.known.note_presence(&source, &mut mapping.people, &self.0.engine);
        }
        self.0.known.learn(&*self.0.journal, &source, named(&mapping.people, Order::default())).await?;
        if export.full {
            let present = mapping.people.iter().filter_map(|person| written(&person.user)).collect();
            let leavers = self.leavers(&source, &first, &present).await?;
            let missing = |user| Mapped { presence: Presence::Missing, ..Mapped::leaver(user, None) };
            mapping.people.extend(leavers.into_iter().map(missing));
        }
        let (spec, entries) = source.job(&mapping, "import", Urgency::Bulk);
        Ok(Imported { spec, entries, dated_in_future })
    }

    /// Whom the source named before and does not name any more. Those of whom the engine knows that nothing of ours is
    /// left with them are forgotten instead, so that they do not cost a read with each export.
    async fn leavers(
        &self,
        source: &Source,
        like: &UserRef,
        present: &BTreeSet<Box<str>>,
    ) -> Result<Vec<UserRef>, JournalError> {
        let missing = self.0.known.missing(source, like, present);
        let (done, leavers): (Vec<_>, Vec<_>) = missing.into_iter().partition(|user| self.has_nothing(source, user));
        if !done.is_empty() {
            self.0.known.forget(&*self.0.journal, source, &done).await?;
        }
        Ok(leavers)
    }

    fn has_nothing(&self, source: &Source, user: &UserRef) -> bool {
        let Some(user) = self.0.engine.user(user) else { return false };
        // While something is under way for them, what they have is about to change.
        let settled = user.entries.iter().all(|(_, _, entry)| entry.state.is_terminal());
        settled && user.owned.iter().all(|(target, owned)| *target != source.target || owned.is_empty())
    }
}
