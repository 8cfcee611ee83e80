//! From what a caller wrote to ids, and on to the users' slots: users through the directory, assignments through the
//! catalogue, and between the two the scales.

mod same_user;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::catalogue::{Catalogue, Match};
use super::conclusion::Ending;
use super::creation::{Creation, holds_a_level};
use super::directory::{Search, ShownSkills, Sought};
use super::job::Job;
use super::port::{CallError, Errand, UpstreamAnswer};
use super::preparation::Prepared;
use super::ticket::Ticket;
use super::verdict::Failure;
use super::weigh::Scales;
use super::workload::Work;
use super::{EngineCore, creation, preread};
use crate::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use crate::domain::job::JobStatus;
use crate::domain::{Assignments, Place, Proficiency, Reason, UserId, UserKey, UserRef};
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
    /// Where it stands in the effective order.
    pub(super) place: Place,
    /// Whether its sender said when it happened.
    dated: bool,
    /// Of several rows about the user that are one list: what each of them lists.
    rows: Arc<[(u32, Arc<Assignments>)]>,
}

/// A skill that Genesys lacks, as an entry lists it.
#[derive(Debug)]
pub(super) struct Lacking {
    pub(super) name: Arc<str>,
    pub(super) proficiency: Option<Proficiency>,
}

impl Resolved {
    fn ticket(self, job: &Arc<Job>, work: Work) -> Ticket {
        let Self { index, listed, place, rows, .. } = self;
        Ticket { can_be_stale: job.can_be_stale(index), job: Arc::clone(job), index, rows, listed, place, work }
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
///
/// Invariant: entries are parked in the order of their places, and the acceptance order knows the oldest that is not parked.
pub(super) async fn resolve_and_park<'e>(engine: &'e EngineCore, job: &Arc<Job>, prepared: &mut Prepared<'e>) {
    let errand = Errand::new(job.spec().urgency);
    let resolution = resolve_and_weigh(engine, job, &errand, &prepared.parked).await;
    let Resolution { entries, shown } = resolution.unwrap_or_default();
    let mut entries = same_user::taken_together(job, entries);
    entries.sort_by_key(|entry| (entry.place, entry.index));
    let several = named_several_times(&entries);
    let mut on_the_way = HashSet::new();
    for entry in entries {
        let (user, place) = (entry.user, entry.place);
        let key = UserKey { target: job.spec().target, user };
        let again = several.contains(&user) && !on_the_way.insert(user);
        let ticket = entry.ticket(job, if again { Work::Shared } else { work_of(engine, job, key) });
        // It may have waited since it was resolved.
        ticket.indices().for_each(|row| job.resolved(row, user));
        engine.order.prepares(job.id(), place);
        // Several entries of one user are folded in the order in which they happened.
        let shown = shown.as_ref().filter(|_| !several.contains(&user));
        if let Some(ended) = shown.and_then(|shown| preread::end_if_shown(engine, key, &ticket, shown)) {
            prepared.concluding.push(ended);
        } else {
            let rows: Vec<_> = ticket.indices().collect();
            park(engine, key, ticket);
            prepared.parked.extend(rows);
        }
    }
    if job.status() != JobStatus::Held {
        engine.order.prepared(job.id());
    }
    for ended in prepared.concluding.drain(..) {
        ended.shown().await;
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
async fn resolve_and_weigh(
    engine: &EngineCore,
    job: &Arc<Job>,
    errand: &Errand,
    parked: &HashSet<u32>,
) -> Option<Resolution> {
    if job.is_on_its_way(parked) {
        return None;
    }
    let mut patience = Patience { engine, job, parked, errand, tries: 0 };
    let mut look = Look { since: job.accepted_at(), shown: None, parked };
    let mut resolution = loop {
        let tried = tokio::select! {
            tried = try_resolve(engine, job, errand, &mut look) => tried,
            // Who waits for the same listing is next.
            () = job.on_its_way(parked) => return None,
        };
        match tried {
            Ok(resolution) => break resolution,
            Err(error) => patience.wait(&error).await?,
        }
    };
    if parked.is_empty() && !job.has_begun() && !job.was_released() {
        weigh(engine, job, errand, &mut patience, &resolution.entries).await?;
    }
    creation::create_lacking(engine, job, errand, &mut patience, &mut resolution.entries).await?;
    Some(resolution)
}

/// Weighs a job; `None` if it is held back now, or has nothing open any more.
async fn weigh(
    engine: &EngineCore,
    job: &Arc<Job>,
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
    job: &'a Arc<Job>,
    /// Entries that are with their users already, who have patience of their own.
    parked: &'a HashSet<u32>,
    errand: &'a Errand,
    tries: u32,
}

impl Patience<'_> {
    /// Waits until it is worth trying again; `None` if the job has nothing open any more.
    pub(super) async fn wait(&mut self, error: &CallError) -> Option<()> {
        self.job.count_preparation(self.errand.meter.take());
        self.tries += 1;
        let at = self.wait_until(error).await?;
        tokio::select! {
            () = tokio::time::sleep_until(at) => Some(()),
            // Nobody goes on asking Genesys for a job that was cancelled meanwhile.
            () = self.job.on_its_way(self.parked) => None,
        }
    }

    /// When to try again; `None` if the job has nothing open any more.
    async fn wait_until(&self, error: &CallError) -> Option<Instant> {
        let Self { engine, job, .. } = self;
        let patience = engine.settings.patience;
        let (answer, retry_at) = match error {
            CallError::Unavailable { answer, retry_at } => (answer, *retry_at),
            CallError::Conflict(answer) | CallError::Uncertain(answer) => (answer, None),
            CallError::NotFound(answer) | CallError::TargetUnavailable(answer) | CallError::Rejected(answer) => {
                self.fail_open(&Failure::listing_rejected(answer)).await;
                return None;
            }
            CallError::Forbidden(answer) => {
                self.fail_open(&Failure::forbidden(answer)).await;
                return None;
            }
        };
        let left = patience_left(engine, job);
        if left.is_zero() {
            self.fail_open(&Failure::unavailable(answer, patience)).await;
            return None;
        }
        tracing::warn!(job = %job.id(), %error, "cannot resolve the job's users and assignments yet");
        let now = Instant::now();
        let pause = retry_at.map_or_else(|| engine.backoff.pause(self.tries), |at| at.saturating_duration_since(now));
        let at = now + pause.min(left);
        let parked_until = retry_at.map(|_| engine.clock.date_of(at));
        job.hold_up(self.parked, &format!("{}, waiting: {answer}", answer.hindrance()), parked_until);
        Some(at)
    }

    async fn fail_open(&self, failure: &Failure) {
        let left = (0..self.job.len()).filter(|index| !self.parked.contains(index));
        let endings = left.map(|index| Ending::failed(self.job, index, failure)).collect();
        self.engine.conclude(endings, None).shown().await;
    }
}

/// How long the job's entries may still wait for Genesys.
fn patience_left(engine: &EngineCore, job: &Job) -> Duration {
    let waited = Duration::try_from(engine.clock.now().duration_since(job.created_at())).unwrap_or_default();
    engine.settings.patience.saturating_sub(waited)
}

/// An entry that has not ended, beside the user whom it names.
struct Open {
    index: u32,
    assignments: Arc<[ListedAssignment]>,
    dated: bool,
}

impl Open {
    fn of(job: &Job, index: u32) -> Option<(Self, UserRef)> {
        let EntryRequest { reference: _, user, assignments, occurred_at } = job.open_request(index)?;
        Some((Self { index, assignments, dated: occurred_at.is_some() }, user))
    }
}

/// What the tries to resolve a job have in common.
struct Look<'a> {
    /// That something is missing is told only by a look that was not begun before.
    since: Instant,
    shown: Option<Arc<ShownSkills>>,
    /// Entries that are with their users already.
    parked: &'a HashSet<u32>,
}

/// Ends what cannot be resolved, and answers the rest. While a listing is not complete that does not show what an entry
/// names, the job waits; at the end of its patience those entries end alone.
async fn try_resolve(
    engine: &EngineCore,
    job: &Arc<Job>,
    errand: &Errand,
    look: &mut Look<'_>,
) -> Result<Resolution, CallError> {
    let target = job.spec().target;
    let genesys = engine.genesys.as_ref();
    let unparked = (0..job.len()).filter(|index| !look.parked.contains(index));
    let (open, wanted): (Vec<_>, Vec<_>) = unparked.filter_map(|index| Open::of(job, index)).unzip();
    let lists_users = look.shown.is_none() && preread::is_due(engine, job, &wanted);
    let calls_to_find = engine.directory.calls_to_find(&wanted, lists_users, look.since);
    job.prepares(u32::from(engine.catalogues.has_to_read(target)) + calls_to_find);
    let mut catalogue = engine.catalogues.get(genesys, errand, target).await?;
    let creation = creation::of(engine, job);
    let mut lists = ResolvedLists::of(&open, &catalogue, creation);
    if lists.lack_a_name() {
        catalogue = engine.catalogues.read_anew(genesys, errand, target, look.since).await?;
        lists = ResolvedLists::of(&open, &catalogue, creation);
    }
    engine.names.learn(&catalogue, engine.journal.as_ref()).await;
    if lists_users {
        look.shown = preread::read_for(engine, job, &wanted, errand).await?;
    }
    let users = engine.directory.find_all(Search { genesys, errand, since: look.since }, &wanted).await?;
    let doubt = catalogue.doubt(target).filter(|_| lists.lack_a_name());
    let in_doubt = doubt.as_ref().or_else(|| users.iter().find_map(Sought::doubt));
    if let Some(answer) = in_doubt.filter(|_| !patience_left(engine, job).is_zero()) {
        look.since = Instant::now();
        return Err(CallError::unavailable(answer.clone()));
    }
    let (mut entries, mut failed) = (Vec::with_capacity(open.len()), Vec::new());
    let mut incomplete = HashMap::new();
    for ((entry, named), user) in open.iter().zip(&wanted).zip(users) {
        let index = entry.index;
        let found = find_user(engine, named, &user).and_then(|user| {
            let list = lists.get(engine, &entry.assignments, doubt.as_ref());
            let list = list.inspect_err(|failure| drop(incomplete.insert(user, (index, failure.clone()))))?;
            Ok((user, list))
        });
        match found {
            Ok((user, (listed, lacking))) => {
                job.resolved(index, user);
                engine.users.note(named, user, job.id(), index);
                let place = job.place(index);
                entries.push(Resolved {
                    index,
                    user,
                    listed,
                    lacking,
                    place,
                    dated: entry.dated,
                    rows: Arc::default(),
                });
            }
            Err(failure) => failed.push(Ending::failed(job, index, &failure)),
        }
    }
    let entries = same_user::refused(job, entries, &mut failed);
    let entries = same_user::without_incomplete(job, entries, &incomplete, &mut failed);
    let entries = same_user::without_parts(engine, job, entries, &mut failed);
    engine.conclude(failed, None).shown().await;
    Ok(Resolution { entries, shown: look.shown.take() })
}

pub(super) fn park(engine: &EngineCore, key: UserKey, ticket: Ticket) {
    let (urgency, job) = (ticket.urgency(), ticket.job.id());
    ticket.job.parked(ticket.work);
    if engine.slots.park(key, ticket) {
        engine.queues.push(urgency, job, key);
    }
}

pub(super) fn find_user(engine: &EngineCore, wanted: &UserRef, sought: &Sought) -> Result<UserId, Failure> {
    let found = match sought {
        Sought::Told(found) => found,
        Sought::InDoubt(answer) => return Err(Failure::unavailable(answer, engine.settings.patience)),
        Sought::Refused(answer) => return Err(Failure::forbidden(answer)),
    };
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
            format!(
                "no user at Genesys whom this OAuth client may see has this {}. Correct it, create the user first, or give \
                 the client's role the user's division.",
                kind(wanted)
            ),
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
        self.0.values().any(lacks_a_name)
    }

    /// A list; if a name is missing from it and there is a doubt whether that is true, the doubt.
    fn get(
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

pub(super) fn find_assignments(
    catalogue: &Catalogue,
    listed: &[ListedAssignment],
    creation: Creation,
) -> Result<FoundList, Failure> {
    let (mut found, mut lacking) = (Vec::with_capacity(listed.len()), Vec::new());
    for ListedAssignment { name, proficiency, because: _ } in listed {
        match (catalogue.find(name), name) {
            (Match::One(id), _) => found.push((id, *proficiency)),
            (Match::Several(number), _) => return Err(Failure::assignment_ambiguous(&name.to_string(), number)),
            (Match::None, AssignmentName::Name(name)) if creation == Creation::Permitted && !holds_a_level(name) => {
                lacking.push(Lacking { name: Arc::clone(name), proficiency: *proficiency });
            }
            (Match::None, _) => return Err(creation.refused(name)),
        }
    }
    Ok((Arc::new(found.into_iter().collect()), lacking.into()))
}
