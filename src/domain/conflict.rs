//! Decides what a conflict means and what to do about it, from what the re-read shows.
//!
//! Genesys answers 409 with one and the same text for at least six different reasons. What happens to the version tells
//! them apart: see [`Dispute`].

use std::time::Duration;

/// Why a write was refused although it carried the version just read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The version never belonged to this resource.
    WrongVersion,
    /// Another writer changed the user between our read and our write.
    ForeignWriter,
    /// We wrote in between ourselves. This must not happen; it is counted to show that it does not.
    OwnConcurrency,
    /// The read came from a replica that did not yet have the newest version.
    ReadLag,
    /// Genesys was still processing an earlier update of this user.
    Busy,
    /// The state of the user forbids the change.
    Blocked,
}

impl Cause {
    /// All causes, in the order in which the HTTP API lists them.
    pub const ALL: [Self; 6] =
        [Self::WrongVersion, Self::ForeignWriter, Self::OwnConcurrency, Self::ReadLag, Self::Busy, Self::Blocked];
}

/// Bounds on how long and how often to retry after a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictPolicy {
    /// Total of all pauses while waiting for a conflict to clear. Time spent in the rate limiter or on other users does
    /// not count, or a busy night would turn every conflict into a failure.
    pub patience: Duration,
    /// Maximum number of writes.
    pub attempts: u32,
    /// First pause; each further one is twice as long.
    pub first_pause: Duration,
    /// Upper bound of a single pause.
    pub longest_pause: Duration,
}

impl ConflictPolicy {
    /// Returns the pause before the next read, after `looks` consecutive reads that showed nothing new.
    pub fn pause(&self, looks: u32) -> Duration {
        self.first_pause.saturating_mul(2u32.saturating_pow(looks)).min(self.longest_pause)
    }
}

/// What the re-read after a conflict shows, compared with the state that the write was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The state is newer, and another writer changed it.
    MovedByOthers,
    /// The state is newer because of our own write.
    MovedByUs,
    /// The state is newer because of an earlier attempt at this very change whose response was lost.
    MovedByLostAnswer,
    /// The state is the one that the write was computed from.
    Unmoved,
    /// The state is older than one seen before: a replica lags behind.
    Behind,
}

/// The next step of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStep {
    /// Fold again on the state just read, and write.
    Write,
    /// Wait, then read again: a write now would be refused, or would be computed from a state known to be outdated.
    ReadAfter(Duration),
    /// Stop, because the bounds are reached.
    GiveUp(GaveUp),
}

/// How a dispute was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// The state did not move through the last `writes` refusals, and no version was accepted: the resource itself
    /// refuses.
    Blocked { writes: u32 },
    /// The state kept moving, and other writers were always first.
    Exhausted,
}

/// The conflicts of one user, from the first refused write until a write is accepted or the bounds are reached.
///
/// ```text
///          refused                  moved: the cause is known
///  write ----------> read at once -----------------------------> fold, write
///    ^                  | unmoved, or behind
///    |                  v
///    |              pause, read ---- moved: readLag -----------> fold, write
///    |                  | unmoved
///    '------------------'           behind for half of all patience: wrongVersion
///
///  a write passes: what was refused of an unmoved state was busy
///  patience or attempts are used up: blocked
/// ```
///
/// A refused write is followed by a read at once. If the state moved, its cause is known and the next write is computed
/// from the new state. If it did not, either the read is outdated or Genesys refuses a correct version, and only time
/// can tell: after a pause, one more read looks for a newer state, and only then is the write repeated. From the second
/// refusal of the same state on, the pause comes first and one read is enough. Reads and writes that turn out to have
/// met a lagging replica do not count as attempts, so a replica cannot use them up. A state that stays behind an
/// earlier one for half of the total patience is no lag: the earlier observation no longer holds (the resource was
/// restored or recreated), and the read is believed.
///
/// Invariant: every refused write gets exactly one cause, returned by the call that settles it.
#[derive(Debug, Clone, Default)]
pub struct Dispute {
    waited: Duration,
    refused: u32,
    unsettled: u32,
    pauses: u32,
    /// Whether a pause followed the last refusal, so that an unchanged state is not merely an early read.
    paused: bool,
}

