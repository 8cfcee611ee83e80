//! What an HR system answers when it is asked for a person's record, if it says anything.
//!
//! A status of 200 is no proof: what comes with it may be a page that says that there is maintenance, half of a record, an error in
//! JSON, or the record of somebody else. An answer counts only if it names the person and says something of what the source looks
//! at, also where a filter reads it. Everything else is asked for again.

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
    /// An answer with status 200, by the status that it has in its body where the sender answers several requests at once.
    pub(super) fn by_its_own_status(&self, fetched: Fetched) -> Result<Fetched, Setback> {
        let Fetched::Record(body) = &fetched else { return Ok(fetched) };
        match (self.sender.status_of_item)(body) {
            None | Some(200) => Ok(fetched),
            Some(404 | 410) => Ok(Fetched::Gone),
            Some(code) => Err(Setback::Passing(format!("the answer is {code}, within one of status 200"))),
        }
    }

    /// What a record comes to that was read from the sender; `record` is the id that was asked for, if one was, and `as_of`
    /// when that was.
    pub async fn map_record(&self, record: Option<&str>, body: &[u8], as_of: Timestamp) -> Result<Mapping, Setback> {
        let body = charset::decoded(body, None).map_err(|_| says_nothing("it is no text in UTF-8"))?;
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
            let problem = "record.filter yields `changed`, which is for deliveries: a record has to say everything";
            return Err(Setback::Final(problem.to_owned()));
        }
        if told.people.is_empty() {
            return Err(says_nothing(if filter.is_some() {
                "record.filter yields nobody of it"
            } else {
                "it has nobody in it"
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

    /// Under what name the id of a record goes that was asked for.
    pub(super) fn id_attribute(&self) -> &str {
        self.sender_id.as_deref().unwrap_or("id")
    }

    /// Leaves of an answer the person who was asked for. Who has no id in it is meant if nobody else is there.
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
            says_nothing(&format!(
                "it has several people in it, none of them with {id}, which would tell who was asked for"
            ))
        } else {
            says_nothing("it is about somebody else than was asked for")
        })
    }

    /// What the source looks at, but for the id that was asked for.
    fn told_beside_id(&self) -> impl Iterator<Item = &str> {
        let id = folded(self.id_attribute());
        self.attributes().filter(move |attribute| folded(attribute) != id)
    }

    /// Whether an answer tells of anything that the source looks at, but for the id that was asked for.
    fn says_something(&self, person: &Person) -> Result<(), Setback> {
        let mut others = self.told_beside_id().peekable();
        let nothing_to_say = others.peek().is_none();
        if person.left || nothing_to_say || others.any(|attribute| person.attributes.tell_of(attribute)) {
            return Ok(());
        }
        Err(says_nothing("it has nothing in it that the source looks at"))
    }

    /// Whether an answer may leave somebody without a name: only if it says that there is none. One that lacks it, or has
    /// nothing but empty values, may be all that the caller is allowed to see now.
    fn may_lack_user(&self, person: &Person) -> Result<(), Setback> {
        let attribute = self.identity.as_ref().map(Identity::attribute);
        let is_named = person.user.is_some() || attribute.is_some_and(|attribute| person.attributes.has(attribute));
        if is_named || self.has_left(person) {
            return Ok(());
        }
        if let Some(attribute) = attribute.filter(|attribute| !person.attributes.tell_of(attribute)) {
            return Err(says_nothing(&format!("it lacks {attribute}, which names the user")));
        }
        if !self.told_beside_id().any(|attribute| person.attributes.has(attribute)) {
            return Err(says_nothing("all that the source looks at is empty in it"));
        }
        Ok(())
    }
}

fn says_nothing(why: &str) -> Setback {
    Setback::Passing(format!("the answer says nothing about the person: {why}"))
}

impl From<NotUnderstood> for Setback {
    /// Without what the answer says.
    fn from(_: NotUnderstood) -> Self {
        says_nothing(
            "it is not a record in JSON, or not the whole of one; `skillsync map --record` says what is wrong with it",
        )
    }
}

impl From<FilterError> for Setback {
    fn from(fault: FilterError) -> Self {
        match fault {
            FilterError::Failed(_) => says_nothing("record.filter fails; `skillsync map --record` says why"),
            FilterError::TooMuch | FilterError::Stopped | FilterError::Busy | FilterError::CannotStart(_) => {
                Self::Passing(fault.to_string())
            }
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
