//! The written form of an entry as it was accepted. Most entries of a job share their list with others: it is put into words
//! once for all of them, and understood once when it is read back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::record::DifferenceRecord;
use crate::domain::entry::{AssignmentName, EntryOrder, EntryRequest, ListedAssignment, SharedLists};
use crate::domain::{AssignmentId, Proficiency, UserId, UserRef};

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
struct ListedRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proficiency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderRecord<'a> {
    #[serde(borrow, rename = "ref", default, skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    user: UserRecord<'a>,
    assignments: &'a RawValue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<DifferenceRecord>,
}

/// Puts the entries of one job into words.
#[derive(Debug, Default)]
pub(super) struct OrderWriter {
    /// The lists, by where they lie: the job that is written keeps them there.
    lists: HashMap<usize, Box<RawValue>>,
}

impl OrderWriter {
    pub(super) fn write(&mut self, order: &EntryOrder) -> serde_json::Result<String> {
        let EntryOrder { request, plan } = order;
        let list = request.assignments.as_ptr().addr();
        let assignments = match self.lists.entry(list) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(new) => {
                let records: Vec<_> = request.assignments.iter().map(ListedRecord::from).collect();
                new.insert(serde_json::value::to_raw_value(&records)?)
            }
        };
        serde_json::to_string(&OrderRecord {
            reference: request.reference.as_deref().map(Cow::Borrowed),
            user: UserRecord::from(&request.user),
            assignments,
            occurred_at: request.occurred_at,
            plan: plan.as_deref().cloned().map(DifferenceRecord::from),
        })
    }
}

/// Reads the entries of one job back.
#[derive(Debug, Default)]
pub(super) struct OrderReader {
    /// The lists, by how they are written.
    lists: HashMap<Box<str>, Arc<[ListedAssignment]>>,
    shared: SharedLists,
}

impl OrderReader {
    pub(super) fn read(&mut self, text: &str) -> serde_json::Result<EntryOrder> {
        let record: OrderRecord<'_> = serde_json::from_str(text)?;
        let request = EntryRequest {
            reference: record.reference.map(|text| text.into_owned().into()),
            user: record.user.into(),
            assignments: self.list(record.assignments.get())?,
            occurred_at: record.occurred_at,
        };
        Ok(EntryOrder { request, plan: record.plan.map(|plan| Box::new(plan.into())) })
    }

    fn list(&mut self, text: &str) -> serde_json::Result<Arc<[ListedAssignment]>> {
        if let Some(known) = self.lists.get(text) {
            return Ok(Arc::clone(known));
        }
        let records: Vec<ListedRecord<'_>> = serde_json::from_str(text)?;
        let listed = records.into_iter().map(|record| ListedAssignment {
            name: match record.id {
                Some(id) => AssignmentName::Id(AssignmentId(id)),
                None => self.shared.named(&record.name.unwrap_or_default()),
            },
            proficiency: record.proficiency.and_then(Proficiency::new),
            because: record.because.map(|text| text.into_owned().into()),
        });
        let listed: Arc<[ListedAssignment]> = listed.collect();
        self.lists.insert(text.into(), Arc::clone(&listed));
        Ok(listed)
    }
}

impl<'a> From<&'a ListedAssignment> for ListedRecord<'a> {
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
        };
        let by_id = ListedAssignment {
            name: AssignmentName::Id(AssignmentId(Uuid::from_u128(9))),
            proficiency: None,
            because: None,
        };
        let role: Arc<[ListedAssignment]> = [named("\"Billing\" ä\n", Some("rule")), by_id].into();
        let (other, none) = ([named("VIP", None)].into(), Arc::default());
        let external = UserRef::ExternalId { authority: "a".into(), key: "\\k".into() };
        let orders = [
            order(Some("row \"1\""), UserRef::EmployeeId("E1".into()), &role),
            order(None, external, &other),
            order(None, UserRef::Email("ana@example.com".into()), &role),
            order(None, UserRef::Id(UserId(Uuid::from_u128(7))), &none),
        ];
        let mut writer = OrderWriter::default();
        let written = orders.each_ref().map(|order| writer.write(order).unwrap());
        assert_eq!(
            written[1],
            r#"{"user":{"externalId":["a","\\k"]},"assignments":[{"name":"VIP","proficiency":3.299999952316284}]}"#
        );
        let mut reader = OrderReader::default();
        let read = written.each_ref().map(|text| reader.read(text).unwrap());
        assert_eq!(read, orders);
        assert!(Arc::ptr_eq(&read[0].request.assignments, &read[2].request.assignments));
        assert!(reader.read(r#"{"user":{"employeeId":"E1"},"assignments":{}}"#).is_err());
    }
}
