//! Integration tests: one binary, so that the crate is linked once.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking, prints its seed, and compares ratios"
)]

mod bed;
mod layers;
mod limits;
mod main_job;
mod outage;
mod tokens;
