//! The command line: one file a subcommand. Data goes to stdout, everything else to stderr.

use crate::{
    base::{
        clock::Clock,
        error::{Blame, Error},
        sanitize::painted,
    },
    cli::s3_settings::{Purpose, S3Settings},
    report::terminal,
};
use clap::{Parser, Subcommand};
use std::{io::Write as _, process::ExitCode};

pub mod check;
pub mod doctor;
pub mod draw;
pub mod explore;
pub mod evidence;
pub mod generate;
pub mod history;
pub mod keys;
pub mod list;
pub mod manifest;
pub mod pdf;
pub mod report;
pub mod restore_test;
pub mod run;
pub mod s3_settings;
pub mod schema;
pub mod site;
pub mod standin;
pub mod sweep;

/// All that was looked at held.
pub const HELD: u8 = 0;
/// A promise does not hold.
pub const INTEGRITY: u8 = 1;
/// The command line, a scenario file or a profile is wrong.
pub const USAGE: u8 = 2;
/// It could not be found out: the environment does not give what is needed.
pub const UNVERIFIED: u8 = 3;
/// A bug of ours.
pub const BUG: u8 = 70;

/// Proves whether backups of rows in Postgres and binaries in S3 restore.
#[derive(Parser, Debug)]
#[command(
    name = "pulp-drill",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 all held, 1 integrity failure, 2 usage or scenario error, \
                  3 could not verify (environment), 70 a bug of pulp-drill.\n\n\
                  Examples:\n  \
                  pulp-drill run                              every scenario in scenarios/\n  \
                  pulp-drill run scenarios/binary-missing.yaml\n  \
                  pulp-drill run --engine 'command:node server.js'\n  \
                  pulp-drill report reports/latest            a stored run again"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run drills: provision, seed, inject, back up, destroy, restore, verify
    Run(Box<run::RunArgs>),
    /// Test a backup that is there already: restore it into a throwaway site, verify, measure
    RestoreTest(Box<restore_test::RestoreTestArgs>),
    /// List scenarios
    List(list::ListArgs),
    /// Validate scenario files without running them
    Check(check::CheckArgs),
    /// Print the JSON Schema of scenario files, for editors
    Schema(schema::SchemaArgs),
    /// Say what is installed and which substrate would be used
    Doctor(doctor::DoctorArgs),
    /// Remove what dead runs have left behind
    Sweep(sweep::SweepArgs),
    /// Make a database and buckets of your own a site for drills, or take them back
    Site(site::SiteArgs),
    /// Explore the consistency window in a model: what a restore can give
    Explore(Box<explore::ExploreArgs>),
    /// Render a stored run again
    Report(report::ReportCommand),
    /// Keep a ledger of runs, and see when a restore was last proven
    History(history::HistoryArgs),
    /// Take an inventory of a live engine, or verify one
    Manifest(manifest::ManifestArgs),
    /// Verify stored runs, or pack one to hand it over
    Evidence(evidence::EvidenceArgs),
    /// Make keys to sign runs with
    Keys(keys::KeysArgs),
    /// Compare PDFs
    Pdf(pdf::PdfArgs),
    /// Run a stand-in: an engine or an object store for drills
    Standin(standin::StandinArgs),
    /// Print shell completions or the man page
    Generate(generate::GenerateArgs),
    /// Draw the PDF on stdin for a report that is being written, with little memory and time
    #[command(hide = true)]
    Draw,
}

/// Runs the command line and gives the process's exit code. A panic is a bug of ours: 70.
pub fn main(cli: Cli) -> ExitCode {
    draw::draw_in_subprocess();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dispatch(cli.command)));
    let code = match done {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            tell(&format!("error: {error}\n"));
            exit_code(&error)
        }
        Err(_) => {
            tell("error: this is a bug of pulp-drill\n  hint: report it with the lines above\n");
            BUG
        }
    };
    ExitCode::from(code)
}

/// The exit code of a trouble.
pub fn exit_code(error: &Error) -> u8 {
    match error.blame {
        Blame::Usage => USAGE,
        Blame::Environment => UNVERIFIED,
        Blame::Harness => BUG,
    }
}