impl Dispute {
    /// Records a refused write. A read must follow: at once if `None` is returned, or after the returned pause if the
    /// previous refusal has no cause yet either, because an immediate read would then show nothing new.
    pub fn refused(&mut self, policy: &ConflictPolicy) -> Option<Duration> {
        let again = self.unsettled > 0;
        self.refused += 1;
        self.unsettled += 1;
        self.paused = again;
        again.then(|| {
            let pause = self.next_pause(policy);
            self.waited += pause;
            pause
        })
    }

    /// Decides what follows from the re-read, and names the cause of the refused writes that it explains.
    pub fn reread(&mut self, finding: Finding, policy: &ConflictPolicy) -> (DisputeStep, Settled) {
        match finding {
            Finding::MovedByOthers if self.paused => {
                // Waiting for a replica is not losing to another writer, so only time bounds it.
                self.refused -= self.unsettled;
                self.moved_on(Cause::ReadLag, policy)
            }
            Finding::MovedByOthers => self.moved_on(Cause::ForeignWriter, policy),
            Finding::MovedByUs => self.moved_on(Cause::OwnConcurrency, policy),
            Finding::MovedByLostAnswer => self.moved_on(Cause::ReadLag, policy),
            Finding::Unmoved if self.paused => self.within_bounds(DisputeStep::Write, policy),
            Finding::Behind if self.waited > policy.patience / 2 => self.moved_on(Cause::WrongVersion, policy),
            Finding::Unmoved | Finding::Behind => {
                let pause = self.next_pause(policy);
                self.within_bounds(DisputeStep::ReadAfter(pause), policy)
            }
        }
    }

    /// Records that a write was accepted: earlier refusals of an unmoved state happened because Genesys was busy.
    pub fn passed(&mut self) -> Settled {
        self.settle(Cause::Busy)
    }

    /// Returns the number of refused writes, excluding those that met a lagging replica.
    pub fn refusals(&self) -> u32 {
        self.refused
    }

    fn moved_on(&mut self, cause: Cause, policy: &ConflictPolicy) -> (DisputeStep, Settled) {
        self.pauses = 0;
        let settled = self.settle(cause);
        let (step, _) = self.within_bounds(DisputeStep::Write, policy);
        (step, settled)
    }

    fn within_bounds(&mut self, step: DisputeStep, policy: &ConflictPolicy) -> (DisputeStep, Settled) {
        let pause = match step {
            DisputeStep::ReadAfter(pause) => pause,
            DisputeStep::Write | DisputeStep::GiveUp(_) => Duration::ZERO,
        };
        if self.waited + pause <= policy.patience && self.refused < policy.attempts {
            self.waited += pause;
            self.paused |= !pause.is_zero();
            return (step, Settled::NONE);
        }
        let gave_up = match self.unsettled {
            0 => GaveUp::Exhausted,
            writes => GaveUp::Blocked { writes },
        };
        (DisputeStep::GiveUp(gave_up), self.settle(Cause::Blocked))
    }

    fn next_pause(&mut self, policy: &ConflictPolicy) -> Duration {
        let pause = policy.pause(self.pauses);
        self.pauses += 1;
        pause
    }

    /// Ends the dispute without a further attempt: writes that are still unexplained were refused and never accepted.
    pub fn abandoned(&mut self) -> Settled {
        self.settle(Cause::Blocked)
    }

    fn settle(&mut self, cause: Cause) -> Settled {
        Settled { writes: std::mem::take(&mut self.unsettled), cause }
    }
}

/// The number of refused writes that were just given a cause, and the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub writes: u32,
    pub cause: Cause,
}

impl Settled {
    const NONE: Self = Self { writes: 0, cause: Cause::Blocked };
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: ConflictPolicy = ConflictPolicy {
        patience: Duration::from_secs(120),
        attempts: 10,
        first_pause: Duration::from_millis(500),
        longest_pause: Duration::from_secs(15),
    };

    fn opened() -> Dispute {
        let mut dispute = Dispute::default();
        assert_eq!(dispute.refused(&POLICY), None, "the first read follows at once");
        dispute
    }

    #[test]
    fn a_state_that_moved_names_its_cause_and_is_written_again_at_once() {
        for (finding, cause) in [
            (Finding::MovedByOthers, Cause::ForeignWriter),
            (Finding::MovedByUs, Cause::OwnConcurrency),
            (Finding::MovedByLostAnswer, Cause::ReadLag),
        ] {
            let mut dispute = opened();
            assert_eq!(dispute.reread(finding, &POLICY), (DisputeStep::Write, Settled { writes: 1, cause }));
        }
    }

