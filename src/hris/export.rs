//! Gathers the people of an export, row by row.
//!
//! An export has up to a hundred thousand people, each with as many columns as the HR system writes. Only the
//! attributes that the source uses are kept, equal texts are stored once, and the memory is counted while reading.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::attributes::Attributes;
use super::columns::Columns;
use super::mapped::{Mapping, MappingError, PersonFault, SharedParts};
use super::people::{NotUnderstood, PayloadPlace, Person, TakeRecord};
use super::source::{Needed, NeededBy, Source};
use crate::domain::UserRef;
use crate::domain::shared::Shared;
use crate::domain::text::folded;
use crate::table::TakeRoom;

/// Maximum number of people in an export, the same as the number of entries in a job.
const MAX_PEOPLE: usize = 100_000;
/// Maximum number of member names, as written, that are remembered.
const MAX_NAMES: usize = 4096;
/// Maximum number of values of one person, over all attributes that are kept.
const MAX_VALUES: usize = 10_000;
/// Maximum number of people whose problems are listed.
const MAX_FAULTS: usize = 100;
/// Memory is reserved in pieces of this size, in bytes.
const PIECE: usize = 64 * 1024;

/// What has been read of an export.
///
/// Invariant: it holds no more memory than it has reserved, except for one piece and one person.
pub(super) struct Gathering<'s> {
    source: &'s Source,
    kept: BTreeMap<Box<str>, Arc<str>>,
    columns: Columns<'s>,
    /// Names as written, each with the attribute under which its values are kept, if any.
    written: HashMap<Box<str>, Option<Arc<str>>>,
    texts: Shared<str>,
    people: Vec<ExportRow>,
    /// Index in `people` of each user.
    places: HashMap<UserRef, usize>,
    rows: usize,
    faults: Vec<PersonFault>,
    more_faults: usize,
    room: TakeRoom,
    /// Bytes that are held but not reserved yet.
    owed: usize,
    next: Attributes,
    /// Position of the next person.
    place: Option<PayloadPlace>,
}

/// A person of an export, and where they were found first.
struct ExportRow {
    /// Position of the first row about the person.
    place: PayloadPlace,
    person: Person,
}

impl<'s> Gathering<'s> {
    /// Starts with nothing read.
    pub(super) fn new(source: &'s Source, room: TakeRoom) -> Self {
        let kept = source.attributes().map(folded).map(|name| (name.as_str().into(), name.as_str().into())).collect();
        Self {
            source,
            kept,
            columns: Columns::of(source),
            written: HashMap::new(),
            texts: Shared::default(),
            people: Vec::new(),
            places: HashMap::new(),
            rows: 0,
            faults: Vec::new(),
            more_faults: 0,
            room,
            owed: 0,
            next: Attributes::default(),
            place: None,
        }
    }

    /// Returns the attribute under which a name is kept, if it is.
    fn kept(&self, name: &str) -> Option<Arc<str>> {
        self.kept.get(&*folded(name)).cloned()
    }

    /// Returns the attribute under which the values of a member are kept, if they are.
    fn member(&mut self, name: &str) -> Option<Arc<str>> {
        if let Some(known) = self.written.get(name) {
            return known.clone();
        }
        self.columns.saw(name);
        let kept = self.kept(name);
        if self.written.len() < MAX_NAMES {
            self.written.insert(name.into(), kept.clone());
        }
        kept
    }

    /// Adds a value to the next row, under a name that is kept.
    fn value(&mut self, name: &Arc<str>, value: &str) {
        // One value beyond the limit is kept, so that the excess is noticed and reported.
        if self.next.len() <= MAX_VALUES {
            self.owed += value.len();
            self.next.add_shared(name, value, &mut self.texts);
        }
    }

    /// Adds a person that a filter yields.
    pub(super) fn person(&mut self, mut person: Person) -> Result<(), MappingError> {
        for (name, value) in person.attributes.into_pairs() {
            if let Some(name) = self.member(&name) {
                self.value(&name, &value);
            }
        }
        person.attributes = std::mem::take(&mut self.next);
        self.add(person)
    }

