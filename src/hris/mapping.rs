//! From a body to what a source wants done: read, then apply the rules.

use std::collections::HashMap;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::attributes::Attributes;
use super::filter::{self, FilterFault};
use super::people::{Changed, NotUnderstood, Person, Told};
use super::rules::Derived;
use super::source::Source;
use super::{csv, senders};
use crate::domain::dates::LatestDate;
use crate::domain::entry::{EntryRequest, ListedAssignment};
use crate::domain::job::{JobSpec, SameUser, Urgency};
use crate::domain::{Mode, UserRef};

/// One person, and what follows for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    pub user: UserRef,
    pub occurred_at: Option<Timestamp>,
    /// Gets nothing, and loses what skillsync assigned.
    pub leaver: bool,
    pub assignments: Vec<Derived>,
}

/// Something is wrong with one person of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFault {
    /// From 0, in the order of the payload.
    pub position: usize,
    pub problem: String,
}

/// What a payload or an export comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    pub people: Vec<Mapped>,
    pub faults: Vec<PersonFault>,
    /// Records that have to be read first.
    pub changed: Vec<Changed>,
}

/// Why a body comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingFault {
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    #[error(transparent)]
    Filter(#[from] FilterFault),
}

impl MappingFault {
    /// What went wrong, without anything that the body or a filter says.
    pub(super) fn for_logs(&self) -> String {
        match self {
            Self::NotUnderstood(_) => "it cannot be understood; `skillsync map` says why".to_owned(),
            Self::Filter(FilterFault::Failed(_)) => "its filter fails; `skillsync map` says why".to_owned(),
            Self::Filter(fault) => fault.to_string(),
        }
    }

    /// Whether the same body may well pass at another time.
    pub fn passes_later(&self) -> bool {
        match self {
            Self::Filter(FilterFault::Stopped | FilterFault::Busy | FilterFault::CannotStart(_)) => true,
            Self::Filter(FilterFault::Failed(_) | FilterFault::TooMuch) | Self::NotUnderstood(_) => false,
        }
    }
}

impl Mapping {
    /// Takes what has a date that has not come yet as of now, and answers how many people had one: senders have to be
    /// answered with success, and such a date would beat every change until it has come.
    pub(super) fn take_future_dates_as_now(&mut self, latest: LatestDate) -> usize {
        let mut taken = 0;
        for person in &mut self.people {
            if person.occurred_at.is_some_and(|date| latest.checked(date).is_err()) {
                person.occurred_at = None;
                taken += 1;
            }
        }
        taken
    }
}

impl Source {
    /// What the body of a delivery comes to.
    pub async fn map_delivery(&self, headers: &HeaderMap, body: &[u8]) -> Result<Mapping, MappingFault> {
        let told = match &self.filter {
            Some(filter) => filter::people(&self.runner.run(filter, body).await?)?,
            None if is_csv(headers) => csv::people(body).await?,
            None => senders::read(self.preset, &json(body)?, headers)?,
        };
        Ok(self.map(told))
    }

    /// What a record comes to that was read from the sender; `as_of` is when it was asked for.
    pub async fn map_record(&self, record: &str, body: &[u8], as_of: Timestamp) -> Result<Mapping, MappingFault> {
        let filter = self.record.as_ref().and_then(|record| record.filter.as_ref());
        let mut told = match filter {
            Some(filter) => filter::people(&self.runner.run(filter, body).await?)?,
            None => senders::rows(&json(body)?)?,
        };
        for person in &mut told.people {
            if person.attributes.first("id").is_none() {
                person.attributes.add("id", record);
            }
            person.occurred_at = Some(as_of);
        }
        Ok(self.map(told))
    }

    /// What an export comes to. Rows about the same user are taken together: people with two positions have two.
    pub async fn map_export(&self, is_csv: bool, body: &[u8]) -> Result<Mapping, MappingFault> {
        let told = match &self.filter {
            _ if is_csv => csv::people(body).await?,
            Some(filter) => filter::people(&self.runner.run(filter, body).await?)?,
            None => senders::rows(&json(body)?)?,
        };
        Ok(self.map(self.united(told)))
    }

    /// What it comes to that the sender has no record of a person any more: they have left, if the sender's id is what
    /// names them at Genesys.
    pub(super) fn map_gone(&self, record: &str, as_of: Timestamp) -> Mapping {
        let mut person = Person { occurred_at: Some(as_of), left: true, ..Person::default() };
        person.attributes.add("id", record);
        self.map(Told::person(person))
    }

    /// The job that a mapping makes; `way` is how it came in.
    pub fn job(&self, mapping: &Mapping, way: &str, urgency: Urgency) -> (JobSpec, Vec<EntryRequest>) {
        let label = Some(format!("{way} {}", self.name).into());
        let spec = JobSpec {
            target: self.target,
            mode: self.mode,
            label,
            dry_run: false,
            urgency,
            callback: None,
            same_user: SameUser::InOrder,
        };
        (spec, mapping.people.iter().map(Mapped::entry).collect())
    }

