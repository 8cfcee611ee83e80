//! What must hold after every run, whatever the simulated org did.
//!
//! A conflict, a 429, an outage or a lost answer is no failure: those are what the service has to live with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use genesys_simulator::{ConflictCause, Route, Target};
use skillsync::domain::conflict::Cause;
use skillsync::domain::job::SameUser;
use skillsync::domain::{EntryState, Mode, Reason};
use tokio::time::Instant;
use uuid::Uuid;

use super::model;
use super::record::{Entry, Run};
use super::tap::Exchange;

/// Something that must not be.
#[derive(Debug, Clone)]
pub(super) struct Violation {
    pub(super) kind: Kind,
    pub(super) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Two writes to one user at once.
    Overlap,
    /// The state is not what the entries say over what others did: a lost update, or work that was not done.
    NotTheFold,
    /// A conflict that only a fault of the client can cause.
    OwnConflict,
    /// A write computed from a state known to be old.
    StaleBody,
    /// A write refused for its version was repeated with it, although nothing newer had been read.
    Hammering,
    NotEnded,
    /// An entry without the reason that is due, or with one that the scenario does not give.
    Unexplained,
    Counts,
    AboveLimit,
    SlotLeft,
    /// What an entry wanted stands above something newer.
    Order,
    /// A state was believed that is older than what was known.
    Lag,
    /// A state that is not what happened.
    Untrue,
    /// Effects that are not what was written.
    Effects,
    /// A dry run says what a run would not have come to.
    Plan,
    /// Called stale, and is not; or the other way round.
    Stale,
    /// An end that was shown went back.
    WentBack,
    /// A write of uncertain outcome was repeated without pause or end.
    Unbounded,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

/// Everything that is wrong with a run.
pub(super) fn violations(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut claim = |holds: bool, kind, detail: &dyn Fn() -> String| {
        if !holds {
            found.push(Violation { kind, detail: detail() });
        }
    };
    let ledger = &run.ledger;
    let overlaps = ledger.overlapping_writes();
    claim(overlaps.is_empty(), Kind::Overlap, &|| format!("{overlaps:?}"));
    for cause in [ConflictCause::WrongVersion, ConflictCause::OwnConcurrency, ConflictCause::StaleRetry] {
        let number = ledger.conflicts().get(&cause).copied().unwrap_or_default();
        claim(number == 0, Kind::OwnConflict, &|| format!("{number} x {cause:?}"));
    }
    for (calls, seconds) in [(10, 1), (300, 60)] {
        let peak = ledger.peak_in_any(Duration::from_secs(seconds));
        claim(peak <= calls, Kind::AboveLimit, &|| {
            let arrivals: Vec<_> =
                ledger.api_requests().map(|call| (since(run, call.arrived_at), call.route)).collect();
            format!("{peak} calls within {seconds} s: {arrivals:?}")
        });
    }
    claim(run.in_time, Kind::NotEnded, &|| "not all jobs ended in time".to_owned());
    claim(run.occupied_slots == 0, Kind::SlotLeft, &|| format!("{} slots are occupied", run.occupied_slots));
    counts(run, &mut claim);
    shown(run, &mut claim);
    twins(run, &mut claim);
    accepted_in_order(run, &mut claim);
    for entry in &run.entries {
        let fault = unexplained(entry, run);
        claim(fault.is_none(), Kind::Unexplained, &|| format!("{fault:?} {entry:?}"));
    }
    wire(run, &mut claim);
    if run.in_time {
        found.extend(model::violations(run));
    }
    found
}

type Claim<'a> = &'a mut dyn FnMut(bool, Kind, &dyn Fn() -> String);

fn counts(run: &Run, claim: Claim<'_>) {
    let mut refused = 0;
    let mut calls = 0;
    for (nth, job) in run.jobs.iter().enumerate() {
        let entries = || run.entries.iter().filter(|entry| entry.job == nth);
        for state in EntryState::ALL {
            let counted = entries().filter(|entry| entry.state == state).count();
            let told = job.counts.of(state) as usize;
            claim(counted == told, Kind::Counts, &|| format!("job {nth}: {told} {state:?}, really {counted}"));
        }
        let own = job.conflicts.of(Cause::OwnConcurrency) + job.conflicts.of(Cause::WrongVersion);
        claim(own == 0, Kind::OwnConflict, &|| format!("job {nth} counts {:?}", job.conflicts));
        refused += job.conflicts.total() as usize;
        calls += job.calls_made as usize;
    }
    // What the last records of a process did not hold is lost.
    if run.restarts > 0 {
        return;
    }
    let made = run.ledger.api_requests().count();
    // A listing that is read behind the backs of the jobs is none of theirs.
    let pages = run.ledger.api_requests().filter(|request| request.route == Route::Users).count();
    let right = (made - pages.min(made)..=made).contains(&calls);
    claim(right, Kind::Counts, &|| format!("the jobs count {calls} calls, Genesys {made}, {pages} of them listings"));
    let handed_out: usize = run.ledger.conflicts().values().sum();
    let cancelled = run.entries.iter().any(|entry| entry.state == EntryState::Cancelled);
    claim(refused >= handed_out || cancelled, Kind::Counts, &|| {
        format!("the jobs count {refused} conflicts, Genesys {handed_out}")
    });
}

/// What is wrong with how an entry ended, if anything.
fn unexplained(entry: &Entry, run: &Run) -> Option<&'static str> {
    let result = &entry.result;
    match entry.state {
        EntryState::Pending | EntryState::Running | EntryState::Waiting => Some("has not ended"),
        EntryState::Held => (!run.plan.settings.holds).then_some("nobody held it"),
        EntryState::Failed if result.message.is_none() => Some("says nothing"),
        EntryState::Failed => failed_wrongly(entry, run),
        EntryState::Superseded => {
            let by = result.superseded_by.is_some() || result.reason == Some(Reason::StaleEvent) || entry.dry_run;
            (!by).then_some("does not say by what")
        }
        EntryState::Planned => (!entry.dry_run).then_some("was no dry run"),
        EntryState::Applied => (result.effects.difference.is_empty() || entry.dry_run).then_some("names no effect"),
        EntryState::Unchanged => (!result.effects.difference.is_empty()).then_some("names an effect"),
        EntryState::Cancelled => (!result.effects.difference.is_empty()).then_some("had an effect"),
    }
}