    /// Merges rows about the same user at the position of the first one. A person who has left one of two positions has
    /// not left; only the other position counts.
    fn add(&mut self, mut person: Person) -> Result<(), MappingError> {
        self.rows += 1;
        let stands_at = self.place.take().unwrap_or(PayloadPlace::Person(self.rows));
        person.attributes.shrink_to_fit();
        if self.columns.lack() {
            self.columns.saw_record(&person.attributes);
        }
        person.left = self.source.has_left(&person);
        let user = match self.source.user(&person) {
            Ok(user) => user,
            Err(problem) => {
                self.fault(stands_at, problem);
                return Ok(());
            }
        };
        self.owed += person.attributes.len() * size_of::<(Arc<str>, Arc<str>)>();
        let next = self.people.len();
        let place = *self.places.entry(user.folded()).or_insert(next);
        // Resolved here because merged rows may spell the name differently.
        person.user = Some(user);
        if let Some(before) = self.people.get_mut(place) {
            before.person.unite(person);
            return self.pay();
        }
        if next >= MAX_PEOPLE {
            return Err(NotUnderstood::new(format!("an export may contain at most {MAX_PEOPLE} people")).into());
        }
        // Includes the entry of the job that is built from it.
        self.owed += 2 * size_of::<ExportRow>() + 2 * size_of::<UserRef>() + 128;
        self.people.push(ExportRow { place: stands_at, person });
        self.pay()
    }

    /// Reserves memory for what is held.
    fn pay(&mut self) -> Result<(), MappingError> {
        if self.owed >= PIECE {
            let owed = std::mem::take(&mut self.owed);
            if !(self.room)(owed) {
                return Err(MappingError::NoRoom);
            }
        }
        Ok(())
    }

    /// Notes a problem with a person.
    fn fault(&mut self, place: PayloadPlace, problem: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(PersonFault { place, problem });
        } else {
            self.more_faults += 1;
        }
    }

    /// Maps all people that were gathered.
    pub(super) fn mapping(mut self) -> Result<Mapping, MappingError> {
        let loosely = if self.rows == 0 { Vec::new() } else { self.columns.checked()? };
        let people = std::mem::take(&mut self.people);
        // No more people are added, so this memory can be released.
        (self.places, self.texts) = (HashMap::new(), Shared::default());
        let (mut mapped, mut parts) = (Vec::with_capacity(people.len()), SharedParts::default());
        for ExportRow { place, person } in people {
            let values = person.attributes.len();
            if values > MAX_VALUES {
                self.fault(place, format!("has {values} values, but at most {MAX_VALUES} are allowed"));
                continue;
            }
            match self.source.mapped(&person, &mut parts) {
                Ok(Some(person)) => mapped.push(person),
                Ok(None) => {}
                Err(problem) => self.fault(place, problem),
            }
        }
        self.faults.sort_by_key(|fault| fault.place);
        let (faults, more_faults) = (self.faults, self.more_faults);
        Ok(Mapping { people: mapped, faults, more_faults, loosely, ..Mapping::default() })
    }
}

impl TakeRecord for Gathering<'_> {
    type Fault = MappingError;

    fn wants(&self, name: &str) -> bool {
        self.kept(name).is_some()
    }

    fn columns(&mut self, names: &[String]) -> Result<(), MappingError> {
        // Filters read JSON only: in a table, a column names the user.
        let Some(identity) = &self.source.identity else {
            let problem = "the source names users by its filter, which reads JSON only; set `user` to import tables";
            return Err(NotUnderstood::new(problem).into());
        };
        self.columns.need(Needed { attribute: identity.attribute(), by: NeededBy::User });
        for name in names {
            self.columns.saw(name);
        }
        self.columns.checked()?;
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str) {
        if let Some(name) = self.member(name) {
            self.value(&name, value);
        }
    }

    fn at(&mut self, place: PayloadPlace) {
        self.place = Some(place);
    }

    fn record(&mut self) -> Result<(), MappingError> {
        let attributes = std::mem::take(&mut self.next);
        self.add(Person { attributes, ..Person::default() })
    }
}

impl Person {
    /// Merges another row about the same person into this one.
    fn unite(&mut self, other: Self) {
        match (self.left, other.left) {
            (true, false) => *self = other,
            (false, true) => {}
            (true, true) | (false, false) => {
                if self.attributes.len() <= MAX_VALUES {
                    self.attributes.unite(other.attributes);
                }
                self.occurred_at = self.occurred_at.max(other.occurred_at);
            }
        }
    }
}
