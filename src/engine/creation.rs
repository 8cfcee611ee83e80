//! Skills that a job needs and Genesys lacks: created when nothing stands in the way of the job any more.
//!
//! Only of `routingSkills`, only where the configuration permits it, and only for what the job would assign. A dry run
//! creates nothing, and neither does a job that is held, as long as it is. A job that lacks more than is permitted is taken
//! for a file with a wrong column, and has none of them created.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::EngineCore;
use super::catalogue::Skill;
use super::conclusion::Ending;
use super::job::Job;
use super::port::{CallError, CatalogueItem, UpstreamAnswer};
use super::resolve::{Patience, Resolved};
use super::verdict::Failure;
use crate::domain::entry::AssignmentName;
use crate::domain::text::folded;
use crate::domain::{AssignmentId, Listed, Mode, Reason, Target};
use crate::journal::JobNote;

/// Whether what a job lists and Genesys lacks is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    Permitted,
    /// It will be, when the job is carried out.
    Later,
    No,
}

/// How often a name may be taken although no listing shows it, before it is believed.
const MOST_CONFLICTS: u32 = 3;

/// Skills by their folded names.
type Skills = BTreeMap<Box<str>, Result<AssignmentId, Failure>>;

/// Whether skills are created for this job.
pub(super) fn of(engine: &EngineCore, job: &Job) -> Creation {
    let spec = job.spec();
    // Nobody has what is not there, so there is nothing to remove.
    let assigns = spec.target == Target::RoutingSkills && spec.mode != Mode::Remove;
    match (engine.settings.most_created_skills, assigns, spec.dry_run) {
        (0, _, _) | (_, false, _) => Creation::No,
        (_, true, true) => Creation::Later,
        (_, true, false) => Creation::Permitted,
    }
}

/// Whether a name holds what looks like a level, as in `Billing:4,5` or `Billing:5,VIP:3`: a cell that was taken for one name. Skills
/// cannot be given another name, so none is created of that.
pub(super) fn holds_a_level(name: &str) -> bool {
    name.split(':').skip(1).any(|behind| behind.trim_start().starts_with(|first: char| first.is_ascii_digit()))
}

impl Creation {
    /// Why an entry that lists this cannot go on.
    pub(super) fn refused(self, name: &AssignmentName) -> Failure {
        let todo = match (self, name) {
            (Self::Later | Self::Permitted, AssignmentName::Name(name)) if holds_a_level(name) => {
                "It looks like skills with their levels, so it is not created: separate skills by ';' and write decimals with \
                 a point; or create it there, if this is its name."
            }
            (Self::Later, AssignmentName::Name(_)) => "A dry run creates none; the same job without dryRun would.",
            _ => "Correct the name, or create it there first.",
        };
        Failure::assignment_not_found(&name.to_string(), todo)
    }
}

/// Has created what the entries lack, and puts it into what they list. Entries end whose skills are not to be had. `None` if
/// the job has nothing open any more.
pub(super) async fn create_lacking(
    patience: &mut Patience<'_>,
    parked: &HashSet<u32>,
    entries: &mut Vec<Resolved>,
) -> Option<()> {
    let Patience { engine, job, .. } = *patience;
    let mut skills = Skills::new();
    let mut names = BTreeMap::<Box<str>, Box<str>>::new();
    for name in lacking(entries) {
        names.entry(folded(name).into()).or_insert_with(|| name.into());
    }
    let most = engine.settings.most_created_skills;
    for (key, name) in &names {
        let skill = if names.len() > most as usize {
            Err(too_many(name, names.len(), most))
        } else {
            find_or_create(patience, parked, name).await?
        };
        skills.insert(key.clone(), skill);
    }
    // Entries that share a list go on sharing it.
    let (mut lists, mut failed) = (HashMap::new(), Vec::new());
    entries.retain_mut(|entry| {
        if entry.lacking.is_empty() {
            return true;
        }
        let list = lists.entry(entry.lacking.as_ptr().addr()).or_insert_with(|| entry.completed(&skills));
        match list {
            Ok(listed) => {
                entry.listed = Arc::clone(listed);
                true
            }
            Err(failure) => {
                failed.push(Ending::failed(job, entry.index, failure));
                false
            }
        }
    });
    engine.conclude(failed, None).shown().await;
    Some(())
}

fn lacking(entries: &[Resolved]) -> impl Iterator<Item = &str> {
    entries.iter().flat_map(|entry| entry.lacking.iter()).map(|lacking| lacking.name.trim())
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
    patience: &mut Patience<'_>,
    parked: &HashSet<u32>,
    name: &str,
) -> Option<Result<AssignmentId, Failure>> {
    let Patience { engine, job, errand, .. } = *patience;
    let mut conflicts = 0;
    loop {
        if job.is_over() {
            return None;
        }
        let error = match engine.catalogues.find_or_create_skill(engine.genesys.as_ref(), errand, name).await {
            Ok(Skill::Known(id)) => return Some(Ok(id)),
            Ok(Skill::Ambiguous(number)) => return Some(Err(Failure::assignment_ambiguous(name, number))),
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
                if conflicts >= MOST_CONFLICTS {
                    return Some(Err(name_is_taken(name, answer)));
                }
            }
            CallError::Uncertain(_) | CallError::Unavailable { .. } => {}
        }
        patience.wait(parked, &error).await?;
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
    let message = format!("Genesys does not take {name:?} as the name of a skill: {answer}. Correct the name.");
    Failure::new(Reason::Rejected, message)
}

fn name_is_taken(name: &str, answer: &UpstreamAnswer) -> Failure {
    let todo =
        format!("It does not create one either: {answer}. One that is not active may have the name; look there.");
    Failure::assignment_not_found(name, &todo)
}
