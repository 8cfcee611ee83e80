//! Operations as data: what a random run asks of the service, does to it, and what the simulated org does meanwhile.

use std::time::Duration;

use genesys_simulator::{Fault, Target};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::history::Mode;
use super::org::fault;

/// Everything that happens in one run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) users: usize,
    pub(super) assigned: usize,
    pub(super) limits: &'static str,
    /// Jobs that take something away from two users in five are held.
    pub(super) holds: bool,
    pub(super) latency: Duration,
    /// How long looking users up and listing them takes.
    pub(super) lookups: Duration,
    /// How long reads lag behind our own writes.
    pub(super) lag: Duration,
    pub(super) foreign_writer: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) operations: Vec<Operation>,
    /// The process is killed once more when everything has ended.
    pub(super) killed_at_the_end: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Milliseconds from the start; later, if what is before it takes longer.
    pub(super) at: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Submit(Submission),
    /// Of the jobs so far, counted round; what does not apply to one is refused and nothing more.
    Retry(usize),
    Apply(usize),
    Cancel(usize),
    /// A dry run, and its plan carried out as soon as it is there.
    PlanAndApply(Submission),
    /// Somebody gives or takes an assignment of their own, or one that jobs use as well.
    Foreign(usize, Target),
    Toggle(usize, Target, usize),
    /// The process is killed so many milliseconds after a job was sent, which is sent again under its key.
    SubmitIntoKill(Submission, u64),
    Terminate,
    Kill,
    /// Kills the process the moment that a poll shows the last job as completed, or lets it end then.
    KillWhenShown,
    TerminateWhenShown,
}

#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) dry_run: bool,
    pub(super) urgent: bool,
    pub(super) same_user: Option<SameUser>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SameUser {
    Merge,
    InOrder,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) who: Who,
    /// Items of the catalogue with their level.
    pub(super) items: Vec<(usize, Option<u8>)>,
    /// It also lists a name that nobody has.
    pub(super) unknown_item: bool,
    pub(super) occurred: Option<Occurred>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    User(usize, Naming),
    Nobody(Naming),
}

