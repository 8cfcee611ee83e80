//! People as written in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::KnownPerson;
use super::exports::Exports;
use super::order::Order;
use crate::domain::{UserId, UserRef};
use crate::journal::Memo;

/// Space of the memos about people.
const SPACE: &str = "known";
/// Space of the memos about exports, one per source.
const EXPORTS: &str = "undatedExport";
/// Space of the memos about dry runs of exports, one per source.
const PLANS: &str = "undatedPlan";

/// Value of a memo about a person; empty in journals of earlier versions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPerson {
    /// Absent in journals of earlier versions, which means before everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exports: Option<Exports>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_since: Option<Timestamp>,
    named_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_user: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender_id: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_id: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_planned: bool,
    #[serde(flatten)]
    order: Order,
}

/// Returns what a memo says about a person; `None` if it is from an earlier version.
pub(super) fn kept(memo: &Memo) -> Option<KnownPerson> {
    let WrittenPerson {
        since,
        exports,
        missing_since,
        named_at,
        user,
        former_user,
        sender_id,
        former_id,
        is_planned,
        order,
    } = serde_json::from_str(memo.value.as_deref()?).ok()?;
    let (since, user, former_user) = (since.unwrap_or(Timestamp::MIN), user.map(UserId), former_user.map(UserId));
    let known = KnownPerson { since, exports, missing_since, user, former_user, ..KnownPerson::named_at(named_at) };
    Some(KnownPerson { sender_id, former_id, order, is_planned, ..known })
}

/// Returns the memo that writes or, for `None`, removes a person.
pub(super) fn memo(source: &str, user: &str, known: Option<&KnownPerson>) -> Memo {
    let kept = known.map(|known| WrittenPerson {
        since: Some(known.since).filter(|since| *since > Timestamp::MIN),
        exports: known.exports,
        missing_since: known.missing_since,
        named_at: known.named_at,
        user: known.user.map(|user| user.0),
        former_user: known.former_user.map(|user| user.0),
        sender_id: known.sender_id.clone(),
        former_id: known.former_id.clone(),
        is_planned: known.is_planned,
        order: known.order,
    });
    let value = kept.map(|kept| serde_json::to_string(&kept).unwrap_or_default().into());
    Memo { space: SPACE.into(), key: format!("{source}\n{user}").into(), value }
}

/// Returns the memo that an export without dates, or a dry run of one, came.
pub(super) fn undated_export(source: &str, at: Timestamp, dry_run: bool) -> Memo {
    let space = if dry_run { PLANS } else { EXPORTS };
    Memo { space: space.into(), key: source.into(), value: Some(at.to_string().into()) }
}

/// Returns the source of an export without dates, when it came, and whether it was a dry run.
pub(super) fn read_undated_export(memo: &Memo) -> Option<(&str, Timestamp, bool)> {
    let dry_run = &*memo.space == PLANS;
    let at = memo.value.as_deref().filter(|_| dry_run || &*memo.space == EXPORTS)?;
    Some((&memo.key, at.parse().ok()?, dry_run))
}

/// Returns whether a memo is about a known person.
pub fn is_known_person(memo: &Memo) -> bool {
    &*memo.space == SPACE
}

/// Returns the text for a user reference, the same for all spellings; `None` for ids of Genesys, by which sources do
/// not name people.
pub(in crate::hris::intake) fn written(user: &UserRef) -> Option<Box<str>> {
    match user.folded() {
        UserRef::Id(_) => None,
        UserRef::Email(email) => Some(format!("email:{email}").into()),
        UserRef::EmployeeId(id) => Some(format!("employeeId:{id}").into()),
        UserRef::ExternalId { authority, key } => Some(format!("externalId:{authority}:{key}").into()),
    }
}

/// Returns the bare name as the source gave it.
pub(in crate::hris::intake) fn called(user: &UserRef) -> Option<Box<str>> {
    match user {
        UserRef::Id(_) => None,
        UserRef::Email(name) | UserRef::EmployeeId(name) | UserRef::ExternalId { key: name, .. } => Some(name.clone()),
    }
}

/// Reads the text that [`written`] returns.
pub(super) fn read(text: &str) -> Option<UserRef> {
    let (kind, key) = text.split_once(':')?;
    match kind {
        "email" => Some(UserRef::Email(key.into())),
        "employeeId" => Some(UserRef::EmployeeId(key.into())),
        "externalId" => {
            let (authority, key) = key.split_once(':')?;
            Some(UserRef::ExternalId { authority: authority.into(), key: key.into() })
        }
        _ => None,
    }
}
