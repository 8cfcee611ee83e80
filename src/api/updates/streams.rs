//! Limits the number of responses that are held back: event streams and waiting polls. Each occupies a connection, so
//! fewer of them than connections are permitted; otherwise they could block all other requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::callers::caller::Caller;
use crate::api::shapes::problem::Problem;

/// The seats for held-back responses, in total and per API key.
#[derive(Debug)]
pub(in crate::api) struct Streams {
    seats: usize,
    all: Arc<Semaphore>,
    /// If there are several keys, each gets at most half of the seats. Entries are created on demand, because keys may
    /// be added while the service runs.
    of_keys: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A seat, held for the duration of a response.
#[derive(Debug)]
#[must_use = "the seat is free again when this is dropped"]
pub(in crate::api) struct StreamSeat {
    _of_all: OwnedSemaphorePermit,
    _of_key: Option<OwnedSemaphorePermit>,
}

const COME_AGAIN: Duration = Duration::from_secs(5);

impl Streams {
    /// Returns `seats` free seats.
    pub(in crate::api) fn new(seats: usize) -> Self {
        Self { seats, all: Arc::new(Semaphore::new(seats)), of_keys: Mutex::default() }
    }

    /// Returns the number of taken seats.
    pub(in crate::api) fn open(&self) -> usize {
        self.seats.saturating_sub(self.all.available_permits())
    }

    /// Takes a seat for a response to `caller`, or returns an error if none is free; `keys` is the number of API keys.
    pub(in crate::api) fn take(&self, caller: &Caller, keys: usize) -> Result<StreamSeat, Problem> {
        let share = || Arc::new(Semaphore::new(self.seats.div_ceil(2)));
        let of_key = (keys > 1).then(|| {
            let mut of_keys = self.of_keys.lock();
            Arc::clone(of_keys.entry(Arc::clone(caller.name())).or_insert_with(share)).try_acquire_owned()
        });
        let of_key =
            of_key.transpose().map_err(|_| full("this API key has too many event streams and waiting polls open"))?;
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| full("too many event streams and waiting polls are open"))?;
        Ok(StreamSeat { _of_all: of_all, _of_key: of_key })
    }
}

fn full(what: &str) -> Problem {
    Problem::full(format!("{what}; poll without `wait`, or try again later"), COME_AGAIN)
}
