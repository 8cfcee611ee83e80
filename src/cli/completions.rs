//! `skillsync completions`: prints a shell completion script.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell that will run the script.
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> ExitCode {
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "skillsync", &mut std::io::stdout());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            let mut command = crate::cli::Arguments::command();
            let commands: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
            clap_complete::generate(shell, &mut command, "skillsync", &mut script);
            let script = String::from_utf8(script).unwrap();
            for name in commands {
                assert!(script.contains(&name), "{shell} does not complete {name}");
            }
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        crate::cli::Arguments::command().debug_assert();
    }
}
