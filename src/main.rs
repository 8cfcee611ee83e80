//! The `skillsync` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    skillsync::cli::main()
}
