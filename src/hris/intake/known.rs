//! Whom each source has named so far: who is missing from a whole export is a leaver only if that source named them.
//!
//! Kept apart by source, since two HR systems may each know half of the people, and a whole export of one says nothing of
//! the other's.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::UserRef;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError, Memo};

/// The memos of this module.
const SPACE: &str = "known";

/// Invariant: whoever is in here is in the journal.
#[derive(Debug, Default)]
pub(super) struct KnownPeople(Mutex<HashMap<Arc<str>, BTreeSet<Box<str>>>>);

impl KnownPeople {
    pub(super) fn recovered(memos: &[Memo]) -> Self {
        let mut known: HashMap<Arc<str>, BTreeSet<Box<str>>> = HashMap::new();
        for memo in memos.iter().filter(|memo| is_known_person(memo)) {
            if let Some((source, user)) = memo.key.split_once('\n') {
                known.entry(source.into()).or_default().insert(user.into());
            }
        }
        Self(Mutex::new(known))
    }

    /// These were named. Durable when it answers.
    pub(super) async fn learn(
        &self,
        journal: &dyn Journal,
        source: &Source,
        users: impl Iterator<Item = &UserRef>,
    ) -> Result<(), JournalError> {
        let new: BTreeSet<Box<str>> = {
            let known = self.lock();
            let of_source = known.get(&source.name);
            let texts = users.filter_map(written);
            texts.filter(|text| of_source.is_none_or(|known| !known.contains(text))).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let memos = new.iter().map(|text| memo(source, text, Some("")));
        journal.remember(memos.collect()).await?;
        self.lock().entry(Arc::clone(&source.name)).or_default().extend(new);
        Ok(())
    }

    /// Everybody whom the source named by the same kind of key as `like`, but for those in `present`.
    pub(super) fn missing(&self, source: &Source, like: &UserRef, present: &BTreeSet<Box<str>>) -> Vec<UserRef> {
        let known = self.lock();
        let all = known.get(&source.name).into_iter().flatten();
        let absent = all.filter(|text| !present.contains(*text)).filter_map(|text| read(text));
        absent.filter(|user| std::mem::discriminant(user) == std::mem::discriminant(like)).collect()
    }

    /// These have left, and nothing of ours is left with them.
    pub(super) async fn forget(
        &self,
        journal: &dyn Journal,
        source: &Source,
        users: &[UserRef],
    ) -> Result<(), JournalError> {
        let texts: Vec<_> = users.iter().filter_map(written).collect();
        journal.remember(texts.iter().map(|text| memo(source, text, None)).collect()).await?;
        if let Some(of_source) = self.lock().get_mut(&source.name) {
            of_source.retain(|known| !texts.contains(known));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, BTreeSet<Box<str>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn memo(source: &Source, user: &str, value: Option<&str>) -> Memo {
    Memo { space: SPACE.into(), key: format!("{}\n{user}", source.name).into(), value: value.map(Into::into) }
}

/// Whether a memo is one of this module.
pub fn is_known_person(memo: &Memo) -> bool {
    &*memo.space == SPACE
}

/// The written form of a reference, the same for all spellings. Ids of Genesys are no way of naming people here.
pub(super) fn written(user: &UserRef) -> Option<Box<str>> {
    match user.folded() {
        UserRef::Id(_) => None,
        UserRef::Email(email) => Some(format!("email:{email}").into()),
        UserRef::EmployeeId(id) => Some(format!("employeeId:{id}").into()),
        UserRef::ExternalId { authority, key } => Some(format!("externalId:{authority}:{key}").into()),
    }
}

fn read(text: &str) -> Option<UserRef> {
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
