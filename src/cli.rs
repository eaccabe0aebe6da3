//! The command line: one file a subcommand. Data goes to stdout, everything else to stderr.

use crate::{
    base::{clock::Clock, error::Error},
    cli::s3_settings::{Purpose, S3Settings},
    model::exit_code::ExitCode,
    report::terminal::{self, notice},
    run::{notify as notifications, signing},
};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::{ffi::OsString, path::Path, process};

pub mod check;
pub mod demo;
pub mod doctor;
pub mod draw;
pub mod explore;
mod environment;
pub mod evidence;
pub mod generate;
pub mod history;
pub mod init;
pub mod keys;
pub mod list;
pub mod notify;
pub mod manifest;
pub mod new;
mod output;
pub mod pdf;
pub mod prove_tool;
pub mod reconcile;
pub mod report;
pub mod restore_test;
pub mod run;
pub mod s3_settings;
pub mod schema;
pub mod selftest;
pub mod settings;
pub mod site;
pub mod sources;
pub mod standin;
pub mod sweep;
pub mod trust;

pub use output::Output;

/// Proves whether backups of rows in Postgres and binaries in S3 restore.
#[derive(Parser, Debug)]
#[command(
    name = "pulp-drill",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 all held, 1 integrity failure, 2 usage or scenario error, \
                  3 could not verify (environment), 70 internal error.\n\n\
                  Examples:\n  \
                  pulp-drill demo                             what it is, in a minute\n  \
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
    /// See what a drill finds: one sound backup and three broken ones
    Demo(demo::DemoArgs),
    /// Make a project: profile, scenarios, settings and a CI file
    New(new::ProjectArgs),
    /// Run drills: provision, seed, inject, back up, destroy, restore, verify
    Run(Box<run::RunArgs>),
    /// Test an existing backup: restore it into a throwaway site, verify, measure
    RestoreTest(Box<restore_test::RestoreTestArgs>),
    /// Test the harness: is every fault detected, and nothing else reported?
    Selftest(Box<selftest::SelftestArgs>),
    /// Test a command that verifies backups: which damage does it let pass?
    ProveTool(Box<prove_tool::ProveToolArgs>),
    /// List scenarios
    List(list::ListArgs),
    /// Draft a profile from a database and an object store; only reads
    Init(init::InitArgs),
    /// Validate scenario files without running them
    Check(check::CheckArgs),
    /// Print the JSON Schema of scenario files, for editors
    Schema(schema::SchemaArgs),
    /// Show what is installed and which substrate would be used
    Doctor(doctor::DoctorArgs),
    /// Remove what dead runs left behind
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
    /// Compare rows with objects in stores that are in use, without a restore; only reads
    Reconcile(Box<reconcile::ReconcileArgs>),
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

/// Runs a command line and returns the exit code of the process. A panic is an internal error.
pub fn main(args: &[OsString]) -> process::ExitCode {
    draw::draw_in_subprocess();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match parse(args) {
        Ok(Ok(cli)) => dispatch(cli.command),
        Ok(Err(error)) => {
            // A closed stream is no error: nobody reads the help.
            let _closed = error.print();
            Ok(u8::try_from(error.exit_code()).map_or(process::ExitCode::FAILURE, process::ExitCode::from))
        }
        Err(error) => Err(error),
    }));
    match done {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            notice(&format!("error: {error}\n"));
            ExitCode::from(&error).into()
        }
        Err(_) => {
            notice("error: this is a bug of pulp-drill\n  hint: report it with the lines above\n");
            ExitCode::InternalError.into()
        }
    }
}

/// The command line with the defaults of `pulp-drill.yaml`. What is wrong in it, or help, is clap's error.
fn parse(args: &[OsString]) -> Result<Result<Cli, clap::Error>, Error> {
    let command = Cli::command();
    let matches = match command.clone().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return Ok(Err(error)),
    };
    let settings = settings::read(Path::new(settings::FILE))?;
    let all = settings::apply(args, &matches, &command, &settings);
    Ok(command.try_get_matches_from(all).and_then(|matches| Cli::from_arg_matches(&matches)))
}