/// What is wrong with the reason of an entry that failed. Of those who gave up on Genesys, the model knows more.
fn failed_wrongly(entry: &Entry, run: &Run) -> Option<&'static str> {
    let absent = |user: Option<Uuid>| user.is_none_or(|user| was_away(run, user, entry));
    let excused = match entry.result.reason {
        Some(Reason::Blocked) => entry.user.is_some_and(|user| run.blocked.contains(&user)),
        Some(Reason::UserNotFound) => entry.user.is_none() || absent(entry.user),
        Some(Reason::UserInactive) => entry.user.is_some() && absent(entry.user),
        Some(Reason::PlanOutdated) => entry.repeats,
        Some(Reason::DuplicateUser) => has_undated_twin(entry, run),
        Some(Reason::UpstreamUnavailable) => true,
        Some(
            Reason::UserAmbiguous
            | Reason::AssignmentNotFound
            | Reason::AssignmentAmbiguous
            | Reason::TooManyAssignments
            | Reason::ConflictsExhausted
            | Reason::Forbidden
            | Reason::Rejected
            | Reason::TargetUnavailable
            | Reason::StaleEvent
            | Reason::InternalError,
        )
        | None => false,
    };
    (!excused).then_some("failed without a cause")
}

/// Whether a user was out of service at some time between the acceptance of an entry and its end.
fn was_away(run: &Run, user: Uuid, entry: &Entry) -> bool {
    let changes = || run.employed.iter().filter(|(_, of, _)| *of == user);
    let at_first = changes().rfind(|(at, ..)| *at <= entry.accepted_at).is_none_or(|(.., active)| *active);
    let left = changes().any(|(at, _, active)| !active && entry.accepted_at <= *at && *at <= entry.finished_at);
    !at_first || left
}

