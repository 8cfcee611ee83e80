//! The removal check: finds out how much a job would remove before any of it is written.
//!
//! The first check needs no call. A job can remove no more than what is owned, what it lists and what is configured as
//! managed; only `replace` can remove anything. If even all of that would not be too much, the job goes on without a
//! call. Otherwise the users in doubt are read, and what they really have counts. If too few users in the org would be
//! left with a skill, a listing tells who else has it, provided that the target has one and no recent listing has told
//! already.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::domain::assignment::Difference;
use crate::domain::entry::Presence;
use crate::domain::fold::{Change, FoldStart, fold};
use crate::domain::hold::{Attendance, Hold, Weight};
use crate::domain::job::SameUser;
use crate::domain::{AssignmentId, Assignments, Listed, Mode, Place, Target, UserId, UserKey};
use crate::engine::core::EngineCore;
use crate::engine::job::Job;
use crate::engine::port::{CallError, CallOptions, Observed};
use crate::engine::prepare::resolved::Resolved;
use crate::engine::user::memory::UserState;

/// What a user has, as far as known, and what the job would remove of it.
#[derive(Debug, Clone, Default)]
struct UserShare {
    has: Vec<AssignmentId>,
    loses: Vec<AssignmentId>,
    /// Whether the job lists nothing for the user.
    gets_nothing: bool,
}

impl UserShare {
    /// Adds what a plan removes. The user has that, and what the plan does not have to add of the list.
    fn add(&mut self, plan: &Difference, listed: &Listed) {
        let had = listed.ids().filter(|id| !plan.added.iter().any(|(added, _)| added == id));
        self.has.extend(had.chain(plan.removed.iter().copied()));
        self.loses.extend(plan.removed.iter().copied());
        for ids in [&mut self.has, &mut self.loses] {
            ids.sort_unstable();
            ids.dedup();
        }
    }
}

/// The removal check of one job. It keeps what was read while Genesys is out of reach.
pub(in crate::engine) struct RemovalCheck<'a> {
    engine: &'a EngineCore,
    job: &'a Job,
    /// What the job asks for each user, in the order of the fold.
    asked: BTreeMap<UserId, Vec<(Place, Arc<Listed>)>>,
    managed: Arc<BTreeSet<AssignmentId>>,
    read: HashMap<UserId, UserShare>,
    /// What entries that are limited by a plan remove: nothing else can come of them.
    planned: BTreeMap<UserId, UserShare>,
    /// Users who are missing from the full export that the job comes from.
    missing: BTreeSet<UserId>,
    /// Number of users whom the export names again.
    named_again: u32,
}

