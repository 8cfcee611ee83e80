//! Records to be read, as written in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::records::{RecordPlace, WaitingEvent};
use crate::journal::Memo;

/// Space of the memos.
const SPACE: &str = "record";

/// Value of a memo.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptRecord {
    source: Box<str>,
    record: Box<str>,
    delivery: Box<str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_others: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    /// Absent in journals before version 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    came_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<KeptFailure>,
}

/// Why and when reading was given up, as kept in a memo.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptFailure {
    pub(super) at: Timestamp,
    pub(super) calls: u32,
    pub(super) problem: Box<str>,
}

/// Returns whether a memo is about a record to be read.
pub(in crate::hris::intake) fn is_waiting(memo: &Memo) -> bool {
    &*memo.space == SPACE
}

/// Returns the memo about a delivery that named a person.
pub(super) fn memo(place: &RecordPlace, event: &WaitingEvent, failed: Option<KeptFailure>) -> Memo {
    let kept = KeptRecord {
        source: (&*place.0).into(),
        record: place.1.clone(),
        delivery: event.delivery.clone(),
        has_others: event.has_others,
        occurred_at: event.occurred_at,
        came_at: Some(event.came_at),
        failed,
    };
    let value = serde_json::to_string(&kept).unwrap_or_default();
    Memo { value: Some(value.into()), ..forgotten(place, event) }
}

/// Returns the memo that removes it.
pub(super) fn forgotten(place: &RecordPlace, event: &WaitingEvent) -> Memo {
    let key = format!("{}\n{}\n{}", place.0, place.1, event.delivery);
    Memo { space: SPACE.into(), key: key.into(), value: None }
}

/// Returns the event that a memo keeps, and why its record could not be read, if so. An event in a journal that does not
/// say when it came came `now`.
pub(super) fn read(memo: &Memo, now: Timestamp) -> Option<(RecordPlace, WaitingEvent, Option<KeptFailure>)> {
    let value = memo.value.as_deref().filter(|_| is_waiting(memo))?;
    let KeptRecord { source, record, delivery, has_others, occurred_at, came_at, failed } =
        serde_json::from_str(value).ok()?;
    let event = WaitingEvent { delivery, has_others, came_at: came_at.unwrap_or(now), occurred_at };
    Some(((source.into(), record), event, failed))
}
