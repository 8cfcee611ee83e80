//! The stored format of an accepted entry. Most entries of a job share their list with others: the first one stores it,
//! the others refer to the first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::entry::{AssignmentName, EntryOrder, EntryRequest, ListedAssignment, Presence, SharedLists};
use crate::domain::{AssignmentId, Proficiency, UserId, UserRef};
use crate::journal::written::record::DifferenceRecord;
use crate::journal::written::user_state::PlaceRecord;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum UserRecord<'a> {
    Id(Uuid),
    #[serde(borrow)]
    Email(Cow<'a, str>),
    EmployeeId(Cow<'a, str>),
    ExternalId(Cow<'a, str>, Cow<'a, str>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedAssignmentRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proficiency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    left_as_is: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderRecord<'a> {
    #[serde(borrow, rename = "ref", default, skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    user: UserRecord<'a>,
    /// The list, unless an earlier entry has the same one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    assignments: Option<&'a RawValue>,
    /// Position of the first entry of the job with the same list. Journals before version 5 repeat the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_as: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<DifferenceRecord>,
    /// Place of the entry that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeats: Option<PlaceRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    presence: Option<PresenceRecord>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum PresenceRecord {
    NamedAgain,
    NewName,
    Missing,
    FormerName,
}

/// Serializes the entries of one job, in order.
#[derive(Debug, Default)]
pub(in crate::journal) struct OrderWriter {
    /// Position of the first entry with each list. Lists are identified by address: the job being written keeps them in
    /// place.
    first: HashMap<usize, u32>,
}

impl OrderWriter {
    pub(in crate::journal) fn write(&mut self, position: u32, order: &EntryOrder) -> serde_json::Result<String> {
        let EntryOrder { request, plan, repeats, presence } = order;
        let first = *self.first.entry(request.assignments.as_ptr().addr()).or_insert(position);
        let list = if first == position { Some(in_words(&request.assignments)?) } else { None };
        serde_json::to_string(&OrderRecord {
            reference: request.reference.as_deref().map(Cow::Borrowed),
            user: UserRecord::from(&request.user),
            assignments: list.as_deref(),
            same_as: list.is_none().then_some(first),
            occurred_at: request.occurred_at,
            plan: plan.as_deref().cloned().map(DifferenceRecord::from),
            repeats: repeats.map(PlaceRecord::from),
            presence: PresenceRecord::of(*presence),
        })
    }
}

/// Returns an entry without the user: with the nil id, which every program can read, and with its list, which other
/// entries of the job may refer to. Its outcome records that it was erased.
pub(in crate::journal) fn erased(text: &str) -> serde_json::Result<String> {
    let record: OrderRecord<'_> = serde_json::from_str(text)?;
    serde_json::to_string(&OrderRecord {
        reference: None,
        user: UserRecord::Id(Uuid::nil()),
        occurred_at: None,
        plan: None,
        repeats: None,
        presence: None,
        ..record
    })
}

fn in_words(list: &[ListedAssignment]) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&list.iter().map(ListedAssignmentRecord::from).collect::<Vec<_>>())
}

/// Reads the entries of one job back, in order.
#[derive(Debug, Default)]
pub(in crate::journal) struct OrderReader {
    /// Lists of the entries so far.
    of: Vec<Arc<[ListedAssignment]>>,
    /// Lists by their stored text.
    lists: HashMap<Box<str>, Arc<[ListedAssignment]>>,
    shared: SharedLists,
}

impl OrderReader {
    pub(in crate::journal) fn read(&mut self, text: &str) -> serde_json::Result<EntryOrder> {
        let record: OrderRecord<'_> = serde_json::from_str(text)?;
        let assignments = match (record.assignments, record.same_as) {
            (Some(list), None) => self.list(list.get())?,
            (None, Some(first)) => self.of.get(first as usize).cloned().ok_or_else(|| unknown("no such entry"))?,
            (Some(_), Some(_)) | (None, None) => return Err(unknown("not one list")),
        };
        self.of.push(Arc::clone(&assignments));
        let request = EntryRequest {
            reference: record.reference.map(|text| text.into_owned().into()),
            user: record.user.into(),
            assignments,
            occurred_at: record.occurred_at,
        };
        let (plan, repeats) = (record.plan.map(|plan| Box::new(plan.into())), record.repeats.map(PlaceRecord::into));
        let presence = record.presence.map(Presence::from).unwrap_or_default();
        Ok(EntryOrder { request, plan, repeats, presence })
    }

    fn list(&mut self, text: &str) -> serde_json::Result<Arc<[ListedAssignment]>> {
        if let Some(known) = self.lists.get(text) {
            return Ok(Arc::clone(known));
        }
        let records: Vec<ListedAssignmentRecord<'_>> = serde_json::from_str(text)?;
        let listed = records.into_iter().map(|record| ListedAssignment {
            name: match record.id {
                Some(id) => AssignmentName::Id(AssignmentId(id)),
                None => self.shared.named(&record.name.unwrap_or_default()),
            },
            proficiency: record.proficiency.and_then(Proficiency::new),
            because: record.because.map(|text| text.into_owned().into()),
            left_as_is: record.left_as_is,
        });
        let listed: Arc<[ListedAssignment]> = listed.collect();
        self.lists.insert(text.into(), Arc::clone(&listed));
        Ok(listed)
    }
}

