//! The Genesys simulator: one model, two fronts.
