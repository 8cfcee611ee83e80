//! Who has a skill in the org, as far as is known: for the jobs that would take it from its last holders.
//!
//! What is remembered of users tells it first, and what a listing with the users' skills has shown, where there is one.
//! Jobs are weighed side by side, and a burst of deliveries is weighed before the first of them is carried out. So whoever
//! may go on announces what it takes away, and that counts as gone for all others until the job has ended.

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

/// What was taken away for so long counts together: a burst of deliveries, or a night.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// Removals that are kept in mind; older ones are forgotten first.
const MAX_LOST: usize = 100_000;
/// How far a listing may be behind what was written.
const MAX_LAG: Duration = Duration::from_secs(30);

/// What else tells who has a skill.
pub(in crate::engine) struct HolderSources<'e> {
    pub(in crate::engine) jobs: &'e JobRegistry,
    pub(in crate::engine) users: &'e UserStates,
    pub(in crate::engine) directory: &'e Directory,
    /// Beyond this age a listing does not count.
    pub(in crate::engine) use_until: Duration,
}

/// The holders of all skills.
#[derive(Debug, Default)]
pub(in crate::engine) struct Holders(Mutex<HolderState>);

#[derive(Debug, Default)]
struct HolderState {
    shown: Option<ShownHolders>,
    /// What was taken away, the newest last.
    lost: VecDeque<(Instant, UserKey, AssignmentId)>,
    /// What jobs that have not ended take away.
    announced: HashMap<JobId, (Target, BTreeSet<(AssignmentId, UserId)>)>,
}

/// How many have each routing skill, as a listing showed it, less what was taken away since.
#[derive(Debug)]
struct ShownHolders {
    begun_at: Instant,
    holders: HashMap<AssignmentId, u32>,
}

impl Holders {
    /// A listing has shown who has what.
    pub(in crate::engine) fn shown(&self, shown: &ShownSkills) {
        let begun_at = shown.begun_at;
        let is_known = |state: &HolderState| state.shown.as_ref().is_some_and(|known| known.begun_at >= begun_at);
        // Many jobs are served by one listing.
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

    /// Whether a listing has told not long ago who has what.
    pub(in crate::engine) fn were_shown_within(&self, time: Duration) -> bool {
        self.lock().shown.as_ref().is_some_and(|shown| shown.begun_at.elapsed() <= time)
    }

    /// A user has lost these.
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

    /// Nothing is kept of a user any more.
    pub(in crate::engine) fn erase(&self, user: UserId) {
        self.lock().lost.retain(|(_, key, _)| key.user != user);
    }

    /// Whether a job that takes these away may go on, by what is known without a call; if so, it is announced. Counts into its
    /// weight who has what beside its users, as far as it matters.
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

    /// Who is about to lose a skill by other jobs.
    fn announced(&self, target: Target, id: AssignmentId) -> impl Iterator<Item = UserId> {
        let from = (id, UserId(Uuid::nil()));
        let of_target = self.announced.values().filter(move |(of, _)| *of == target);
        of_target.flat_map(move |(_, losses)| {
            losses.range(from..).take_while(move |(lost, _)| *lost == id).map(|(_, user)| *user)
        })
    }

    /// How many others have lost, or are about to lose, what the job may leave to few.
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

    /// Who has, beside the users of the job, what it would leave to few: until they are enough.
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
