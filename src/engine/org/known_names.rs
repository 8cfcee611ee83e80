//! The names of assignments, remembered beyond the catalogue, so that results stay readable after a restart and after
//! an assignment has been deleted.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::AssignmentId;
use crate::engine::org::catalogue::Catalogue;
use crate::journal::{Journal, Memo};
use parking_lot::RwLock;

/// The space of this module's memos in the journal.
const SPACE: &str = "name of an assignment";

/// Every name that was ever read, including by an earlier process.
#[derive(Debug, Default)]
pub(in crate::engine) struct KnownNames(RwLock<HashMap<AssignmentId, Arc<str>>>);

/// The names of one target's assignments.
#[derive(Debug)]
pub struct Names<'a> {
    catalogue: Option<Arc<Catalogue>>,
    known: &'a KnownNames,
}

impl Names<'_> {
    /// Returns the newest known name of an assignment.
    pub fn of(&self, id: AssignmentId) -> Option<Arc<str>> {
        let current = self.catalogue.as_ref().and_then(|catalogue| catalogue.name(id)).map(Arc::from);
        current.or_else(|| self.known.0.read().get(&id).map(Arc::clone))
    }
}

impl KnownNames {
    /// Restores the names that an earlier process left.
    pub(in crate::engine) fn recovered(memos: &[Memo]) -> Self {
        let names = memos
            .iter()
            .filter(|memo| &*memo.space == SPACE)
            .filter_map(|memo| Some((AssignmentId(memo.key.parse().ok()?), Arc::from(memo.value.as_deref()?))));
        Self(RwLock::new(names.collect()))
    }

    /// Combines the remembered names with those of the current catalogue, which take precedence.
    pub(in crate::engine) fn with(&self, catalogue: Option<Arc<Catalogue>>) -> Names<'_> {
        Names { catalogue, known: self }
    }

    /// Learns the names of a catalogue and journals the new ones.
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
            tracing::warn!(%error, "cannot journal the names of assignments; results may lack them after a restart");
        }
    }
}
