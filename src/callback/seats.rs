//! Schedules callback attempts: hosts take turns; those that answer promptly go before unknown ones, and unknown ones
//! before slow ones.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Maximum number of concurrent attempts.
const AT_ONCE: usize = 64;
/// Maximum duration of an attempt that counts as prompt.
const PROMPT: Duration = Duration::from_secs(5);
/// Number of remembered hosts above which idle ones are forgotten.
const MAX_KNOWN: usize = 10_000;

/// The standing of a host by its last attempt since the start, in order of precedence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum HostStanding {
    /// It answered promptly, with any status.
    Prompt,
    #[default]
    New,
    /// It did not answer, or not promptly.
    Slow,
}

impl HostStanding {
    const ALL: [Self; 3] = [Self::Prompt, Self::New, Self::Slow];

    /// Returns the maximum number of concurrent attempts to all hosts of this standing.
    fn most(self) -> usize {
        match self {
            Self::Prompt => AT_ONCE,
            Self::New => AT_ONCE / 2,
            Self::Slow => AT_ONCE / 4,
        }
    }

    /// Returns the maximum number of concurrent attempts to one host of this standing.
    fn most_of_one(self) -> usize {
        match self {
            Self::Prompt => 8,
            Self::New => 1,
            Self::Slow => 2,
        }
    }
}

/// The seats for attempts.
///
/// Invariant: a receiver that hangs delays no callback to a host that answers. One host has at most a few seats; all
/// unknown hosts together have at most half of the seats, and all slow ones a quarter, so that a quarter is left for
/// prompt ones, however many others there are. Within each standing, hosts take turns.
///
/// Invariant: a host is in the `turns` of its standing exactly once whenever an attempt waits for it and it may have
/// one more seat.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<SeatState>);

#[derive(Debug, Default)]
struct SeatState {
    hosts: HashMap<Arc<str>, Host>,
    turns: [VecDeque<Arc<str>>; HostStanding::ALL.len()],
    taken: [usize; HostStanding::ALL.len()],
    /// The number of hosts at which the next search for forgettable ones takes place.
    look_at: usize,
}

#[derive(Debug, Default)]
struct Host {
    standing: HostStanding,
    taken: usize,
    in_turn: bool,
    waiting: VecDeque<oneshot::Sender<CallbackSeat>>,
}

/// The right to one attempt.
#[derive(Debug)]
pub(super) struct CallbackSeat {
    /// `None` if it was never handed out.
    seats: Option<Arc<Seats>>,
    host: Arc<str>,
    taken_as: HostStanding,
    since: Instant,
}

