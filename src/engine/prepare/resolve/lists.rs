//! The assignments that entries list, by id.

use std::collections::HashMap;
use std::sync::Arc;

use super::OpenEntry;
use crate::domain::entry::{AssignmentName, ListedAssignment};
use crate::domain::name_index::Match;
use crate::domain::{Listed, Reason};
use crate::engine::core::EngineCore;
use crate::engine::job::outcome::Failure;
use crate::engine::org::catalogue::Catalogue;
use crate::engine::org::unknown_names::{Proposals, Unfit};
use crate::engine::port::UpstreamAnswer;
use crate::engine::prepare::create_skills::Creation;
use crate::engine::prepare::resolved::Lacking;

/// A list by id, and what of it Genesys lacks and can be created.
pub(super) type FoundList = (Arc<Listed>, Arc<[Lacking]>);

/// The lists of some entries by id; each list once, however many entries have it.
pub(super) struct ResolvedLists(HashMap<usize, Result<FoundList, Failure>>);

impl ResolvedLists {
    /// A list is known by where it lies, for as long as the entries are there.
    pub(super) fn of(
        entries: &[OpenEntry],
        catalogue: &Catalogue,
        creation: Creation,
        mut proposals: Proposals,
    ) -> Self {
        let mut lists = HashMap::new();
        for entry in entries {
            let resolved = || find_assignments(catalogue, &entry.assignments, creation, &mut proposals);
            lists.entry(entry.assignments.as_ptr().addr()).or_insert_with(resolved);
        }
        Self(lists)
    }

    pub(super) fn lack_a_name(&self) -> bool {
        self.0.values().any(lacks_a_name)
    }

    /// A list; if a name is missing from it and there is a doubt whether that is true, the doubt.
    pub(super) fn get(
        &self,
        engine: &EngineCore,
        list: &Arc<[ListedAssignment]>,
        doubt: Option<&UpstreamAnswer>,
    ) -> Result<FoundList, Failure> {
        match (self.0.get(&list.as_ptr().addr()), doubt) {
            (Some(list), Some(doubt)) if lacks_a_name(list) => {
                Err(Failure::unavailable(doubt, engine.settings.patience))
            }
            (Some(list), _) => list.clone(),
            (None, _) => Ok((Arc::default(), Arc::default())),
        }
    }
}

fn lacks_a_name(list: &Result<FoundList, Failure>) -> bool {
    match list {
        Ok((_, lacking)) => !lacking.is_empty(),
        Err(failure) => failure.reason == Reason::AssignmentNotFound,
    }
}

/// A list by id. Whether it lists a name that nothing can be done about is told alike for a dry run and the run itself.
pub(in crate::engine) fn find_assignments(
    catalogue: &Catalogue,
    listed: &[ListedAssignment],
    creation: Creation,
    proposals: &mut Proposals,
) -> Result<FoundList, Failure> {
    const WHAT_TO_DO: &str = "Correct the name, or create it there first.";
    let names = catalogue.names();
    let (mut found, mut lacking, mut left) = (Vec::with_capacity(listed.len()), Vec::new(), Vec::new());
    for ListedAssignment { name, proficiency, because: _, left_as_is } in listed {
        match (names.find(name), name) {
            (Match::One(id), _) if *left_as_is => left.push(id),
            (Match::Several(_), _) if *left_as_is => {
                left.extend(names.all_called(name).into_iter().map(|item| item.id));
            }
            (Match::One(id), _) => found.push((id, *proficiency)),
            (Match::Several(_), _) => {
                return Err(Failure::assignment_ambiguous(&name.to_string(), &names.all_called(name)));
            }
            (Match::None, AssignmentName::Id(id)) => {
                return Err(Failure::assignment_not_found(&id.to_string(), WHAT_TO_DO));
            }
            (Match::None, AssignmentName::Name(name)) => match (Unfit::of(name, names), creation) {
                (Some(unfit), _) => return Err(unfit.failure(name)),
                (None, Creation::No) => return Err(proposals.failure(name, names, WHAT_TO_DO)),
                // Nobody has it, and nobody is to get it.
                (None, Creation::Permitted | Creation::Later) if *left_as_is => {}
                (None, Creation::Permitted | Creation::Later) => {
                    lacking.push(Lacking { name: Arc::clone(name), proficiency: *proficiency });
                }
            },
        }
    }
    Ok((Arc::new(Listed::new(found.into_iter().collect(), left)), lacking.into()))
}