    fn map(&self, told: Told) -> Mapping {
        let mut mapping = Mapping { changed: told.changed, ..Mapping::default() };
        for (position, person) in told.people.iter().enumerate() {
            match self.mapped(person) {
                Ok(Some(mapped)) => mapping.people.push(mapped),
                Ok(None) => {}
                Err(problem) => mapping.faults.push(PersonFault { position, problem }),
            }
        }
        mapping
    }

    /// What follows for one person; nothing for leavers of a source that never takes anything away.
    fn mapped(&self, person: &Person) -> Result<Option<Mapped>, String> {
        let user = self.user(person)?;
        let leaver = self.has_left(person);
        if leaver && self.mode == Mode::Add {
            return Ok(None);
        }
        let missing = self.required.iter().find(|name| person.attributes.values(name).is_empty());
        if let Some(missing) = missing.filter(|_| !leaver) {
            return Err(format!("lacks {missing}, which is required"));
        }
        let assignments = if leaver { Vec::new() } else { self.rules.apply(&person.attributes) };
        Ok(Some(Mapped { user, occurred_at: person.occurred_at, leaver, assignments }))
    }

    fn user(&self, person: &Person) -> Result<UserRef, String> {
        match (&person.user, &self.identity) {
            (Some(user), _) => Ok(user.clone()),
            (None, Some(identity)) => identity.of(&person.attributes),
            (None, None) => Err("the filter names no user, and neither does the key user".to_owned()),
        }
    }

    /// Puts rows about the same user together, in the place of the first of them. Who has left one of two positions has
    /// not left, and only the other counts.
    fn united(&self, told: Told) -> Told {
        let mut places: HashMap<UserRef, usize> = HashMap::new();
        let mut people: Vec<Person> = Vec::with_capacity(told.people.len());
        for mut person in told.people {
            person.left = self.has_left(&person);
            // Settled here: together, the rows may spell their name in several ways.
            person.user = self.user(&person).ok();
            let place = person.user.as_ref().map(|user| *places.entry(user.folded()).or_insert(people.len()));
            match place.and_then(|place| people.get_mut(place)) {
                Some(before) => before.unite(person),
                None => people.push(person),
            }
        }
        Told { people, changed: told.changed }
    }

    fn has_left(&self, person: &Person) -> bool {
        person.left || self.leaver.as_ref().is_some_and(|leaver| leaver.holds(&person.attributes, None))
    }
}

impl Person {
    /// The same person once more.
    fn unite(&mut self, other: Self) {
        match (self.left, other.left) {
            (true, false) => *self = other,
            (false, true) => {}
            (true, true) | (false, false) => {
                self.attributes.unite(&other.attributes);
                self.occurred_at = self.occurred_at.max(other.occurred_at);
            }
        }
    }
}

impl Attributes {
    fn unite(&mut self, other: &Self) {
        for (name, values) in other.iter() {
            let known = self.values(name).to_vec();
            values.iter().filter(|value| !known.contains(value)).for_each(|value| self.add(name, value));
        }
    }
}

impl Mapped {
    /// Somebody who has left.
    pub(super) fn leaver(user: UserRef) -> Self {
        Self { user, occurred_at: None, leaver: true, assignments: Vec::new() }
    }

    fn entry(&self) -> EntryRequest {
        let listed = self.assignments.iter().map(|derived| ListedAssignment {
            name: derived.name.clone(),
            proficiency: derived.proficiency,
            because: Some(derived.because.join(", ").into()),
        });
        EntryRequest {
            reference: None,
            user: self.user.clone(),
            assignments: listed.collect(),
            occurred_at: self.occurred_at,
        }
    }
}

fn json(body: &[u8]) -> Result<Value, NotUnderstood> {
    serde_json::from_slice(body).map_err(|error| NotUnderstood::new(format!("the body is not JSON: {error}")))
}

fn is_csv(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_dates_in_the_future_are_taken_as_now() {
        let date = |text: &str| text.parse::<Timestamp>().unwrap();
        let person = |occurred_at| Mapped { occurred_at, ..Mapped::leaver(UserRef::EmployeeId("E1".into())) };
        let dates = [Some(date("2026-11-22T20:00:00Z")), None, Some(date("2026-11-22T21:00:00Z"))];
        let mut mapping = Mapping { people: dates.map(person).into(), ..Mapping::default() };
        let latest = LatestDate::at(date("2026-11-22T20:15:00Z"), Duration::from_secs(600));
        assert_eq!(mapping.take_future_dates_as_now(latest), 1);
        assert_eq!(mapping.people, [dates[0], None, None].map(person));
    }
}
