//! Creates the skills that a job needs and Genesys lacks, once nothing stands in the way of the job any more.
//!
//! Skills are created for `routingSkills` only, only where the configuration permits it, and only for what the job
//! would assign. Neither a dry run nor a job that is held creates any. A job that lacks more than is permitted probably
//! comes from a file with a wrong column, and none of its missing skills is created.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::lookalike::Looks;
use crate::domain::text::{folded, quoted};
use crate::domain::{AssignmentId, Listed, Mode, Reason, Target};
use crate::engine::conclusion::Ending;
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::engine::org::catalogue::Skill;
use crate::engine::org::unknown_names::{Proposals, written_differently};
use crate::engine::port::{CallError, CatalogueItem, UpstreamAnswer};
use crate::engine::prepare::preparation::Preparation;
use crate::engine::prepare::resolved::Resolved;
use crate::engine::prepare::same_user::without_incomplete;
use crate::journal::JobNote;

/// Whether missing skills are created for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Creation {
    Permitted,
    /// They will be created when the job is carried out.
    Later,
    No,
}

/// Number of conflicts, without a listing that shows the name, after which the name counts as taken.
const MAX_CONFLICTS: u32 = 3;

/// The skill or the failure for each name, by its folded form.
type Skills = BTreeMap<Box<str>, Result<AssignmentId, Failure>>;

/// Returns whether skills are created for this job.
pub(in crate::engine) fn of(engine: &EngineCore, job: &Job) -> Creation {
    let spec = job.spec();
    // A skill that does not exist has no holders, so there is nothing to remove.
    let assigns = spec.target == Target::RoutingSkills && spec.mode != Mode::Remove;
    match (engine.settings.most_created_skills, assigns, spec.dry_run) {
        (0, _, _) | (_, false, _) => Creation::No,
        (_, true, true) => Creation::Later,
        (_, true, false) => Creation::Permitted,
    }
}

/// Ends the entries for which skills will never be created: all that lack one if the job lacks too many or is a dry
/// run, and those with names that can be mistaken for each other. A dry run therefore reports what the run would.
pub(in crate::engine) async fn refuse(preparation: &Preparation<'_>, entries: &mut Vec<Resolved>) {
    let Preparation { engine, job, .. } = *preparation;
    let names = lacking(entries);
    if names.is_empty() {
        return;
    }
    let most = engine.settings.most_created_skills;
    let refused = if names.len() > most as usize {
        names.iter().map(|(key, name)| (key.clone(), Err(too_many(name, names.len(), most)))).collect()
    } else {
        let mut refused = if job.spec().dry_run { would_be_created(engine, &names) } else { Skills::new() };
        refused.extend(names_alike(&names));
        refused
    };
    complete(preparation, entries, &refused).await;
}

/// Creates the missing skills and adds them to what the entries list. Ends the entries whose skills cannot be had.
/// Returns `None` if the job has no open entries left.
pub(in crate::engine) async fn create_lacking(
    preparation: &mut Preparation<'_>,
    parked: &HashSet<u32>,
    entries: &mut Vec<Resolved>,
) -> Option<()> {
    let mut skills = Skills::new();
    for (key, name) in lacking(entries) {
        skills.insert(key, find_or_create(preparation, parked, &name).await?);
    }
    complete(preparation, entries, &skills).await;
    Some(())
}

/// Returns the names that entries lack, by their folded form.
fn lacking(entries: &[Resolved]) -> BTreeMap<Box<str>, Arc<str>> {
    let mut names = BTreeMap::new();
    for lacking in entries.iter().flat_map(|entry| entry.lacking.iter()) {
        names.entry(folded(&lacking.name).into()).or_insert_with(|| Arc::clone(&lacking.name));
    }
    names
}

/// Returns the failures of a dry run's entries that lack these names.
fn would_be_created(engine: &EngineCore, names: &BTreeMap<Box<str>, Arc<str>>) -> Skills {
    let catalogue = engine.catalogues.known(Target::RoutingSkills);
    let mut proposals = Proposals::some();
    let mut failure = |name: &str| {
        let todo = "A dry run creates no skill; the same job without dryRun would.";
        match &catalogue {
            Some(catalogue) => proposals.failure(name, catalogue.names(), todo),
            None => Failure::assignment_not_found(name, todo),
        }
    };
    names.iter().map(|(key, name)| (key.clone(), Err(failure(name)))).collect()
}

/// Returns failures for names of the job that look the same and differ: which one is right is unknown.
fn names_alike(names: &BTreeMap<Box<str>, Arc<str>>) -> Skills {
    let looks: Vec<_> = names.iter().map(|(key, name)| (key, name, Looks::of(name))).collect();
    let another_like = |key: &str, looks_so: &Looks| {
        looks.iter().find(|(other, _, looks)| &***other != key && looks.is_like(looks_so)).map(|(_, name, _)| name)
    };
    let failure = |name: &str, other: &str| {
        let (differently, other) = (written_differently(name, other), quoted(other));
        let todo = format!(
            "The job also lists {other}, which looks the same{differently}, so neither is created: correct the names, or \
             create both in Genesys if both are meant."
        );
        Failure::assignment_not_found(name, &todo)
    };
    let alike = looks.iter().filter_map(|(key, name, looks)| {
        let other = another_like(key, looks)?;
        Some(((*key).clone(), Err(failure(name, other))))
    });
    alike.collect()
}

