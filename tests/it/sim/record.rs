//! What is kept of a run for the checks.

use std::collections::BTreeMap;

use genesys_simulator::{Assignment, Ledger, Target};
use jiff::Timestamp;
use skillsync::domain::entry::AssignmentName;
use skillsync::domain::job::SameUser;
use skillsync::domain::{EntryState, JobId, Mode, Reason};
use skillsync::engine::{EntryResult, EntrySnapshot, JobSnapshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::plan::Plan;
use super::shown::Taken;
use super::tap::Exchange;

/// A set of assignments with their ratings in hundredths.
pub(super) type Set = BTreeMap<Uuid, Option<u32>>;

/// Where an entry stands among all that are about its user: when it happened, and by acceptance where that is equal. An
/// entry that repeats another one has that one's, and is told from it by what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) effective_at: Timestamp,
    pub(super) accepted: (usize, u32),
    pub(super) own: (usize, u32),
}

/// What somebody wanted and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) job: usize,
    pub(super) index: u32,
    /// None if Genesys does not know such a user.
    pub(super) user: Option<Uuid>,
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) owner: &'static str,
    pub(super) dry_run: bool,
    pub(super) listed: Set,
    /// What it lists itself, if rows of its user are taken together.
    pub(super) own: Set,
    pub(super) place: Place,
    /// How its job means several rows about one user.
    pub(super) same_user: SameUser,
    /// Whether the sender said when it happened.
    pub(super) dated: bool,
    /// Whether it repeats another one, or carries out what a dry run planned.
    pub(super) repeats: bool,
    /// The number among all entries.
    pub(super) order: usize,
    pub(super) accepted_at: Instant,
    pub(super) finished_at: Instant,
    pub(super) state: EntryState,
    pub(super) result: EntryResult,
}

impl Entry {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) ledger: Ledger,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) jobs: Vec<JobSnapshot>,
    pub(super) entries: Vec<Entry>,
    /// What everybody had at the start.
    pub(super) initial: BTreeMap<(Uuid, Target), Vec<Assignment>>,
    pub(super) blocked: Vec<Uuid>,
    pub(super) occupied_slots: usize,
    /// Whether all jobs ended in time.
    pub(super) in_time: bool,
    /// What was shown on the way.
    pub(super) taken: Taken,
    /// Who left or came back, and when.
    pub(super) employed: Vec<(Instant, Uuid, bool)>,
    pub(super) restarts: usize,
    /// From when to when processes died with something lost.
    pub(super) losses: Vec<(Instant, Instant)>,
}

impl Run {
    /// Whether a process may have died while it worked on a user, with a write announced that never went out, or before it
    /// had written down that one was refused: then the next one cannot tell whether it was carried out.
    pub(super) fn may_have_forgotten(&self, user: Uuid, target: Target) -> bool {
        let of_user = |entry: &&Entry| entry.user == Some(user) && entry.target == target && !entry.dry_run;
        self.entries.iter().filter(of_user).any(|entry| {
            self.losses.iter().any(|(from, until)| entry.accepted_at <= *until && entry.finished_at >= *from)
        })
    }

    /// The entry that a result names.
    pub(super) fn named(&self, (job, index): (JobId, u32)) -> Option<&Entry> {
        let nth = self.jobs.iter().position(|known| known.id == job)?;
        self.entries.iter().find(|entry| entry.job == nth && entry.index == index)
    }
}

/// Rows that are meant as one list have it together: those of which it is known at all whom they are about.
pub(super) fn merge(entries: &mut [Entry]) {
    let unknown = [Some(Reason::UserInactive), Some(Reason::UserNotFound)];
    let merged = |entry: &Entry| entry.same_user == SameUser::Merge && !unknown.contains(&entry.result.reason);
    let rows: Vec<_> = entries.iter().filter(|entry| merged(entry)).cloned().collect();
    for entry in entries.iter_mut().filter(|entry| merged(entry)) {
        for row in rows.iter().filter(|row| row.job == entry.job && row.user == entry.user) {
            for (id, rating) in &row.listed {
                let known = entry.listed.entry(*id).or_default();
                *known = (*rating).max(*known);
            }
        }
    }
}

/// The list of an entry by id; of two ratings the higher one counts, and any rating more than none.
pub(super) fn listed(snapshot: &EntrySnapshot) -> Set {
    let mut listed = Set::new();
    for item in snapshot.request.assignments.iter() {
        let AssignmentName::Id(id) = item.name else { panic!("assignments go by id here") };
        let rating = item.proficiency.map(|rating| hundredths(f64::from(rating.value())));
        let known = listed.entry(id.0).or_default();
        *known = rating.max(*known);
    }
    listed
}

pub(super) fn set_of(assignments: &[Assignment]) -> Set {
    assignments.iter().map(|assignment| (assignment.id, assignment.proficiency.map(hundredths))).collect()
}

/// Ratings go from 0 to 5.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ratings are small and not negative")]
pub(super) fn hundredths(rating: f64) -> u32 {
    (rating * 100.0).round() as u32
}
