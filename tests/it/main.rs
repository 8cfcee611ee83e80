//! Integration tests: one binary, so that the crate is linked once.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a test fails by panicking, prints its seed, and compares ratios and whole numbers"
)]

mod absurd_waits;
mod api_examples;
mod at_once;
mod bad_bodies;
mod bed;
mod binary_runs;
mod byte_order_marks;
mod callbacks;
mod check;
mod config_command;
mod crashes;
mod created_skills;
mod defects;
mod directory;
mod doors;
mod dying;
mod erasure;
mod estimates;
mod every_operation;
mod files;
mod held;
mod hris;
mod journal_commands;
mod journal_place;
mod keys;
mod known_versions;
mod last_holders;
mod layers;
mod limited_route;
mod limits;
mod logs;
mod lookups;
mod lost_parts;
mod main_job;
mod memory;
mod metrics;
mod near_the_cap;
mod noted;
mod one_list;
mod other_org;
mod outage;
mod outcomes;
mod owners;
mod partner_endpoint;
mod process;
mod push;
mod rate_over_restarts;
mod restarts;
mod retention;
mod scenarios;
mod sheets;
mod shutdown;
mod sim;
mod sockets;
mod spellings;
mod tokens;
mod traces;
mod under_way;
mod untrue_answers;
mod ways;
mod witnesses;
