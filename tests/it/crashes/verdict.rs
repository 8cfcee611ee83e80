//! What the simulator's ledger says of a run with kills.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use genesys_simulator::{ConflictCause, Ledger, RequestRecord, Simulator, Target, Writer};
use tokio::time::Instant;
use uuid::Uuid;

use super::submitter::{self, Accepted};

/// A process, from its start to its kill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) began: Instant,
    pub(super) killed: Instant,
}

/// Which groups each user is to have.
pub(super) struct Asked(BTreeMap<Uuid, BTreeSet<Uuid>>);

impl Asked {
    /// Everybody the group of the large job, who is named in a small one that of these.
    pub(super) fn of(simulator: &Simulator, users: usize, small: &[Accepted]) -> Self {
        let groups: HashMap<String, Uuid> =
            simulator.catalogue(Target::WfmSkillGroups).into_iter().map(|group| (group.name, group.id)).collect();
        let people: HashMap<String, Uuid> =
            simulator.users().into_iter().filter_map(|user| Some((user.employee_id?, user.id))).collect();
        let mut asked = BTreeMap::<_, BTreeSet<_>>::new();
        for n in 1..=users {
            asked.entry(people[&format!("E{}", 1000 + n)]).or_default().insert(groups[super::GROUP]);
        }
        for entry in small.iter().flat_map(|small| small.body["entries"].as_array().into_iter().flatten()) {
            let user = people[entry["user"]["employeeId"].as_str().unwrap_or_default()];
            asked.entry(user).or_default().insert(groups[submitter::GROUP]);
        }
        Self(asked)
    }
}

pub(super) struct Verdict {
    pub(super) slowest_call: Duration,
    effective: usize,
    /// Writes that were at Genesys, or on their way back, when the process was killed.
    under_way: usize,
    /// Writes that changed nothing, because one before had done it: by user.
    repeated: BTreeMap<Uuid, usize>,
    conflicts: BTreeMap<ConflictCause, usize>,
    faults: Vec<String>,
}

impl Verdict {
    pub(super) fn of(simulator: &Simulator, asked: &Asked, lives: &[Life]) -> Self {
        let ledger = simulator.ledger();
        let under_way = under_way(&ledger, lives);
        let repeated = repeated(&ledger);
        let mut faults = Vec::new();
        for (user, times) in &repeated {
            let kills = under_way.get(user).copied().unwrap_or_default();
            if *times > kills {
                faults.push(format!(
                    "{user} was written {times} times too often, and {kills} kills hit a write of theirs"
                ));
            }
        }
        faults.extend(ledger.lost_foreign_changes().iter().map(|lost| format!("{lost:?}")));
        let blocked = simulator.fated(ConflictCause::Blocked);
        for user in simulator.users().iter().filter(|user| !blocked.contains(&user.id)) {
            let missing = asked.0.get(&user.id).is_some_and(|asked| asked.iter().any(|id| !user.groups.contains(id)));
            if missing {
                faults.push(format!("{} does not have what was asked for", user.id));
            }
        }
        Self {
            slowest_call: slowest_call(&ledger, lives),
            effective: ledger.effects().iter().filter(|effect| effect.writer == Writer::Client).count(),
            under_way: under_way.values().sum(),
            repeated,
            conflicts: ledger.conflicts(),
            faults,
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated: usize = self.repeated.values().sum();
        writeln!(
            f,
            "{} writes took effect, {} were under way at a kill, {repeated} repeated",
            self.effective, self.under_way
        )?;
        write!(f, "conflicts: {:?}", self.conflicts)?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

/// How many kills hit each user while a write of theirs was under way.
fn under_way(ledger: &Ledger, lives: &[Life]) -> BTreeMap<Uuid, usize> {
    let writes: Vec<&RequestRecord> =
        ledger.requests().iter().filter(|record| record.route.writes().is_some()).collect();
    let mut hit = BTreeMap::new();
    for life in lives {
        // One that was killed while it waited for the answer is there, whether or not it had left the process's own queue.
        let at_the_kill = |record: &&&RequestRecord| {
            record.arrived_at >= life.began
                && record.arrived_at <= life.killed + SETTLE
                && record.ended_at.is_none_or(|ended| ended + SETTLE >= life.killed)
        };
        let users: BTreeSet<_> = writes.iter().filter(at_the_kill).filter_map(|record| record.user).collect();
        for user in users {
            *hit.entry(user).or_default() += 1;
        }
    }
    hit
}

/// The way between simulator and process takes its time: an answer that has left is not yet written down, and a request that
/// has left has not yet arrived.
const SETTLE: Duration = Duration::from_millis(100);

/// The client's writes that left everything as it was. A job only adds, and none repeats itself: what is to be written is
/// there already only if a write before brought it about.
fn repeated(ledger: &Ledger) -> BTreeMap<Uuid, usize> {
    let mut repeated = BTreeMap::new();
    for effect in ledger.effects().iter().filter(|effect| effect.writer == Writer::Client) {
        let set = |assignments: &[_]| assignments.iter().map(|one: &genesys_simulator::Assignment| one.id).collect();
        let (before, after): (BTreeSet<Uuid>, BTreeSet<Uuid>) = (set(&effect.before), set(&effect.after));
        if before == after {
            *repeated.entry(effect.user).or_default() += 1;
        }
    }
    repeated
}

/// The longest time from the start of a process to its first call, of those that made one.
fn slowest_call(ledger: &Ledger, lives: &[Life]) -> Duration {
    let first = |life: &Life| {
        let in_life = |at: &Instant| *at >= life.began && *at <= life.killed;
        let first = ledger.api_requests().map(|record| record.arrived_at).find(in_life);
        first.map(|at| at - life.began)
    };
    lives.iter().filter_map(first).max().unwrap_or_default()
}