/// Adds the skills known by now to what entries list, and ends the entries whose skills cannot be had.
async fn complete(preparation: &Preparation<'_>, entries: &mut Vec<Resolved>, skills: &Skills) {
    let Preparation { engine, job, .. } = *preparation;
    // Entries that share a list keep sharing it.
    let (mut lists, mut failed) = (HashMap::new(), Vec::new());
    let mut incomplete = HashMap::new();
    entries.retain_mut(|entry| {
        if !entry.lacking.iter().any(|lacking| skills.contains_key(&*folded(&lacking.name))) {
            return true;
        }
        let list = lists.entry(entry.lacking.as_ptr().addr()).or_insert_with(|| entry.completed(skills));
        match list {
            Ok(listed) => {
                entry.listed = Arc::clone(listed);
                true
            }
            Err(failure) => {
                incomplete.insert(entry.user, (entry.index, failure.clone()));
                failed.push(Ending::failed(job, entry.index, failure));
                false
            }
        }
    });
    *entries = without_incomplete(job, std::mem::take(entries), &incomplete, &mut failed);
    engine.conclude(failed, None).shown().await;
}

impl Resolved {
    /// Returns what the entry lists, including the skills created for it.
    fn completed(&self, skills: &Skills) -> Result<Arc<Listed>, Failure> {
        let mut listed: Vec<_> = self.listed.iter().collect();
        for lacking in &*self.lacking {
            match skills.get(&*folded(&lacking.name)) {
                Some(Ok(id)) => listed.push((*id, lacking.proficiency)),
                Some(Err(failure)) => return Err(failure.clone()),
                None => {}
            }
        }
        let unrated = self.listed.unrated();
        Ok(Arc::new(Listed::new(listed.into_iter().collect(), self.listed.left_as_is()).with_unrated(unrated)))
    }
}

/// Finds or creates one skill. Returns `None` if the job has no open entries left.
async fn find_or_create(
    preparation: &mut Preparation<'_>,
    parked: &HashSet<u32>,
    name: &str,
) -> Option<Result<AssignmentId, Failure>> {
    let Preparation { engine, job, options, .. } = *preparation;
    let mut conflicts = 0;
    loop {
        if job.is_over() {
            return None;
        }
        let error = match engine.catalogues.find_or_create_skill(engine.genesys.as_ref(), options, name).await {
            Ok(Skill::Known(id)) => return Some(Ok(id)),
            Ok(Skill::Ambiguous(called)) => return Some(Err(Failure::assignment_ambiguous(name, &called))),
            Ok(Skill::Unfit(unfit)) => return Some(Err(unfit.failure(name))),
            Ok(Skill::Created(skill)) => return Some(Ok(created(engine, job, skill).await)),
            Err(error) => error,
        };
        match &error {
            CallError::Forbidden(answer) => return Some(Err(Failure::forbidden(answer))),
            CallError::NotFound(answer) | CallError::TargetUnavailable(answer) | CallError::Rejected(answer) => {
                return Some(Err(not_taken(name, answer)));
            }
            CallError::Conflict(answer) => {
                conflicts += 1;
                if conflicts >= MAX_CONFLICTS {
                    return Some(Err(name_is_taken(name, answer)));
                }
            }
            CallError::Uncertain(_) | CallError::Unavailable { .. } => {}
        }
        preparation.wait(parked, &error).await?;
    }
}

/// Records a created skill with the job and in the journal.
async fn created(engine: &EngineCore, job: &Job, skill: CatalogueItem) -> AssignmentId {
    let id = skill.id;
    tracing::info!(job = %job.id(), skill = %id, "created a missing skill");
    let all = job.add_created(skill);
    if let Some(catalogue) = engine.catalogues.known(Target::RoutingSkills) {
        engine.names.learn(&catalogue, engine.journal.as_ref()).await;
    }
    if let Err(error) = engine.journal.note(job.id(), JobNote::Created(all)).await {
        // The skill exists all the same. After a restart, the job no longer reports it.
        tracing::error!(job = %job.id(), %error, "cannot journal which skills were created");
    }
    id
}

fn too_many(name: &str, lacking: usize, most: u32) -> Failure {
    let todo = format!(
        "The job needs {lacking} missing skills, more than the {most} of sync.create_missing_skills, so none was created: \
         check that its names are skills, then raise the setting or create them in Genesys."
    );
    Failure::assignment_not_found(name, &todo)
}

fn not_taken(name: &str, answer: &UpstreamAnswer) -> Failure {
    let message =
        format!("Genesys does not accept {} as the name of a skill: {answer}. Correct the name.", quoted(name));
    Failure::new(Reason::Rejected, message)
}

fn name_is_taken(name: &str, answer: &UpstreamAnswer) -> Failure {
    let todo = format!("It does not create one either: {answer}. An inactive skill may have the name; check there.");
    Failure::assignment_not_found(name, &todo)
}
