//! Bounds the memory for bodies that are being read, so that many large ones at the same time cannot exceed it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::shapes::problem::Problem;
use crate::table::TakeRoom;

/// The unit in which room is handed out, in bytes.
const UNIT: usize = 4096;

/// The room that bodies, and the entries parsed from them, share until the job is accepted.
#[derive(Debug, Clone)]
pub(in crate::api) struct BodyRoom {
    free: Arc<Semaphore>,
    /// Maximum room of one request, in bytes: half of the total, so that no request keeps all others out.
    most_of_one: usize,
}

/// The first refusal of room during the reading of a table, if there was one.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Lack(Arc<OnceLock<NoRoom>>);

impl Lack {
    /// Returns the reason of the refusal, if there was one.
    pub(in crate::api) fn told(&self) -> Option<NoRoom> {
        self.0.get().copied()
    }
}

/// Error for a request that got no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum NoRoom {
    #[error("too many large bodies are being read at once")]
    TakenByOthers,
    #[error("the request takes more room than one request may")]
    TooLarge,
}

/// The room that one request has taken, released on drop. Requests fail instead of waiting for room, so they cannot
/// deadlock.
#[derive(Debug)]
pub(in crate::api) struct TakenRoom {
    room: BodyRoom,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    /// Returns a room of `bytes` bytes, rounded down to whole units.
    pub(in crate::api) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), most_of_one: bytes / 2 }
    }

    /// Begins to take room for one request.
    pub(in crate::api) fn begin(&self) -> TakenRoom {
        TakenRoom { room: self.clone(), bytes: 0, permit: None }
    }

    /// Returns a function that takes room while a table is read, and a handle that tells why it failed.
    pub(in crate::api) fn for_table(&self) -> (TakeRoom, Lack) {
        let (mut taken, lack) = (self.begin(), Lack::default());
        let told = lack.clone();
        let take = move |bytes| taken.more(bytes).map_err(|fault| told.0.get_or_init(|| fault).to_owned()).is_ok();
        (Box::new(take), lack)
    }
}

impl TakenRoom {
    /// Takes room for `bytes` more bytes, or returns an error if there is none.
    pub(in crate::api) fn more(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let before = self.bytes.div_ceil(UNIT);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.room.most_of_one {
            return Err(NoRoom::TooLarge);
        }
        let units = u32::try_from(self.bytes.div_ceil(UNIT) - before).map_err(|_| NoRoom::TooLarge)?;
        let permit = Arc::clone(&self.room.free).try_acquire_many_owned(units).map_err(|_| NoRoom::TakenByOthers)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

impl From<NoRoom> for Problem {
    fn from(fault: NoRoom) -> Self {
        match fault {
            NoRoom::TakenByOthers => {
                Self::full("too many large bodies are being read; send it again later", COME_AGAIN)
            }
            NoRoom::TooLarge => Self::too_large(),
        }
    }
}

/// `Retry-After` when there is no room. Reading a large body takes a few seconds.
const COME_AGAIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_room_and_give_it_back() {
        let room = BodyRoom::new(44 * UNIT);
        let mut small: Vec<_> = (0..40).map(|_| room.begin()).collect();
        assert!(small.iter_mut().all(|taken| taken.more(1).is_ok()));
        let mut large = room.begin();
        assert!(large.more(4 * UNIT).is_ok());
        assert_eq!(large.more(1), Err(NoRoom::TakenByOthers), "44 units are all there are");
        drop(small);
        assert!(large.more(UNIT).is_ok());
        assert_eq!(large.more(20 * UNIT), Err(NoRoom::TooLarge), "half of it is for others");
        drop(large);
        assert_eq!(room.free.available_permits(), 44);
    }
}
