//! Memory for bodies: many large ones at a time must not add up to more than the machine has.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many of the largest bodies can be read at a time.
const LARGEST_AT_ONCE: usize = 4;
/// What room is handed out in.
const UNIT: usize = 4096;

/// The room that all bodies share while they are read and made into entries.
#[derive(Debug, Clone)]
pub(in crate::api) struct BodyRoom(Arc<Semaphore>);

/// There is no room left.
#[derive(Debug, thiserror::Error)]
#[error("too many large bodies are being read at once")]
pub(super) struct NoRoom;

/// The part of the room that one body has taken, until it is dropped. Nobody waits for room, so nobody waits for each other.
#[derive(Debug)]
pub(super) struct Taken {
    room: BodyRoom,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    pub(in crate::api) fn new(max_body_bytes: usize) -> Self {
        let units = (max_body_bytes / UNIT + 1).saturating_mul(LARGEST_AT_ONCE);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    pub(super) fn begin(&self) -> Taken {
        Taken { room: self.clone(), bytes: 0, permit: None }
    }
}

impl Taken {
    /// Takes room for some more bytes.
    pub(super) fn more(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let before = self.bytes.div_ceil(UNIT);
        self.bytes = self.bytes.saturating_add(bytes);
        let units = u32::try_from(self.bytes.div_ceil(UNIT) - before).map_err(|_| NoRoom)?;
        let permit = Arc::clone(&self.room.0).try_acquire_many_owned(units).map_err(|_| NoRoom)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_room_and_give_it_back() {
        let room = BodyRoom::new(10 * UNIT);
        let mut small: Vec<_> = (0..40).map(|_| room.begin()).collect();
        assert!(small.iter_mut().all(|taken| taken.more(1).is_ok()));
        let mut large = room.begin();
        assert!(large.more(4 * UNIT).is_ok());
        assert!(large.more(1).is_err(), "44 units are all there are");
        drop(small);
        assert!(large.more(UNIT).is_ok());
        drop(large);
        assert_eq!(room.0.available_permits(), 44);
    }
}