fn dispatch(command: Command) -> Result<process::ExitCode, Error> {
    let code = match command {
        Command::Demo(args) => {
            environment::remove_foreign_settings();
            on_runtime(demo::run(args))?
        }
        Command::Run(args) => {
            environment::remove_foreign_settings();
            let sign_key = environment::take(signing::VARIABLE);
            let webhook_secret = environment::take(notifications::SECRET);
            on_runtime(run::run(*args, sign_key, webhook_secret))?
        }
        Command::RestoreTest(args) => {
            let origin = S3Settings::take(Purpose::Origin, environment::take);
            environment::remove_foreign_settings();
            let sign_key = environment::take(signing::VARIABLE);
            let webhook_secret = environment::take(notifications::SECRET);
            on_runtime(restore_test::run(*args, origin, sign_key, webhook_secret))?
        }
        Command::Selftest(args) => {
            environment::remove_foreign_settings();
            let sign_key = environment::take(signing::VARIABLE);
            on_runtime(selftest::run(*args, sign_key))?
        }
        Command::ProveTool(args) => {
            environment::remove_foreign_settings();
            let sign_key = environment::take(signing::VARIABLE);
            on_runtime(prove_tool::run(*args, sign_key))?
        }
        Command::New(args) => Output::data(new::run(&args)?).print()?,
        Command::List(args) => {
            let look = terminal::stdout_look();
            Output::data(list::run(&args, look.colour, look.width)?).print()?
        }
        Command::Init(args) => {
            let origin = S3Settings::take(Purpose::Origin, environment::take);
            let database = environment::take(init::DATABASE);
            environment::remove_foreign_settings();
            on_runtime(init::run(args, database, origin))?.print()?
        }
        Command::Check(args) => {
            let look = terminal::stderr_look();
            let checked = check::run(&args, look.colour, look.width);
            let code = Output::data(checked.output).print()?;
            checked.error.map_or(Ok(code), Err)?
        }
        Command::Schema(args) => Output::data(schema::run(&args)).print()?,
        Command::Doctor(args) => on_runtime(doctor::run(args, &Cli::command()))?.print()?,
        Command::Sweep(args) => on_runtime(sweep::run(args))?.print()?,
        Command::Site(args) => {
            environment::remove_foreign_settings();
            Output::data(on_runtime(site::run(args))?).print()?
        }
        Command::Explore(args) if args.on_stores() => {
            environment::remove_foreign_settings();
            let sign_key = environment::take(signing::VARIABLE);
            on_runtime(explore::replay(*args, sign_key))?
        }
        Command::Explore(args) => Output::data(explore::run(&args)?).print()?,
        Command::Report(report::ReportCommand { merge: Some(report::Merge::Merge(args)), .. }) => {
            let sign_key = environment::take(signing::VARIABLE);
            report::merge::run(&args, sign_key.as_deref())?.print()?
        }
        Command::Report(report::ReportCommand { merge: None, args }) => report::run(&args)?.print()?,
        // Its codes are those of runbook 4.
        Command::Manifest(args) => return on_runtime(manifest::run(args))?.print().map(Into::into),
        Command::Reconcile(args) => {
            let keys = S3Settings::take(Purpose::Reconcile, environment::take);
            let database = environment::take("DATABASE_URL");
            on_runtime(reconcile::run(*args, keys, database))?
        }
        Command::Evidence(args) => evidence::run(&args)?.print()?,
        Command::Keys(args) => Output::data(keys::run(&args)?).print()?,
        Command::History(args) => {
            let keys = S3Settings::take(Purpose::Ledger, environment::take);
            environment::remove_foreign_settings();
            on_runtime(history::run(&args, &Clock::system(), &keys))?.print()?
        }
        Command::Pdf(args) => pdf::run(&args, &mut std::io::stdout().lock())?.into(),
        Command::Standin(args) => on_runtime(standin::run(args))?,
        Command::Generate(args) => Output::data(generate::run(&args, Cli::command())?).print()?,
        Command::Draw => draw::run()?,
    };
    Ok(code.into())
}

/// Runs a future on a runtime of its own.
fn on_runtime<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // One TLS provider for every library; a second call finds it installed.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    // In an unoptimised build, one poll of a drill with a request of the S3 client takes more than the 2 MiB
    // that a thread has by default.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .map_err(|error| Error::environment("can't start the runtime").because(&error))?;
    runtime.block_on(work)
}
