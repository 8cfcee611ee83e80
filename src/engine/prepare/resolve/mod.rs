//! Resolves users through the directory and assignments through the catalogue, runs the removal check, and parks the
//! resolved entries in their users' slots.

mod lists;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use self::lists::ResolvedLists;
pub(in crate::engine) use self::lists::find_assignments;
use crate::domain::entry::{EntryRequest, ListedAssignment};
use crate::domain::job::{JobStatus, SameUser};
use crate::domain::name_index::Match;
use crate::domain::text::unseen;
use crate::domain::{Mode, Place, Reason, UserId, UserKey, UserRef};
use crate::engine::conclusion::Ending;
use crate::engine::core::EngineCore;
use crate::engine::estimate::workload::Work;
use crate::engine::job::Job;
use crate::engine::job::outcome::Failure;
use crate::engine::org::directory::{Search, ShownSkills, Sought};
use crate::engine::org::unknown_names::Proposals;
use crate::engine::port::{CallError, CallOptions, UpstreamAnswer};
use crate::engine::prepare::Prepared;
use crate::engine::prepare::create_skills;
use crate::engine::prepare::prefetch;
use crate::engine::prepare::preparation::{Preparation, patience_left};
use crate::engine::prepare::removal_check::RemovalCheck;
use crate::engine::prepare::resolved::Resolved;
use crate::engine::prepare::same_user;
use crate::engine::user::pending_change::PendingChange;
use crate::journal::JobNote;

/// The open entries of a job that can go on.
#[derive(Debug, Default)]
struct Resolution {
    entries: Vec<Resolved>,
    /// What a listing read for the job showed.
    shown: Option<Arc<ShownSkills>>,
    /// Entries that cannot be resolved yet.
    left: Option<Left>,
}

/// The part of a job that has to be looked up again while the rest goes on.
#[derive(Debug)]
struct Left {
    because: UpstreamAnswer,
    /// The oldest place in that part.
    oldest: Place,
}

/// Resolves every entry of a job, runs the removal check, and parks each entry with its user. Entries that cannot be
/// resolved end with the reason while the others go on; a job that would remove too much is held. While Genesys is out
/// of reach, the job waits, or only those of its entries that cannot be resolved yet.
///
/// Invariant: entries that are resolved together are parked in the order of their places, and the acceptance order
/// knows the oldest place that is not parked.
pub(in crate::engine) async fn resolve_and_park<'e>(
    engine: &'e EngineCore,
    job: &Arc<Job>,
    prepared: &mut Prepared<'e>,
) {
    let options = CallOptions::new(job.spec().lane);
    let mut preparation = Preparation::new(engine, job, &options);
    let mut look = LookAtNames { since: job.accepted_at(), shown: None };
    loop {
        let resolution = resolve_and_weigh(&mut preparation, &prepared.parked, &mut look).await;
        let Some(resolution) = resolution else { break };
        let left = park_all(engine, job, prepared, resolution);
        for ended in prepared.concluding.drain(..) {
            ended.shown().await;
        }
        let Some(because) = left else { break };
        if preparation.wait(&prepared.parked, &CallError::unavailable(because)).await.is_none() {
            break;
        }
        look.since = Instant::now();
    }
    if job.status() != JobStatus::Held {
        engine.order.prepared(job.id());
    }
    job.count_preparation(options.meter.take());
}

/// Parks entries with their users, in order of place. Returns why entries are left, if some are.
fn park_all<'e>(
    engine: &'e EngineCore,
    job: &Arc<Job>,
    prepared: &mut Prepared<'e>,
    resolution: Resolution,
) -> Option<UpstreamAnswer> {
    let Resolution { entries, shown, left } = resolution;
    let oldest_left = left.as_ref().map(|left| left.oldest);
    let mut entries = same_user::taken_together(job, entries);
    entries.sort_by_key(|entry| (entry.place, entry.index));
    let several = named_several_times(&entries);
    let mut on_the_way = HashSet::new();
    for entry in entries {
        let (user, place) = (entry.user, entry.place);
        let key = UserKey { target: job.spec().target, user };
        let again = several.contains(&user) && !on_the_way.insert(user);
        let pending_change = entry.pending_change(job, if again { Work::Shared } else { work_of(engine, job, key) });
        // The entry may have been set to waiting since it was resolved.
        pending_change.indices().for_each(|row| job.resolved(row, user));
        engine.order.prepares(job.id(), oldest_left.map_or(place, |left| left.min(place)));
        // Several entries of one user are folded in their order, so the listing cannot end them one by one.
        let shown = shown.as_ref().filter(|_| !several.contains(&user));
        if let Some(ended) = shown.and_then(|shown| prefetch::end_if_shown(engine, key, &pending_change, shown)) {
            prepared.concluding.push(ended);
        } else {
            let rows: Vec<_> = pending_change.indices().collect();
            park(engine, key, pending_change);
            prepared.parked.extend(rows);
        }
    }
    left.map(|left| {
        engine.order.prepares(job.id(), left.oldest);
        left.because
    })
}

