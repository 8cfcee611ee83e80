//! Answers that are held back: event streams, and polls that wait. Each keeps a connection, so there are fewer of them than
//! connections, and none can keep others from being heard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::callers::caller::Caller;
use crate::api::shapes::problem::Problem;

/// The seats of such answers, in all and of each key.
#[derive(Debug)]
pub(in crate::api) struct Streams {
    seats: usize,
    all: Arc<Semaphore>,
    /// Where there are several keys, each has half of the seats at most. Keys may come while the service runs.
    of_keys: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A seat, for as long as the answer takes.
#[derive(Debug)]
#[must_use = "the seat is free again when this is dropped"]
pub(in crate::api) struct StreamSeat {
    _of_all: OwnedSemaphorePermit,
    _of_key: Option<OwnedSemaphorePermit>,
}

const COME_AGAIN: Duration = Duration::from_secs(5);

impl Streams {
    pub(in crate::api) fn new(seats: usize) -> Self {
        Self { seats, all: Arc::new(Semaphore::new(seats)), of_keys: Mutex::default() }
    }

    /// Seats that are taken.
    pub(in crate::api) fn open(&self) -> usize {
        self.seats.saturating_sub(self.all.available_permits())
    }

    /// A seat for an answer to `caller`, one of so many keys, if one is free.
    pub(in crate::api) fn take(&self, caller: &Caller, keys: usize) -> Result<StreamSeat, Problem> {
        let share = || Arc::new(Semaphore::new(self.seats.div_ceil(2)));
        let of_key = (keys > 1).then(|| {
            let mut of_keys = self.of_keys.lock();
            Arc::clone(of_keys.entry(Arc::clone(caller.name())).or_insert_with(share)).try_acquire_owned()
        });
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
