//! `pulp-drill standin`: the stand-in engine, its migrations, and the embedded object store.

use crate::{base::error::Error, model::exit_code::ExitCode};
use clap::{Args, Subcommand};
use standin::{engine, objects};

/// Arguments of `pulp-drill standin`.
#[derive(Args, Debug)]
pub struct StandinArgs {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand, Debug)]
enum Which {
    /// Serve the stand-in engine, configured by Pulp Engine's environment variables
    Engine(engine::EngineArgs),
    /// Bring the stand-in engine's schema forward (DATABASE_URL)
    Migrate(engine::MigrateArgs),
    /// Serve the embedded object store
    Objects(objects::ObjectsArgs),
}

/// Runs a stand-in until a signal stops it.
pub async fn run(args: StandinArgs) -> Result<ExitCode, Error> {
    let failed = |what: &str, error: &(dyn std::error::Error + 'static)| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text += &format!(": {cause_text}");
            }
            source = cause.source();
        }
        Error::environment(what).cause(text)
    };
    match args.which {
        Which::Engine(args) => {
            engine::serve(args).await.map_err(|e| failed("the stand-in engine ended", &e))?;
        }
        Which::Migrate(args) => {
            engine::migrate(&args).await.map_err(|e| failed("the migration failed", &e))?
        }
        Which::Objects(args) => {
            objects::serve(args).await.map_err(|e| failed("the object store ended", &e))?;
        }
    }
    Ok(ExitCode::AllHeld)
}
