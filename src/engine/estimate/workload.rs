//! Estimates the calls that a job will still take, from what is known of its entries and what the ended ones took.
//!
//! Counts users instead of entries, because several entries about one user take one reconciliation.

use crate::domain::job::EntryCounts;
use crate::domain::{EntryState, Target};

/// The calls with which the reconciliation of a user begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Work {
    /// A read, and a write if something has to change.
    ReadAndWrite,
    /// One call: either the state is known and may be written without a read, or the job is a dry run, which only
    /// reads.
    OneCall,
    /// No call of its own: another entry of the job names the same user.
    Shared,
}

/// The work ahead of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Load {
    /// Entries that go on by themselves.
    pub(in crate::engine) entries: u32,
    /// Users whose reconciliation has not ended.
    pub(in crate::engine) users: u32,
    /// Calls for these users, and for the preparation before.
    pub(in crate::engine) calls: u32,
}

/// The calls of one job: those ahead, and what the past ones tell about them.
///
/// Invariant: `ahead` goes up once for each user that is parked and down once when that user's reconciliation has ended
/// for the job. Entries that end in other ways (cancelled, failed as a whole) are subtracted through the job's own
/// counts in [`Workload::load`].
#[derive(Debug, Default)]
pub(in crate::engine) struct Workload {
    stage: Stage,
    /// Users whose reconciliation has not ended.
    ahead: ByWork,
    /// Users whose reconciliation has ended.
    behind: ByWork,
    /// Of those that begin with a read, the number that were written.
    written: u32,
    /// Calls that reconciliations made.
    calls: u32,
    /// Users whose conflicts were waited out in vain.
    stuck: u32,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Users and names are looked up and the removal check runs. Holds the calls for that, and the reads that it will
    /// spare the reconciliations.
    Preparing {
        calls: u32,
        spared: u32,
    },
    Parked,
}

#[derive(Debug, Default)]
struct ByWork {
    read_and_write: u32,
    one_call: u32,
}

/// Number of users with a read and a write that are assumed as already seen. A job of which nothing has ended is
/// expected to change every user, and a single early end does not overturn that.
const GIVEN_CREDIT: u64 = 5;

impl Default for Stage {
    fn default() -> Self {
        Self::Preparing { calls: 0, spared: 0 }
    }
}

impl ByWork {
    fn users(&self) -> u32 {
        self.read_and_write + self.one_call
    }

    fn of(&mut self, work: Work) -> Option<&mut u32> {
        match work {
            Work::ReadAndWrite => Some(&mut self.read_and_write),
            Work::OneCall => Some(&mut self.one_call),
            Work::Shared => None,
        }
    }
}

impl Workload {
    /// Begins the preparation, or begins it again; it takes at least `calls` calls.
    pub(in crate::engine) fn prepare(&mut self, calls: u32) {
        self.stage = Stage::Preparing { calls, spared: 0 };
        self.ahead = ByWork::default();
    }

    /// Begins the removal check with `read` users read and `unread` users still to be read. If the target checks
    /// versions, reconciliations begin with what these reads show.
    pub(in crate::engine) fn weigh(&mut self, read: u32, unread: u32, target: Target) {
        let spared = if target.checks_versions() { read.saturating_add(unread) } else { 0 };
        self.stage = Stage::Preparing { calls: unread, spared };
    }

    /// Counts calls that the preparation made.
    pub(in crate::engine) fn prepared(&mut self, made: u32) {
        if let Stage::Preparing { calls, .. } = &mut self.stage {
            *calls = calls.saturating_sub(made);
        }
    }

    /// Counts a user that was parked for the job.
    pub(in crate::engine) fn parked(&mut self, work: Work) {
        self.stage = Stage::Parked;
        self.ahead.of(work).into_iter().for_each(|users| *users += 1);
    }