    #[test]
    fn a_state_that_moves_only_after_a_pause_was_read_lag() {
        let mut dispute = opened();
        let (step, settled) = dispute.reread(Finding::Unmoved, &POLICY);
        assert_eq!((step, settled.writes), (DisputeStep::ReadAfter(POLICY.first_pause), 0));
        let (step, settled) = dispute.reread(Finding::MovedByOthers, &POLICY);
        assert_eq!((step, settled), (DisputeStep::Write, Settled { writes: 1, cause: Cause::ReadLag }));
    }

    #[test]
    fn a_lagging_replica_is_waited_for_with_growing_pauses_and_uses_up_no_attempt() {
        let mut dispute = opened();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let (DisputeStep::ReadAfter(pause), _) = dispute.reread(Finding::Behind, &POLICY) else { panic!() };
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 15_000]);
        assert_eq!(dispute.refusals(), 1);
    }

    #[test]
    fn writes_that_met_a_lagging_replica_use_up_no_attempt() {
        let mut dispute = opened();
        dispute.reread(Finding::Unmoved, &POLICY);
        for _ in 0..3 {
            dispute.reread(Finding::Unmoved, &POLICY);
            dispute.refused(&POLICY);
        }
        assert_eq!(dispute.reread(Finding::MovedByOthers, &POLICY).1, Settled { writes: 4, cause: Cause::ReadLag });
        assert_eq!(dispute.refusals(), 0);
    }

    #[test]
    fn a_version_that_never_shows_up_was_wrong_and_the_read_is_believed() {
        let mut dispute = opened();
        loop {
            match dispute.reread(Finding::Behind, &POLICY) {
                (DisputeStep::ReadAfter(_), _) => {}
                (step, settled) => {
                    let wrong = Settled { writes: 1, cause: Cause::WrongVersion };
                    assert_eq!((step, settled), (DisputeStep::Write, wrong));
                    break;
                }
            }
        }
    }

    #[test]
    fn an_unmoved_state_that_passes_later_was_busy() {
        let mut dispute = opened();
        dispute.reread(Finding::Unmoved, &POLICY);
        assert_eq!(dispute.reread(Finding::Unmoved, &POLICY).0, DisputeStep::Write);
        assert_eq!(dispute.passed(), Settled { writes: 1, cause: Cause::Busy });
    }

    #[test]
    fn a_state_that_never_moves_is_blocked_within_the_bounds() {
        let mut dispute = opened();
        let mut waited = Duration::ZERO;
        loop {
            match dispute.reread(Finding::Unmoved, &POLICY) {
                (DisputeStep::ReadAfter(pause), _) => waited += pause,
                (DisputeStep::Write, _) => waited += dispute.refused(&POLICY).unwrap_or_default(),
                (DisputeStep::GiveUp(gave_up), settled) => {
                    assert_eq!(gave_up, GaveUp::Blocked { writes: dispute.refusals() });
                    assert_eq!(settled, Settled { writes: dispute.refusals(), cause: Cause::Blocked });
                    break;
                }
            }
        }
        assert!(dispute.refusals() <= POLICY.attempts);
        assert!(waited <= POLICY.patience + POLICY.longest_pause);
    }

    #[test]
    fn a_state_that_moved_before_it_was_refused_for_good_is_blocked_too() {
        let mut dispute = opened();
        dispute.reread(Finding::MovedByOthers, &POLICY);
        dispute.refused(&POLICY);
        let gave_up = std::iter::repeat_with(|| match dispute.reread(Finding::Unmoved, &POLICY).0 {
            DisputeStep::Write => {
                dispute.refused(&POLICY);
                None
            }
            DisputeStep::ReadAfter(_) => None,
            DisputeStep::GiveUp(gave_up) => Some(gave_up),
        });
        let gave_up = gave_up.take(100).flatten().next();
        assert_eq!(gave_up, Some(GaveUp::Blocked { writes: POLICY.attempts - 1 }));
    }

    #[test]
    fn a_state_that_always_moves_is_given_up_as_exhausted() {
        let mut dispute = opened();
        for _ in 1..POLICY.attempts {
            assert_eq!(dispute.reread(Finding::MovedByOthers, &POLICY).0, DisputeStep::Write);
            dispute.refused(&POLICY);
        }
        let (step, settled) = dispute.reread(Finding::MovedByOthers, &POLICY);
        assert_eq!(step, DisputeStep::GiveUp(GaveUp::Exhausted));
        assert_eq!(settled, Settled { writes: 1, cause: Cause::ForeignWriter });
    }
}
