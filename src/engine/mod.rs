//! The engine: accepts jobs, resolves their entries and carries them out user by user.
//!
//! The engine knows nothing of HTTP. It reaches Genesys through the trait in [`port`] and is driven through the methods
//! of [`Engine`].
//!
//! The submodules are layered; each one depends only on those above it in this list:
//!
//! | | |
//! |---|---|
//! | `port` | what the engine asks of Genesys, and what Genesys answers |
//! | `estimate` | how many calls are ahead, and when a job will end |
//! | `job` | jobs and entries in memory, their idempotency keys and their order of acceptance |
//! | `user` | each user's slot, the pending changes in it, and the user state |
//! | `org` | users, skills and groups of the org, listed and cached |
//! | `core` | the state that the layers below share |
//! | `conclusion` | how entries end |
//! | `prepare` | from an accepted job to pending changes in the slots of its users |
//! | `reconcile` | the work on one user: read, fold, write, explain conflicts |
//! | `tasks` | background tasks: seats, refreshing of listings, retention |
//! | `accept` | commands of callers |
//! | `queries` | queries of callers |
//! | `start` | the composition root of the engine |

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

pub use self::accept::submit::{IdempotencyContext, ResubmitError};
pub use self::core::{Engine, EngineSettings};
pub use self::estimate::totals::EndedEntries;
pub use self::job::idempotency_keys::{Claim, OtherClaim, Reservation, TooManyKeys};
pub use self::job::people::PersonIdentity;
pub use self::job::{EntrySnapshot, EventCursor, JobDelta, JobSnapshot};
pub use self::org::known_names::Names;
pub use self::queries::erasure::ErasureError;
pub use self::queries::forecast::Forecast;
pub use self::queries::overview::Overview;
pub use self::queries::users::UserSnapshot;
pub use crate::domain::entry_result::{ConflictRecord, EntryResult};
