//! What a conflict means and what to do about it, decided from what the re-read shows.
//!
//! Genesys answers 409 for at least six different reasons with one and the same text. They are told apart by what
//! happens to the version: see [`Dispute`].

use std::time::Duration;

use tokio::time::Instant;

/// Why a write was refused although it carried the version just read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The version never belonged to this resource.
    WrongVersion,
    /// Somebody else wrote between our read and our write.
    ForeignWriter,
    /// We ourselves wrote in between; must not happen, and is counted to show that it does not.
    OwnConcurrency,
    /// The read came from a replica that did not know the newest version yet.
    ReadLag,
    /// Genesys was still working on an earlier update of this user.
    Busy,
    /// The state of the user forbids the change.
    Blocked,
}

impl Cause {
    /// All causes, in the order in which the HTTP API lists them.
    pub const ALL: [Self; 6] =
        [Self::WrongVersion, Self::ForeignWriter, Self::OwnConcurrency, Self::ReadLag, Self::Busy, Self::Blocked];
}

/// How long and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictPolicy {
    /// No conflict is fought for longer than this.
    pub patience: Duration,
    /// Writes at most.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
}

/// What the re-read after a conflict shows, held against what the write was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The state is newer, and somebody else made it so.
    MovedByOthers,
    /// The state is newer, and what is new is what we wrote ourselves.
    MovedByUs,
    /// The state is newer because of an earlier attempt of this very change, whose answer was lost.
    MovedByLostAnswer,
    /// The state is the one that the write was computed from.
    Unmoved,
    /// The state is older than one that was seen before: a replica lags behind.
    Behind,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fold again on the state just read and write.
    Write,
    /// Wait, then read again: a write now would be refused, or would be computed from a state known to be old.
    ReadAfter(Duration),
    /// The bounds are reached.
    GiveUp(GaveUp),
}

/// How a dispute was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// The state never moved, and no version was right: the resource itself refuses.
    Blocked,
    /// The state kept moving, and others were always first.
    Exhausted,
}

/// One user's fight with conflicts, from the first refused write until a write passes or the bounds are reached.
///
/// A refused write is followed by a read at once. If the state moved, its cause is known and the next write is computed
/// from the new state. If it did not, either the read is old or Genesys refuses a right version, and only time tells:
/// after a pause one more read looks for a newer state, and only then is the write repeated. Reads do not count as
/// attempts, so a lagging replica cannot use them up. A state that stays behind what was seen before for half of all
/// patience is no lag: what was seen before is wrong (the resource was restored or made anew), and the read is believed.
///
/// Invariant: every refused write gets exactly one cause, handed out by the call that settles it.
#[derive(Debug, Clone)]
pub struct Dispute {
    first_at: Instant,
    refused: u32,
    unsettled: u32,
    pauses: u32,
    reads_since_refusal: u32,
    moved: bool,
}

impl Dispute {
    /// Opens with the first refused write.
    pub fn open(now: Instant) -> Self {
        Self { first_at: now, refused: 0, unsettled: 0, pauses: 0, reads_since_refusal: 0, moved: false }
    }

    /// Records a refused write; a read must follow.
    pub fn refused(&mut self) {
        self.refused += 1;
        self.unsettled += 1;
        self.reads_since_refusal = 0;
    }

    /// Decides what follows from the re-read, and names the cause of the refused writes that it explains.
    pub fn reread(&mut self, finding: Finding, policy: &ConflictPolicy, now: Instant) -> (Step, Settled) {
        self.reads_since_refusal += 1;
        let waited = self.reads_since_refusal > 1;
        match finding {
            Finding::MovedByOthers if waited => self.moved_on(Cause::ReadLag, policy, now),
            Finding::MovedByOthers => self.moved_on(Cause::ForeignWriter, policy, now),
            Finding::MovedByUs => self.moved_on(Cause::OwnConcurrency, policy, now),
            Finding::MovedByLostAnswer => self.moved_on(Cause::ReadLag, policy, now),
            Finding::Unmoved if waited => self.within_bounds(Step::Write, policy, now),
            Finding::Behind if now.duration_since(self.first_at) > policy.patience / 2 => {
                self.moved_on(Cause::WrongVersion, policy, now)
            }
            Finding::Unmoved | Finding::Behind => {
                let pause = self.next_pause(policy);
                self.within_bounds(Step::ReadAfter(pause), policy, now)
            }
        }
    }

    /// A write passed: what was refused before with an unmoved state was refused because Genesys was busy.
    pub fn passed(&mut self) -> Settled {
        self.settle(Cause::Busy)
    }

    /// Writes refused so far.
    pub fn refusals(&self) -> u32 {
        self.refused
    }

    fn moved_on(&mut self, cause: Cause, policy: &ConflictPolicy, now: Instant) -> (Step, Settled) {
        self.moved = true;
        self.pauses = 0;
        let settled = self.settle(cause);
        let (step, _) = self.within_bounds(Step::Write, policy, now);
        (step, settled)
    }

