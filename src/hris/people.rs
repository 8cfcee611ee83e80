//! What a payload says: which people it is about, and what is known of each.

use std::fmt;

use jiff::Timestamp;

use super::attributes::Attributes;
use crate::config::UserConfig;
use crate::domain::UserRef;
use crate::domain::text::as_it_reads;

/// Position of a person in a payload or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PayloadPlace {
    /// Position in the payload, starting at 1.
    Person(usize),
    /// Line of a file.
    Line(u64),
    /// Row of a spreadsheet.
    Row(u64),
}

impl fmt::Display for PayloadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(number) => write!(f, "person {number}"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

/// Why a payload cannot be understood; sending it again would not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotUnderstood(pub String);

impl NotUnderstood {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A person, with everything the sender reported about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The user that a filter named; otherwise an attribute identifies the user.
    pub user: Option<UserRef>,
    /// What is known of the person.
    pub attributes: Attributes,
    /// The sender's date of the change.
    pub occurred_at: Option<Timestamp>,
    /// Whether the sender states that the person has left, whatever the attributes say.
    pub left: bool,
}

/// A person of whom only the sender's id was reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// The sender's id of their record.
    pub record: Box<str>,
    /// The sender's date of the change.
    pub occurred_at: Option<Timestamp>,
}

/// Everything that one payload says. It is empty for handshakes and for events about something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// People with their attributes.
    pub people: Vec<Person>,
    /// People whose records must be read.
    pub changed: Vec<Changed>,
    /// When the sender says it sent the payload; replaces the date of people who have none.
    pub sent_at: Option<Timestamp>,
    /// Number of dates that could not be read.
    pub dates_not_read: usize,
}

impl Told {
    /// Creates the content of a payload about one person.
    pub(super) fn person(person: Person) -> Self {
        Self { people: vec![person], ..Self::default() }
    }

    /// Creates the content of a payload that only reports that a person has changed.
    pub(super) fn changed(record: &str, occurred_at: Option<Timestamp>) -> Self {
        Self { changed: vec![Changed { record: record.into(), occurred_at }], ..Self::default() }
    }
}

/// Receives the records of a payload one by one, each as its attributes.
pub(super) trait TakeRecord {
    /// The error that ends the reading.
    type Fault: From<NotUnderstood>;

    /// Returns whether this attribute is of interest.
    fn wants(&self, name: &str) -> bool;

    /// Receives the columns of a table as written, before its rows.
    fn columns(&mut self, _: &[String]) -> Result<(), Self::Fault> {
        Ok(())
    }

    /// Receives a value of the next record.
    fn attribute(&mut self, name: &str, value: &str);

    /// Receives the position of the next record, if it does not simply follow the previous one.
    fn at(&mut self, _: PayloadPlace) {}

    /// Completes the next record.
    fn record(&mut self) -> Result<(), Self::Fault>;
}

/// Collects each record as a person, with all of its attributes.
#[derive(Debug, Default)]
pub(super) struct Everybody {
    people: Vec<Person>,
    next: Attributes,
}

impl Everybody {
    /// Returns everything that was collected.
    pub(super) fn told(self) -> Told {
        Told { people: self.people, ..Told::default() }
    }
}

impl TakeRecord for Everybody {
    type Fault = NotUnderstood;

    fn wants(&self, _: &str) -> bool {
        true
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.next.add(name, value);
    }

    fn record(&mut self) -> Result<(), NotUnderstood> {
        self.people.push(Person { attributes: std::mem::take(&mut self.next), ..Person::default() });
        Ok(())
    }
}

/// The attribute that identifies the user in Genesys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// By e-mail address.
    Email(String),
    /// By employee id.
    EmployeeId(String),
    /// By external id, with the authority that issued it.
    ExternalId { attribute: String, authority: Box<str> },
}

