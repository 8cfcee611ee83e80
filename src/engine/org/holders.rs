//! The holders of each skill, as far as known, for the removal check of jobs that would take a skill from its last
//! holders.
//!
//! The sources are the user states and a listing of users with their skills, if there is one. Removal checks run side
//! by side, and a burst of deliveries is checked before the first of them is carried out. So a job that may go on
//! announces what it removes, and that counts as gone for all other jobs until the job has ended.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::hold::{HoldThresholds, Weight};
use crate::domain::{AssignmentId, JobId, Target, UserId, UserKey};
use crate::engine::job::Job;
use crate::engine::job::registry::JobRegistry;
use crate::engine::org::directory::Directory;
use crate::engine::org::directory::ShownSkills;
use crate::engine::user::memory::UserStates;

/// Period over which removals count together: a burst of deliveries, or a night.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of removals remembered; the oldest are forgotten first.
const MAX_LOST: usize = 100_000;
/// Maximum lag of a listing behind what was written.
const MAX_LAG: Duration = Duration::from_secs(30);

/// The other sources for the holders of a skill.
pub(in crate::engine) struct HolderSources<'e> {
    pub(in crate::engine) jobs: &'e JobRegistry,
    pub(in crate::engine) users: &'e UserStates,
    pub(in crate::engine) directory: &'e Directory,
    /// Maximum age at which a listing counts.
    pub(in crate::engine) use_until: Duration,
}

/// The holders of all skills.
#[derive(Debug, Default)]
pub(in crate::engine) struct Holders(Mutex<HolderState>);

#[derive(Debug, Default)]
struct HolderState {
    shown: Option<ShownHolders>,
    /// Removals, the newest last.
    lost: VecDeque<(Instant, UserKey, AssignmentId)>,
    /// What jobs that have not ended remove.
    announced: HashMap<JobId, (Target, BTreeSet<(AssignmentId, UserId)>)>,
}

/// The number of holders of each routing skill, as shown by a listing, less what was removed since.
#[derive(Debug)]
struct ShownHolders {
    begun_at: Instant,
    holders: HashMap<AssignmentId, u32>,
}

impl Holders {
    /// Takes over who has what from a listing.
    pub(in crate::engine) fn shown(&self, shown: &ShownSkills) {
        let begun_at = shown.begun_at;
        let is_known = |state: &HolderState| state.shown.as_ref().is_some_and(|known| known.begun_at >= begun_at);
        // One listing serves many jobs.
        if is_known(&self.lock()) {
            return;
        }
        let mut holders = HashMap::<_, u32>::new();
        for id in shown.skills.values().flat_map(|skills| skills.ids()) {
            *holders.entry(id).or_default() += 1;
        }
        let mut state = self.lock();
        if is_known(&state) {
            return;
        }
        let hidden = state.lost.iter().rev().take_while(|(at, ..)| *at + MAX_LAG >= begun_at);
        let hidden: Vec<_> = hidden.map(|(_, key, id)| (key.target, *id)).collect();
        state.shown = Some(ShownHolders { begun_at, holders });
        for (target, id) in hidden {
            state.take_from_shown(target, id);
        }
    }

    /// Returns whether a listing no older than `time` has shown who has what.
    pub(in crate::engine) fn were_shown_within(&self, time: Duration) -> bool {
        self.lock().shown.as_ref().is_some_and(|shown| shown.begun_at.elapsed() <= time)
    }

    /// Records that a user has lost these assignments.
    pub(in crate::engine) fn lost(&self, key: UserKey, ids: &[AssignmentId]) {
        if ids.is_empty() {
            return;
        }
        let (mut state, now) = (self.lock(), Instant::now());
        for id in ids {
            state.take_from_shown(key.target, *id);
            state.lost.push_back((now, key, *id));
        }
        while state.lost.len() > MAX_LOST || state.lost.front().is_some_and(|(at, ..)| *at + A_DAY < now) {
            state.lost.pop_front();
        }
    }

    /// Forgets the removals of a user.
    pub(in crate::engine) fn erase(&self, user: UserId) {
        self.lock().lost.retain(|(_, key, _)| key.user != user);
    }