/// Returns the work that the reconciliation of a user will take.
fn work_of(engine: &EngineCore, job: &Job, key: UserKey) -> Work {
    let assumes = engine.settings.write_without_read && key.target.checks_versions() && engine.user_states.knows(key);
    if assumes || job.spec().dry_run { Work::OneCall } else { Work::ReadAndWrite }
}

fn named_several_times(entries: &[Resolved]) -> HashSet<UserId> {
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().map(|entry| entry.user).filter(|user| !seen.insert(*user)).collect()
}

/// Returns the entries that may go on; `None` if there are none.
async fn resolve_and_weigh(
    preparation: &mut Preparation<'_>,
    parked: &HashSet<u32>,
    look: &mut LookAtNames,
) -> Option<Resolution> {
    let job = preparation.job;
    if job.is_on_its_way(parked) {
        return None;
    }
    let mut resolution = loop {
        let tried = tokio::select! {
            tried = try_resolve(preparation, parked, look) => tried,
            // Dropping the try lets the next waiting caller read the listing.
            () = job.on_its_way(parked) => return None,
            () = preparation.over() => Err(no_answer()),
        };
        match tried {
            Ok(resolution) => break resolution,
            Err(error) => preparation.wait(parked, &error).await?,
        }
    };
    create_skills::refuse(preparation, &mut resolution.entries).await;
    if parked.is_empty() && !job.has_begun() && !job.was_released() {
        weigh(preparation, &resolution.entries).await?;
    }
    create_skills::create_lacking(preparation, parked, &mut resolution.entries).await?;
    Some(resolution)
}

fn no_answer() -> CallError {
    CallError::unavailable(UpstreamAnswer { message: "no answer to look-ups".into(), ..UpstreamAnswer::default() })
}

/// Runs the removal check. Returns `None` if the job is held now or has no open entries left.
async fn weigh(preparation: &mut Preparation<'_>, entries: &[Resolved]) -> Option<()> {
    let Preparation { engine, job, options, .. } = *preparation;
    let mut check = RemovalCheck::new(engine, job, entries);
    let hold = loop {
        match check.weigh(options).await {
            Ok(hold) => break hold,
            // Nothing of a job is parked before the removal check.
            Err(error) => preparation.wait(&HashSet::new(), &error).await?,
        }
    };
    let Some(hold) = hold else { return Some(()) };
    tracing::warn!(job = %job.id(), users = hold.users, of_users = hold.of_users, "held a job that would remove too much; apply it or cancel it");
    if let Err(error) = engine.journal.note(job.id(), JobNote::Held(hold.clone())).await {
        // The job is held all the same. After a restart, it is checked again.
        tracing::error!(job = %job.id(), %error, "cannot journal that a job is held");
    }
    job.hold_back(hold);
    None
}

/// An open entry without the name of its user.
struct OpenEntry {
    index: u32,
    assignments: Arc<[ListedAssignment]>,
    dated: bool,
}

impl OpenEntry {
    fn of(job: &Job, index: u32) -> Option<(Self, UserRef)> {
        let EntryRequest { reference: _, user, assignments, occurred_at } = job.open_request(index)?;
        Some((Self { index, assignments, dated: occurred_at.is_some() }, user))
    }
}

/// State shared by all tries to resolve a job.
struct LookAtNames {
    /// The earliest start of a look that proves absence.
    since: Instant,
    shown: Option<Arc<ShownSkills>>,
}