    fn within_bounds(&mut self, step: Step, policy: &ConflictPolicy, now: Instant) -> (Step, Settled) {
        let resumes = match step {
            Step::ReadAfter(pause) => now + pause,
            Step::Write | Step::GiveUp(_) => now,
        };
        let out_of_time = resumes.duration_since(self.first_at) > policy.patience;
        if !out_of_time && self.refused < policy.attempts {
            return (step, Settled::NONE);
        }
        let gave_up = if self.moved { GaveUp::Exhausted } else { GaveUp::Blocked };
        let cause = if self.moved { Cause::Busy } else { Cause::Blocked };
        (Step::GiveUp(gave_up), self.settle(cause))
    }

    fn next_pause(&mut self, policy: &ConflictPolicy) -> Duration {
        let pause = policy.first_pause.saturating_mul(2u32.saturating_pow(self.pauses)).min(policy.longest_pause);
        self.pauses += 1;
        pause
    }

    fn settle(&mut self, cause: Cause) -> Settled {
        Settled { writes: std::mem::take(&mut self.unsettled), cause }
    }
}

/// How many of the refused writes without a cause have now got one, and which.
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

    fn opened() -> (Dispute, Instant) {
        let now = Instant::now();
        let mut dispute = Dispute::open(now);
        dispute.refused();
        (dispute, now)
    }

    #[test]
    fn a_state_that_moved_names_its_cause_and_is_written_again_at_once() {
        for (finding, cause) in [
            (Finding::MovedByOthers, Cause::ForeignWriter),
            (Finding::MovedByUs, Cause::OwnConcurrency),
            (Finding::MovedByLostAnswer, Cause::ReadLag),
        ] {
            let (mut dispute, now) = opened();
            assert_eq!(dispute.reread(finding, &POLICY, now), (Step::Write, Settled { writes: 1, cause }));
        }
    }

    #[test]
    fn a_state_that_moves_only_after_a_pause_was_read_lag() {
        let (mut dispute, now) = opened();
        let (step, settled) = dispute.reread(Finding::Unmoved, &POLICY, now);
        assert_eq!((step, settled.writes), (Step::ReadAfter(POLICY.first_pause), 0));
        let (step, settled) = dispute.reread(Finding::MovedByOthers, &POLICY, now + POLICY.first_pause);
        assert_eq!((step, settled), (Step::Write, Settled { writes: 1, cause: Cause::ReadLag }));
    }

    #[test]
    fn a_lagging_replica_is_waited_for_with_growing_pauses_and_uses_up_no_attempt() {
        let (mut dispute, mut now) = opened();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let (Step::ReadAfter(pause), _) = dispute.reread(Finding::Behind, &POLICY, now) else { panic!() };
            now += pause;
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 15_000]);
        assert_eq!(dispute.refusals(), 1);
    }

    #[test]
    fn a_version_that_never_shows_up_was_wrong_and_the_read_is_believed() {
        let (mut dispute, mut now) = opened();
        loop {
            match dispute.reread(Finding::Behind, &POLICY, now) {
                (Step::ReadAfter(pause), _) => now += pause,
                (step, settled) => {
                    let wrong = Settled { writes: 1, cause: Cause::WrongVersion };
                    assert_eq!((step, settled), (Step::Write, wrong));
                    break;
                }
            }
        }
    }

    #[test]
    fn an_unmoved_state_that_passes_later_was_busy() {
        let (mut dispute, now) = opened();
        dispute.reread(Finding::Unmoved, &POLICY, now);
        assert_eq!(dispute.reread(Finding::Unmoved, &POLICY, now + POLICY.first_pause).0, Step::Write);
        assert_eq!(dispute.passed(), Settled { writes: 1, cause: Cause::Busy });
    }

    #[test]
    fn a_state_that_never_moves_is_blocked_within_the_bounds() {
        let (mut dispute, start) = opened();
        let mut now = start;
        loop {
            match dispute.reread(Finding::Unmoved, &POLICY, now) {
                (Step::ReadAfter(pause), _) => now += pause,
                (Step::Write, _) => dispute.refused(),
                (Step::GiveUp(gave_up), settled) => {
                    assert_eq!(gave_up, GaveUp::Blocked);
                    assert_eq!(settled, Settled { writes: dispute.refusals(), cause: Cause::Blocked });
                    break;
                }
            }
        }
        assert!(dispute.refusals() <= POLICY.attempts);
        assert!(now - start <= POLICY.patience);
    }

    #[test]
    fn a_state_that_always_moves_is_given_up_as_exhausted() {
        let (mut dispute, now) = opened();
        for _ in 1..POLICY.attempts {
            assert_eq!(dispute.reread(Finding::MovedByOthers, &POLICY, now).0, Step::Write);
            dispute.refused();
        }
        let (step, settled) = dispute.reread(Finding::MovedByOthers, &POLICY, now);
        assert_eq!(step, Step::GiveUp(GaveUp::Exhausted));
        assert_eq!(settled, Settled { writes: 1, cause: Cause::ForeignWriter });
    }
}
