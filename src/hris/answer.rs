//! What an HR system answers when it is asked for a person's record, if it says anything.
//!
//! A status of 200 is no proof: what comes with it may be a page that says that there is maintenance, half of a record, an error in
//! JSON, or the record of somebody else. An answer counts only if it names the person and says something of what the source looks
//! at. Everything else is asked for again.

use jiff::Timestamp;
use serde_json::Value;

use super::filter::{self, FilterFault};
use super::mapping::Mapping;
use super::people::{NotUnderstood, Person, Told};
use super::record::{Fetched, Setback};
use super::senders;
use super::source::Source;
use crate::charset;
use crate::config::Preset;

impl Source {
    /// An answer with status 200, by the status that it has in its body where the sender answers several requests at once.
    pub(super) fn by_its_own_status(&self, fetched: Fetched) -> Result<Fetched, Setback> {
        let Fetched::Record(body) = &fetched else { return Ok(fetched) };
        match code_of_item(self.preset, body) {
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
        if let (None, Some(record)) = (filter, record) {
            self.only_who_was_asked_for(record, &mut told)?;
        }
        for person in &mut told.people {
            self.says_something(person)?;
            if let Some(record) = record.filter(|_| !person.attributes.has(self.id_attribute())) {
                person.attributes.add(self.id_attribute(), record);
            }
            person.occurred_at = Some(as_of);
        }
        let lacks_user = |person: &&Person| !self.names_user(person) && !self.has_left(person);
        if let Some(attribute) = told.people.iter().find(lacks_user).and_then(|person| self.untold_user(person)) {
            return Err(says_nothing(&format!("it lacks {attribute}, which names the user")));
        }
        Ok(self.map(told))
    }

    /// Under what name the id of a record goes that was asked for.
    pub(super) fn id_attribute(&self) -> &str {
        self.sender_id.as_deref().unwrap_or("id")
    }

    /// Leaves of an answer the person who was asked for. Who has no id in it may be meant if nobody else is there.
    fn only_who_was_asked_for(&self, record: &str, told: &mut Told) -> Result<(), Setback> {
        let others = told.people.len() > 1;
        let id = self.id_attribute();
        let is_meant = |person: &Person| match person.attributes.first(id) {
            Some(found) => found == record,
            None => !others,
        };
        let before = told.people.len();
        told.people.retain(is_meant);
        match (before, told.people.len()) {
            (0, _) => Err(says_nothing("it has nobody in it")),
            (_, 0) => Err(says_nothing("it is about somebody else than was asked for")),
            _ => Ok(()),
        }
    }

    /// Whether an answer tells of anything that the source looks at, but for the id that was asked for.
    fn says_something(&self, person: &Person) -> Result<(), Setback> {
        let id = self.id_attribute();
        let mut others = self.attributes().filter(|attribute| !attribute.trim().eq_ignore_ascii_case(id)).peekable();
        let nothing_to_say = others.peek().is_none();
        if person.left || nothing_to_say || others.any(|attribute| person.attributes.tell_of(attribute)) {
            return Ok(());
        }
        Err(says_nothing("it has nothing in it that the source looks at"))
    }

    /// The attribute that would name the user, if nothing is known of it.
    fn untold_user(&self, person: &Person) -> Option<&str> {
        let attribute = self.identity.as_ref()?.attribute();
        (!person.attributes.tell_of(attribute)).then_some(attribute)
    }
}

fn says_nothing(why: &str) -> Setback {
    Setback::Passing(format!("the answer says nothing about the person: {why}"))
}

/// What the answer to one of several requests was, where the sender puts that into the body.
fn code_of_item(preset: Preset, body: &[u8]) -> Option<u64> {
    if preset != Preset::Finch {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    match answer.pointer("/responses/0/code")? {
        Value::Number(code) => code.as_u64(),
        Value::String(code) => code.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl From<NotUnderstood> for Setback {
    /// Without what the answer says.
    fn from(_: NotUnderstood) -> Self {
        says_nothing(
            "it is not a record in JSON, or not the whole of one; `skillsync map --record` says what is wrong with it",
        )
    }
}

impl From<FilterFault> for Setback {
    fn from(fault: FilterFault) -> Self {
        match fault {
            FilterFault::Failed(_) => says_nothing("record.filter fails; `skillsync map --record` says why"),
            FilterFault::TooMuch | FilterFault::Stopped | FilterFault::Busy | FilterFault::CannotStart(_) => {
                Self::Passing(fault.to_string())
            }
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