impl Seats {
    /// Waits for a seat for an attempt to a host. Dropping the future ends the wait.
    pub(super) async fn of(self: &Arc<Self>, host: &str) -> CallbackSeat {
        let host: Arc<str> = host.into();
        loop {
            let (sender, receiver) = oneshot::channel();
            {
                let mut state = self.lock();
                state.hosts.entry(Arc::clone(&host)).or_default().waiting.push_back(sender);
                state.queue(&host);
                state.hand_out(self);
            }
            // A sender leaves the queue only together with a seat.
            if let Ok(seat) = receiver.await {
                return seat;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.0.lock()
    }

    fn leave(self: &Arc<Self>, host: &Arc<str>, taken_as: HostStanding) {
        let mut state = self.lock();
        if let Some(taken) = state.taken.get_mut(taken_as as usize) {
            *taken = taken.saturating_sub(1);
        }
        if let Some(known) = state.hosts.get_mut(host) {
            known.taken = known.taken.saturating_sub(1);
        }
        state.queue(host);
        state.hand_out(self);
        state.forget();
    }
}

impl SeatState {
    /// Queues a host for its turn if an attempt waits for it and it may have one more seat.
    fn queue(&mut self, host: &Arc<str>) {
        let Some(known) = self.hosts.get_mut(host) else { return };
        if !known.in_turn && !known.waiting.is_empty() && known.taken < known.standing.most_of_one() {
            known.in_turn = true;
            if let Some(turns) = self.turns.get_mut(known.standing as usize) {
                turns.push_back(Arc::clone(host));
            }
        }
    }

    fn hand_out(&mut self, seats: &Arc<Seats>) {
        for standing in HostStanding::ALL {
            while self.has_room(standing)
                && let Some(host) = self.turns.get_mut(standing as usize).and_then(VecDeque::pop_front)
            {
                self.give(seats, &host, standing);
                self.queue(&host);
            }
        }
    }

    fn has_room(&self, standing: HostStanding) -> bool {
        let all: usize = self.taken.iter().sum();
        let alike = self.taken.get(standing as usize).copied().unwrap_or_default();
        all < AT_ONCE && alike < standing.most()
    }

    /// Changes the standing of a host. If it waits for its turn, it moves to the queue of its new standing.
    fn stands(&mut self, host: &Arc<str>, standing: HostStanding) {
        let Some(known) = self.hosts.get_mut(host).filter(|known| known.standing != standing) else { return };
        let before = std::mem::replace(&mut known.standing, standing);
        if std::mem::take(&mut known.in_turn)
            && let Some(turns) = self.turns.get_mut(before as usize)
        {
            turns.retain(|other| other != host);
        }
        self.queue(host);
    }

    /// Gives a seat to the first attempt that waits for this host.
    fn give(&mut self, seats: &Arc<Seats>, host: &Arc<str>, taken_as: HostStanding) {
        let Some(known) = self.hosts.get_mut(host) else { return };
        known.in_turn = false;
        while let Some(waiting) = known.waiting.pop_front() {
            let (host, since) = (Arc::clone(host), Instant::now());
            match waiting.send(CallbackSeat { seats: Some(Arc::clone(seats)), host, taken_as, since }) {
                Ok(()) => {
                    known.taken += 1;
                    if let Some(taken) = self.taken.get_mut(taken_as as usize) {
                        *taken += 1;
                    }
                    return;
                }
                // The waiting attempt is gone. Without `seats`, dropping the seat does not take the lock that is held
                // here.
                Err(mut seat) => seat.seats = None,
            }
        }
    }

    /// Forgets idle hosts if there are too many; prompt ones last.
    fn forget(&mut self) {
        if self.hosts.len() <= self.look_at.max(MAX_KNOWN) {
            return;
        }
        let is_busy = |host: &Host| host.taken > 0 || !host.waiting.is_empty();
        self.hosts.retain(|_, host| is_busy(host) || host.standing == HostStanding::Prompt);
        if self.hosts.len() > MAX_KNOWN / 2 {
            self.hosts.retain(|_, host| is_busy(host));
        }
        self.look_at = 2 * self.hosts.len();
    }
}

impl CallbackSeat {
    /// Ends the attempt. Whether and how fast it was answered determines the standing of the host.
    pub(super) fn left(self, answered: bool) {
        let Some(seats) = &self.seats else { return };
        let standing =
            if answered && self.since.elapsed() <= PROMPT { HostStanding::Prompt } else { HostStanding::Slow };
        seats.lock().stands(&self.host, standing);
    }
}

impl Drop for CallbackSeat {
    fn drop(&mut self) {
        if let Some(seats) = self.seats.take() {
            seats.leave(&self.host, self.taken_as);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn now(seats: &Arc<Seats>, host: &str) -> Option<CallbackSeat> {
        seats.of(host).now_or_never()
    }

    fn answered(seats: &Arc<Seats>, host: &str) {
        now(seats, host).unwrap().left(true);
    }

    #[test]
    fn nothing_is_left_behind_by_who_waits_no_longer() {
        let seats = Arc::new(Seats::default());
        let seat = now(&seats, "a").unwrap();
        assert!((0..10).all(|_| now(&seats, "a").is_none()), "a new host has one");
        drop(seat);
        assert!(now(&seats, "a").is_some());
        let state = seats.lock();
        assert_eq!(state.taken, [0; 3]);
        assert!(state.hosts.values().all(|host| host.taken == 0 && host.waiting.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_answers_has_room_however_many_hang() {
        let seats = Arc::new(Seats::default());
        answered(&seats, "good");
        let mut hanging: Vec<_> = (0..1000).map_while(|n| now(&seats, &format!("new{n}"))).collect();
        assert_eq!(hanging.len(), 32);
        tokio::time::advance(Duration::from_secs(15)).await;
        hanging.drain(..).for_each(|seat| seat.left(false));
        let slow: Vec<_> = (0..32).filter_map(|n| now(&seats, &format!("new{n}"))).collect();
        assert_eq!(slow.len(), 16, "who did not answer has fewer");
        let new: Vec<_> = (1000..2000).map_while(|n| now(&seats, &format!("new{n}"))).collect();
        assert_eq!(new.len(), 32);
        let good: Vec<_> = (0..100).map_while(|_| now(&seats, "good")).collect();
        assert_eq!(good.len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_as_bad_as_none_until_a_prompt_one() {
        let seats = Arc::new(Seats::default());
        let standing = |seats: &Arc<Seats>| seats.lock().hosts["a"].standing;
        let seat = now(&seats, "a").unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        seat.left(true);
        assert_eq!(standing(&seats), HostStanding::Slow);
        answered(&seats, "a");
        assert_eq!(standing(&seats), HostStanding::Prompt);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_not_forgotten_when_its_host_becomes_another_one() {
        let seats = Arc::new(Seats::default());
        let seat = now(&seats, "a").unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        seat.left(true);
        let (first, second) = (now(&seats, "a").unwrap(), now(&seats, "a").unwrap());
        let mut waiting = Box::pin(seats.of("a"));
        assert!((&mut waiting).now_or_never().is_none(), "slow ones have two");
        first.left(true);
        assert!(waiting.now_or_never().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn hosts_take_turns() {
        let seats = Arc::new(Seats::default());
        let mut full: VecDeque<_> = (0..32).map(|n| now(&seats, &format!("full{n}")).unwrap()).collect();
        let mut first: Vec<_> = (0..100)
            .map(|_| {
                Box::pin({
                    let seats = Arc::clone(&seats);
                    async move { seats.of("a").await }
                })
            })
            .collect();
        assert!(first.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
        let mut other = Box::pin(seats.of("b"));
        assert!((&mut other).now_or_never().is_none());
        drop(full.pop_front());
        let got = first.iter_mut().find_map(FutureExt::now_or_never);
        assert!(got.is_some(), "it came first");
        drop(full.pop_front());
        assert!((&mut other).now_or_never().is_some(), "and is not before another one a second time");
    }

    #[test]
    fn no_more_hosts_are_remembered_than_there_is_room_for() {
        let seats = Arc::new(Seats::default());
        for n in 0..3 * MAX_KNOWN {
            now(&seats, &format!("host{n}")).unwrap().left(n % 2 == 0);
            assert!(seats.lock().hosts.len() <= MAX_KNOWN + 1);
        }
    }
}
