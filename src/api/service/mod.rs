//! State of the service itself: room for bodies, readiness, limits and counts.

pub(in crate::api) mod body_room;
pub(in crate::api) mod limits;
pub(in crate::api) mod readiness;
pub(in crate::api) mod statistics;