impl Identity {
    /// Compiles the key `user`, or returns what is wrong with it.
    pub(super) fn compile(config: &UserConfig) -> Result<Self, &'static str> {
        let UserConfig { email, employee_id, external_id, authority } = config;
        let named = [email, employee_id, external_id, authority].into_iter().flatten();
        if named.into_iter().any(|text| as_it_reads(text).is_empty()) {
            return Err("contains an empty name");
        }
        if authority.as_ref().is_some_and(|authority| authority.chars().any(char::is_control)) {
            return Err("has an authority with control characters");
        }
        match (email, employee_id, external_id, authority) {
            (Some(attribute), None, None, None) => Ok(Self::Email(attribute.clone())),
            (None, Some(attribute), None, None) => Ok(Self::EmployeeId(attribute.clone())),
            (None, None, Some(attribute), Some(authority)) => {
                Ok(Self::ExternalId { attribute: attribute.clone(), authority: authority.trim().into() })
            }
            (None, None, Some(_), None) => Err("has external_id but no authority"),
            _ => Err("must have exactly one of email, employee_id and external_id"),
        }
    }

    /// Returns the attribute that identifies the user.
    pub(super) fn attribute(&self) -> &str {
        let (Self::Email(attribute) | Self::EmployeeId(attribute) | Self::ExternalId { attribute, .. }) = self;
        attribute
    }

    /// Returns the user that these attributes identify, or why they identify none.
    pub(super) fn of(&self, attributes: &Attributes) -> Result<UserRef, String> {
        let attribute = self.attribute();
        let Some(key) = attributes.first(attribute) else {
            return Err(format!("lacks {attribute}, which identifies the user"));
        };
        if attributes.values(attribute).any(|other| other != key) {
            let several = attributes.values(attribute).count();
            return Err(format!("has {several} values of {attribute}, which identifies the user"));
        }
        let wrong = |problem: &str| format!("{attribute} {problem}");
        let key = checked(key).map_err(wrong)?;
        if let Self::ExternalId { authority, .. } = self {
            checked(&format!("{authority}:{key}"))
                .map_err(|problem| wrong(&format!("{problem} with its authority")))?;
        }
        Ok(match self {
            Self::Email(_) => UserRef::Email(key),
            Self::EmployeeId(_) => UserRef::EmployeeId(key),
            Self::ExternalId { authority, .. } => UserRef::ExternalId { authority: authority.clone(), key },
        })
    }
}

/// Returns the trimmed text if it can name a user, or else why it cannot.
pub(super) fn checked(key: &str) -> Result<Box<str>, &'static str> {
    const MAX_LENGTH: usize = 320;
    let key = key.trim();
    if as_it_reads(key).is_empty() {
        Err("is empty")
    } else if key.chars().count() > MAX_LENGTH {
        Err("is longer than 320 characters")
    } else if key.chars().any(char::is_control) {
        Err("contains control characters")
    } else {
        Ok(key.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_attribute_names_the_user() {
        let config = |email: Option<&str>, external_id: Option<&str>, authority: Option<&str>| UserConfig {
            email: email.map(Into::into),
            employee_id: None,
            external_id: external_id.map(Into::into),
            authority: authority.map(Into::into),
        };
        assert!(Identity::compile(&config(None, None, None)).is_err());
        assert!(Identity::compile(&config(Some("mail"), Some("id"), Some("hr"))).is_err());
        assert!(Identity::compile(&config(None, Some("id"), None)).is_err());
        assert!(Identity::compile(&config(Some(" "), None, None)).is_err());
        let bad_authority = Identity::compile(&config(None, Some("ID"), Some("work\nday")));
        assert_eq!(bad_authority.err(), Some("has an authority with control characters"));
        let identity = Identity::compile(&config(None, Some("ID"), Some("workday"))).unwrap();
        let mut attributes = Attributes::default();
        assert!(identity.of(&attributes).unwrap_err().contains("lacks ID"));
        attributes.add("id", " 4711 ");
        attributes.add("id", "4711");
        let user = UserRef::ExternalId { authority: "workday".into(), key: "4711".into() };
        assert_eq!(identity.of(&attributes), Ok(user));
        attributes.add("id", "4712");
        assert!(identity.of(&attributes).unwrap_err().contains("3 values"));
        let mut attributes = Attributes::default();
        attributes.add("id", &"4".repeat(315));
        assert_eq!(identity.of(&attributes).unwrap_err(), "ID is longer than 320 characters with its authority");
        for unseen in [" ", "\u{200b}", "\u{feff}\u{ad}"] {
            assert_eq!(checked(unseen), Err("is empty"), "{unseen:?}");
        }
    }
}
