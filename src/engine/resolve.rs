//! From what a caller wrote to ids: users through the directory, assignments through the catalogue.

use std::sync::Arc;

use tokio::time::Instant;

use super::EngineCore;
use super::catalogue::{Catalogue, Match};
use super::directory::Found;
use super::job::{EntryResult, Job};
use super::port::{CallError, Errand};
use super::ticket::Ticket;
use super::verdict::Failure;
use crate::domain::entry::EntryRequest;
use crate::domain::{Assignments, EntryState, Reason, UserId, UserKey, UserRef};

/// Resolves every entry of a job and parks it with its user; what cannot be resolved ends with its reason, and the others
/// go on. While Genesys is out of reach the job waits.
pub(super) async fn resolve_and_park(engine: &EngineCore, job: &Arc<Job>, first_order: u64) {
    let errand = Errand::new(job.spec().urgency);
    let mut tries = 0;
    loop {
        match try_resolve(engine, job, first_order, &errand).await {
            Ok(()) => break,
            Err(error) => {
                job.count_calls(errand.meter.take());
                tries += 1;
                let Some(at) = wait_until(engine, job, &error, tries) else { return };
                tokio::time::sleep_until(at).await;
            }
        }
    }
    job.count_calls(errand.meter.take());
}

/// When to try again; `None` if the job has nothing open any more.
fn wait_until(engine: &EngineCore, job: &Job, error: &CallError, tries: u32) -> Option<Instant> {
    let (failure, retry_at) = match error {
        CallError::Unavailable { answer, retry_at } => {
            (Failure::unavailable(answer, engine.settings.patience), *retry_at)
        }
        CallError::Conflict(answer) | CallError::Uncertain(answer) => {
            (Failure::unavailable(answer, engine.settings.patience), None)
        }
        CallError::NotFound(answer) | CallError::Rejected(answer) => {
            return fail_open(engine, job, &Failure::rejected(answer));
        }
        CallError::Forbidden(answer) => return fail_open(engine, job, &Failure::forbidden(answer)),
    };
    let now = engine.clock.now();
    if now.duration_since(job.created_at())
        >= jiff::SignedDuration::try_from(engine.settings.patience).unwrap_or_default()
    {
        return fail_open(engine, job, &failure);
    }
    tracing::warn!(job = %job.id(), %error, "cannot resolve the job's users and assignments yet");
    let parked_until = retry_at.map(|at| engine.clock.date_of(at));
    job.hold_up(&format!("Genesys is not available, waiting: {error}"), parked_until);
    Some(retry_at.unwrap_or_else(|| Instant::now() + engine.backoff.pause(tries)))
}

fn fail_open(engine: &EngineCore, job: &Job, failure: &Failure) -> Option<Instant> {
    for index in 0..job.len() {
        fail(engine, job, index, failure);
    }
    None
}

async fn try_resolve(engine: &EngineCore, job: &Arc<Job>, first_order: u64, errand: &Errand) -> Result<(), CallError> {
    let target = job.spec().target;
    let genesys = engine.genesys.as_ref();
    let open: Vec<(u32, EntryRequest)> =
        (0..job.len()).filter_map(|index| Some((index, job.open_request(index)?))).collect();
    let mut catalogue = engine.catalogues.get(genesys, errand, target).await?;
    let unknown = |catalogue: &Catalogue| {
        open.iter().flat_map(|(_, entry)| &entry.assignments).any(|listed| catalogue.find(&listed.name) == Match::None)
    };
    if unknown(&catalogue) {
        catalogue =
            engine.catalogues.no_older_than(genesys, errand, target, engine.settings.recheck_names_after).await?;
    }
    let wanted: Vec<UserRef> = open.iter().map(|(_, entry)| entry.user.clone()).collect();
    let users = engine.directory.find_all(genesys, errand, &wanted).await?;
    for ((index, entry), user) in open.into_iter().zip(users) {
        let resolved = find_user(&entry.user, &user).and_then(|user| Ok((user, find_assignments(&catalogue, &entry)?)));
        match resolved {
            Ok((user, listed)) => park(engine, job, index, &entry, user, listed, first_order),
            Err(failure) => fail(engine, job, index, &failure),
        }
    }
    Ok(())
}

fn park(
    engine: &EngineCore,
    job: &Arc<Job>,
    index: u32,
    entry: &EntryRequest,
    user: UserId,
    listed: Assignments,
    first_order: u64,
) {
    let key = UserKey { target: job.spec().target, user };
    let ticket = Ticket {
        job: Arc::clone(job),
        index,
        listed: Arc::new(listed),
        effective_at: entry.occurred_at.unwrap_or(job.created_at()),
        dated: entry.occurred_at.is_some(),
        order: first_order + u64::from(index),
    };
    job.resolved(index, user);
    engine.users.note(&entry.user, user, job.id(), index);
    if engine.slots.park(key, ticket) {
        engine.queue.push(job.spec().urgency, job.id(), key);
    }
}

fn find_user(wanted: &UserRef, found: &Match<Found>) -> Result<UserId, Failure> {
    match found {
        Match::One(found) if found.active => Ok(found.user),
        Match::One(_) => Err(Failure::new(
            Reason::UserInactive,
            "the user is not active at Genesys. Activate the user there, or leave them out.",
        )),
        Match::Several(number) => Err(Failure::new(
            Reason::UserAmbiguous,
            format!("{number} users at Genesys have this {}. Name the user by id.", kind(wanted)),
        )),
        Match::None => Err(Failure::new(
            Reason::UserNotFound,
            format!("no user at Genesys has this {}. Correct it, or create the user first.", kind(wanted)),
        )),
    }
}

fn kind(wanted: &UserRef) -> &'static str {
    match wanted {
        UserRef::Id(_) => "id",
        UserRef::Email(_) => "e-mail address",
        UserRef::EmployeeId(_) => "employee id",
        UserRef::ExternalId { .. } => "external id",
    }
}

fn find_assignments(catalogue: &Catalogue, entry: &EntryRequest) -> Result<Assignments, Failure> {
    let found = entry.assignments.iter().map(|listed| match catalogue.find(&listed.name) {
        Match::One(id) => Ok((id, listed.proficiency)),
        Match::Several(number) => Err(Failure::new(
            Reason::AssignmentAmbiguous,
            format!("{number} assignments at Genesys are called {:?}. Name it by id.", listed.name.to_string()),
        )),
        Match::None => Err(Failure::new(
            Reason::AssignmentNotFound,
            format!(
                "Genesys has no assignment {:?}. Correct the name, or create it there first.",
                listed.name.to_string()
            ),
        )),
    });
    found.collect()
}

fn fail(engine: &EngineCore, job: &Job, index: u32, failure: &Failure) {
    let result =
        EntryResult { reason: Some(failure.reason), message: Some(failure.message.clone()), ..EntryResult::default() };
    job.end(index, EntryState::Failed, result, engine.clock.now());
}
