//! The engine: accepts jobs, resolves their entries, and carries them out user by user.
//!
//! It knows nothing of HTTP. What it needs from Genesys is the trait in [`port`]; what others may ask of it are the methods
//! of [`Engine`].
//!
//! Stations, each of which knows only those above it in this list:
//!
//! | | |
//! |---|---|
//! | `port` | what the engine asks of Genesys, and what Genesys answers |
//! | `estimate` | how many calls are ahead, and when a job will be done |
//! | `job` | jobs and entries in memory, and under which keys and in which order they were accepted |
//! | `user` | the slot of each user, what waits in it, and what is remembered of them |
//! | `org` | whom and what the org has: users, skills and groups, listed and cached |
//! | `core` | all of that state together |
//! | `conclusion` | how entries end |
//! | `prepare` | from an accepted job to changes in the slots of its users |
//! | `reconcile` | one user: read, fold, write, explain conflicts |
//! | `tasks` | what runs by itself: seats, listings that are read again, retention |
//! | `accept` | what callers ask to be done |
//! | `queries` | what callers ask to be told |
//! | `start` | the composition |

mod accept;
mod conclusion;
mod core;
mod estimate;
mod job;
mod org;
pub mod port;
mod prepare;
mod queries;
mod reconcile;
mod start;
mod tasks;
mod user;

pub use self::accept::submit::{IdempotencyContext, Once, OnceError};
pub use self::core::{Engine, EngineSettings};
pub use self::estimate::totals::EndedEntries;
pub use self::job::idempotency_keys::{Claim, OtherClaim, Reservation, TooManyKeys};
pub use self::job::people::PersonIdentity;
pub use self::job::{ConflictRecord, EntryResult, EntrySnapshot, EventCursor, JobDelta, JobSnapshot};
pub use self::org::known_names::Names;
pub use self::queries::erasure::ErasureError;
pub use self::queries::forecast::Forecast;
pub use self::queries::overview::Overview;
pub use self::queries::users::UserSnapshot;
