//! Answers that are held back: event streams, and polls that wait. Each keeps a connection, so there are fewer of them than
//! connections, and none can keep others from being heard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::caller::Caller;
use super::problem::Problem;
use super::{ApiKey, ApiSettings};

/// The seats of such answers, in all and of each key.
#[derive(Debug)]
pub(super) struct Streams {
    seats: usize,
    all: Arc<Semaphore>,
    /// Where there are several keys, each has half of the seats at most.
    of_keys: HashMap<Arc<str>, Arc<Semaphore>>,
}

/// A seat, for as long as the answer takes.
#[derive(Debug)]
#[must_use = "the seat is free again when this is dropped"]
pub(super) struct StreamSeat {
    _of_all: OwnedSemaphorePermit,
    _of_key: Option<OwnedSemaphorePermit>,
}

const COME_AGAIN: Duration = Duration::from_secs(5);

impl Streams {
    pub(super) fn new(settings: &ApiSettings) -> Self {
        let seats = settings.max_streams;
        let share = |key: &ApiKey| (Arc::clone(&key.name), Arc::new(Semaphore::new(seats.div_ceil(2))));
        let keys = settings.api_keys.as_slice();
        let of_keys = if keys.len() > 1 { keys.iter().map(share).collect() } else { HashMap::new() };
        Self { seats, all: Arc::new(Semaphore::new(seats)), of_keys }
    }

    /// Seats that are taken.
    pub(super) fn open(&self) -> usize {
        self.seats.saturating_sub(self.all.available_permits())
    }

    /// A seat for an answer to `caller`, if one is free.
    pub(super) fn take(&self, caller: &Caller) -> Result<StreamSeat, Problem> {
        let of_key = self.of_keys.get(caller.name()).map(|seats| Arc::clone(seats).try_acquire_owned());
        let of_key =
            of_key.transpose().map_err(|_| full("this key has as many event streams and waiting polls open"))?;
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| full("as many event streams and waiting polls are open"))?;
        Ok(StreamSeat { _of_all: of_all, _of_key: of_key })
    }
}

fn full(what: &str) -> Problem {
    Problem::full(format!("{what} as there may be; poll without `wait` meanwhile, or come again"), COME_AGAIN)
}
