//! The embedded journal: one `SQLite` database and the thread that writes it.

pub(in crate::journal) mod erasure;
pub(in crate::journal) mod housekeeping;
pub(in crate::journal) mod message;
pub(in crate::journal) mod recovery;
pub(in crate::journal) mod sqlite;
pub(in crate::journal) mod statements;
pub(in crate::journal) mod statistics;
pub(in crate::journal) mod usage;
pub(in crate::journal) mod writer;
