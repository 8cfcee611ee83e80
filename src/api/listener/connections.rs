//! Limits the number of open connections, and chooses which one makes room when all are in use.
//!
//! A peer that makes no progress (sends no head, drips a body or does not read its response) could occupy a seat for as
//! long as it likes. When all seats are taken, the connection that has waited longest for its peer is therefore closed
//! for the next one, starting with the peer that has the most connections. A connection that waits for skillsync is
//! never closed for others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Minimum time for which a connection must have waited for its peer before it is closed for others. A well-behaved
/// client sends the head right after connecting.
const PATIENCE: Duration = Duration::from_millis(250);
/// Number of additional seats, on which only probes are answered.
pub(in crate::api) const RESERVE: usize = 8;
/// Number of bytes that count as progress. A peer must take this much of a response, or the rest of it, within the
/// write timeout, and must send this much of a body to restart its waiting time.
const STEP: usize = 16 * 1024;

/// All open connections.
///
/// Invariant: at most `most` plus [`RESERVE`] connections stay open, because each is counted from [`Connections::seat`]
/// until its [`ConnectionSeat`] is dropped. Beyond `most`, a connection that waits for its peer leaves for a new one.
#[derive(Debug)]
pub(in crate::api) struct Connections {
    most: usize,
    open: Mutex<OpenConnection>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct OpenConnection {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
    /// The number of connections that were told to make room and are about to close.
    leaving: usize,
}

/// The shared state of one connection.
#[derive(Debug)]
pub(in crate::api) struct Connection {
    pub(in crate::api) peer: IpAddr,
    /// Whether only probes are answered on this connection.
    pub(in crate::api) is_reserve: bool,
    progress: Mutex<PeerProgress>,
    closed: CancellationToken,
    /// Whether it was closed to make room for another one.
    makes_room: AtomicBool,
    /// Whether a request was answered before its body was read.
    unread_body: AtomicBool,
}

#[derive(Debug)]
struct PeerProgress {
    /// Since when a head, or more of a body, is awaited; `None` while skillsync handles the request.
    awaits_peer: Option<Instant>,
    came: usize,
    /// Since when the peer has not taken the rest of the response, or the next [`STEP`] of it.
    stalled: Option<Instant>,
    taken: usize,
}

/// The seat of a connection, released on drop.
#[derive(Debug)]
pub(in crate::api) struct ConnectionSeat {
    all: Arc<Connections>,
    number: u64,
    pub(in crate::api) connection: Arc<Connection>,
}

impl Connections {
    /// Returns an empty set for at most `most` connections.
    pub(in crate::api) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default(), freed: Notify::new() })
    }

    /// Waits for a seat for the next connection.
    pub(in crate::api) async fn seat(self: &Arc<Self>, peer: IpAddr) -> ConnectionSeat {
        loop {
            let freed = self.freed.notified();
            if let Some(seat) = self.free_seat(peer) {
                return seat;
            }
            // A closed connection frees its seat in a moment. The timeout notices connections that have meanwhile
            // waited long enough to be closed.
            let _ = tokio::time::timeout(PATIENCE / 5, freed).await;
        }
    }

    fn free_seat(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionSeat> {
        let mut open = self.lock();
        let mut is_full = open.staying() >= self.most;
        if is_full && let Some(stuck) = open.longest_stuck(Instant::now()) {
            stuck.makes_room.store(true, Ordering::Relaxed);
            stuck.closed.cancel();
            open.leaving += 1;
            is_full = false;
        }
        if is_full && open.staying() >= self.most + RESERVE {
            return None;
        }
        let connection = Arc::new(Connection::new(peer, is_full));
        open.next += 1;
        let number = open.next;
        open.connections.insert(number, Arc::clone(&connection));
        Some(ConnectionSeat { all: Arc::clone(self), number, connection })
    }

    /// Closes connections whose peers have not read their responses for `time`.
    pub(in crate::api) fn close_stalled(&self, time: Duration) {
        let now = Instant::now();
        let open = self.lock();
        let stalled = open
            .connections
            .values()
            .filter(|connection| connection.lock().stalled.is_some_and(|since| now.duration_since(since) >= time));
        stalled.for_each(|connection| connection.closed.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnection> {
        self.open.lock()
    }
}

impl OpenConnection {
    /// Returns the number of connections that were not told to make room.
    fn staying(&self) -> usize {
        self.connections.len() - self.leaving
    }

    /// Returns the connection to close: of those that wait for their peers, one of the peer with the most connections,
    /// and of these the one that has waited longest.
    fn longest_stuck(&self, now: Instant) -> Option<&Arc<Connection>> {
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        self.connections.values().for_each(|connection| *of_peer.entry(connection.peer).or_default() += 1);
        let waits = |connection: &Arc<Connection>| {
            let waited = now.duration_since(connection.waits_for_peer_since()?);
            (waited >= PATIENCE && !connection.closed.is_cancelled()).then_some(waited)
        };
        let stuck = self.connections.values().filter_map(|connection| Some((waits(connection)?, connection)));
        let count = |connection: &Connection| of_peer.get(&connection.peer).copied().unwrap_or_default();
        stuck.max_by_key(|(waited, connection)| (count(connection), *waited)).map(|(_, connection)| connection)
    }
}

impl Drop for ConnectionSeat {
    fn drop(&mut self) {
        let mut open = self.all.lock();
        open.connections.remove(&self.number);
        open.leaving -= usize::from(self.connection.makes_room.load(Ordering::Relaxed));
        drop(open);
        self.all.freed.notify_one();
    }
}

impl Connection {
    fn new(peer: IpAddr, is_reserve: bool) -> Self {
        let progress = PeerProgress { awaits_peer: Some(Instant::now()), came: 0, stalled: None, taken: 0 };
        Self {
            peer,
            is_reserve,
            progress: Mutex::new(progress),
            closed: CancellationToken::new(),
            makes_room: AtomicBool::new(false),
            unread_body: AtomicBool::new(false),
        }
    }

    /// Resolves when the connection has to be closed.
    pub(in crate::api) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Notes that a head, or more of a body, is awaited from now on.
    pub(in crate::api) fn awaits_peer(&self) {
        let mut progress = self.lock();
        (progress.awaits_peer, progress.came) = (Some(Instant::now()), 0);
    }

    /// Notes that the whole request was received.
    pub(in crate::api) fn has_request(&self) {
        self.lock().awaits_peer = None;
    }

    /// Notes that the rest of a request body will not be read.
    pub(in crate::api) fn leaves_body_unread(&self) {
        self.unread_body.store(true, Ordering::Relaxed);
    }

    /// Returns whether a request was answered before its body was read.
    pub(in crate::api) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Relaxed)
    }

    /// Notes that some bytes of a body were received.
    pub(in crate::api) fn came(&self, bytes: usize) {
        let mut progress = self.lock();
        progress.came += bytes;
        if progress.came >= STEP {
            (progress.awaits_peer, progress.came) = (Some(Instant::now()), 0);
        }
    }

    /// Notes that the peer took some of the pending bytes; `all` says whether it took all of them.
    pub(in crate::api) fn took(&self, bytes: usize, all: bool) {
        let mut progress = self.lock();
        progress.taken += bytes;
        if all {
            (progress.stalled, progress.taken) = (None, 0);
        } else if progress.taken >= STEP || progress.stalled.is_none() {
            (progress.stalled, progress.taken) = (Some(Instant::now()), 0);
        }
    }

    fn waits_for_peer_since(&self) -> Option<Instant> {
        let progress = self.lock();
        progress.stalled.or(progress.awaits_peer)
    }

    fn lock(&self) -> MutexGuard<'_, PeerProgress> {
        self.progress.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_closed(seat: &ConnectionSeat) -> bool {
        seat.connection.closed.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn who_lets_us_wait_makes_room_and_who_waits_for_us_does_not() {
        let all = Connections::new(3);
        let (greedy, other) = (peer(1), peer(2));
        let idle_of_other = all.seat(other).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        let (served, idle) = (all.seat(greedy).await, all.seat(greedy).await);
        served.connection.has_request();
        let first = all.seat(other).await;
        assert!(is_closed(&idle_of_other) && !first.connection.is_reserve, "nobody else has waited for long enough");
        let on_reserve = all.seat(other).await;
        assert!(on_reserve.connection.is_reserve, "nobody can make room");
        drop((first, idle_of_other, on_reserve));
        tokio::time::advance(PATIENCE).await;
        let (second, third) = (all.seat(other).await, all.seat(other).await);
        assert!(!second.connection.is_reserve && !third.connection.is_reserve);
        assert!(is_closed(&idle) && !is_closed(&served), "of the peer that has the most");
    }

    #[tokio::test(start_paused = true)]
    async fn with_all_seats_taken_the_next_waits_for_one() {
        let all = Connections::new(1);
        let seats: Vec<_> = {
            let mut seats = Vec::new();
            for _ in 0..=RESERVE {
                seats.push(all.seat(peer(1)).await);
            }
            seats
        };
        for seat in &seats {
            seat.connection.has_request();
        }
        let waiting = tokio::time::timeout(Duration::from_secs(60), all.seat(peer(2))).await;
        assert!(waiting.is_err() && !seats.iter().any(is_closed));
        let (next, ()) = tokio::join!(all.seat(peer(2)), async { drop(seats) });
        assert!(!next.connection.is_reserve);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_closed_and_a_slow_one_is_not() {
        let (all, limit) = (Connections::new(9), Duration::from_secs(30));
        let seats = [all.seat(peer(1)).await, all.seat(peer(1)).await, all.seat(peer(1)).await];
        for seat in &seats {
            seat.connection.has_request();
        }
        for second in 0..60 {
            seats[0].connection.took(STEP / 20, false);
            seats[1].connection.took(100, false);
            seats[2].connection.took(100, second % 7 == 0);
            tokio::time::advance(Duration::from_secs(1)).await;
            all.close_stalled(limit);
        }
        assert_eq!(seats.each_ref().map(is_closed), [false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_goes_on() {
        let all = Connections::new(2);
        let seats = [all.seat(peer(1)).await, all.seat(peer(1)).await];
        for _ in 0..10 {
            seats[0].connection.came(STEP);
            seats[1].connection.came(1);
            tokio::time::advance(PATIENCE / 2).await;
        }
        let _next = all.seat(peer(2)).await;
        assert_eq!(seats.each_ref().map(is_closed), [false, true]);
    }
}
