//! Operations as data: what a random run does, and what the simulated org does to it.

use genesys_simulator::{Outage, Scenario, Target};
use skillsync::domain::Mode;
use skillsync::domain::job::SameUser;

use crate::dying::Left;

/// One run: the org, the settings, and what happens when.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) scenario: Scenario,
    pub(super) settings: Settings,
    pub(super) operations: Vec<Operation>,
    /// What is wrong with the listings of users.
    pub(super) hostile: Option<Hostile>,
}

/// Settings of the service.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settings {
    pub(super) write_without_read: bool,
    /// `sync.patience`, in seconds; without it that of the defaults, which outlasts every run.
    pub(super) patience: Option<u64>,
    /// Whether almost every removal is a reason to hold a job.
    pub(super) holds: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// In milliseconds from the start.
    pub(super) at: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Submit(Submission),
    /// Of the jobs submitted so far, counted round; so are the next three.
    Cancel(usize),
    Retry(usize),
    /// Carries out what a dry run planned.
    Apply(usize),
    Release(usize),
    /// Somebody gives or takes an assignment of their own.
    Foreign(usize, Target),
    /// Somebody gives or takes an assignment that jobs use as well.
    Toggle(usize, Target, usize),
    /// A user leaves, or comes back.
    Employ(usize, bool),
    /// So many milliseconds of it.
    Outage(Outage, u64),
    Revoke,
    UseUpRate(u32),
    Restart(Restart),
}

/// How a process ends, and how many milliseconds later the next one starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Restart {
    Stopped {
        pause: u64,
    },
    /// At once, or so many operations of the journal later, which may still be carried out.
    Killed {
        after: Option<(usize, bool)>,
        left: Left,
        pause: u64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) dry_run: bool,
    pub(super) urgent: bool,
    pub(super) same_user: SameUser,
    /// On whose behalf it assigns.
    pub(super) owner: &'static str,
    pub(super) entries: Vec<Wish>,
}

/// By what an entry names its user: only for employee ids, and where several are named by one e-mail address, the whole
/// directory has to be listed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming {
    Id,
    Email,
    EmployeeId,
    ExternalId,
}

/// One entry: a user, items of the catalogue with their rating, and when it happened, in seconds from the start. A user
/// beyond those that there are is one whom Genesys does not know.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) user: usize,
    pub(super) naming: Naming,
    pub(super) items: Vec<(usize, Option<u8>)>,
    pub(super) occurred: Option<i64>,
}

/// Listings of users that come in pages of one user, and have this fault so many times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hostile {
    pub(super) fault: ListingFault,
    pub(super) times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListingFault {
    /// Nothing but small pages.
    None,
    /// The last page lacks its user.
    Short,
    /// A page in the middle is empty.
    Empty,
    /// Every page is the first one.
    Repeating,
}
