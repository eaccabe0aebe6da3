//! `pulp-drill generate`: shell completions, the man page and the reference of the command line, made
//! from the command line itself. The text is the same on every machine: it asks neither the terminal
//! nor the environment.

use crate::base::error::{Error, ErrorContext};
use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// Columns of the reference.
const WIDTH: usize = 90;

/// Arguments of `pulp-drill generate`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pulp-drill generate bash > /etc/bash_completion.d/pulp-drill")]
pub struct GenerateArgs {
    /// What to print
    #[arg(value_enum)]
    what: What,
}

/// What can be made from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The man page, in roff
    Man,
    /// The reference of all subcommands, in Markdown
    Reference,
}

/// Gives the text that was asked for, of the command line `of`.
///
/// # Errors
/// As [`text`].
pub fn run(args: &GenerateArgs, of: Command) -> Result<String, Error> {
    text(args.what, of)
}

/// Gives the text that describes the command line `of`.
///
/// # Errors
/// Blames the harness when the command line can't be described.
pub fn text(what: What, of: Command) -> Result<String, Error> {
    let command = built(of);
    match what {
        What::Bash => completions(Shell::Bash, command),
        What::Zsh => completions(Shell::Zsh, command),
        What::Fish => completions(Shell::Fish, command),
        What::Man => man(&command),
        What::Reference => Ok(reference(&command)),
    }
}

/// The command line with every subcommand built, and nothing from the environment in its texts.
fn built(command: Command) -> Command {
    fn plain(command: Command) -> Command {
        command
            .term_width(WIDTH)
            .color(clap::ColorChoice::Never)
            .mut_args(|arg| arg.hide_env_values(true))
            .mut_subcommands(plain)
    }
    let mut command = plain(command);
    command.build();
    command
}

fn completions(shell: Shell, mut command: Command) -> Result<String, Error> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "pulp-drill", &mut out);
    utf8(out)
}

/// One page: the program's own, then a section for each subcommand.
fn man(command: &Command) -> Result<String, Error> {
    let failed = || "can't make the man page".to_owned();
    let mut out = Vec::new();
    Man::new(command.clone()).render(&mut out).or_harness(failed)?;
    let mut page = utf8(out)?;
    for sub in described(command).into_iter().skip(1) {
        page += &format!(".SH \"{}\"\n", name(sub).to_uppercase());
        let man = Man::new(sub.clone());
        let mut part = Vec::new();
        man.render_synopsis_section(&mut part).or_harness(failed)?;
        man.render_description_section(&mut part).or_harness(failed)?;
        man.render_options_section(&mut part).or_harness(failed)?;
        page += &utf8(part)?.replace(".SH ", ".SS ");
    }
    Ok(page)
}

/// Each command's long help, as it is printed.
fn reference(command: &Command) -> String {
    let mut out = "# Command line\n\nMade by `make generate` from the program itself.\n".to_owned();
    for sub in described(command) {
        let help = sub.clone().render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        out += &format!("\n## `{}`\n\n```text\n{}\n```\n", name(sub), lines.join("\n").trim_end());
    }
    out
}

/// A command and all below it, in the order of the help; clap's own `help` is left out.
fn described(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set());
    std::iter::once(command).chain(below.flat_map(described)).collect()
}

fn name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn utf8(text: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(text).or_harness(|| "generated text is not UTF-8".to_owned())
}