fn dispatch(command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(args) => {
            leave_settings_of_others_behind();
            let sign_key = take_out_of_environment(run::SIGN_KEY);
            on_runtime(run::run(*args, sign_key))?
        }
        Command::RestoreTest(args) => {
            let origin = S3Settings::take(Purpose::Origin, take_out_of_environment);
            leave_settings_of_others_behind();
            let sign_key = take_out_of_environment(run::SIGN_KEY);
            on_runtime(restore_test::run(*args, origin, sign_key))?
        }
        Command::List(args) => {
            let look = terminal::stdout_look();
            print(&list::run(&args, look.colour, look.width)?)
        }
        Command::Check(args) => {
            let look = terminal::stderr_look();
            let checked = check::run(&args, look.colour, look.width);
            print(&checked.output)?;
            checked.error.map_or(Ok(HELD), Err)
        }
        Command::Schema(args) => print(&schema::run(&args)),
        Command::Doctor(args) => {
            let outcome = on_runtime(doctor::run(args))?;
            print(&outcome.stdout)?;
            Ok(if outcome.ready { HELD } else { UNVERIFIED })
        }
        Command::Sweep(args) => {
            let outcome = on_runtime(sweep::run(args))??;
            tell(&outcome.stderr);
            Ok(if outcome.clean { HELD } else { UNVERIFIED })
        }
        Command::Site(args) => {
            leave_settings_of_others_behind();
            print(&on_runtime(site::run(args))??)
        }
        Command::Explore(args) if args.on_stores() => {
            leave_settings_of_others_behind();
            let sign_key = take_out_of_environment(run::SIGN_KEY);
            on_runtime(explore::replay(*args, sign_key))?
        }
        Command::Explore(args) => print(&explore::run(&args)?),
        Command::Report(report::ReportCommand { merge: Some(report::Merge::Merge(args)), .. }) => {
            let sign_key = take_out_of_environment(run::SIGN_KEY);
            let merged = report::merge::run(&args, sign_key.as_deref())?;
            print(&merged.stdout)?;
            tell(&merged.stderr);
            Ok(merged.exit)
        }
        Command::Report(report::ReportCommand { merge: None, args }) => {
            let outcome = report::run(&args)?;
            print(&outcome.stdout)?;
            tell(&outcome.stderr);
            Ok(if outcome.intact { HELD } else { INTEGRITY })
        }
        Command::Manifest(args) => {
            let done = on_runtime(manifest::run(args))??;
            print(&done.stdout)?;
            tell(&done.stderr);
            Ok(done.exit)
        }
        Command::Evidence(args) => {
            let outcome = evidence::run(&args)?;
            print(&outcome.stdout)?;
            Ok(if outcome.intact { HELD } else { INTEGRITY })
        }
        Command::Keys(args) => print(&keys::run(&args)?),
        Command::History(args) => {
            let keys = S3Settings::take(Purpose::Ledger, take_out_of_environment);
            leave_settings_of_others_behind();
            let outcome = on_runtime(history::run(&args, &Clock::system(), &keys))??;
            print(&outcome.stdout)?;
            tell(&outcome.stderr);
            Ok(outcome.exit)
        }
        Command::Pdf(args) => {
            let outcome = pdf::run(&args, &mut std::io::stdout().lock())?;
            Ok(outcome.exit_code())
        }
        Command::Standin(args) => on_runtime(standin::run(args))?,
        Command::Generate(args) => print(&generate::run(&args)?),
        Command::Draw => draw::run(),
    }
}

/// Runs a future on a runtime of its own.
fn on_runtime<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    // One TLS provider for every library; a second call finds it installed.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::environment("can't start the runtime").because(&error))?;
    Ok(runtime.block_on(work))
}

/// Takes the caller's own settings for PostgreSQL and AWS out of the environment, for us and for all
/// that we start: `PGOPTIONS`, `PGSSLMODE` or `AWS_PROFILE` are meant for other servers than a
/// drill's. Loopback is reached without a proxy.
fn leave_settings_of_others_behind() {
    const ALONE: &str = "127.0.0.1,localhost,::1";
    let foreign = |name: &std::ffi::OsString| {
        ["PG", "AWS_", "ORIGIN_AWS_", "LEDGER_AWS_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
    };
    let foreign: Vec<_> = std::env::vars_os().map(|(name, _)| name).filter(foreign).collect();
    // SAFETY: no other thread runs yet that could read the environment meanwhile.
    unsafe {
        for name in foreign {
            std::env::remove_var(name);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            let value = std::env::var(name).map_or(ALONE.to_owned(), |others| format!("{others},{ALONE}"));
            std::env::set_var(name, value);
        }
    }
}

/// A secret from the environment, which nothing that we start inherits.
fn take_out_of_environment(name: &str) -> Option<String> {
    let secret = std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    // SAFETY: no other thread runs yet that could read the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    secret
}

/// Writes to stderr. One that nobody reads any more is no error, and no panic.
fn tell(text: &str) {
    let _gone = std::io::stderr().lock().write_all(painted(text).as_bytes());
}

/// Writes data to stdout. A reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<u8, Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::environment("can't write to stdout").because(&error))
        }
        Ok(()) | Err(_) => Ok(HELD),
    }
}
