//! Maps a body to what a source asks for: reads it, then applies the rules.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::export::Gathering;
use super::filter::{self};
use super::mapped::{ExportForm, Mapped, Mapping, MappingError, PersonFault, SharedParts};
use super::people::{Changed, Everybody, NotUnderstood, PayloadPlace, Person, Told};
use super::senders::{self, Reading};
use super::source::Source;
use super::table;
use crate::charset::{self, Charset};
use crate::domain::entry::{EntryOrder, Presence, SharedLists};
use crate::domain::job::{JobSpec, Lane, SameUser};
use crate::domain::text::as_it_reads;
use crate::domain::{Mode, UserRef};
use crate::table::{Table, TakeRoom, Workbook};

/// Returns the label of a job, for example `webhook hr`.
fn label(way: &str, source: &str) -> Box<str> {
    format!("{way} {source}").into()
}

impl Source {
    /// How exports arrive, in labels of jobs.
    pub(super) const IMPORT: &str = "import";

    /// Maps the body of a delivery.
    pub async fn map_delivery(&self, headers: &HeaderMap, body: &[u8]) -> Result<Mapping, MappingError> {
        let kind = content_type(headers);
        let charset = Charset::declared(kind).map_err(|unknown| NotUnderstood::new(unknown.to_string()))?;
        let charset = charset.or(self.charset);
        let told = match &self.filter {
            Some(filter) => {
                filter::people(&self.runner.run(filter, text(body, charset)?.as_bytes()).await?, &self.zone)?
            }
            None if is_csv(kind) => {
                let mut everybody = Everybody::default();
                table::each_row(&mut Table::csv(body, charset), &mut everybody).await?;
                everybody.told()
            }
            None => senders::read(self.reading(), text(body, charset)?.as_bytes(), headers)?,
        };
        if !told.changed.is_empty() && self.record.is_none() {
            return Err(MappingError::NoRecord(Arc::clone(&self.name)));
        }
        Ok(self.map(told))
    }

    /// Maps an export. Rows about the same user are merged, because people with two positions have two rows.
    pub async fn map_export(
        self: &Arc<Self>,
        form: ExportForm,
        body: Bytes,
        room: TakeRoom,
    ) -> Result<Mapping, MappingError> {
        let charset = match form {
            ExportForm::Json(charset) => charset.or(self.charset),
            ExportForm::Csv(charset) => {
                let mut gathering = Gathering::new(self, room);
                table::each_row(&mut Table::csv(&*body, charset.or(self.charset)), &mut gathering).await?;
                drop(body);
                return gathering.mapping();
            }
            ExportForm::Xlsx { sheet, unpacked } => {
                let sheet = sheet.or_else(|| self.sheet.clone());
                let room = shared(room);
                let mut gathering = Gathering::new(self, room());
                let mut table = Table::<&[u8]>::xlsx(Workbook { file: body, sheet, unpacked, room: room() });
                table::each_row(&mut table, &mut gathering).await?;
                drop(table);
                return gathering.mapping();
            }
        };
        let body = match text(&body, charset)? {
            Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        };
        let yielded = match &self.filter {
            Some(filter) => Some(self.runner.run(filter, &body).await?),
            None => None,
        };
        let source = Arc::clone(self);
        // Runs on the blocking pool, because the event loop has requests to answer in the meantime.
        let gathered = tokio::task::spawn_blocking(move || {
            let mut gathering = Gathering::new(&source, room);
            match yielded {
                Some(outputs) => {
                    let told = filter::people(&outputs, &source.zone)?;
                    says_everything(&told)?;
                    told.people.into_iter().try_for_each(|person| gathering.person(person))?;
                }
                None => senders::each_record(&body, &mut gathering)?,
            }
            drop(body);
            gathering.mapping()
        });
        gathered.await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(MappingError::NoRoom),
        })
    }

    /// Maps the fact that the sender no longer has a record of a person: they have left.
    pub(super) fn map_gone(&self, record: &str, as_of: Timestamp) -> Mapping {
        let mut person = Person { occurred_at: Some(as_of), left: true, ..Person::default() };
        person.attributes.add(self.id_attribute(), record);
        self.map(Told::person(person))
    }

    /// Returns the label of jobs that exports create.
    pub(super) fn label_of_imports(name: &str) -> Box<str> {
        label(Self::IMPORT, name)
    }

    /// Builds the job of a mapping; `way` is how the payload arrived.
    pub fn job(&self, mapping: &Mapping, way: &str, lane: Lane) -> (JobSpec, Vec<EntryOrder>) {
        let label = Some(label(way, &self.name));
        let spec = JobSpec {
            label,
            lane,
            same_user: SameUser::InOrder,
            default_proficiency: self.default_proficiency,
            owner: Some(self.owner.clone()),
            ..JobSpec::new(self.target, self.mode)
        };
        let mut lists = SharedLists::default();
        (spec, mapping.people.iter().map(|person| person.entry(&mut lists)).collect())
    }

    fn reading(&self) -> Reading<'_> {
        Reading { sender: self.sender, zone: &self.zone, reads_records: self.record.is_some() }
    }

    /// Maps everything that a payload says.
    pub(super) fn map(&self, told: Told) -> Mapping {
        let Told { people, changed, sent_at, dates_not_read } = told;
        let mut mapping = Mapping { changed, dates_not_read, sent_at, ..Mapping::default() };
        let mut lists = SharedParts::default();
        for (person, number) in people.iter().zip(1..) {
            if let Some(gone) = self.gone(person) {
                let before = mapping.people.len();
                mapping.gone.extend((self.mode != Mode::Add).then_some((before, gone)));
                continue;
            }
            match self.mapped(person, &mut lists) {
                Ok(Some(mapped)) => mapping.people.push(mapped),
                Ok(None) => {}
                Err(problem) => mapping.faults.push(PersonFault { place: PayloadPlace::Person(number), problem }),
            }
        }
        mapping
    }

    /// Returns the sender's id of a person who has left, if nothing else identifies them.
    pub(super) fn gone(&self, person: &Person) -> Option<Changed> {
        let record = self.sender_id_of(person).filter(|_| !self.names_user(person) && self.has_left(person))?;
        Some(Changed { record, occurred_at: person.occurred_at })
    }

    /// Returns whether the user in Genesys is named, by a filter or by an attribute.
    fn names_user(&self, person: &Person) -> bool {
        person.user.is_some()
            || self.identity.as_ref().is_some_and(|identity| person.attributes.has(identity.attribute()))
    }

    /// Returns the first sender's id of a person.
    fn sender_id_of(&self, person: &Person) -> Option<Box<str>> {
        self.sender_ids_of(person).next()
    }

    /// Returns the sender's ids of a person, up to the first one that cannot name anyone.
    fn sender_ids_of(&self, person: &Person) -> impl Iterator<Item = Box<str>> {
        let ids = self.sender_id.as_deref().into_iter().flat_map(|attribute| person.attributes.values(attribute));
        ids.map_while(|id| super::people::checked(&as_it_reads(id)).ok())
    }

    /// Derives what follows for one person; `None` for leavers of a source that never removes anything.
    pub(super) fn mapped(&self, person: &Person, parts: &mut SharedParts) -> Result<Option<Mapped>, String> {
        let user = self.user(person)?;
        let leaver = self.has_left(person);
        if leaver && self.mode == Mode::Add {
            return Ok(None);
        }
        let missing = self.required.iter().find(|name| !person.attributes.has(name));
        if let Some(missing) = missing.filter(|_| !leaver) {
            return Err(format!("lacks {missing}, which is required"));
        }
        let (mut assignments, mut unknown) = (Vec::new(), Vec::new());
        if !leaver {
            assignments = self.rules.apply(self.facts(&person.attributes));
            unknown = self.unknown(&person.attributes).into_iter().map(Box::from).collect();
        }
        let (assignments, unknown) = (parts.assignments.one(assignments), parts.unknown.one(unknown));
        // If rows about one user have several ids, none of them identifies the user alone.
        let sender_id = self.sender_id_of(person).filter(|id| self.sender_ids_of(person).all(|other| other == *id));
        let (occurred_at, presence) = (person.occurred_at, Presence::default());
        Ok(Some(Mapped {
            user,
            occurred_at,
            leaver,
            was_called_so: false,
            presence,
            called: None,
            sender_id,
            assignments,
            unknown,
        }))
    }

    /// Returns the user that a filter or the configured attribute names, or why there is none.
    pub(super) fn user(&self, person: &Person) -> Result<UserRef, String> {
        match (&person.user, &self.identity) {
            (Some(user), _) => Ok(user.clone()),
            (None, Some(identity)) => identity.of(&person.attributes),
            (None, None) => Err("neither the filter nor the key `user` identifies the user".to_owned()),
        }
    }

    /// Returns whether the person has left, as the sender or the condition `leaver` says.
    pub(super) fn has_left(&self, person: &Person) -> bool {
        person.left
            || self
                .leaver
                .as_ref()
                .is_some_and(|leaver| leaver.when.holds(self.facts(&person.attributes), None) == Some(true))
    }
}

