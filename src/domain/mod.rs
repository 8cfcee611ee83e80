//! Pure domain rules: no I/O, no clock, no locks.

pub mod acceptance;
pub mod assignment;
pub mod audit;
pub mod callback;
pub mod change;
pub mod conflict;
pub mod dates;
pub mod entry;
pub mod entry_result;
pub mod fold;
mod fold_state;
pub mod history;
pub mod hold;
pub mod job;
pub mod listed;
pub mod lookalike;
pub mod name_index;
pub mod owners;
pub mod place;
pub mod shared;
pub mod text;
pub mod user;
pub mod write_intent;

pub use assignment::{AssignmentId, Assignments, Proficiency, Target, Version};
pub use change::Mode;
pub use entry::{EntryState, Reason};
pub use job::JobId;
pub use listed::Listed;
pub use owners::{Owner, Owners};
pub use place::{EntryId, Place};
pub use user::{UserId, UserKey, UserRef};
