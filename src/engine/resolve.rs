//! From what a caller wrote to ids, and on to the users' slots: users through the directory, assignments through the
//! catalogue, and between the two the scales.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::catalogue::{Catalogue, Match};
use super::creation::Creation;
use super::directory::ShownSkills;
use super::job::{EntryResult, Job};
use super::listing::Found;
use super::port::{CallError, Errand};
use super::ticket::Ticket;
use super::verdict::Failure;
use super::weigh::Scales;
use super::workload::Work;
use super::{EngineCore, creation, preread};
use crate::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use crate::domain::{Assignments, EntryState, Proficiency, Reason, UserId, UserKey, UserRef};
use crate::journal::JobNote;

/// An entry whose user and assignments are known by id.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The entry's place in its job.
    pub(super) index: u32,
    pub(super) user: UserId,
    pub(super) listed: Arc<Assignments>,
    /// What it lists beside that and Genesys lacks: to be created before the entry goes on.
    pub(super) lacking: Arc<[Lacking]>,
    /// When it happened at the sender; else when the job was accepted.
    pub(super) effective_at: Timestamp,
    dated: bool,
}

/// A skill that Genesys lacks, as an entry lists it.
#[derive(Debug)]
pub(super) struct Lacking {
    pub(super) name: Arc<str>,
    pub(super) proficiency: Option<Proficiency>,
}

impl Resolved {
    fn ticket(self, job: &Arc<Job>, first_order: u64, work: Work) -> Ticket {
        let Self { index, user: _, listed, lacking: _, effective_at, dated } = self;
        let order = first_order + u64::from(index);
        Ticket { job: Arc::clone(job), index, listed, effective_at, dated, order, work }
    }
}

/// What is open of a job and can go on.
#[derive(Debug, Default)]
struct Resolution {
    entries: Vec<Resolved>,
    /// What a listing showed that was read for the job.
    shown: Option<Arc<ShownSkills>>,
}

/// Resolves every entry of a job, weighs the job, and parks each entry with its user. What cannot be resolved ends with its
/// reason, and the others go on; a job that would take too much away is held. While Genesys is out of reach the job waits.
pub(super) async fn resolve_and_park(engine: &EngineCore, job: &Arc<Job>, first_order: u64) {
    let errand = Errand::new(job.spec().urgency);
    let Resolution { entries, shown } = resolve_and_weigh(engine, job, &errand).await.unwrap_or_default();
    let several = named_several_times(&entries);
    let mut on_the_way = HashSet::new();
    for entry in entries {
        let (user, index) = (entry.user, entry.index);
        // It may have waited since it was resolved.
        job.resolved(index, user);
        let key = UserKey { target: job.spec().target, user };
        let again = several.contains(&user) && !on_the_way.insert(user);
        let ticket = entry.ticket(job, first_order, if again { Work::Shared } else { work_of(engine, job, key) });
        // Several entries of one user are folded in the order in which they happened.
        let shown = shown.as_ref().filter(|_| !several.contains(&user));
        if !shown.is_some_and(|shown| preread::end_if_shown(engine, key, &ticket, shown)) {
            park(engine, key, ticket);
        }
    }
    job.count_preparation(errand.meter.take());
}

/// What the pass over a user will take.
fn work_of(engine: &EngineCore, job: &Job, key: UserKey) -> Work {
    let assumes = engine.settings.write_without_read && key.target.checks_versions() && engine.standings.knows(key);
    if assumes || job.spec().dry_run { Work::OneCall } else { Work::ReadAndWrite }
}

fn named_several_times(entries: &[Resolved]) -> HashSet<UserId> {
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().map(|entry| entry.user).filter(|user| !seen.insert(*user)).collect()
}

/// The entries that may go on; `None` if none may.
async fn resolve_and_weigh(engine: &EngineCore, job: &Arc<Job>, errand: &Errand) -> Option<Resolution> {
    let mut patience = Patience { engine, job, errand, tries: 0 };
    let mut resolution = loop {
        match try_resolve(engine, job, errand).await {
            Ok(resolution) => break resolution,
            Err(error) => patience.wait(&error).await?,
        }
    };
    if !job.has_begun() && !job.was_released() {
        weigh(engine, job, errand, &mut patience, &resolution.entries).await?;
    }
    creation::create_lacking(engine, job, errand, &mut patience, &mut resolution.entries).await?;
    Some(resolution)
}

/// Weighs a job; `None` if it is held back now, or has nothing open any more.
async fn weigh(
    engine: &EngineCore,
    job: &Job,
    errand: &Errand,
    patience: &mut Patience<'_>,
    entries: &[Resolved],
) -> Option<()> {
    let mut scales = Scales::new(engine, job, entries);
    let hold = loop {
        match scales.weigh(errand).await {
            Ok(hold) => break hold,
            Err(error) => patience.wait(&error).await?,
        }
    };
    let Some(hold) = hold else { return Some(()) };
    tracing::warn!(job = %job.id(), users = hold.users, of_users = hold.of_users, why = %hold.message, "held a job");
    if let Err(error) = engine.journal.note(job.id(), JobNote::Held(hold.clone())).await {
        // Held all the same: after a restart it is weighed again.
        tracing::error!(job = %job.id(), %error, "cannot write down that a job is held");
    }
    job.hold_back(hold);
    None
}

/// Waiting for a Genesys that is out of reach.
pub(super) struct Patience<'a> {
    engine: &'a EngineCore,
    job: &'a Job,
    errand: &'a Errand,
    tries: u32,
}

