//! The names of what can be assigned, as far as they were ever read: so results can be read after a restart, and when what
//! they tell of does not exist any more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::AssignmentId;
use crate::engine::org::catalogue::Catalogue;
use crate::journal::{Journal, Memo};
use parking_lot::RwLock;

/// The memos of this module.
const SPACE: &str = "name of an assignment";

/// Every name that was read, by a process before this one too.
#[derive(Debug, Default)]
pub(in crate::engine) struct KnownNames(RwLock<HashMap<AssignmentId, Arc<str>>>);

/// The names of one target's assignments.
#[derive(Debug)]
pub struct Names<'a> {
    catalogue: Option<Arc<Catalogue>>,
    known: &'a KnownNames,
}

impl Names<'_> {
    /// The name of an assignment: the newest that is known.
    pub fn of(&self, id: AssignmentId) -> Option<Arc<str>> {
        let current = self.catalogue.as_ref().and_then(|catalogue| catalogue.name(id)).map(Arc::from);
        current.or_else(|| self.known.0.read().get(&id).map(Arc::clone))
    }
}

impl KnownNames {
    /// The names that a process before this one left.
    pub(in crate::engine) fn recovered(memos: &[Memo]) -> Self {
        let names = memos
            .iter()
            .filter(|memo| &*memo.space == SPACE)
            .filter_map(|memo| Some((AssignmentId(memo.key.parse().ok()?), Arc::from(memo.value.as_deref()?))));
        Self(RwLock::new(names.collect()))
    }

    pub(in crate::engine) fn with(&self, catalogue: Option<Arc<Catalogue>>) -> Names<'_> {
        Names { catalogue, known: self }
    }

    /// Takes in the names of a catalogue, and has those written down that are new.
    pub(in crate::engine) async fn learn(&self, catalogue: &Catalogue, journal: &dyn Journal) {
        if !catalogue.is_new() {
            return;
        }
        let new: Vec<(AssignmentId, Arc<str>)> = {
            let mut known = self.0.write();
            let other = |(id, name): &(AssignmentId, &str)| known.get(id).is_none_or(|known| **known != **name);
            let new: Vec<_> = catalogue.names().all().filter(other).map(|(id, name)| (id, Arc::from(name))).collect();
            known.extend(new.iter().map(|(id, name)| (*id, Arc::clone(name))));
            new
        };
        if new.is_empty() {
            return;
        }
        let memo = |(id, name): (AssignmentId, Arc<str>)| Memo {
            space: SPACE.into(),
            key: id.to_string().into(),
            value: Some(Box::from(&*name)),
        };
        if let Err(error) = journal.remember(new.into_iter().map(memo).collect()).await {
            tracing::warn!(%error, "cannot write down the names of assignments; after a restart results may lack them");
        }
    }
}
