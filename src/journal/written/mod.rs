//! The stored format of all content, and the rows that hold it.

pub(in crate::journal) mod audit;
pub(in crate::journal) mod entry;
pub(in crate::journal) mod memos;
pub(in crate::journal) mod notes;
pub(in crate::journal) mod owner;
pub(in crate::journal) mod record;
pub(in crate::journal) mod rows;
pub(in crate::journal) mod user_state;
