//! The files of a journal: their location and their damage.

pub(in crate::journal) mod copies;
pub(in crate::journal) mod damage;
pub(in crate::journal) mod place;
pub(in crate::journal) mod wal_check;