    /// Counts calls that a reconciliation made for the job.
    pub(in crate::engine) fn called(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// Counts a parked user whose reconciliation has ended for the job.
    pub(in crate::engine) fn passed(&mut self, work: Work, end: EntryState) {
        self.ahead.of(work).into_iter().for_each(|users| *users = users.saturating_sub(1));
        self.behind.of(work).into_iter().for_each(|users| *users += 1);
        self.written += u32::from(work == Work::ReadAndWrite && end == EntryState::Applied);
    }

    /// Counts a user whose conflicts were waited out in vain.
    pub(in crate::engine) fn was_stuck(&mut self) {
        self.stuck += 1;
    }

    /// Extrapolates the number of such users still to come.
    pub(in crate::engine) fn stuck_ahead(&self) -> f64 {
        f64::from(self.ahead.users()) * f64::from(self.stuck) / f64::from(self.behind.users().max(1))
    }

    /// Returns the work ahead of a job with these counts. A dry run writes nothing.
    pub(in crate::engine) fn load(&self, counts: &EntryCounts, dry_run: bool) -> Load {
        let entries = counts.ahead();
        let (users, calls) = match self.stage {
            Stage::Preparing { calls, spared } => {
                let each = if dry_run { 1 } else { 2 };
                (entries, calls.saturating_add(entries.saturating_mul(each).saturating_sub(spared)))
            }
            Stage::Parked => self.parked_load(counts),
        };
        if entries == 0 { Load::default() } else { Load { entries, users, calls: calls.max(1) } }
    }

    /// Scales the calls that the entries are known to take by what the ended ones took beyond that, such as conflicts
    /// and several calls per write.
    fn parked_load(&self, counts: &EntryCounts) -> (u32, u32) {
        let of = |users: u32| u64::from(users);
        let read = of(self.behind.read_and_write) + GIVEN_CREDIT;
        let written = of(self.written) + GIVEN_CREDIT;
        // A waiting user was read and refused a write. A running one waits in the rate limiter for its first call.
        let refused = 2 * of(counts.of(EntryState::Waiting));
        let expected = of(self.behind.users()) + of(self.written) + refused + 2 * GIVEN_CREDIT;
        let made = of(self.calls) + 2 * GIVEN_CREDIT;
        let each_read = of(self.ahead.read_and_write) * (read + written);
        let plain = of(self.ahead.one_call) * read + each_read;
        let calls = narrow(plain.saturating_mul(made) / (read * expected));
        let users = self.ahead.users().min(counts.ahead());
        let left = of(calls) * of(users) / of(self.ahead.users()).max(1);
        (users, narrow(left))
    }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the counts of a job with `total` entries, of which `ended` have ended one after the other.
    fn counts(total: u32, ended: u32) -> EntryCounts {
        let mut counts = EntryCounts::pending(total);
        (0..ended).for_each(|_| counts.moved(EntryState::Pending, EntryState::Applied));
        counts
    }

    fn parked(work: Work, users: u32) -> Workload {
        let mut workload = Workload::default();
        (0..users).for_each(|_| workload.parked(work));
        workload
    }

    fn passed(workload: &mut Workload, users: u32, work: Work, end: EntryState, calls_each: u32) {
        for _ in 0..users {
            workload.called(calls_each);
            workload.passed(work, end);
        }
    }

    #[test]
    fn before_anything_has_ended_it_is_what_the_entries_are_known_to_take() {
        let calls = |workload: &Workload, dry| workload.load(&counts(100, 0), dry).calls;
        let mut fresh = Workload::default();
        assert_eq!((calls(&fresh, false), calls(&fresh, true)), (200, 100));
        fresh.prepare(3);
        assert_eq!(calls(&fresh, false), 203);
        fresh.prepared(2);
        assert_eq!(calls(&fresh, false), 201);
        fresh.weigh(0, 100, Target::WfmSkillGroups);
        assert_eq!(calls(&fresh, false), 200, "a read that weighs spares the pass its own");
        fresh.prepared(60);
        assert_eq!(calls(&fresh, false), 140);
        fresh.weigh(40, 60, Target::WfmSkillGroups);
        assert_eq!(calls(&fresh, false), 160);
        fresh.weigh(0, 100, Target::RoutingSkills);
        assert_eq!(calls(&fresh, false), 300);
        assert_eq!(calls(&parked(Work::OneCall, 100), false), 100);
        assert_eq!(calls(&parked(Work::ReadAndWrite, 100), false), 200);
        assert_eq!(calls(&parked(Work::Shared, 100), false), 1);
    }

    #[test]
    fn what_ended_entries_took_is_expected_of_the_others() {
        let after = |end, calls_each| {
            let mut workload = parked(Work::ReadAndWrite, 1000);
            passed(&mut workload, 200, Work::ReadAndWrite, end, calls_each);
            workload.load(&counts(1000, 200), false)
        };
        assert_eq!(after(EntryState::Applied, 2), Load { entries: 800, users: 800, calls: 1600 });
        for (end, calls_each, expected) in
            [(EntryState::Unchanged, 1, 820), (EntryState::Applied, 4, 3160), (EntryState::Failed, 1, 820)]
        {
            let calls = after(end, calls_each).calls;
            assert!(calls.abs_diff(expected) <= 10, "{calls}, not {expected}");
        }
    }

    #[test]
    fn what_is_known_and_what_is_not_are_learned_apart() {
        let mut workload = parked(Work::OneCall, 100);
        (0..100).for_each(|_| workload.parked(Work::ReadAndWrite));
        passed(&mut workload, 100, Work::OneCall, EntryState::Applied, 1);
        assert_eq!(workload.load(&counts(200, 100), false).calls, 200);
    }

    #[test]
    fn cancelled_and_shared_entries_do_not_count() {
        let workload = parked(Work::ReadAndWrite, 100);
        assert_eq!(workload.load(&counts(100, 100), false), Load::default());
        assert_eq!(workload.load(&counts(100, 75), false), Load { entries: 25, users: 25, calls: 50 });
        let mut folded = parked(Work::ReadAndWrite, 50);
        (0..50).for_each(|_| folded.parked(Work::Shared));
        assert_eq!(folded.load(&counts(100, 0), false), Load { entries: 100, users: 50, calls: 100 });
    }
}
