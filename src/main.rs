//! The `skillsync` command-line program.

use std::process::ExitCode;

fn main() -> ExitCode {
    skillsync::cli::main()
}