impl<'a> RemovalCheck<'a> {
    /// Prepares the check of these resolved entries.
    pub(in crate::engine) fn new(engine: &'a EngineCore, job: &'a Job, entries: &[Resolved]) -> Self {
        let (mut asked, mut planned) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, UserShare>::new());
        let (mut missing, mut named_again, mut planned_lists) = (BTreeSet::new(), 0, BTreeMap::<_, Vec<_>>::new());
        for entry in entries {
            match job.presence(entry.index) {
                Presence::Missing => drop(missing.insert(entry.user)),
                Presence::NamedAgain => named_again += 1,
                Presence::Unremarkable | Presence::NewName | Presence::FormerName => {}
            }
            if let Some(plan) = job.plan(entry.index) {
                planned.entry(entry.user).or_default().add(&plan, &entry.listed);
                planned_lists.entry(entry.user).or_default().push((entry.place, Arc::clone(&entry.listed)));
                continue;
            }
            asked.entry(entry.user).or_default().push((entry.place, Arc::clone(&entry.listed)));
        }
        let merged = job.spec().same_user == SameUser::Merge;
        let in_order = |(user, mut listed): (UserId, Vec<(Place, Arc<Listed>)>)| {
            listed.sort_by_key(|(place, _)| *place);
            if merged && listed.len() > 1 {
                let all = Listed::together(listed.iter().map(|(_, listed)| &**listed));
                listed = listed.last().map(|(place, _)| (*place, Arc::new(all))).into_iter().collect();
            }
            (user, listed)
        };
        let managed = engine.catalogues.managed(job.spec().target);
        let (asked, read) = (asked.into_iter().map(in_order).collect(), HashMap::new());
        for (user, lists) in planned_lists.into_iter().map(in_order) {
            planned.entry(user).or_default().gets_nothing = gets_nothing(job, &lists);
        }
        Self { engine, job, asked, managed, read, planned, missing, named_again }
    }

    /// Returns why the job has to be held, or `None` if it may go on.
    pub(in crate::engine) async fn weigh(&mut self, options: &CallOptions) -> Result<Option<Hold>, CallError> {
        let thresholds = self.engine.settings.hold;
        let takes_nothing = self.job.spec().dry_run || self.job.spec().mode == Mode::Add;
        let concern = thresholds.concern(self.asked.len() + self.planned.len()) || !self.missing.is_empty();
        if takes_nothing || !concern {
            return Ok(None);
        }
        let at_most: BTreeMap<_, _> = self.asked.keys().map(|user| (*user, self.at_most(*user))).collect();
        let everything = self.job.spec().mode == Mode::Replace;
        if !everything && self.pass(&at_most).is_ok() {
            return Ok(None);
        }
        let doubtful = at_most.iter().filter(|(_, share)| everything || !share.loses.is_empty()).map(|(user, _)| *user);
        self.read_all(doubtful.collect(), options).await?;
        let found = at_most.into_iter().map(|(user, at_most)| (user, self.read.get(&user).cloned().unwrap_or(at_most)));
        let found = found.collect();
        let mut decision = self.pass(&found);
        if let Err(weight) = &decision
            && thresholds.depend_on_others(weight)
            && self.listed(options).await
        {
            decision = self.pass(&found);
        }
        let Err(weight) = decision else { return Ok(None) };
        let catalogue = self.engine.catalogues.known(self.job.spec().target);
        let name = |id| catalogue.as_ref()?.name(id).map(Into::into);
        Ok(Some(thresholds.held(&weight, name)))
    }

    /// Lets the job go on if it removes no more than `shares`. Otherwise returns the weight of these removals.
    fn pass(&self, shares: &BTreeMap<UserId, UserShare>) -> Result<(), Weight> {
        self.pass_with(shares, &[]).or_else(|weight| {
            // Who gains what others lose is checked only if it matters.
            if self.engine.settings.hold.depend_on_others(&weight) {
                self.pass_with(shares, &self.gains(shares))
            } else {
                Err(weight)
            }
        })
    }

    /// Does the same, counting these assignments as gained.
    fn pass_with(&self, shares: &BTreeMap<UserId, UserShare>, gains: &[AssignmentId]) -> Result<(), Weight> {
        let (mut weight, mut losses) = (Weight::default(), BTreeSet::new());
        for (user, share) in shares.iter().chain(&self.planned) {
            weight.add(share.has.iter().copied(), &share.loses, share.gets_nothing);
            losses.extend(share.loses.iter().map(|id| (*id, *user)));
        }
        if weight.is_nothing() {
            return Ok(());
        }
        weight.gives(gains.iter().copied());
        let share_of = |user: &UserId| shares.get(user).or(self.planned.get(user));
        let missing = self.missing.iter().filter_map(share_of).filter(|share| !share.loses.is_empty()).count();
        if missing > 0 {
            weight.full_export(Attendance {
                missing: u32::try_from(missing).unwrap_or(u32::MAX),
                named_again: self.named_again,
                new_names_not_found: self.job.new_names_not_found(),
            });
        }
        let is_of_job = |user| self.asked.contains_key(&user) || self.planned.contains_key(&user);
        let (engine, thresholds) = (self.engine, self.engine.settings.hold);
        let passes =
            engine.holders.let_pass(&engine.holder_sources(), thresholds, self.job, losses, is_of_job, &mut weight);
        if passes { Ok(()) } else { Err(weight) }
    }

    /// Returns the assignments that the job gives to users not known to have them, once for each user.
    fn gains(&self, shares: &BTreeMap<UserId, UserShare>) -> Vec<AssignmentId> {
        let mut gains = Vec::new();
        for (user, share) in shares {
            let user_state = self.engine.user_states.recall(self.key(*user));
            let has = share.has.iter().filter(|id| !share.loses.contains(id)).map(|id| (*id, None)).collect();
            gains.extend(self.planned_of(*user, &has, &user_state).added.into_iter().map(|(id, _)| id));
        }
        gains
    }

    /// Reads who has which skills, if a listing can show it and none has done so recently. Returns whether it did. If
    /// it fails, only what is known counts: an operator then looks at the job.
    async fn listed(&self, options: &CallOptions) -> bool {
        let (engine, job) = (self.engine, self.job);
        if job.spec().target != Target::RoutingSkills || engine.holders.were_shown_within(engine.settings.renew_after) {
            return false;
        }
        let listing = engine.directory.read_with_skills(engine.genesys.as_ref(), options).await;
        job.count_preparation(options.meter.take());
        match listing {
            Ok(shown) => {
                engine.holders.shown(&shown);
                true
            }
            Err(error) => {
                tracing::warn!(job = %job.id(), %error, "cannot list the holders of the skills that the job removes");
                false
            }
        }
    }

    /// Returns the most that anything but `replace` can remove from a user: the job folded on everything within its
    /// reach. Removing what the user turns out not to have does no harm, and what somebody else assigned is out of
    /// reach.
    fn at_most(&self, user: UserId) -> UserShare {
        let user_state = self.engine.user_states.recall(self.key(user));
        let owned = user_state.owned.ids();
        let listed = self.asked.get(&user).into_iter().flatten().flat_map(|(_, listed)| listed.ids());
        let within_reach = owned.iter().copied().chain(listed).chain(self.managed.iter().copied());
        let loses = self.loses(user, &within_reach.map(|id| (id, None)).collect(), &user_state);
        // What users have is underestimated instead, so that the share they lose is not.
        let has = owned.iter().copied().chain(loses.iter().copied()).collect::<BTreeSet<_>>();
        UserShare { has: has.into_iter().collect(), loses, gets_nothing: self.gets_nothing(user) }
    }

    /// Returns what the job removes from `current`.
    fn loses(&self, user: UserId, current: &Assignments, user_state: &UserState) -> Vec<AssignmentId> {
        self.planned_of(user, current, user_state).removed
    }

    /// Returns what the job changes in `current`, folded below what was carried out since it was accepted, as its
    /// reconciliation will do.
    fn planned_of(&self, user: UserId, current: &Assignments, user_state: &UserState) -> Difference {
        let (target, mode) = (self.job.spec().target, self.job.spec().mode);
        let start = FoldStart { target, current, owned: &user_state.owned, managed: &self.managed };
        let listed = self.asked.get(&user).into_iter().flatten();
        let comes_too_late = |place: Place| {
            user_state.too_late(place, self.job.created_at(), self.job.can_be_stale(place.entry.1)).is_some()
        };
        let listed = listed.filter(|(place, _)| !comes_too_late(*place));
        let change = |(place, listed): &(Place, _)| {
            let (owner, listed) = (self.job.spec().owner.clone(), Arc::clone(listed));
            Change { place: *place, by: place.entry, owner, mode, listed }
        };
        let changes: Vec<_> = listed.map(change).collect();
        Difference::between(current, &fold(start, user_state.history.as_deref(), &changes).desired)
    }

    /// Reads users, a bounded number at a time.
    async fn read_all(&mut self, users: Vec<UserId>, options: &CallOptions) -> Result<(), CallError> {
        let unread: Vec<_> = users.into_iter().filter(|user| !self.read.contains_key(user)).collect();
        if self.read.is_empty() {
            tracing::info!(job = %self.job.id(), users = unread.len(), "weighing what the job would remove");
        }
        let (engine, job) = (self.engine, self.job);
        job.is_weighed(self.read.len(), unread.len());
        let keys: Vec<_> = unread.into_iter().map(|user| self.key(user)).collect();
        let mut reads =
            stream::iter(keys)
                // If the job is cancelled, calls under way are finished and no others begin.
                .map(|key| async move {
                    (key.user, if job.is_over() { Ok(None) } else { read(engine, options, key).await })
                })
                .buffer_unordered(engine.settings.seats);
        while let Some((user, found)) = reads.next().await {
            job.count_preparation(options.meter.take());
            let share = found?.map_or_else(UserShare::default, |found| self.found(user, &found));
            self.read.insert(user, share);
        }
        Ok(())
    }

    fn found(&self, user: UserId, found: &Observed) -> UserShare {
        let user_state = self.engine.user_states.recall(self.key(user));
        let loses = self.loses(user, &found.assignments, &user_state);
        UserShare { has: found.assignments.ids().collect(), loses, gets_nothing: self.gets_nothing(user) }
    }

    fn gets_nothing(&self, user: UserId) -> bool {
        self.asked.get(&user).is_some_and(|listed| gets_nothing(self.job, listed))
    }

    fn key(&self, user: UserId) -> UserKey {
        UserKey { target: self.job.spec().target, user }
    }
}