fn has_undated_twin(entry: &Entry, run: &Run) -> bool {
    // Of a row whose user was away nobody learns whom it is about.
    let known = |other: &&Entry| !matches!(other.result.reason, Some(Reason::UserInactive | Reason::UserNotFound));
    let same = |other: &&Entry| other.job == entry.job && other.user == entry.user;
    let twins = || run.entries.iter().filter(same).filter(known);
    let whole = matches!(entry.mode, Mode::Managed | Mode::Replace);
    whole && entry.same_user == SameUser::Refuse && twins().count() > 1 && twins().any(|twin| !twin.dated)
}

/// Rows of one user whose job does not say what that means are not carried out.
fn twins(run: &Run, claim: Claim<'_>) {
    for entry in run.entries.iter().filter(|entry| !entry.repeats && has_undated_twin(entry, run)) {
        let done = matches!(entry.state, EntryState::Applied | EntryState::Unchanged | EntryState::Superseded);
        claim(!done, Kind::Untrue, &|| {
            format!("row {} of job {} has a twin: {:?}", entry.index, entry.job, entry.state)
        });
    }
}

/// An end that was shown is the end.
fn shown(run: &Run, claim: Claim<'_>) {
    for entry in &run.entries {
        let Some(first) = run.taken.first(run.jobs[entry.job].id, entry.index) else { continue };
        let (told, now) = (&first.result, &entry.result);
        let same = first.state == entry.state
            && (told.reason, told.superseded_by, told.finished_at) == (now.reason, now.superseded_by, now.finished_at)
            && told.effects == now.effects;
        claim(same, Kind::WentBack, &|| {
            let at = since(run, first.at);
            format!("entry {} of job {}: {:?} at {at:?}, then {:?}", entry.index, entry.job, first.state, entry.state)
        });
    }
}

/// Ids and dates of acceptance follow the order of acceptance.
fn accepted_in_order(run: &Run, claim: Claim<'_>) {
    for pair in run.jobs.windows(2) {
        let right = pair[0].id < pair[1].id && pair[0].created_at <= pair[1].created_at;
        claim(right, Kind::Counts, &|| format!("{} was accepted before {}", pair[0].id, pair[1].id));
    }
}

/// What can be told from the wire alone.
fn wire(run: &Run, claim: Claim<'_>) {
    let mut by_user: BTreeMap<(Uuid, Target), Vec<&Exchange>> = BTreeMap::new();
    for exchange in &run.exchanges {
        by_user.entry((exchange.user, exchange.target)).or_default().push(exchange);
    }
    for ((user, _), exchanges) in by_user {
        for write in exchanges.iter().filter(|exchange| exchange.writes) {
            let Some(sent) = write.if_match else { continue };
            // The weighing of a job reads on its own: what it is shown after the reconciliation had its answer does not stop a write.
            let before = exchanges.iter().filter(|e| e.life == write.life && e.ended_at <= write.sent_at);
            let base = before.clone().filter(|e| e.shown == Some(sent)).map(|e| e.ended_at).max();
            let base = base.filter(|_| run.plan.settings.holds);
            let known = before.filter(|e| base.is_none_or(|base| e.ended_at <= base)).filter_map(|e| e.shown).max();
            claim(known.is_none_or(|known| sent >= known), Kind::StaleBody, &|| {
                format!("{user}: sent {sent} although {known:?} was seen, {:?}", since(run, write.sent_at))
            });
            let refused = exchanges
                .iter()
                .filter(|e| e.writes && e.life == write.life && e.if_match == Some(sent) && e.ended_at <= write.sent_at)
                .filter(|e| matches!(e.status, Some(409 | 400 | 408)))
                .max_by_key(|e| e.ended_at);
            // Without a pause and a read since then, nothing can have become better.
            let Some(refused) = refused else { continue };
            let read = exchanges.iter().any(|e| {
                !e.writes && e.shown.is_some() && e.sent_at >= refused.ended_at && e.ended_at <= write.sent_at
            });
            let patient = read && write.sent_at >= refused.ended_at + Duration::from_millis(400);
            claim(patient, Kind::Hammering, &|| format!("{user}: {sent} again, {:?}", since(run, write.sent_at)));
        }
    }
}

fn since(run: &Run, at: Instant) -> Duration {
    at - run.ledger.started()
}
