//! `pulp-drill generate`: shell completions and the man page, made from the command line itself.

use crate::{
    base::trouble::{OrTrouble, Trouble},
    cli::Cli,
};
use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

/// Arguments of `pulp-drill generate`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pulp-drill generate bash > /etc/bash_completion.d/pulp-drill")]
pub struct GenerateArgs {
    /// What to print
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The man page, in roff
    Man,
}

/// Gives the text.
pub fn run(args: &GenerateArgs) -> Result<String, Trouble> {
    let mut command = Cli::command();
    let mut out = Vec::new();
    let shell = match args.what {
        What::Bash => Some(Shell::Bash),
        What::Zsh => Some(Shell::Zsh),
        What::Fish => Some(Shell::Fish),
        What::Man => None,
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, "pulp-drill", &mut out),
        None => clap_mangen::Man::new(command)
            .render(&mut out)
            .or_harness(|| "can't make the man page".to_owned())?,
    }
    String::from_utf8(out).or_harness(|| "generated text is not UTF-8".to_owned())
}