impl Patience<'_> {
    /// Waits until it is worth trying again; `None` if the job has nothing open any more.
    pub(super) async fn wait(&mut self, error: &CallError) -> Option<()> {
        self.job.count_preparation(self.errand.meter.take());
        self.tries += 1;
        let at = wait_until(self.engine, self.job, error, self.tries)?;
        tokio::select! {
            () = tokio::time::sleep_until(at) => Some(()),
            // Nobody goes on asking Genesys for a job that was cancelled meanwhile.
            () = self.job.over() => None,
        }
    }
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

/// An entry that has not ended, beside the user whom it names.
struct Open {
    index: u32,
    assignments: Arc<[ListedAssignment]>,
    occurred_at: Option<Timestamp>,
}

impl Open {
    fn of(job: &Job, index: u32) -> Option<(Self, UserRef)> {
        let EntryRequest { reference: _, user, assignments, occurred_at } = job.open_request(index)?;
        Some((Self { index, assignments, occurred_at }, user))
    }
}

/// Ends what cannot be resolved, and answers the rest.
async fn try_resolve(engine: &EngineCore, job: &Job, errand: &Errand) -> Result<Resolution, CallError> {
    let target = job.spec().target;
    let genesys = engine.genesys.as_ref();
    let (open, wanted): (Vec<_>, Vec<_>) = (0..job.len()).filter_map(|index| Open::of(job, index)).unzip();
    let lists_users = preread::is_due(engine, job, &wanted);
    let calls_to_find = engine.directory.calls_to_find(&wanted, lists_users);
    job.prepares(u32::from(engine.catalogues.has_to_read(target)) + calls_to_find);
    let catalogue = engine.catalogues.get(genesys, errand, target).await?;
    let creation = creation::of(engine, job);
    let mut lists = ResolvedLists::of(&open, &catalogue, creation);
    if lists.lack_a_name() {
        let recheck_after = engine.settings.recheck_names_after;
        let catalogue = engine.catalogues.no_older_than(genesys, errand, target, recheck_after).await?;
        lists = ResolvedLists::of(&open, &catalogue, creation);
    }
    let shown = preread::read_for(engine, job, &wanted, errand).await?;
    let users = engine.directory.find_all(genesys, errand, &wanted).await?;
    let mut entries = Vec::with_capacity(open.len());
    for ((entry, named), user) in open.iter().zip(&wanted).zip(users) {
        let index = entry.index;
        let found = find_user(named, &user).and_then(|user| Ok((user, lists.get(&entry.assignments)?)));
        match found {
            Ok((user, (listed, lacking))) => {
                job.resolved(index, user);
                engine.users.note(named, user, job.id(), index);
                let effective_at = entry.occurred_at.unwrap_or(job.created_at());
                let dated = entry.occurred_at.is_some() || job.was_released();
                entries.push(Resolved { index, user, listed, lacking, effective_at, dated });
            }
            Err(failure) => fail(engine, job, index, &failure),
        }
    }
    Ok(Resolution { entries, shown })
}

fn park(engine: &EngineCore, key: UserKey, ticket: Ticket) {
    let (urgency, job) = (ticket.urgency(), ticket.job.id());
    ticket.job.parked(ticket.work);
    if engine.slots.park(key, ticket) {
        engine.queue.push(urgency, job, key);
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

/// A list by id, and what of it Genesys lacks and can be created.
type FoundList = (Arc<Assignments>, Arc<[Lacking]>);

/// The lists of some entries by id; each list once, however many entries have it.
struct ResolvedLists(HashMap<usize, Result<FoundList, Failure>>);

impl ResolvedLists {
    /// A list is known by where it lies, for as long as the entries are there.
    fn of(entries: &[Open], catalogue: &Catalogue, creation: Creation) -> Self {
        let mut lists = HashMap::new();
        for entry in entries {
            let resolved = || find_assignments(catalogue, &entry.assignments, creation);
            lists.entry(entry.assignments.as_ptr().addr()).or_insert_with(resolved);
        }
        Self(lists)
    }

    fn lack_a_name(&self) -> bool {
        self.0.values().any(|list| match list {
            Ok((_, lacking)) => !lacking.is_empty(),
            Err(failure) => failure.reason == Reason::AssignmentNotFound,
        })
    }

    fn get(&self, list: &Arc<[ListedAssignment]>) -> Result<FoundList, Failure> {
        self.0.get(&list.as_ptr().addr()).cloned().unwrap_or_else(|| Ok((Arc::default(), Arc::default())))
    }
}

fn find_assignments(
    catalogue: &Catalogue,
    listed: &[ListedAssignment],
    creation: Creation,
) -> Result<FoundList, Failure> {
    let (mut found, mut lacking) = (Vec::with_capacity(listed.len()), Vec::new());
    for ListedAssignment { name, proficiency, because: _ } in listed {
        match (catalogue.find(name), name) {
            (Match::One(id), _) => found.push((id, *proficiency)),
            (Match::Several(number), _) => return Err(Failure::assignment_ambiguous(&name.to_string(), number)),
            (Match::None, AssignmentName::Name(name)) if creation == Creation::Permitted => {
                lacking.push(Lacking { name: Arc::clone(name), proficiency: *proficiency });
            }
            (Match::None, _) => return Err(creation.refused(name)),
        }
    }
    Ok((Arc::new(found.into_iter().collect()), lacking.into()))
}

pub(super) fn fail(engine: &EngineCore, job: &Job, index: u32, failure: &Failure) {
    let result =
        EntryResult { reason: Some(failure.reason), message: Some(failure.message.clone()), ..EntryResult::default() };
    job.end(index, EntryState::Failed, result, engine.clock.now());
}