fn unknown(what: &str) -> serde_json::Error {
    serde::de::Error::custom(what)
}

impl PresenceRecord {
    fn of(presence: Presence) -> Option<Self> {
        match presence {
            Presence::Unremarkable => None,
            Presence::NamedAgain => Some(Self::NamedAgain),
            Presence::NewName => Some(Self::NewName),
            Presence::Missing => Some(Self::Missing),
            Presence::FormerName => Some(Self::FormerName),
        }
    }
}

impl From<PresenceRecord> for Presence {
    fn from(record: PresenceRecord) -> Self {
        match record {
            PresenceRecord::NamedAgain => Self::NamedAgain,
            PresenceRecord::NewName => Self::NewName,
            PresenceRecord::Missing => Self::Missing,
            PresenceRecord::FormerName => Self::FormerName,
        }
    }
}

impl<'a> From<&'a ListedAssignment> for ListedAssignmentRecord<'a> {
    fn from(listed: &'a ListedAssignment) -> Self {
        let (id, name) = match &listed.name {
            AssignmentName::Id(id) => (Some(id.0), None),
            AssignmentName::Name(name) => (None, Some(Cow::Borrowed(name.as_ref()))),
        };
        Self {
            id,
            name,
            proficiency: listed.proficiency.map(|rating| f64::from(rating.value())),
            because: listed.because.as_deref().map(Cow::Borrowed),
            left_as_is: listed.left_as_is,
        }
    }
}

impl<'a> From<&'a UserRef> for UserRecord<'a> {
    fn from(user: &'a UserRef) -> Self {
        match user {
            UserRef::Id(id) => Self::Id(id.0),
            UserRef::Email(email) => Self::Email(email.as_ref().into()),
            UserRef::EmployeeId(id) => Self::EmployeeId(id.as_ref().into()),
            UserRef::ExternalId { authority, key } => Self::ExternalId(authority.as_ref().into(), key.as_ref().into()),
        }
    }
}

impl From<UserRecord<'_>> for UserRef {
    fn from(record: UserRecord<'_>) -> Self {
        let owned = |text: Cow<'_, str>| Box::from(text);
        match record {
            UserRecord::Id(id) => Self::Id(UserId(id)),
            UserRecord::Email(email) => Self::Email(owned(email)),
            UserRecord::EmployeeId(id) => Self::EmployeeId(owned(id)),
            UserRecord::ExternalId(authority, key) => Self::ExternalId { authority: owned(authority), key: owned(key) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(reference: Option<&str>, user: UserRef, assignments: &Arc<[ListedAssignment]>) -> EntryOrder {
        let assignments = Arc::clone(assignments);
        EntryRequest { reference: reference.map(Into::into), user, assignments, occurred_at: None }.into()
    }

    #[test]
    fn orders_are_read_back_as_they_were_and_share_their_lists() {
        let named = |name: &str, because: Option<&str>| ListedAssignment {
            name: AssignmentName::Name(name.into()),
            proficiency: Proficiency::new(3.3),
            because: because.map(Into::into),
            left_as_is: because.is_some(),
        };
        let by_id = ListedAssignment {
            name: AssignmentName::Id(AssignmentId(Uuid::from_u128(9))),
            proficiency: None,
            because: None,
            left_as_is: false,
        };
        let role: Arc<[ListedAssignment]> = [named("\"Billing\" ä\n", Some("rule")), by_id].into();
        let (other, none) = ([named("VIP", None)].into(), Arc::default());
        let external = UserRef::ExternalId { authority: "a".into(), key: "\\k".into() };
        let missing = |order| EntryOrder { presence: Presence::Missing, ..order };
        let orders = [
            order(Some("row \"1\""), UserRef::EmployeeId("E1".into()), &role),
            order(None, external, &other),
            order(None, UserRef::Email("ana@example.com".into()), &role),
            missing(order(None, UserRef::Id(UserId(Uuid::from_u128(7))), &none)),
        ];
        let mut writer = OrderWriter::default();
        let written = [0, 1, 2, 3].map(|n| writer.write(n, &orders[n as usize]).unwrap());
        assert_eq!(
            written[1],
            r#"{"user":{"externalId":["a","\\k"]},"assignments":[{"name":"VIP","proficiency":3.299999952316284}]}"#
        );
        assert_eq!(written[2], r#"{"user":{"email":"ana@example.com"},"sameAs":0}"#);
        let mut reader = OrderReader::default();
        let read = written.each_ref().map(|text| reader.read(text).unwrap());
        assert_eq!(read, orders);
        assert!(Arc::ptr_eq(&read[0].request.assignments, &read[2].request.assignments));
        for not_understood in [r#""assignments":{}"#, r#""sameAs":4"#, r#""sameAs":0,"assignments":[]"#, r#""ref":"7""#]
        {
            let text = format!(r#"{{"user":{{"employeeId":"E1"}},{not_understood}}}"#);
            assert!(reader.read(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_that_older_journals_repeat_are_one() {
        let mut reader = OrderReader::default();
        let mut read = |id| {
            let text = format!(r#"{{"user":{{"employeeId":"{id}"}},"assignments":[{{"name":"VIP"}}]}}"#);
            reader.read(&text).unwrap().request.assignments
        };
        assert!(Arc::ptr_eq(&read("E1"), &read("E2")));
    }
}
