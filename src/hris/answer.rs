//! Checks what an HR system answers when it is asked for a person's record.
//!
//! A status of 200 proves nothing: the body may be a maintenance page, half of a record, an error in JSON, or the
//! record of another person. An answer counts only if it belongs to the requested person and contains something that
//! the source uses, even if a filter reads it. In all other cases, the record is requested again.

use jiff::Timestamp;

use super::filter::{self, FilterError};
use super::mapped::Mapping;
use super::people::{Identity, NotUnderstood, Person, Told};
use super::record::{Fetched, Setback};
use super::senders;
use super::source::Source;
use crate::charset;
use crate::domain::text::{folded, quoted};

impl Source {
    /// Replaces the status 200 of an answer by the status in its body, for senders that answer several requests at
    /// once.
    pub(super) fn by_its_own_status(&self, fetched: Fetched) -> Result<Fetched, Setback> {
        let Fetched::Record(body) = &fetched else { return Ok(fetched) };
        match (self.sender.status_of_item)(body) {
            None | Some(200) => Ok(fetched),
            Some(404 | 410) => Ok(Fetched::Gone),
            Some(code) => {
                Err(Setback::Passing(format!("the answer has status 200, but the item in it has status {code}")))
            }
        }
    }

    /// Maps a record that was read from the sender; `record` is the id that was requested, if any, and `as_of` the time
    /// of the request.
    pub async fn map_record(&self, record: Option<&str>, body: &[u8], as_of: Timestamp) -> Result<Mapping, Setback> {
        let body = charset::decoded(body, None).map_err(|_| says_nothing("it is not UTF-8 text"))?;
        let body = body.as_bytes();
        if body.trim_ascii().is_empty() {
            return Err(says_nothing("it is empty"));
        }
        let filter = self.record.as_ref().and_then(|record| record.filter.as_ref());
        let mut told = match filter {
            Some(filter) => filter::people(&self.runner.run(filter, body).await?, &self.zone)?,
            None => senders::records(body)?,
        };
        if !told.changed.is_empty() {
            let problem = "record.filter yields `changed`, which only deliveries may use; a record must be complete";
            return Err(Setback::Final(problem.to_owned()));
        }
        if told.people.is_empty() {
            return Err(says_nothing(if filter.is_some() {
                "record.filter yields no person"
            } else {
                "it contains no person"
            }));
        }
        if let Some(record) = record {
            self.only_who_was_asked_for(record, &mut told)?;
        }
        for person in &mut told.people {
            self.says_something(person)?;
            if let Some(record) = record.filter(|_| !person.attributes.has(self.id_attribute())) {
                person.attributes.add(self.id_attribute(), record);
            }
            person.occurred_at = Some(as_of);
            self.may_lack_user(person)?;
        }
        Ok(self.map(told))
    }

    /// Returns the attribute that holds the id of a requested record.
    pub(super) fn id_attribute(&self) -> &str {
        self.sender_id.as_deref().unwrap_or("id")
    }

    /// Keeps only the requested person. A person without an id is the requested one if the answer contains no one else.
    fn only_who_was_asked_for(&self, record: &str, told: &mut Told) -> Result<(), Setback> {
        let others = told.people.len() > 1;
        let id = self.id_attribute();
        let is_meant = |person: &Person| match person.attributes.first(id) {
            Some(found) => found == record,
            None => !others,
        };
        let without_ids = !told.people.iter().any(|person| person.attributes.has(id));
        told.people.retain(is_meant);
        if !told.people.is_empty() {
            return Ok(());
        }
        Err(if without_ids {
            let id = quoted(id);
            says_nothing(&format!("it contains several people, and none has {id} to tell which of them was requested"))
        } else {
            says_nothing("it describes a person other than the one requested")
        })
    }

    /// Returns the attributes that the source uses, except the id that was requested.
    fn told_beside_id(&self) -> impl Iterator<Item = &str> {
        let id = folded(self.id_attribute());
        self.attributes().filter(move |attribute| folded(attribute) != id)
    }

    /// Checks that the answer describes at least one attribute that the source uses, apart from the requested id.
    fn says_something(&self, person: &Person) -> Result<(), Setback> {
        let mut others = self.told_beside_id().peekable();
        let nothing_to_say = others.peek().is_none();
        if person.left || nothing_to_say || others.any(|attribute| person.attributes.tell_of(attribute)) {
            return Ok(());
        }
        Err(says_nothing("it contains no attribute that the source uses"))
    }

    /// Checks whether the answer may leave out the user's name: only if it states that there is none. An answer without
    /// that attribute, or with nothing but empty values, may show only what the caller may see at present.
    fn may_lack_user(&self, person: &Person) -> Result<(), Setback> {
        let attribute = self.identity.as_ref().map(Identity::attribute);
        let is_named = person.user.is_some() || attribute.is_some_and(|attribute| person.attributes.has(attribute));
        if is_named || self.has_left(person) {
            return Ok(());
        }
        if let Some(attribute) = attribute.filter(|attribute| !person.attributes.tell_of(attribute)) {
            return Err(says_nothing(&format!("it lacks {attribute}, which identifies the user")));
        }
        if !self.told_beside_id().any(|attribute| person.attributes.has(attribute)) {
            return Err(says_nothing("all attributes that the source uses are empty"));
        }
        Ok(())
    }
}

/// Builds the setback for an answer that does not describe the person.
fn says_nothing(why: &str) -> Setback {
    Setback::Passing(format!("the answer does not describe the person: {why}"))
}

impl From<NotUnderstood> for Setback {
    /// Omits the details, because they quote the answer.
    fn from(_: NotUnderstood) -> Self {
        says_nothing("it is not a complete record in JSON; run `skillsync map --record` for details")
    }
}

impl From<FilterError> for Setback {
    fn from(fault: FilterError) -> Self {
        match fault {
            FilterError::Failed(_) => says_nothing("record.filter failed; run `skillsync map --record` for details"),
            FilterError::TooMuch | FilterError::Stopped | FilterError::Busy | FilterError::CannotStart(_) => {
                Self::Passing(fault.to_string())
            }
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