    /// Decides, without a call, whether a job with these removals may go on, and announces them if so. Adds to `weight`
    /// the holders among users outside the job, as far as they matter.
    pub(in crate::engine) fn let_pass(
        &self,
        sources: &HolderSources<'_>,
        thresholds: HoldThresholds,
        job: &Job,
        losses: BTreeSet<(AssignmentId, UserId)>,
        is_of_job: impl Fn(UserId) -> bool,
        weight: &mut Weight,
    ) -> bool {
        let target = job.spec().target;
        let mut state = self.lock();
        state.announced.retain(|other, _| sources.jobs.get(*other).is_some_and(|other| !other.is_over()));
        state.announced.remove(&job.id());
        state.count_losers(target, &losses, thresholds, weight);
        state.count_others(sources, target, &is_of_job, thresholds, weight);
        let passes = !thresholds.are_exceeded_by(weight);
        if passes && !losses.is_empty() {
            state.announced.insert(job.id(), (target, losses));
        }
        passes
    }

    fn lock(&self) -> MutexGuard<'_, HolderState> {
        self.0.lock()
    }
}

impl HolderState {
    fn take_from_shown(&mut self, target: Target, id: AssignmentId) {
        let shown = self.shown.as_mut().filter(|_| target == Target::RoutingSkills);
        if let Some(holders) = shown.and_then(|shown| shown.holders.get_mut(&id)) {
            *holders = holders.saturating_sub(1);
        }
    }

    /// Returns the users who are about to lose an assignment through announced jobs.
    fn announced(&self, target: Target, id: AssignmentId) -> impl Iterator<Item = UserId> {
        let from = (id, UserId(Uuid::nil()));
        let of_target = self.announced.values().filter(move |(of, _)| *of == target);
        of_target.flat_map(move |(_, losses)| {
            losses.range(from..).take_while(move |(lost, _)| *lost == id).map(|(_, user)| *user)
        })
    }

    /// Counts the other users who have lost, or are about to lose, what the job may leave to few.
    fn count_losers(
        &self,
        target: Target,
        losses: &BTreeSet<(AssignmentId, UserId)>,
        thresholds: HoldThresholds,
        weight: &mut Weight,
    ) {
        let now = Instant::now();
        let is_late = |at: &Instant| *at + A_DAY >= now;
        for (id, share) in weight.shares().filter(|(_, share)| thresholds.may_leave_few(**share)) {
            let lost = self.lost.iter().filter(|(at, key, lost)| *lost == id && key.target == target && is_late(at));
            let others: BTreeSet<_> = lost.map(|(_, key, _)| key.user).chain(self.announced(target, id)).collect();
            let others = others.into_iter().filter(|user| !losses.contains(&(id, *user))).count();
            share.lost_by_others = u32::try_from(others).unwrap_or(u32::MAX);
        }
    }

    /// Counts the holders outside the job of what it would leave to few, until there are enough.
    fn count_others(
        &self,
        sources: &HolderSources<'_>,
        target: Target,
        is_of_job: impl Fn(UserId) -> bool,
        thresholds: HoldThresholds,
        weight: &mut Weight,
    ) {
        let in_danger = weight.shares().filter(|(_, share)| thresholds.take_too_much_of_the_org(**share));
        let mut in_danger: Vec<_> =
            in_danger.map(|(id, share)| (id, share, self.announced(target, id).collect::<HashSet<_>>())).collect();
        if in_danger.is_empty() {
            return;
        }
        let active = sources.directory.all_active();
        sources.users.each(target, |user, user_state| {
            let is_active = || active.as_ref().is_none_or(|active| active.value.is_active(user));
            in_danger.retain_mut(|(id, share, going)| {
                if user_state.has(*id) && !is_of_job(user) && !going.contains(&user) && is_active() {
                    share.others += 1;
                }
                thresholds.take_too_much_of_the_org(**share)
            });
            if in_danger.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let shown = self.shown.as_ref().filter(|_| target == Target::RoutingSkills);
        let shown = shown.filter(|shown| shown.begun_at.elapsed() <= sources.use_until);
        for (id, share, going) in in_danger {
            let shown = shown.and_then(|shown| shown.holders.get(&id)).copied().unwrap_or_default();
            let going = u32::try_from(going.len()).unwrap_or(u32::MAX);
            share.others = share.others.max(shown.saturating_sub(share.have).saturating_sub(going));
        }
    }
}