/// Returns whether the last of a user's lists, in the order of the fold, is empty. Does not apply to `remove`, where the
/// sender names what is removed.
fn gets_nothing(job: &Job, listed: &[(Place, Arc<Listed>)]) -> bool {
    job.spec().mode != Mode::Remove && listed.last().is_some_and(|(_, listed)| listed.is_empty())
}

/// Reads what a user has. Returns `None` if Genesys gives no answer for a reason that concerns this user alone: nothing
/// will be written for the user then, and the reconciliation reports why. For targets that check versions, the
/// reconciliation can begin with what is read here.
async fn read(engine: &EngineCore, options: &CallOptions, key: UserKey) -> Result<Option<Observed>, CallError> {
    let look = engine.user_states.look(key);
    if engine.endpoints.absent(key.target).is_some() {
        return Ok(None);
    }
    match engine.genesys.read(options, key).await {
        Ok(found) => {
            engine.endpoints.answered(key.target);
            if key.target.checks_versions() {
                engine.user_states.saw_since(key, look, &found);
            }
            Ok(Some(found))
        }
        Err(CallError::NotFound(answer)) => {
            engine.endpoints.lacks_user(key.target, &answer);
            Ok(None)
        }
        Err(CallError::Forbidden(_) | CallError::TargetUnavailable(_) | CallError::Rejected(_)) => Ok(None),
        Err(error @ (CallError::Conflict(_) | CallError::Uncertain(_) | CallError::Unavailable { .. })) => Err(error),
    }
}
