//! Skills that a job needs and Genesys lacks: created when nothing stands in the way of the job any more.
//!
//! Only of `routingSkills`, only where the configuration permits it, and only for what the job would assign. A dry run
//! creates nothing, and neither does a job that is held, as long as it is. A job that lacks more than is permitted is taken
//! for a file with a wrong column, and has none of them created.

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

/// Whether what a job lists and Genesys lacks is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Creation {
    Permitted,
    /// It will be, when the job is carried out.
    Later,
    No,
}

/// How often a name may be taken although no listing shows it, before it is believed.
const MAX_CONFLICTS: u32 = 3;

/// What becomes of names, by their folded form.
type Skills = BTreeMap<Box<str>, Result<AssignmentId, Failure>>;

/// Whether skills are created for this job.
pub(in crate::engine) fn of(engine: &EngineCore, job: &Job) -> Creation {
    let spec = job.spec();
    // Nobody has what is not there, so there is nothing to remove.
    let assigns = spec.target == Target::RoutingSkills && spec.mode != Mode::Remove;
    match (engine.settings.most_created_skills, assigns, spec.dry_run) {
        (0, _, _) | (_, false, _) => Creation::No,
        (_, true, true) => Creation::Later,
        (_, true, false) => Creation::Permitted,
    }
}

/// Ends the entries for which skills will not be created whatever comes: of a job that lacks too many, of names that can be
/// taken for each other, and of a dry run all. What a dry run tells is so what the run would.
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

/// Has created what the entries lack, and puts it into what they list. Entries end whose skills are not to be had. `None` if
/// the job has nothing open any more.
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

/// The names that entries lack, by their folded form.
fn lacking(entries: &[Resolved]) -> BTreeMap<Box<str>, Arc<str>> {
    let mut names = BTreeMap::new();
    for lacking in entries.iter().flat_map(|entry| entry.lacking.iter()) {
        names.entry(folded(&lacking.name).into()).or_insert_with(|| Arc::clone(&lacking.name));
    }
    names
}

/// Why the entries of a dry run end that lack these.
fn would_be_created(engine: &EngineCore, names: &BTreeMap<Box<str>, Arc<str>>) -> Skills {
    let catalogue = engine.catalogues.known(Target::RoutingSkills);
    let mut proposals = Proposals::some();
    let mut failure = |name: &str| {
        let todo = "A dry run creates none; the same job without dryRun would.";
        match &catalogue {
            Some(catalogue) => proposals.failure(name, catalogue.names(), todo),
            None => Failure::assignment_not_found(name, todo),
        }
    };
    names.iter().map(|(key, name)| (key.clone(), Err(failure(name)))).collect()
}

/// Names of one job that look the same and are not: nobody knows which of them is the right one.
fn names_alike(names: &BTreeMap<Box<str>, Arc<str>>) -> Skills {
    let looks: Vec<_> = names.iter().map(|(key, name)| (key, name, Looks::of(name))).collect();
    let another_like = |key: &str, looks_so: &Looks| {
        looks.iter().find(|(other, _, looks)| &***other != key && looks.is_like(looks_so)).map(|(_, name, _)| name)
    };
    let failure = |name: &str, other: &str| {
        let (differently, other) = (written_differently(name, other), quoted(other));
        let todo = format!(
            "The job lists {other} as well, which looks the same{differently}, so none of them is created: correct the names, \
             or create them there if both are meant."
        );
        Failure::assignment_not_found(name, &todo)
    };
    let alike = looks.iter().filter_map(|(key, name, looks)| {
        let other = another_like(key, looks)?;
        Some(((*key).clone(), Err(failure(name, other))))
    });
    alike.collect()
}

/// Puts skills into what entries list, as far as is known what becomes of them; who needs one that is not to be had ends.
async fn complete(preparation: &Preparation<'_>, entries: &mut Vec<Resolved>, skills: &Skills) {
    let Preparation { engine, job, .. } = *preparation;
    // Entries that share a list go on sharing it.
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
    /// What the entry lists, with what was created of it.
    fn completed(&self, skills: &Skills) -> Result<Arc<Listed>, Failure> {
        let mut listed: Vec<_> = self.listed.iter().collect();
        for lacking in &*self.lacking {
            match skills.get(&*folded(&lacking.name)) {
                Some(Ok(id)) => listed.push((*id, lacking.proficiency)),
                Some(Err(failure)) => return Err(failure.clone()),
                None => {}
            }
        }
        Ok(Arc::new(Listed::new(listed.into_iter().collect(), self.listed.left_as_is())))
    }
}

/// `None` if the job has nothing open any more.
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

/// Enters a new skill into what is told of the job.
async fn created(engine: &EngineCore, job: &Job, skill: CatalogueItem) -> AssignmentId {
    let id = skill.id;
    tracing::info!(job = %job.id(), skill = %id, "created a skill that Genesys did not have");
    let all = job.add_created(skill);
    if let Some(catalogue) = engine.catalogues.known(Target::RoutingSkills) {
        engine.names.learn(&catalogue, engine.journal.as_ref()).await;
    }
    if let Err(error) = engine.journal.note(job.id(), JobNote::Created(all)).await {
        // It is there all the same; after a restart the job does not tell of it.
        tracing::error!(job = %job.id(), %error, "cannot write down which skills were created");
    }
    id
}

fn too_many(name: &str, lacking: usize, most: u32) -> Failure {
    let todo = format!(
        "The job lacks {lacking} skills, more than the {most} of sync.create_missing_skills, so none was created: look \
         whether its names are skills, then raise the setting or create them there."
    );
    Failure::assignment_not_found(name, &todo)
}

fn not_taken(name: &str, answer: &UpstreamAnswer) -> Failure {
    let message = format!("Genesys does not take {} as the name of a skill: {answer}. Correct the name.", quoted(name));
    Failure::new(Reason::Rejected, message)
}

fn name_is_taken(name: &str, answer: &UpstreamAnswer) -> Failure {
    let todo =
        format!("It does not create one either: {answer}. One that is not active may have the name; look there.");
    Failure::assignment_not_found(name, &todo)
}
