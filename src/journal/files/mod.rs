//! The files of a journal: where they are, and what is wrong with them.

pub(in crate::journal) mod copies;
pub(in crate::journal) mod damage;
pub(in crate::journal) mod place;
pub(in crate::journal) mod wal_check;