impl Who {
    pub(super) fn user(self) -> Option<usize> {
        match self {
            Self::User(user, _) => Some(user),
            Self::Nobody(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Id,
    Email,
    EmployeeId,
    ExternalId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurred {
    /// Milliseconds before or after the job is sent.
    Offset(i64),
    /// The very date of acceptance of the last job.
    WithTheLastJob,
}

/// Items of each catalogue that jobs and others choose from.
pub(super) const ITEMS: usize = 5;
/// Operations begin within so many milliseconds.
const SPAN: u64 = 3_000;

impl Plan {
    /// The same seed, the same plan; when things happen differs by what the machine is busy with.
    pub(super) fn from_seed(seed: u64) -> Self {
        let dice = &mut StdRng::seed_from_u64(seed);
        let users = dice.random_range(3..=6);
        let jobs = dice.random_range(2..=6);
        let others = dice.random_range(2..=4);
        let mut operations: Vec<Operation> =
            (0..jobs).map(|_| Operation { at: moment(dice), what: What::Submit(submission(dice, users)) }).collect();
        operations.extend((0..others).map(|_| Operation { at: moment(dice), what: what(dice, users) }));
        let mut lag = if dice.random_bool(0.3) { dice.random_range(500..3_000) } else { 0 };
        if dice.random_bool(0.2) {
            lag = dice.random_range(3_000..6_000);
            operations.extend(over_a_restart(dice, users));
        }
        operations.sort_by_key(|operation| operation.at);
        Self {
            seed,
            users,
            assigned: dice.random_range(0..3),
            limits: if dice.random_bool(0.8) { "200/1s" } else { "20/1s" },
            holds: dice.random_bool(0.25),
            latency: Duration::from_millis(dice.random_range(1..40)),
            lookups: Duration::from_millis(if dice.random_bool(0.5) { dice.random_range(300..1_500) } else { 0 }),
            lag: Duration::from_millis(lag),
            foreign_writer: dice.random_bool(0.2),
            faults: (0..dice.random_range(0..3)).map(|_| fault(dice)).collect(),
            operations,
            killed_at_the_end: dice.random_bool(0.5),
        }
    }

    /// Only the operations whose bits are set.
    pub(super) fn keeping(mut self, bits: u64) -> Self {
        let mut nth = 0;
        self.operations.retain(|_| {
            nth += 1;
            bits >> (nth - 1) & 1 == 1
        });
        self
    }
}

/// At the end a job, a stop when it is done, and after the start one that takes away: what that reads may be older.
fn over_a_restart(dice: &mut StdRng, users: usize) -> [Operation; 3] {
    let first = Submission {
        mode: *[Mode::Add, Mode::Managed].choose(dice).unwrap(),
        dry_run: false,
        urgent: true,
        same_user: Some(SameUser::InOrder),
        ..submission(dice, users)
    };
    let mut next = Submission { mode: *[Mode::Managed, Mode::Remove].choose(dice).unwrap(), ..first.clone() };
    for row in &mut next.rows {
        row.occurred = None;
        row.items.truncate(dice.random_range(0..2));
    }
    let stop = if dice.random_bool(0.5) { What::TerminateWhenShown } else { What::KillWhenShown };
    [What::Submit(first), stop, What::Submit(next)].map(|what| Operation { at: SPAN, what })
}

/// Mostly close together, so that things meet.
fn moment(dice: &mut StdRng) -> u64 {
    if dice.random_bool(0.5) { dice.random_range(0..SPAN / 4) } else { dice.random_range(0..SPAN) }
}

fn target(dice: &mut StdRng) -> Target {
    // One of them twice as often as the other, so that jobs meet at it.
    if dice.random_bool(0.6) { Target::WfmSkillGroups } else { Target::RoutingSkills }
}

fn what(dice: &mut StdRng, users: usize) -> What {
    let (user, nth) = (dice.random_range(0..users), dice.random_range(0..8));
    match dice.random_range(0..14) {
        0 => What::Retry(nth),
        1 => What::Apply(nth),
        2 => What::Cancel(nth),
        3 => What::PlanAndApply(submission(dice, users)),
        4 => What::Foreign(user, target(dice)),
        5..8 => What::Toggle(user, target(dice), dice.random_range(0..ITEMS)),
        8 | 9 => What::Terminate,
        10 => What::Kill,
        11 => What::SubmitIntoKill(submission(dice, users), dice.random_range(0..30)),
        _ => What::KillWhenShown,
    }
}

fn submission(dice: &mut StdRng, users: usize) -> Submission {
    let modes = [Mode::Add, Mode::Remove, Mode::Managed, Mode::Managed, Mode::Replace];
    let same_user = match dice.random_range(0..5) {
        0 => Some(SameUser::Merge),
        1 | 2 => Some(SameUser::InOrder),
        _ => None,
    };
    let naming = naming(dice);
    let dated = same_user != Some(SameUser::Merge) && dice.random_bool(0.4);
    let mut rows: Vec<Row> = (0..dice.random_range(1..=5)).map(|_| row(dice, users, naming, dated)).collect();
    if same_user.is_none() && dice.random_bool(0.8) {
        let mut seen = Vec::new();
        rows.retain(|row| match row.who {
            Who::User(user, _) => {
                !seen.contains(&user) && {
                    seen.push(user);
                    true
                }
            }
            Who::Nobody(_) => true,
        });
    }
    only_plain_rows_repeat(&mut rows, same_user);
    Submission {
        target: target(dice),
        mode: *modes.choose(dice).unwrap(),
        dry_run: dice.random_bool(0.08),
        urgent: dice.random_bool(0.4),
        same_user,
        rows,
    }
}

/// What several rows about one user mean together is said for names that exist and, if they are merged, without levels.
fn only_plain_rows_repeat(rows: &mut [Row], same_user: Option<SameUser>) {
    let users: Vec<Option<usize>> = rows.iter().map(|row| row.who.user()).collect();
    for row in rows {
        let times = users.iter().filter(|user| user.is_some() && **user == row.who.user()).count();
        row.unknown_item &= times < 2;
        if same_user == Some(SameUser::Merge) {
            row.items.iter_mut().for_each(|(_, level)| *level = None);
        }
    }
}

fn naming(dice: &mut StdRng) -> Naming {
    *[Naming::Id, Naming::Email, Naming::EmployeeId, Naming::ExternalId].choose(dice).unwrap()
}

fn row(dice: &mut StdRng, users: usize, usual: Naming, dated: bool) -> Row {
    let key = if dice.random_bool(0.8) { usual } else { naming(dice) };
    let who = if dice.random_bool(0.1) { Who::Nobody(key) } else { Who::User(dice.random_range(0..users), key) };
    let mut items: Vec<(usize, Option<u8>)> = Vec::new();
    for _ in 0..dice.random_range(0..=3) {
        let level = dice.random_bool(0.5).then(|| dice.random_range(1..=3) * 10);
        let item = dice.random_range(0..ITEMS);
        if items.iter().all(|(other, _)| *other != item) {
            items.push((item, level));
        }
    }
    let occurred = dated.then(|| match dice.random_range(0..4) {
        0 => Occurred::WithTheLastJob,
        1 => Occurred::Offset(dice.random_range(0..3_000)),
        _ => Occurred::Offset(-dice.random_range(0..5_000)),
    });
    Row { who, items, unknown_item: dice.random_bool(0.04), occurred }
}
