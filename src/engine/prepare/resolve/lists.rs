//! Resolves the assignments that entries list to ids.

use std::collections::HashMap;
use std::sync::Arc;

use super::OpenEntry;
use crate::domain::entry::{AssignmentName, ListedAssignment};
use crate::domain::name_index::Match;
use crate::domain::{Listed, Proficiency, Reason};
use crate::engine::core::EngineCore;
use crate::engine::job::outcome::Failure;
use crate::engine::org::catalogue::Catalogue;
use crate::engine::org::unknown_names::{Proposals, Unfit};
use crate::engine::port::UpstreamAnswer;
use crate::engine::prepare::create_skills::Creation;
use crate::engine::prepare::resolved::Lacking;

/// A list by id, and its missing skills that can be created.
pub(super) type FoundList = (Arc<Listed>, Arc<[Lacking]>);

/// The resolved lists of some entries. A list shared by many entries is resolved once.
pub(super) struct ResolvedLists(HashMap<usize, Result<FoundList, Failure>>);

impl ResolvedLists {
    /// Resolves the lists of these entries. Lists are identified by their address, which is valid as long as the
    /// entries live.
    pub(super) fn of(
        entries: &[OpenEntry],
        catalogue: &Catalogue,
        creation: Creation,
        unrated: Option<Proficiency>,
        mut proposals: Proposals,
    ) -> Self {
        let mut lists = HashMap::new();
        for entry in entries {
            let resolved = || find_assignments(catalogue, &entry.assignments, creation, unrated, &mut proposals);
            lists.entry(entry.assignments.as_ptr().addr()).or_insert_with(resolved);
        }
        Self(lists)
    }

    /// Returns whether a list has a name that the catalogue lacks.
    pub(super) fn lack_a_name(&self) -> bool {
        self.0.values().any(lacks_a_name)
    }

    /// Returns a resolved list. If it lacks a name and `doubt` says why that may be wrong, returns the doubt as the
    /// failure.
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

/// Resolves a list. A dry run and the run itself fail alike for a name that cannot be helped.
pub(in crate::engine) fn find_assignments(
    catalogue: &Catalogue,
    listed: &[ListedAssignment],
    creation: Creation,
    unrated: Option<Proficiency>,
    proposals: &mut Proposals,
) -> Result<FoundList, Failure> {
    const WHAT_TO_DO: &str = "Correct the name, or create it in Genesys first.";
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
                // No user has it, and no user is to get it.
                (None, Creation::Permitted | Creation::Later) if *left_as_is => {}
                (None, Creation::Permitted | Creation::Later) => {
                    lacking.push(Lacking { name: Arc::clone(name), proficiency: *proficiency });
                }
            },
        }
    }
    Ok((Arc::new(Listed::new(found.into_iter().collect(), left).with_unrated(unrated)), lacking.into()))
}