/// Checks that an export is self-contained: no records are read because of it.
fn says_everything(told: &Told) -> Result<(), NotUnderstood> {
    if told.changed.is_empty() {
        return Ok(());
    }
    Err(NotUnderstood::new("the filter yields `changed`, which only deliveries may use; an export must be complete"))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Decodes a text other than CSV.
fn text(body: &[u8], charset: Option<Charset>) -> Result<Cow<'_, str>, NotUnderstood> {
    charset::decoded(body, charset).map_err(|fault| NotUnderstood::new(format!("the body is not text: {fault}")))
}

/// Shares one reservation between two users of it.
fn shared(room: TakeRoom) -> impl Fn() -> TakeRoom {
    let room = Arc::new(Mutex::new(room));
    move || {
        let room = Arc::clone(&room);
        Box::new(move |bytes| room.lock()(bytes))
    }
}

fn is_csv(kind: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::dates::LatestDate;

    #[test]
    fn only_dates_in_the_future_are_taken_as_now() {
        let date = |text: &str| text.parse::<Timestamp>().unwrap();
        let person = |occurred_at| Mapped { occurred_at, ..Mapped::leaver(UserRef::EmployeeId("E1".into()), None) };
        let dates = [Some(date("2026-11-22T20:00:00Z")), None, Some(date("2026-11-22T21:00:00Z"))];
        let mut mapping = Mapping { people: dates.map(person).into(), ..Mapping::default() };
        let latest = LatestDate::at(date("2026-11-22T20:15:00Z"), Duration::from_secs(600));
        assert_eq!(mapping.take_future_dates_as_now(latest), 1);
        assert_eq!(mapping.people, [dates[0], None, None].map(person));
        mapping.sent_at = dates[0];
        assert_eq!((mapping.take_future_dates_as_now(latest), mapping.sent_at), (0, dates[0]));
        mapping.sent_at = dates[2];
        assert_eq!(
            (mapping.take_future_dates_as_now(latest), mapping.sent_at),
            (2, None),
            "which stood for two of them"
        );
    }
}
