//! The way to Genesys Cloud: one tower stack around the transport, and the two targets on top of it.

pub mod call;
pub mod gate;