/// Resolves the open entries once and ends those that cannot be resolved. While a user or name is in doubt, the job
/// waits, or only the entry in doubt if the others may go on without it. At the end of the patience, only the entries
/// in doubt fail.
async fn try_resolve(
    preparation: &Preparation<'_>,
    parked: &HashSet<u32>,
    look: &mut LookAtNames,
) -> Result<Resolution, CallError> {
    let Preparation { engine, job, options, .. } = *preparation;
    let target = job.spec().target;
    let genesys = engine.genesys.as_ref();
    let unparked = (0..job.len()).filter(|index| !parked.contains(index));
    let (open, wanted): (Vec<_>, Vec<_>) = unparked.filter_map(|index| OpenEntry::of(job, index)).unzip();
    let lists_users = look.shown.is_none() && prefetch::is_due(engine, job, &wanted);
    let calls_to_find = engine.directory.calls_to_find(&wanted, lists_users, look.since);
    job.prepares(u32::from(engine.catalogues.has_to_read(target)) + calls_to_find);
    let mut catalogue = engine.catalogues.get(genesys, options, target).await?;
    let (creation, unrated) = (create_skills::of(engine, job), job.spec().default_proficiency);
    let mut lists = ResolvedLists::of(&open, &catalogue, creation, unrated, Proposals::none());
    if lists.lack_a_name() {
        catalogue = engine.catalogues.read_anew(genesys, options, target, look.since).await?;
        lists = ResolvedLists::of(&open, &catalogue, creation, unrated, Proposals::some());
    }
    engine.names.learn(&catalogue, engine.journal.as_ref()).await;
    if lists_users {
        look.shown = match prefetch::read_for(engine, job, &wanted, options).await {
            // The listing only saves calls: its users can be found and read in other ways.
            Err(CallError::Unavailable { .. }) => None,
            shown => shown?,
        };
    }
    let users = engine.directory.find_all(Search { genesys, options, since: look.since }, &wanted).await?;
    let doubt = catalogue.doubt(target).filter(|_| lists.lack_a_name());
    let is_patient = !patience_left(engine, job).is_zero();
    let unknown = users.iter().find_map(Sought::doubt).filter(|_| is_patient);
    let waits = doubt
        .as_ref()
        .filter(|_| is_patient)
        .or_else(|| unknown.filter(|_| lists.lack_a_name() || !may_go_on_singly(engine, job)));
    if let Some(answer) = waits {
        look.since = Instant::now();
        return Err(CallError::unavailable(answer.clone()));
    }
    let left = unknown.map(|because| {
        let unknown = open.iter().zip(&users).filter(|(_, user)| user.doubt().is_some());
        let places = unknown.map(|(entry, _)| job.place(entry.index));
        Left { because: because.clone(), oldest: places.min().unwrap_or_else(|| job.place(0)) }
    });
    let (mut entries, mut failed) = (Vec::with_capacity(open.len()), Vec::new());
    let mut incomplete = HashMap::new();
    for ((entry, named), user) in open.iter().zip(&wanted).zip(users) {
        let index = entry.index;
        if left.is_some() && user.doubt().is_some() {
            continue;
        }
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
    let entries = same_user::without_renamed(job, entries, &mut failed);
    engine.conclude(failed, None).shown().await;
    Ok(Resolution { entries, shown: look.shown.take(), left })
}

/// Returns whether entries may go on while the users of other entries are still unknown. This requires that nothing is
/// checked or created for the job as a whole, and that no entry depends on whether another one is about the same user.
fn may_go_on_singly(engine: &EngineCore, job: &Job) -> bool {
    let spec = job.spec();
    match spec.mode {
        Mode::Add | Mode::Remove if spec.dry_run || spec.same_user == SameUser::Merge => false,
        Mode::Add => true,
        Mode::Remove => !engine.settings.hold.concern(job.len() as usize),
        Mode::Managed | Mode::Replace => false,
    }
}

/// Parks a pending change with its user and queues the user if necessary.
pub(in crate::engine) fn park(engine: &EngineCore, key: UserKey, pending_change: PendingChange) {
    let (lane, job) = (pending_change.lane(), pending_change.job.id());
    pending_change.job.parked(pending_change.work);
    if engine.slots.park(key, pending_change) {
        engine.queues.push(lane, job, key);
    }
}

/// Returns the active user that was found, or why the entry fails.
pub(in crate::engine) fn find_user(engine: &EngineCore, wanted: &UserRef, sought: &Sought) -> Result<UserId, Failure> {
    let found = match sought {
        Sought::Told(found) => found,
        Sought::InDoubt(answer) => return Err(Failure::unavailable(answer, engine.settings.patience)),
        Sought::Refused(answer) => return Err(Failure::forbidden(answer)),
    };
    match found {
        Match::One(found) if found.active => Ok(found.user),
        Match::One(_) => Err(Failure::new(
            Reason::UserInactive,
            "the user is not active in Genesys, so nothing was changed. If the person has left, nothing is to do; else activate \
             the user there.",
        )),
        Match::Several(number) => Err(Failure::new(
            Reason::UserAmbiguous,
            format!("{number} users in Genesys have this {}. Name the user by id.", kind(wanted)),
        )),
        Match::None => Err(Failure::new(Reason::UserNotFound, not_found(wanted))),
    }
}

/// Returns the message for a user who was not found. It does not contain the name itself.
fn not_found(wanted: &UserRef) -> String {
    let kind = kind(wanted);
    let exactly = match wanted {
        UserRef::Id(_) => format!("no user in Genesys that this OAuth client may see has this {kind}"),
        UserRef::Email(_) | UserRef::ExternalId { .. } => {
            format!("no user in Genesys that this OAuth client may see has exactly this {kind}")
        }
        UserRef::EmployeeId(_) => format!(
            "no user in Genesys that this OAuth client may see has exactly this {kind}, and no active one has it in another \
             spelling"
        ),
    };
    let unseen = wanted.text().map(unseen).filter(|unseen| !unseen.is_empty());
    let unseen = unseen.map(|unseen| format!(" It contains invisible characters ({unseen})."));
    let unseen = unseen.unwrap_or_default();
    format!("{exactly}.{unseen} Correct it, create the user first, or grant the client's role the user's division.")
}

fn kind(wanted: &UserRef) -> &'static str {
    match wanted {
        UserRef::Id(_) => "id",
        UserRef::Email(_) => "e-mail address",
        UserRef::EmployeeId(_) => "employee id",
        UserRef::ExternalId { .. } => "external id",
    }
}
