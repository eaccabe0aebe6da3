//! Parse, run, exit code.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    pulp_drill::cli::main(pulp_drill::cli::Cli::parse())
}
