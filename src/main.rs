//! Hand over the command line, return the exit code.

fn main() -> std::process::ExitCode {
    pulp_drill::cli::main(&std::env::args_os().collect::<Vec<_>>())
}
